package daemon

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/pipedrive"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/mirror"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/sandbox"
	face "github.com/plumbline/plumbline/internal/sandbox/pipedrive"
	"github.com/plumbline/plumbline/internal/store/storetest"
	"github.com/plumbline/plumbline/internal/text"
	"github.com/plumbline/plumbline/policies"
)

// movedWorld is an account of open deals that all moved before it was connected, at 10:00 UTC.
func movedWorld(deals int) *sandbox.World {
	now := time.Date(2026, 11, 18, 10, 0, 0, 0, time.UTC)
	w := &sandbox.World{Account: "44237313", Currency: "EUR", Zone: "UTC", Now: now,
		Pipelines: []sandbox.Pipeline{{ID: "1", Label: "Sales", Stages: []sandbox.Stage{
			{ID: "11", Label: "A", Probability: 0.2}, {ID: "12", Label: "B", Probability: 0.4}, {ID: "13", Label: "C", Probability: 0.6}}}},
		Owners: []sandbox.Owner{{ID: "61", First: "Ann", Active: true}}}
	for i := range deals {
		at := now.AddDate(0, 0, -60).Add(time.Duration(i) * time.Minute)
		w.Deals = append(w.Deals, sandbox.Deal{ID: fmt.Sprint(101 + i), Name: "Deal", Pipeline: "1", Stage: "12", Owner: "61", Amount: "5", Created: at,
			Moves: []sandbox.Move{{Stage: "11", At: at}, {Stage: "12", At: at.AddDate(0, 0, 5)}}})
	}
	return w
}

// newPipedriveBench is a bench with a Pipedrive account.
func newPipedriveBench(t *testing.T, world *sandbox.World) *bench {
	t.Helper()
	b := &bench{t: t, url: storetest.SQLiteURL(t), log: &lines{}, done: make(chan outcome, 1000), world: world}
	var err error
	if b.server, err = sandbox.New(sandbox.Options{Clock: world.Now.Add(time.Minute), Tiers: map[string]string{"pipedrive": face.Unlimited}}, face.New(world)); err != nil {
		t.Fatal(err)
	}
	if b.words, err = text.English(policies.All()); err != nil {
		t.Fatal(err)
	}
	b.db = b.open(b.url)
	return b
}

// apiToken authorises requests as Pipedrive wants it.
type apiToken struct{ next http.RoundTripper }

func (a apiToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("x-api-token", sandbox.StaticToken)
	return a.next.RoundTrip(r)
}

// deals is the account as a portal, of whose tokens a day's share may be used. Waiting moves the bench's clock by itself, or
// where jumps is set by moving it.
func (b *bench) deals(cron string, share int64, jumps bool) Portal {
	var checks []audit.Check
	for _, p := range policies.All() {
		checks = append(checks, audit.Check{Policy: p, Mode: audit.ModeReport})
	}
	wait := func(ctx context.Context, d time.Duration) error {
		if jumps {
			b.server.SetClock(b.server.Now().Add(d))
			return ctx.Err()
		}
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return Portal{
		Name: "acme", CRM: "pipedrive", Cron: cron, Zone: time.UTC, Checks: checks, Facts: crm.AllFacts,
		Connect: func(context.Context) (connectors.Connector, *mirror.Meter, error) {
			meter := &mirror.Meter{}
			conn, err := pipedrive.Open(connectors.Options{
				Portal: "acme", APIURL: "https://api.test/pipedrive", Client: &http.Client{Transport: apiToken{b.server.Transport()}}, Ledger: b.db,
				Now: b.server.Now, Sleep: wait, Observe: meter.Observe, TokensPerDay: share, DailyShare: 1,
			})
			return conn, meter, err
		},
		Plan: func(time.Time) remedy.Options { return remedy.Options{} },
	}
}

// history is how far stage history is known, and whether the last audit missed it.
func (b *bench) history() (s crm.HistoryState, missed bool) {
	b.t.Helper()
	state, err := b.db.HistoryState(b.t.Context(), "acme")
	if err != nil || state == nil {
		b.t.Fatalf("state %v, %v", state, err)
	}
	result, err := b.db.LastResult(b.t.Context(), "acme")
	if err != nil {
		b.t.Fatal(err)
	}
	for _, m := range result.MissingNeeds {
		missed = missed || m.Need == audit.NeedHistory
	}
	return *state, missed
}

// due is when the portal's next cycle is.
func (b *bench) due() time.Time {
	b.t.Helper()
	list, err := b.db.Schedules(b.t.Context())
	if err != nil || len(list) != 1 {
		b.t.Fatalf("schedules %v, %v", list, err)
	}
	return list[0].Next.Time()
}

func (b *bench) changelogs() int64 {
	return b.server.Counters().Requests["pipedrive"]["deals.changelog"]
}

// TestBackfillInSlices reads histories for longer than a job may last. It is stopped amid it, and goes on where it stood.
func TestBackfillInSlices(t *testing.T) {
	overMinutes(t)
	synctest.Test(t, func(t *testing.T) {
		b := newPipedriveBench(t, movedWorld(150))
		b.faults("latency=1s:path=/pipedrive/api/v1/deals/")
		p := b.deals("0 0 1 1 *", 1_000_000, false)
		stop := b.start(b.daemon(b.db, p))
		<-time.After(70 * time.Second)
		if took := stop(); took > 2*time.Second {
			t.Errorf("it took %s to stop", took)
		}
		before := b.changelogs()
		if s, missed := b.history(); s.Known == 0 || s.Known < before-2 || s.Known >= 150 || !missed {
			t.Errorf("stopped after %d requests: %+v", before, s)
		}
		defer b.start(b.daemon(b.db, p))()
		b.good(10 * time.Minute)
		if s, missed := b.history(); s.Known != 150 || missed || b.changelogs() > 152 {
			t.Errorf("at the end: %+v after %d requests, missed %v", s, b.changelogs(), missed)
		}
		if n := len(b.log.with(`msg="stage history"`)); n < 3 {
			t.Errorf("it was read in %d slices", n)
		}
		if len(b.log.with("level=ERROR")) > 0 || len(b.log.with("msg=cycle")) < 2 {
			t.Errorf("the log: %q", b.log.with(""))
		}
	})
}

// TestBackfillGoesOnTheNextDay has a share that ends amid the histories: they go on when there is a new one, whatever the
// schedule says.
func TestBackfillGoesOnTheNextDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newPipedriveBench(t, movedWorld(60))
		defer b.start(b.daemon(b.db, b.deals("0 12 1 1 *", 1000, false)))()
		b.good(5 * time.Minute)
		first, missed := b.history()
		midnight := time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC)
		if first.Known == 0 || first.Waiting == 0 || !missed || first.RetryAt != crm.At(midnight) || !b.due().Equal(midnight) {
			t.Fatalf("the first day: %+v; the next cycle is due at %s", first, b.due())
		}
		for range 9 {
			b.jump(b.due().Sub(b.server.Now()))
			b.good(5 * time.Minute)
			if s, missed := b.history(); s.Waiting == 0 {
				if missed || s.Known != 60 || b.due().Month() != time.January {
					t.Errorf("at the end: %+v, missed %v; the next cycle is due at %s", s, missed, b.due())
				}
				return
			}
		}
		s, _ := b.history()
		t.Errorf("after ten days: %+v", s)
	})
}

// TestAPullGoesOnWhenThereIsABudget has a share that ends amid a pull: the cycle comes again at the time that the gap names,
// not only when the schedule says so, and no try before that is made.
func TestAPullGoesOnWhenThereIsABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newPipedriveBench(t, movedWorld(1600))
		defer b.start(b.daemon(b.db, b.deals("0 12 1 1 *", 165, false)))()
		first := b.next(5 * time.Minute)
		midnight := time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC)
		if first.err == nil || !strings.Contains(first.err.Error(), "is used up until 2026-11-19T00:00:00Z") || !b.due().Equal(midnight) {
			t.Fatalf("the first cycle: %v; the next is due at %s", first.err, b.due())
		}
		b.jobIs("cancelled 1")
		asked := b.server.Counters().Total("pipedrive")
		b.none(10 * time.Minute)
		if n := b.server.Counters().Total("pipedrive"); n != asked {
			t.Errorf("%d requests while there was no budget", n-asked)
		}
		b.jump(midnight.Sub(b.server.Now()) - time.Minute)
		b.none(50 * time.Second)
		for range 9 {
			if o := b.next(5 * time.Minute); o.err == nil {
				kept, err := b.db.LastResult(t.Context(), "acme")
				if err != nil || !kept.Complete || kept.Read["deals"].Read != 1600 {
					t.Errorf("the audit at %s: %+v, %v", o.at, kept.Read, err)
				}
				return
			}
			b.jump(b.due().Sub(b.server.Now()))
		}
		t.Error("the pull did not come to its end")
	})
}

// A portal polled for a week never takes more than its share of a day, histories included, and no poll finds the budget gone:
// they leave room, however often it is polled.
func TestAWeekWithinTheShare(t *testing.T) {
	for _, tt := range []struct {
		cron  string
		every time.Duration
		days  int
		share int64
		known int64 // at the end, at least
	}{{"0 * * * *", time.Hour, 7, 1200, 140}, {"*/15 * * * *", 15 * time.Minute, 2, 2800, 40}} {
		t.Run(tt.cron, func(t *testing.T) {
			if testing.Short() && tt.days < 7 {
				t.Skip("many polls take too long with the race detector")
			}
			b := newPipedriveBench(t, movedWorld(140))
			p, c := b.deals(tt.cron, tt.share, true), b.cycle(b.db, "the week")
			day, before := 0, int64(0)
			for at := b.server.Now(); at.Sub(b.world.Now) < time.Duration(tt.days)*24*time.Hour; at = at.Add(tt.every) {
				b.server.SetClock(at)
				if d := at.YearDay(); d != day {
					day, before = d, b.server.Counters().Tokens
				}
				s, err := c.Sync(t.Context(), p, Pull{})
				if err != nil || !s.Completeness.Complete() {
					t.Fatalf("%s: %v, gaps %v", at, err, s.Completeness.Gaps)
				}
				if _, err := c.Backfill(t.Context(), p, Fill{Patient: true}); err != nil {
					t.Fatal(err)
				}
				if n := b.server.Counters().Tokens - before; n > tt.share {
					t.Fatalf("%s: %d tokens on one day, of a share of %d", at, n, tt.share)
				}
			}
			s, err := b.db.HistoryState(t.Context(), "acme")
			if err != nil || s.Known < tt.known || b.changelogs() != s.Known || b.server.Counters().Throttled != 0 {
				t.Errorf("after %d days: %+v by %d requests, %v", tt.days, s, b.changelogs(), err)
			}
		})
	}
}
