package acceptance

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/mirror"
	"github.com/plumbline/plumbline/internal/sandbox"
	onpipedrive "github.com/plumbline/plumbline/internal/sandbox/pipedrive"
)

// TestPipedriveInEveryWeather pulls an account three times over: while the day's tokens run out in the middle of the pull, in
// a storm of burst limits, and through the page that Pipedrive shows to those who go on all the same. Nothing is lost,
// nothing is judged as if it were whole, and the pull goes on from its cursor when Pipedrive lets it.
func TestPipedriveInEveryWeather(t *testing.T) {
	for name, weather := range map[string]struct {
		budget, faults string
		broken         bool // the first pull cannot come to its end
	}{
		"the day's tokens run out":      {budget: "220", broken: true},
		"a storm of burst limits":       {budget: "0", faults: "status=429:p=0.5"},
		"the page":                      {budget: "0", faults: "status=403:every=19", broken: true},
		"the tokens run out in a storm": {budget: "230", faults: "status=429:p=0.2", broken: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Date(2026, 11, 18, 15, 0, 0, 0, time.UTC)
			world := sandbox.Generate(sandbox.GenOptions{Deals: 3000, Seed: 8, Now: now})
			calm := both(t, world)
			want := calm.pulled(t, onpipedrive.Name)
			b := both(t, world, onpipedrive.With("budget", weather.budget))
			must0(t, b.server.SetFaults(weather.faults))
			snap, broken := b.pullUntilWhole(t)
			if weather.broken == (broken == 0) {
				t.Errorf("the pull broke off %d times", broken)
			}
			if diff := cmp.Diff(deals(want), deals(snap)); diff != "" {
				t.Errorf("what came through the weather (-calm +weather):\n%s", diff)
			}
			result := b.judgeAt(t, snap, now)
			if diff := cmp.Diff(subjects(calm.judgeAt(t, want, now)), subjects(result)); diff != "" || !result.Complete || result.Score == nil {
				t.Errorf("complete %v, score %v, findings (-calm +weather):\n%s", result.Complete, result.Score, diff)
			}
			pages, asked := calm.server.Counters().Requests[onpipedrive.Name]["deals.list"], b.server.Counters().Requests[onpipedrive.Name]["deals.list"]
			// Pages whose activities were not all read yet are asked for again, those that were handed on are not.
			if refused := b.server.Counters().Throttled; broken > 0 && asked-refused >= pages*int64(broken+1) {
				t.Errorf("%d pages of deals were asked for, there are %d; %d requests were refused and %d pulls broken off", asked, pages, refused, broken)
			}
			t.Logf("broken off %d times; whole on %s", broken, b.clock().Format(time.DateTime))
		})
	}
}

// pullUntilWhole pulls Pipedrive, and again whenever a pull says that it can go on, until one is whole. It counts those that
// were not; of each of them everything that people see must say so.
func (p *pair) pullUntilWhole(t *testing.T) (snap *crm.Snapshot, broken int) {
	t.Helper()
	name := onpipedrive.Name
	for range 30 {
		s, snap, err := mirror.Sync(t.Context(), p.conns[name], p.db, mirror.Options{Portal: name, CRM: name, Facts: facts(), Now: p.clock, Meter: p.meters[name]})
		if err == nil && s.Completeness.Complete() {
			return snap, broken
		}

		broken++
		var limit *connectors.LimitError
		var retry time.Time
		switch {
		case err == nil:
			retry = s.Completeness.Gaps[0].RetryAt.Time()
		case errors.As(err, &limit): // not even the set-up could be read
			retry = limit.RetryAt
		}
		if !retry.After(p.clock()) {
			t.Fatalf("neither %v nor %+v says when to go on", err, s.Completeness.Gaps)
		}
		if kept := must(p.db.LoadSnapshot(t.Context(), name))(t); kept != nil {
			if r := p.judge(t, kept); r.Complete || r.Score != nil || len(r.Incomplete) == 0 {
				t.Errorf("a part of the portal is judged as if it were whole: complete %v, score %v", r.Complete, r.Score)
			}
		}
		must0(t, p.sleep(t.Context(), retry.Sub(p.clock())))
	}
	t.Fatal(fmt.Sprint("the pull does not come to its end; broken off ", broken, " times"))
	return nil, 0
}
