package daemon

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/sandbox"
)

const past = "close-date-past"

// planted are the ids of the deals that the portal was given a problem on.
func (b *bench) planted(policy string) (ids []string) {
	for _, p := range b.world.Truth {
		if p.Policy == policy {
			ids = append(ids, p.Subject.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func deals(steps []remedy.Step) (ids []string) {
	for _, s := range steps {
		ids = append(ids, s.Deal)
	}
	slices.Sort(ids)
	return ids
}

// again runs one more cycle, an hour later.
func (b *bench) again() outcome {
	b.t.Helper()
	b.jump(time.Hour)
	return b.good(2 * time.Minute)
}

func TestModes(t *testing.T) {
	inBubble(t, 1000, func(t *testing.T, b *bench) {
		want := b.planted(past)
		if len(want) == 0 {
			t.Fatal("nothing is planted")
		}
		stop := b.serve("0 * * * *")
		b.good(time.Minute)
		if got := b.steps(); len(got) > 0 {
			t.Errorf("report mode made %d steps", len(got))
		}
		stop()
		b.modes[past] = audit.ModePropose
		stop = b.serve("0 * * * *")
		b.again()
		b.again()
		if got := deals(b.steps(remedy.Proposed)); !slices.Equal(got, want) || len(b.steps()) != len(want) {
			t.Errorf("propose mode made %v, want %v", got, want)
		}
		if n := b.server.Counters().Writes; n > 0 {
			t.Errorf("%d writes that nobody asked for", n)
		}
		stop()
		b.modes[past] = audit.ModeAuto
		defer b.serve("0 * * * *")()
		b.again()
		applied := b.steps(remedy.Applied)
		if got := deals(applied); !slices.Equal(got, want) {
			t.Fatalf("auto mode applied %v, want %v", got, want)
		}
		for _, s := range applied {
			if !s.Unasked() || s.Decisions[0].Who != "auto" || s.Outcome.Run == "" {
				t.Errorf("step %+v", s)
			}
		}
		b.journalled(applied)
		b.again()
		result, err := b.db.LastResult(t.Context(), "acme")
		if err != nil || slices.ContainsFunc(result.Findings, func(f audit.Finding) bool { return f.Policy == past }) {
			t.Errorf("what was put right is found again (%v)", err)
		}
	})
}

// journalled holds that each step was approved by the configuration, and sent and settled by the daemon.
func (b *bench) journalled(steps []remedy.Step) {
	b.t.Helper()
	got := map[string][]string{}
	for e, err := range b.db.Journal(b.t.Context(), "acme") {
		if err != nil {
			b.t.Fatal(err)
		}
		got[e.Step] = append(got[e.Step], e.Who+" "+e.Event)
	}
	for _, s := range steps {
		if want := []string{"auto approved", "daemon applying", "daemon applied"}; !slices.Equal(got[s.ID], want) {
			b.t.Errorf("the journal of %s: %q, want %q", s.ID, got[s.ID], want)
		}
	}
	if damage, err := b.db.VerifyJournal(b.t.Context()); err != nil || len(damage) > 0 {
		b.t.Errorf("the journal: %v, %v", damage, err)
	}
}

func TestAutoKeepsWithinItsLimits(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(o *remedy.Options)
		want string
	}{
		"per run": {func(o *remedy.Options) { o.Limits.PerRun = 1 }, "steps in this run"},
		"share":   {func(o *remedy.Options) { o.Limits.ShareOfOpen = 0.001 }, "share of open deals"},
		"hold":    {func(o *remedy.Options) { o.Hold = "it is Sunday" }, "it is Sunday"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1000, func(t *testing.T, b *bench) {
				b.modes[past] = audit.ModeAuto
				free := b.rules
				b.rules = func(now time.Time) remedy.Options {
					o := free(now)
					c.set(&o)
					return o
				}
				defer b.serve("0 * * * *")()
				b.good(time.Minute)
				plan, ok, err := b.db.LastPlan(t.Context(), "acme")
				if err != nil || !ok || !strings.Contains(plan.Held, c.want) {
					t.Errorf("held: %q, %v, want %q", plan.Held, err, c.want)
				}
				if n := b.server.Counters().Writes; n > 0 || len(b.steps(remedy.Proposed)) != len(b.planted(past)) {
					t.Errorf("%d writes, %d proposals", n, len(b.steps(remedy.Proposed)))
				}
			})
		})
	}
}

// TestAGuardedDealWaits sets a guard that some buyers' last word falls within: auto leaves those deals and puts the others
// right, and says why only where nothing is left to do.
func TestAGuardedDealWaits(t *testing.T) {
	inBubble(t, 1000, func(t *testing.T, b *bench) {
		b.modes[past] = audit.ModePropose
		guard := time.Duration(0)
		free := b.rules
		b.rules = func(now time.Time) remedy.Options {
			o := free(now)
			o.Guard = guard
			return o
		}
		stop := b.serve("0 * * * *")
		b.good(time.Minute)
		stop()
		snap, err := b.db.LoadSnapshot(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		buyer := map[string]crm.Instant{}
		var ages []time.Duration
		for _, s := range b.steps() {
			i, _ := snap.Find(s.Deal)
			buyer[s.Deal] = snap.Deal(i).Buyer
			if !buyer[s.Deal].IsZero() {
				ages = append(ages, snap.Taken.Sub(buyer[s.Deal]))
			}
		}
		slices.Sort(ages)
		if len(ages) < 2 {
			t.Fatalf("the buyers' last words are too few: %v", ages)
		}
		b.modes[past] = audit.ModeAuto
		guard = ages[0] + 12*time.Hour // the next hour's cycle is well within
		defer b.serve("0 * * * *")()
		b.again()
		count := map[remedy.State]int{}
		for _, s := range b.steps() {
			count[s.State]++
			fresh := !buyer[s.Deal].IsZero() && snap.Taken.Sub(buyer[s.Deal]) < guard
			if want := map[bool]remedy.State{true: remedy.Proposed, false: remedy.Applied}[fresh]; s.State != want {
				t.Errorf("the buyer of deal %s was last heard of at %s; its step is %s, want %s", s.Deal, buyer[s.Deal], s.State, want)
			}
		}
		if count[remedy.Proposed] == 0 || count[remedy.Applied] == 0 {
			t.Errorf("the guard parts nothing: %v", count)
		}
		b.again()
		plan, _, err := b.db.LastPlan(t.Context(), "acme")
		if want := fmt.Sprintf("or of which that is not known: %d", count[remedy.Proposed]); err != nil || !strings.Contains(plan.Held, want) {
			t.Errorf("held: %q, %v, want %q", plan.Held, err, want)
		}
	})
}

// someone is a person who can own deals.
func (b *bench) someone() string {
	i := slices.IndexFunc(b.world.Owners, func(o sandbox.Owner) bool { return o.Active && !o.Queue })
	return b.world.Owners[i].ID
}

// TestHeldUnaskedStepsWait: what auto approved and could not yet do waits while the rules hold it; what a person approved
// does not.
func TestHeldUnaskedStepsWait(t *testing.T) {
	inBubble(t, 1000, func(t *testing.T, b *bench) {
		b.modes[past], b.modes["owner-missing"] = audit.ModeAuto, audit.ModePropose
		b.faults("status=429:path=/hubspot/crm/objects/2026-09/deals/batch/update")
		hold := ""
		free := b.rules
		b.rules = func(now time.Time) remedy.Options {
			o := free(now)
			o.Hold, o.FallbackOwner = hold, b.someone()
			return o
		}
		stop := b.serve("0 * * * *")
		b.next(time.Hour)
		stop()
		auto := len(b.planted(past))
		if got := len(b.steps(remedy.Approved)); got != auto {
			t.Fatalf("%d approved steps wait, want %d", got, auto)
		}
		decided, err := remedy.Approve(t.Context(), b.db, remedy.Selection{Policy: "owner-missing"}, "ann", crm.At(b.server.Now()))
		if err != nil || len(decided) == 0 {
			t.Fatalf("approved %v, %v", decided, err)
		}
		b.faults("")
		hold = "nothing is written unasked on frozen days"
		defer b.serve("0 * * * *")()
		b.again()
		if waiting, done := b.steps(remedy.Approved), b.steps(remedy.Applied); len(waiting) != auto || len(done) != len(decided) {
			t.Errorf("on a frozen day %d steps wait and %d are applied, want %d and %d", len(waiting), len(done), auto, len(decided))
		}
		b.change(func() { hold = "" })
		b.again()
		if got := len(b.steps(remedy.Applied)); got != auto+len(decided) {
			t.Errorf("after it %d steps are applied, want %d", got, auto+len(decided))
		}
	})
}

// TestStopInAnApply stops while writes are on the wire: they settle under the lease before the daemon ends.
func TestStopInAnApply(t *testing.T) {
	inBubble(t, 1000, func(t *testing.T, b *bench) {
		b.modes[past] = audit.ModeAuto
		b.faults("latency=15s:path=/hubspot/crm/objects/2026-09/deals/batch/update")
		stop := b.serve("0 * * * *")
		b.await("writes are on the wire", time.Minute, func() bool { return len(b.steps(remedy.Applying)) > 0 })
		held := make(chan string, 1)
		go func() {
			<-time.After(10 * time.Second)
			held <- b.leased("acme")
		}()
		if took := stop(); took < 10*time.Second || took > settleTime {
			t.Errorf("it took %s to stop", took)
		}
		if holder := <-held; holder != "the daemon" {
			t.Errorf("%q held the lease while the writes settled", holder)
		}
		if n := len(b.steps(remedy.Applied)); n != len(b.planted(past)) || len(b.steps(remedy.Applying)) > 0 {
			t.Errorf("%d steps are applied, %d unsettled", n, len(b.steps(remedy.Applying)))
		}
		if holder := b.leased("acme"); holder != "" {
			t.Errorf("%s still holds the lease", holder)
		}
		b.journalled(b.steps(remedy.Applied))
	})
}

// TestUnansweredWritesAreSettledInTheSameCycle: the answer is lost on the wire, the effect is not.
func TestUnansweredWritesAreSettledInTheSameCycle(t *testing.T) {
	inBubble(t, 1000, func(t *testing.T, b *bench) {
		b.modes[past] = audit.ModeAuto
		b.faults("drop:path=/hubspot/crm/objects/2026-09/deals/batch/update")
		defer b.serve("0 * * * *")()
		b.await("writes are on the wire", time.Minute, func() bool { return len(b.steps(remedy.Applying)) > 0 })
		b.faults("")
		b.good(5 * time.Minute)
		if got := len(b.steps(remedy.Applied)); got != len(b.planted(past)) {
			t.Errorf("%d steps are applied, want %d", got, len(b.planted(past)))
		}
	})
}

// TestIncompleteDataPlansNothing: while the portal can be read in part only, nothing is planned or approved, and what an
// earlier run left open is settled all the same.
func TestIncompleteDataPlansNothing(t *testing.T) {
	inBubble(t, 1000, func(t *testing.T, b *bench) {
		b.modes[past] = audit.ModeAuto
		b.faults("drop:path=/hubspot/crm/objects/2026-09/deals/batch/update")
		stop := b.serve("0 * * * *")
		b.await("writes are on the wire", time.Minute, func() bool { return len(b.steps(remedy.Applying)) > 0 })
		stop()
		b.faults("")
		open, planned, stops := len(b.steps(remedy.Applying)), b.lastPlan(), b.server.Now()
		b.wire = func(r *http.Request) error {
			if r.URL.Query().Get("after") != "" {
				return syscall.ECONNRESET
			}
			return nil
		}
		b.server.SetClock(stops.Add(8 * 24 * time.Hour)) // a full walk is due, and more close dates have passed
		defer b.serve("0 * * * *")()
		if o := b.next(5 * time.Minute); o.err == nil || !strings.Contains(o.err.Error(), "broke off") {
			t.Errorf("a cycle whose pull broke off: %v", o.err)
		}
		result, err := b.db.LastResult(t.Context(), "acme")
		if err != nil || result.Complete || result.AsOf < crm.At(stops) || result.Score != nil {
			t.Errorf("the audit of incomplete data: %+v, %v", result, err)
		}
		if got := len(b.steps(remedy.Applied)); got != open || len(b.steps()) != open {
			t.Errorf("%d steps, %d applied, want %d", len(b.steps()), got, open)
		}
		if b.lastPlan() != planned {
			t.Error("a plan was made on incomplete data")
		}
		b.change(func() { b.wire = nil })
		b.good(2 * time.Minute) // the next try
		if b.lastPlan() == planned || len(b.steps()) == open {
			t.Errorf("nothing was planned once the data was complete: %d steps", len(b.steps()))
		}
	})
}

func (b *bench) lastPlan() (id string) {
	b.t.Helper()
	plan, _, err := b.db.LastPlan(b.t.Context(), "acme")
	if err != nil {
		b.t.Fatal(err)
	}
	return plan.ID
}

func TestAnUnauthorizedPortalIsNotTriedAgain(t *testing.T) {
	inBubble(t, 200, func(t *testing.T, b *bench) {
		b.faults("status=401")
		defer b.serve("0 * * * *")()
		if o := b.next(time.Minute); !errors.Is(o.err, connectors.ErrUnauthorized) {
			t.Errorf("the cycle: %v", o.err)
		}
		b.none(90 * time.Second)
		b.jobIs("cancelled 1")
		if got := b.log.with("level="); len(got) != 1 || !strings.Contains(got[0], "acme") {
			t.Errorf("the log: %q", got)
		}
		last, err := b.db.LastSync(t.Context(), "acme")
		if err != nil || last == nil || last.Completeness.Complete() {
			t.Errorf("the sync that failed: %+v, %v", last, err)
		}
		b.faults("")
		b.again() // at its next time it is tried as ever
	})
}

func TestAPortalThatIsDownIsTriedThreeTimes(t *testing.T) {
	overMinutes(t)
	inBubble(t, 200, func(t *testing.T, b *bench) {
		b.faults("status=503")
		defer b.serve("0 0 1 1 *")()
		var at []time.Time
		for range maxAttempts {
			o := b.next(10 * time.Minute)
			if !errors.Is(o.err, connectors.ErrUnavailable) {
				t.Errorf("the cycle: %v", o.err)
			}
			at = append(at, o.at)
		}
		b.none(time.Minute)
		b.jobIs("discarded 3")
		if first, second := at[1].Sub(at[0]), at[2].Sub(at[1]); first < time.Minute || second < 5*time.Minute || second > 7*time.Minute {
			t.Errorf("it was tried again after %s and %s", first, second)
		}
		if got := b.log.with("level=ERROR"); len(got) != maxAttempts {
			t.Errorf("the log: %q", got)
		}
	})
}
