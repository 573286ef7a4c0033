package acceptance

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/daemon"
	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/store"
)

// storms are what a portal can do to a pull, as rules of the sandbox.
func storms() map[string]string {
	return map[string]string{
		"429 storm":                       "status=429:p=0.3",
		"429 to everything":               "status=429",
		"500 on every seventh call":       "status=500:every=7",
		"429 storm and every seventh 500": "status=429:p=0.3;status=500:every=7",
		"500 half of the time":            "status=500:p=0.5",
		"503 nine times of ten":           "status=503:p=0.9",
		"bodies cut short":                "truncate:p=0.3",
		"every body cut short":            "truncate",
		"connections dropped":             "drop:p=0.3",
		"every connection dropped":        "drop",
		"locked and moved":                "status=423:p=0.2;status=477:p=0.1",
		"deals cannot be listed":          "status=500:path=/crm/objects/2026-09/deals",
		"the search is down":              "status=500:path=/crm/objects/2026-09/deals/search",
		"the token is refused":            "status=401",
		"the token is refused half-way":   "status=401:every=6",
		"owners are forbidden":            "status=403:path=/crm/owners",
		"deals are forbidden half-way":    "status=403:every=3:path=/crm/objects/2026-09/deals",
		"a gateway in between":            "status=502:p=0.4;latency=1ms:p=0.1",
	}
}

// TestStorms pulls a portal through everything that can go wrong, first from nothing, then over what is known. A pull is whole,
// or everything that people look at says that it is not: never does an outage look like a small and tidy portal.
func TestStorms(t *testing.T) {
	const n = 230
	for name, rules := range storms() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := sandbox.Generate(sandbox.GenOptions{Deals: n, Seed: 21})
			fresh, known := opened(t, world), opened(t, world)
			known.sync(t)
			before := known.audit(t)
			if len(before.Findings) == 0 {
				t.Fatal("the portal has no findings to lose")
			}
			whole := map[bool]int{}
			for range 4 {
				for _, o := range []*office{fresh, known} {
					o.pass(time.Hour)
					o.faults(t, rules)
					whole[o.pullThrough(t, n)]++
					o.faults(t, "")
				}
				known.keepsFindings(t, before)
			}
			t.Logf("%d pulls were whole, %d not", whole[true], whole[false])
			for _, o := range []*office{fresh, known} {
				o.pass(25 * time.Hour)
				if s := o.sync(t); !s.Completeness.Complete() || !o.looksWhole(t, n) {
					t.Errorf("after the storm: %+v", s)
				}
			}
			if diff := cmp.Diff(deals(known.snapshot(t)), deals(fresh.snapshot(t))); diff != "" {
				t.Errorf("two pulls of one portal differ:\n%s", diff)
			}
		})
	}
}

// pullThrough pulls everything in whatever weather and reports whether it was whole. What people see must agree.
func (o *office) pullThrough(t *testing.T, n int) (whole bool) {
	t.Helper()
	s, err := o.cycle.Sync(t.Context(), o.portal, daemon.Pull{Full: true})
	whole = err == nil && s.Completeness.Complete()
	switch snap := o.snapshot(t); {
	case whole:
		if !o.looksWhole(t, n) {
			t.Errorf("the pull was whole, and it does not look so: %+v", s)
		}
	case snap == nil:
		if err == nil {
			t.Error("a pull without an error left nothing behind")
		}
		o.looksBroken(t, nil)
	default:
		o.looksBroken(t, o.audit(t))
	}
	return whole
}

// looksWhole reports whether audit and metrics show a whole portal of n deals.
func (o *office) looksWhole(t *testing.T, n int) bool {
	t.Helper()
	result, gauges := o.audit(t), o.gauges(t)
	_, scored := gauges["plumbline_score portal=acme"]
	return o.snapshot(t).Len() == n && result.Complete && result.Score != nil && scored && gauges["plumbline_sync_complete portal=acme"] == 1
}

// looksBroken holds that nothing passes an incomplete pull off as a whole one.
func (o *office) looksBroken(t *testing.T, result *audit.Result) {
	t.Helper()
	gauges := o.gauges(t)
	if complete, ok := gauges["plumbline_sync_complete portal=acme"]; !ok || complete != 0 {
		t.Errorf("plumbline_sync_complete is %v, %v", complete, ok)
	}
	if result == nil {
		return
	}
	if _, scored := gauges["plumbline_score portal=acme"]; result.Complete || len(result.Incomplete) == 0 || result.Score != nil || result.Grade != "" || scored {
		t.Errorf("an incomplete pull is audited as complete %v, gaps %v, score %v (%s), in the metrics %v", result.Complete, result.Incomplete, result.Score, result.Grade, scored)
	}
}

// keepsFindings holds that every finding of an earlier audit is still there.
func (o *office) keepsFindings(t *testing.T, before *audit.Result) {
	t.Helper()
	ids := map[string]bool{}
	for _, f := range must(o.db.Findings(t.Context(), store.FindingFilter{Portals: []string{portal}}))(t) {
		ids[f.ID] = true
	}
	for _, f := range before.Findings {
		if !ids[f.ID] {
			t.Errorf("%s of %s is resolved by a storm", f.Policy, f.Subject.ID)
		}
	}
}

// TestOwnersAreForbidden takes a scope away: what rests on owners is not judged, and is neither found nor passed nor resolved.
func TestOwnersAreForbidden(t *testing.T) {
	world := sandbox.Generate(sandbox.GenOptions{Deals: 300, Seed: 4, Plant: []string{"owner-inactive", "amount-missing"}})
	o := opened(t, world)
	o.sync(t)
	before := o.audit(t)
	inactive := func(r *audit.Result) int { return count(r, "owner-inactive") }
	if inactive(before) == 0 {
		t.Fatal("no owner has left")
	}
	o.faults(t, "status=403:path=/crm/owners")
	o.pass(time.Hour)
	must(o.cycle.Sync(t.Context(), o.portal, daemon.Pull{Full: true}))(t)
	after := o.audit(t)
	if inactive(after) != 0 || after.Judged["owner-inactive"].Judged != 0 || after.Judged["owner-inactive"].Unknown == 0 {
		t.Errorf("owner-inactive without owners: %d found, %+v", inactive(after), after.Judged["owner-inactive"])
	}
	if !slices.ContainsFunc(after.MissingNeeds, func(m audit.MissingNeed) bool {
		return m.Need == audit.NeedOwners && strings.Contains(m.Why, "crm.objects.owners.read") && m.Cure != ""
	}) {
		t.Errorf("nothing says that owners are missing, or how to get them: %+v", after.MissingNeeds)
	}
	o.keepsFindings(t, before)
	if count(after, "amount-missing") != count(before, "amount-missing") {
		t.Error("a policy that needs no owners found something else")
	}
}

func count(r *audit.Result, policy string) (n int) {
	for _, f := range r.Findings {
		if f.Policy == policy {
			n++
		}
	}
	return n
}

// TestADailyLimitInMidPull lets the portal's daily limit end a pull. It says until when, asks for nothing more, and the next
// day's pull goes on at the page where it stopped.
func TestADailyLimitInMidPull(t *testing.T) {
	const n, pages = 2000, 40
	o := paged(t, worldOf(n))
	lists := o.limitAfter(25)
	s, err := o.cycle.Sync(t.Context(), o.portal, daemon.Pull{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Completeness.Complete() || !s.Ended.IsZero() || s.Cursor == (crm.Cursor{}) || len(s.Completeness.Gaps) != 1 {
		t.Fatalf("the interrupted pull: %+v", s)
	}
	gap := s.Completeness.Gaps[0]
	if gap.Object != "deals" || !strings.Contains(gap.Why, "daily limit") || gap.RetryAt.Time().Before(o.clock()) {
		t.Errorf("the gap: %+v", gap)
	}
	read := s.Completeness.Read["deals"].Read
	if read != 25*50 || o.snapshot(t).Len() != 25*50 {
		t.Errorf("%d deals were read, %d are kept", read, o.snapshot(t).Len())
	}
	o.looksBroken(t, o.audit(t))

	was := o.requests()
	if _, err := o.cycle.Sync(t.Context(), o.portal, daemon.Pull{}); err == nil {
		t.Error("a pull within the same day reads something")
	}
	t.Logf("a try on the same day: %d requests", o.requests()-was)
	o.looksBroken(t, o.audit(t))

	o.mu.Lock()
	o.now = gap.RetryAt.Time().Add(time.Minute)
	o.mu.Unlock()
	o.wire.intercept(nil)
	was = o.requests()
	before := o.server.Counters().Requests["hubspot"]["deals.list"]
	s = o.sync(t)
	if got := o.server.Counters().Requests["hubspot"]["deals.list"] - before; got != pages-25 || !s.Completeness.Complete() || o.snapshot(t).Len() != n {
		t.Errorf("the next day's pull listed %d pages, %d deals, %+v", got, o.snapshot(t).Len(), s.Completeness)
	}
	if !o.looksWhole(t, n) {
		t.Error("after the pull went on, something does not look whole")
	}
	t.Logf("%d pages before the limit, %d requests after it (a pull from nothing makes %d)", *lists, o.requests()-was, pages+6)
}

// limitAfter makes the daily limit be reached after some pages of deals: the simulated portal gives apps that are connected by
// OAuth no daily limit.
func (o *office) limitAfter(pages int) *int {
	var mu sync.Mutex
	lists, reached := 0, false
	o.wire.intercept(func(r *http.Request) *http.Response {
		mu.Lock()
		defer mu.Unlock()
		if strings.Contains(r.URL.Path, "/oauth/") {
			return nil
		}
		list := listsDeals(r)
		if reached = reached || list && lists == pages; reached {
			return reply(r, http.StatusTooManyRequests, `{"status":"error","message":"You have reached your daily limit.","errorType":"RATE_LIMIT","policyName":"DAILY"}`)
		}
		if list {
			lists++
		}
		return nil
	})
	return &lists
}

func listsDeals(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/crm/objects/") && strings.HasSuffix(r.URL.Path, "/deals")
}

// TestAPullThatIsStoppedGoesOn stops a pull again and again after a few pages, as a restart of the program does. Each goes on
// where the last one stood; in the end every page was listed once.
func TestAPullThatIsStoppedGoesOn(t *testing.T) {
	const n, pages = 2000, 40
	o := paged(t, worldOf(n))
	stops := 0
	for !o.pullSome(t, 7) {
		if snap := o.snapshot(t); snap == nil || snap.Completeness.Complete() {
			t.Fatal("a pull that was stopped leaves something that looks whole")
		}
		if stops++; stops > pages {
			t.Fatal("the pull never comes to its end")
		}
		o.pass(time.Minute)
	}
	if got := o.server.Counters().Requests["hubspot"]["deals.list"]; got < pages || got > pages+int64(stops) {
		t.Errorf("after %d stops %d pages were listed, of %d", stops, got, pages)
	}
	if !o.looksWhole(t, n) || stops != (pages-1)/7 {
		t.Errorf("%d stops, %d deals", stops, o.snapshot(t).Len())
	}
	t.Logf("%d stops, %d pages listed, %d requests", stops, o.server.Counters().Requests["hubspot"]["deals.list"], o.requests())
}

// pullSome pulls at most so many pages of deals and reports whether the pull came to its end.
func (o *office) pullSome(t *testing.T, pages int) bool {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	listed := 0
	o.wire.intercept(func(r *http.Request) *http.Response {
		if listsDeals(r) {
			if listed++; listed > pages {
				stop()
			}
		}
		return nil
	})
	defer o.wire.intercept(nil)
	s, err := o.cycle.Sync(ctx, o.portal, daemon.Pull{})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return err == nil && s.Completeness.Complete()
}
