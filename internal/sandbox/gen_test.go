package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func someNow(seed uint64) time.Time {
	return time.Date(2026, 11, 2, 3, 0, 0, 0, time.UTC).Add(time.Duration(seed) * 17 * time.Hour)
}

func TestHealthyWorldsKeepTheirDistance(t *testing.T) {
	for seed := range uint64(100) {
		n := 300
		if seed%20 == 0 {
			n = 2000
		}
		w := Generate(GenOptions{Deals: n, Seed: seed, Now: someNow(seed), Healthy: true})
		j := judgeWorld(t, w)
		// What is not written down is a matter of the configuration, in which no account can be healthy by itself.
		always := []Planted{{exitCriteriaUndefined, Subject{"portal", w.Account}}, {noStageTimeLimit, Subject{"portal", w.Account}}}
		found := World{Truth: j.found}
		found.sortTruth()
		if !slices.Equal(w.Truth, always) || !slices.Equal(found.Truth, always) || len(j.near) > 0 {
			t.Errorf("seed %d: planted %v, found %v, near %v", seed, w.Truth, j.found, j.near)
		}
	}
}

func TestTruthIsWhatASecondReadingFinds(t *testing.T) {
	planted := map[string]int{}
	for seed := range uint64(100) {
		n := 300
		switch seed % 10 {
		case 0:
			n = 2000
		case 3, 6: // what rests on a trend takes more than a few
			n = 1000
		}
		w := Generate(GenOptions{Deals: n, Seed: seed, Now: someNow(seed)})
		j := judgeWorld(t, w)
		found := World{Truth: j.found}
		found.sortTruth()
		if diff := cmp.Diff(w.Truth, found.Truth); diff != "" {
			t.Errorf("seed %d (-truth +second reading):\n%s", seed, diff)
		}
		if len(j.near) > 0 {
			t.Errorf("seed %d: near a threshold: %v", seed, j.near)
		}
		for _, p := range w.Truth {
			planted[p.Policy]++
		}
	}
	for _, p := range Plantable() {
		least := 5
		if slices.Contains(plantedInTrends(), p) { // most of them take the larger worlds
			least = 1
		}
		if planted[p] < least {
			t.Errorf("%s was planted %d times in 100 worlds", p, planted[p])
		}
	}
	t.Log(planted)
}

func TestEveryPolicyCanBePlantedAlone(t *testing.T) {
	for _, policy := range Plantable() {
		w := Generate(GenOptions{Deals: 1000, Seed: 7, Plant: []string{policy}})
		if !slices.ContainsFunc(w.Truth, func(p Planted) bool { return p.Policy == policy }) {
			t.Errorf("%s: nothing planted", policy)
		}
		for _, p := range w.Truth {
			implied := p.Policy == staleInStage && policy == openTooLong || p.Policy == openTooLong && policy == staleInStage ||
				p.Policy == probabilityMiscalibrated && policy == probabilityUnset || p.Policy == noStageTimeLimit || p.Policy == exitCriteriaUndefined ||
				p.Policy == leakyStage && policy == lowWinRate ||
				p.Policy == closeDateTooSoon && policy == closeDateDefault || p.Policy == lossOtherBare && policy == lossOtherOverused ||
				p.Policy == noNextActivity && (policy == noBuyerActivity || policy == followUpOverdue)
			if p.Policy != policy && !implied {
				t.Errorf("%s: brings %s", policy, p.Policy)
			}
		}
	}
}

func TestWorldsHoldTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opts := GenOptions{
			Deals: rapid.IntRange(1, 400).Draw(t, "deals"), Seed: rapid.Uint64().Draw(t, "seed"),
			Now: time.Unix(rapid.Int64Range(1_700_000_000, 1_900_000_000).Draw(t, "now"), 0), Healthy: rapid.Bool().Draw(t, "healthy"),
		}
		w := Generate(opts)
		if err := whole(w, opts.Deals); err != nil {
			t.Fatal(err)
		}
		again := Generate(opts)
		if diff := cmp.Diff(w, again); diff != "" {
			t.Fatalf("the same options gave another world:\n%s", diff)
		}
	})
}

// whole says what in a world does not fit together.
func whole(w *World, listed int) error {
	known := map[string]bool{"portal " + w.Account: true}
	companies, contacts := map[string]bool{"": true}, map[string]bool{}
	owners := map[string]bool{"": true}
	for _, o := range w.Owners {
		owners[o.ID], known["owner "+o.ID] = true, true
	}
	for _, c := range w.Companies {
		companies[c.ID] = true
	}
	for _, c := range w.Contacts {
		contacts[c.ID] = true
	}
	stageOf := map[string]string{}
	for _, p := range w.Pipelines {
		known["pipeline "+p.ID] = true
		for _, s := range p.Stages {
			stageOf[s.ID] = p.ID
			known["stage "+s.ID] = true
		}
	}
	for _, o := range w.Owners {
		known["owner "+o.ID] = true
	}
	last, n := 0, 0
	for i := range w.Deals {
		d := &w.Deals[i]
		known["deal "+d.ID] = true
		id, err := strconv.Atoi(d.ID)
		if err != nil || id <= last {
			return fmt.Errorf("deal id %q after %d", d.ID, last)
		}
		last = id
		if !d.Archived {
			n++
		}
		if !owners[d.Owner] || !companies[d.Company] || stageOf[d.Stage] != d.Pipeline {
			return fmt.Errorf("deal %s: owner %q, company %q, stage %q of %q", d.ID, d.Owner, d.Company, d.Stage, d.Pipeline)
		}
		for _, c := range d.Contacts {
			if !contacts[c] {
				return fmt.Errorf("deal %s: contact %s", d.ID, c)
			}
		}
		if err := chronological(w, d, stageOf); err != nil {
			return err
		}
	}
	if n != listed {
		return fmt.Errorf("%d deals, not %d", n, listed)
	}
	for i, p := range w.Truth {
		if !known[p.Subject.Kind+" "+p.Subject.ID] || i > 0 && w.Truth[i-1] == p {
			return fmt.Errorf("truth names %v", p)
		}
	}
	return nil
}

func chronological(w *World, d *Deal, stageOf map[string]string) error {
	if len(d.Moves) == 0 || !d.Moves[0].At.Equal(d.Created) || d.Moves[len(d.Moves)-1].Stage != d.Stage {
		return fmt.Errorf("deal %s: moves %v do not lead from %v to %s", d.ID, d.Moves, d.Created, d.Stage)
	}
	for i, m := range d.Moves {
		if m.At.After(w.Now) || stageOf[m.Stage] == "" || i > 0 && stageOf[m.Stage] != d.Pipeline || i > 0 && (!m.At.After(d.Moves[i-1].At) || m.Stage == d.Moves[i-1].Stage) {
			return fmt.Errorf("deal %s: move %d of %v", d.ID, i, d.Moves)
		}
	}
	for _, a := range d.Activities {
		if a.Done && (a.At.After(w.Now) || a.At.Before(d.Created)) || !a.Done && a.Kind != "task" && !a.At.After(w.Now) {
			return fmt.Errorf("deal %s: activity %v", d.ID, a)
		}
	}
	return nil
}

func TestDefaultOptionsMakeTwoThousandDeals(t *testing.T) {
	w := Generate(GenOptions{})
	if err := whole(w, 2000); err != nil {
		t.Fatal(err)
	}
	closed, skips, reopened, texts := 0, 0, 0, map[string]bool{}
	j := judgeWorld(t, w)
	for i := range w.Deals {
		p := j.read(&w.Deals[i])
		if p.at.kind == stillOpen {
			continue
		}
		closed++
		texts[p.deal.LossReason] = true
		for k := 1; k < len(p.path); k++ {
			if p.path[k] > p.path[k-1]+1 && j.stages[p.deal.Moves[k].Stage].kind == stillOpen {
				skips++
			}
			if j.stages[p.deal.Moves[k-1].Stage].kind == isLost {
				reopened++
			}
		}
	}
	if closed < 1500 || skips < 20 || reopened < 5 || len(texts) < 30 {
		t.Errorf("%d closed deals, %d skips, %d reopened, %d texts of reasons", closed, skips, reopened, len(texts))
	}
	if b, err := json.Marshal(w.Truth); err != nil || !json.Valid(b) {
		t.Errorf("truth as JSON: %v", err)
	}
}

func BenchmarkGenerate(b *testing.B) {
	for seed := range uint64(b.N) {
		Generate(GenOptions{Seed: seed})
	}
}
