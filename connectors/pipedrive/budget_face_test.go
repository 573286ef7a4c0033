package pipedrive_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/sandbox"
	face "github.com/plumbline/plumbline/internal/sandbox/pipedrive"
)

// ledger is the simplest true ledger.
type ledger struct {
	mu    sync.Mutex
	taken map[string]int64
}

func newLedger() *ledger { return &ledger{taken: map[string]int64{}} }

func (l *ledger) Take(_ context.Context, _, window string, want, limit int64) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := max(0, min(want, limit-l.taken[window]))
	l.taken[window] += n
	return n, nil
}

// pulled is a pull that is taken up, day after day, until it ends.
type pulled struct {
	deals map[string]crm.Deal
	days  int
	limit []*connectors.LimitError
}

// pullOverDays pulls as the mirror does: what breaks off at a limit goes on at its cursor when the limit says, in a process of
// its own.
func pullOverDays(t *testing.T, a *account, change func(*connectors.Options)) pulled {
	t.Helper()
	out := pulled{deals: map[string]crm.Deal{}, days: 1}
	var cursor crm.Cursor
	for range 40 {
		c := a.open(t, change)
		err := func() error {
			s, err := c.Schema(t.Context())
			if err != nil {
				return err
			}
			for page, err := range c.Deals(t.Context(), s, crm.Work{Facts: crm.AllFacts, From: cursor}) {
				if err != nil {
					return err
				}
				for _, d := range page.Deals {
					if _, twice := out.deals[d.ID]; twice {
						t.Fatalf("deal %s came twice", d.ID)
					}
					out.deals[d.ID] = d
				}
				if cursor = page.Next; page.Last {
					return nil
				}
			}
			return errors.New("the walk ended without a last page")
		}()
		if err == nil {
			return out
		}
		var limit *connectors.LimitError
		if !errors.As(err, &limit) || !limit.RetryAt.After(a.clock()) {
			t.Fatalf("error %v, want a limit that says when to go on", err)
		}
		out.limit = append(out.limit, limit)
		if limit.RetryAt.UTC().YearDay() != a.clock().UTC().YearDay() {
			out.days++
		}
		a.pass(limit.RetryAt.Sub(a.clock()))
	}
	t.Fatal("the pull did not end")
	return out
}

// Our share of the day runs out in the middle of a pull: the next day it completes from its cursor, and no day costs more.
func TestShareRunsOut(t *testing.T) {
	a := newAccount(t, bulk(3000, 600, 20), face.Unlimited)
	l := newLedger()
	got := pullOverDays(t, a, func(o *connectors.Options) { o.Ledger, o.TokensPerDay, o.DailyShare = l, 1000, 0.15 })
	if len(got.deals) != 3020 || got.days < 2 {
		t.Errorf("%d deals in %d days, want 3,020 in more than one", len(got.deals), got.days)
	}
	for window, taken := range l.taken {
		if window[:6] == "tokens" && taken > 150 {
			t.Errorf("%s: %d tokens were taken of 150", window, taken)
		}
	}
	for _, e := range got.limit {
		if at := e.RetryAt.UTC(); at.Hour() != 0 || at.Minute() != 0 {
			t.Errorf("it goes on at %s, want midnight", at)
		}
	}
}

// Other programs spend the account's tokens, and Pipedrive refuses everything until its day ends.
func TestAccountRunsOut(t *testing.T) {
	for name, headers := range map[string]string{"with headers": "true", "without": "false"} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t, bulk(3000, 600, 20), "lite:1", face.With("budget", "180"), face.With("daily_headers", headers))
			got := pullOverDays(t, a, func(o *connectors.Options) { o.DailyShare = 1 })
			if len(got.deals) != 3020 || got.days < 2 {
				t.Errorf("%d deals in %d days, want 3,020 in more than one", len(got.deals), got.days)
			}
			if n := a.Counters().Throttled; n > int64(len(got.limit)) {
				t.Errorf("%d requests were refused, where %d limits were met", n, len(got.limit))
			}
		})
	}
}

// Another program of the same user makes bursts; and the firewall answers those who go on with a page.
func TestBurstsAndTheFirewall(t *testing.T) {
	for name, faults := range map[string]string{"burst storm": "status=429:p=0.4", "the page": "status=403:every=17"} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t, bulk(3000, 600, 20), face.Unlimited)
			if err := a.SetFaults(faults); err != nil {
				t.Fatal(err)
			}
			got := pullOverDays(t, a, func(*connectors.Options) {})
			if len(got.deals) != 3020 {
				t.Errorf("%d deals, want 3,020", len(got.deals))
			}
			if name == "the page" && (len(got.limit) == 0 || got.days > 1) {
				t.Errorf("%d limits over %d days, want at least one within a day", len(got.limit), got.days)
			}
		})
	}
}

// The portal of the promised figures, pulled whole once and polled every hour for a week, never takes more than its share of any
// day, from several processes with one ledger.
func TestAWeekOfPolls(t *testing.T) {
	a := newAccount(t, bulk(10_000, 1500, 500), "lite:1")
	l := newLedger()
	since, perDay := crm.At(today), map[string]int64{}
	var s crm.Schema
	for hour := range 7 * 24 {
		c := a.open(t, func(o *connectors.Options) { o.Ledger = l })
		if hour == 0 {
			s, _ = fullPull(t, c)
		}
		s, err := c.(connectors.Refresher).Refresh(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := pull(t.Context(), c, s, crm.Work{Since: since, Facts: crm.AllFacts, Sweep: hour%24 == 23}); err != nil {
			t.Fatal(err)
		}
		_, tokens := a.spent()
		perDay[a.clock().UTC().Format(time.DateOnly)] += tokens
		a.pass(time.Hour)
	}
	for d, n := range perDay {
		if n > 6000 || n < 20 {
			t.Errorf("%s: %d tokens, of a share of 6,000", d, n)
		}
	}
	if n := a.Counters().Throttled; n != 0 {
		t.Errorf("%d requests were refused", n)
	}
}

// The estimate is within five in a hundred, or three requests, of what the pull then costs.
func TestEstimate(t *testing.T) {
	for _, w := range []*sandbox.World{bulk(10_000, 1500, 500), bulk(700, 20, 0), bulk(0, 0, 0), sandbox.Generate(sandbox.GenOptions{Deals: 2000, Seed: 3}), sandbox.Generate(sandbox.GenOptions{Deals: 10_000, Seed: 3})} {
		a := newAccount(t, w, face.Unlimited)
		c := a.open(t)
		e, err := c.(connectors.Estimator).Estimate(t.Context(), crm.AllFacts)
		if err != nil {
			t.Fatal(err)
		}
		if requests, tokens := a.spent(); requests != e.OwnRequests || tokens != e.OwnTokens || requests != 1 || tokens != 40 {
			t.Errorf("the estimate cost %d requests and %d tokens, and says %d and %d", requests, tokens, e.OwnRequests, e.OwnTokens)
		}
		fullPull(t, c)
		requests, tokens := a.spent()
		off := e.Requests - requests
		if off = max(off, -off); off > 3 && float64(off) > 0.05*float64(requests) {
			t.Errorf("%d requests and %d tokens were estimated for %d deals, it took %d and %d", e.Requests, e.Tokens, e.Deals, requests, tokens)
		}
		if e.HistoryTokens != 20*e.Deals || e.HistoryDays*e.DailyShare*3/4 < e.HistoryTokens {
			t.Errorf("estimate %+v: %d deals' histories cost 20 tokens each", e, e.Deals)
		}
		if e.TokensPerDay == 0 || e.DailyShare == 0 || e.Seconds <= 0 || len(e.Assumed) == 0 {
			t.Errorf("estimate %+v: what it rests on is missing", e)
		}
	}
}

// The history of a deal is what the world says, at the price that is named.
func TestHistory(t *testing.T) {
	world := sandbox.Generate(sandbox.GenOptions{Deals: 300, Seed: 4})
	closers := map[string]string{}
	for i := range world.Deals {
		d := &world.Deals[i]
		d.Moves[len(d.Moves)-1].By = world.Owners[i%len(world.Owners)].ID
		if last := d.Moves[len(d.Moves)-1]; last.Source != "AUTOMATION_PLATFORM" { // an automation is nobody
			closers[d.ID] = last.By
		}
	}
	a := newAccount(t, world, face.Unlimited)
	c := a.open(t)
	s, deals := fullPull(t, c)
	a.spent()
	should := map[string][]sandbox.Move{}
	for _, d := range seen(world).Deals {
		should[d.ID] = d.Moves
	}
	var ask []crm.Deal
	for _, d := range deals {
		ask = append(ask, d)
	}
	historian := c.(connectors.Historian)
	n := 0
	for h, err := range historian.History(t.Context(), s, ask) {
		if err != nil {
			t.Fatal(err)
		}
		if h.Deal != ask[n].ID || !h.Complete {
			t.Fatalf("history %d is of deal %s, complete %v; asked for %s", n, h.Deal, h.Complete, ask[n].ID)
		}
		d := deals[h.Deal]
		if !h.Known.Has(crm.FactDates) || len(h.Dates) == 0 || h.Dates[len(h.Dates)-1].To != d.CloseDate {
			t.Errorf("deal %s: dates %v, known %b; it is expected to close at %s", h.Deal, h.Dates, h.Known, d.CloseDate)
		}
		if closed := d.Status != nil; h.Known.Has(crm.FactCloser) != closed || closed && h.Closer != closers[h.Deal] {
			t.Errorf("deal %s: closed by %q, known %b; want %q", h.Deal, h.Closer, h.Known, closers[h.Deal])
		}
		n++
		for i, m := range should[h.Deal] {
			if len(h.Moves) != len(should[h.Deal]) || h.Moves[i].Stage != m.Stage || h.Moves[i].At != crm.At(m.At) {
				t.Fatalf("deal %s: moves %v, want %v", h.Deal, h.Moves, should[h.Deal])
			}
		}
		if d := deals[h.Deal]; d.Known.Has(crm.FactHistory) && len(h.Moves) != 1 {
			t.Errorf("deal %s: said to be where it was made, and has %d moves", d.ID, len(h.Moves))
		}
	}
	if _, tokens := a.spent(); n != len(ask) || tokens != int64(n)*historian.HistoryTokens() {
		t.Errorf("%d histories of %d for %d tokens", n, len(ask), tokens)
	}
}

// The backfill stops before the day's walks would have to, and says when it can go on.
func TestHistoryLeavesTheWalksTheirPart(t *testing.T) {
	a := newAccount(t, bulk(600, 100, 0), face.Unlimited)
	c := a.open(t, func(o *connectors.Options) { o.TokensPerDay, o.DailyShare = 10_000, 0.1 })
	s, deals := fullPull(t, c)
	var ask []crm.Deal
	for _, d := range deals {
		ask = append(ask, d)
	}
	var limit *connectors.LimitError
	n := 0
	for _, err := range c.(connectors.Historian).History(t.Context(), s, ask) {
		if err == nil {
			n++
		} else if !errors.As(err, &limit) {
			t.Fatal(err)
		}
	}
	if limit == nil || n == 0 || !limit.RetryAt.Equal(time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%d histories, then %v; want a limit until midnight", n, limit)
	}
	if _, tokens := a.spent(); tokens > 750 {
		t.Errorf("%d tokens, of 750 that may go to histories", tokens)
	}
	poll(t, a, c, s)
}

// An account where an API token sees a 403 that is no page: a scope, or a right, is missing.
func TestMissingRights(t *testing.T) {
	a := newAccount(t, bulk(20, 5, 0), face.Unlimited, face.With("admin", "false"))
	c := a.open(t, func(o *connectors.Options) { o.Scopes = []string{"base", "deals:full", "activities:full", "admin"} })
	access, err := c.(connectors.Prober).Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{}
	for _, x := range access {
		missing[x.Scope] = !x.Granted
	}
	if !missing["admin"] || !missing["recents:read"] || missing["deals:full"] || missing["base"] {
		t.Errorf("access %+v: want admin and recents:read missing", access)
	}
	edit := crm.Edit{Key: "k", Target: crm.Ref{Kind: crm.KindStage, ID: "11"}, Op: crm.OpSet, Before: crm.Fields{crm.FieldRotDays: ""}, After: crm.Fields{crm.FieldRotDays: "14"}}
	verdicts, err := c.(connectors.Editor).Feasible(t.Context(), schema(t, c), []crm.Edit{edit})
	if err != nil || verdicts[0].Feasible != connectors.FeasibleManual || verdicts[0].Words == "" {
		t.Errorf("verdict %+v, %v; want manual: no administrator", verdicts, err)
	}
	receipts := c.(connectors.Editor).Apply(t.Context(), schema(t, c), []crm.Edit{edit})
	if receipts[0].Outcome != crm.OutcomeRejected || receipts[0].Again {
		t.Errorf("receipt %+v, want a plain refusal", receipts[0])
	}
}

// What the walks of the rest of the day will take is left to them, beyond the quarter that is kept in any case.
func TestHistoryLeavesWhatIsReserved(t *testing.T) {
	a := newAccount(t, bulk(600, 100, 0), face.Unlimited)
	c := a.open(t, func(o *connectors.Options) { o.TokensPerDay, o.DailyShare = 10_000, 0.1 })
	s, deals := fullPull(t, c)
	_, before := a.spent()
	var ask []crm.Deal
	for _, d := range deals {
		ask = append(ask, d)
	}
	read := func(reserve int64) (tokens int64) {
		c.(connectors.Historian).Reserve(reserve)
		for _, err := range c.(connectors.Historian).History(t.Context(), s, ask) {
			var limit *connectors.LimitError
			if err != nil && !errors.As(err, &limit) {
				t.Fatal(err)
			}
		}
		_, tokens = a.spent()
		return tokens
	}
	if n := read(2000); n != 0 {
		t.Errorf("%d tokens, where the walks need more than the share", n)
	}
	if n := read(600); n < 200 || before+n > 400 {
		t.Errorf("%d tokens after %d, of 1,000 less 600", n, before)
	}
	if n := read(0); n < 200 {
		t.Errorf("%d tokens more where nothing is reserved", n)
	}
}

// memory is a ledger that remembers.
type memory struct {
	*ledger
	kept map[string]int64
}

func (m memory) Remember(_ context.Context, _, name string, value int64) error {
	m.kept[name] = value
	return nil
}

func (m memory) Recall(_ context.Context, _, name string) (int64, error) { return m.kept[name], nil }

// What one connection learned of the account's budget the next one knows: else it would take the share for gone that is only
// larger than can be assumed.
func TestTheBudgetIsRemembered(t *testing.T) {
	for name, headers := range map[string]string{"told by headers": "true", "assumed of the users": "false"} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t, bulk(600, 100, 0), "growth:40", face.With("daily_headers", headers))
			m := memory{newLedger(), map[string]int64{}}
			with := func(o *connectors.Options) { o.Ledger, o.DailyShare = m, 0.01 } // 300 tokens of a single seat's
			c := a.open(t, with)
			s, deals := fullPull(t, c)
			var ask []crm.Deal
			for _, d := range deals {
				ask = append(ask, d)
			}
			n := 0
			for _, err := range c.(connectors.Historian).History(t.Context(), s, ask) {
				if err != nil {
					break
				}
				n++
			}
			if _, tokens := a.spent(); n == 0 || tokens <= 300 {
				t.Fatalf("%d histories, %d tokens: no more than can be assumed", n, tokens)
			}
			schema(t, a.open(t, with)) // fails where the share is taken for gone
			if len(m.kept) == 0 || headers == "true" && m.kept["tokens per day"] != 40*60_000 {
				t.Errorf("remembered %v", m.kept)
			}
		})
	}
}
