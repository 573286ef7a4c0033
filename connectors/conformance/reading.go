package conformance

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

func testSchema(t *testing.T, s Subject) {
	b := newBench(t, s, world(60, 1))
	got := schema(t, b.open(t))
	if got.Account != b.World.Account || got.Currency != b.World.Currency || got.Zone != b.World.Zone || !got.UsersKnown {
		t.Errorf("account %q, currency %q, zone %q, users known %v; the world says %q, %q, %q", got.Account, got.Currency, got.Zone,
			got.UsersKnown, b.World.Account, b.World.Currency, b.World.Zone)
	}
	var have, should []string
	for _, p := range got.Pipelines {
		for _, st := range p.Stages {
			have = append(have, fmt.Sprintf("%d %s %s / %d %s %s %s", p.Order, p.ID, p.Name, st.Order, st.ID, st.Name, st.Kind))
		}
	}
	for i, p := range b.World.Pipelines {
		for j, st := range p.Stages {
			should = append(should, fmt.Sprintf("%d %s %s / %d %s %s %s", i, p.ID, p.Label, j, st.ID, st.Label, kindOf(st)))
		}
	}
	if diff := cmp.Diff(should, have); diff != "" {
		t.Errorf("pipelines and stages (- world, + connector):\n%s", diff)
	}
	users := map[string]bool{}
	for _, u := range got.Users {
		users[u.ID] = u.Active
	}
	for _, o := range b.World.Owners {
		if active, ok := users[o.ID]; !ok || active != o.Active {
			t.Errorf("owner %s: listed %v, active %v; the world says active %v", o.ID, ok, active, o.Active)
		}
	}
	if len(got.Users) != len(b.World.Owners) {
		t.Errorf("%d users, the world has %d", len(got.Users), len(b.World.Owners))
	}
}

func testEverythingOnce(t *testing.T, s Subject) {
	for _, n := range []int{1, 49, 50, 51, 230} {
		b := newBench(t, s, world(n, uint64(n)))
		c := b.open(t)
		sch := schema(t, c)
		pages, err := pull(t.Context(), c, sch, crm.Work{Facts: crm.AllFacts})
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range pages {
			if p.Last != (i == len(pages)-1) {
				t.Errorf("%d deals: page %d of %d has Last %v", n, i+1, len(pages), p.Last)
			}
		}
		compare(t, b, deals(t, pages))
		counter, ok := c.(connectors.Counter)
		if !ok {
			continue
		}
		if total, err := counter.Count(t.Context(), 0); err != nil || total != int64(len(listed(b.World))) {
			t.Errorf("count %d, %v; the world has %d", total, err, len(listed(b.World)))
		}
	}
}

// compare compares what came with the world, deal by deal. Facts that the CRM cannot know are left to it, but a fact that is
// said to be known must be right.
func compare(t *testing.T, b *Bench, got map[string]crm.Deal) {
	t.Helper()
	should := want(b.World)
	for _, id := range slices.Sorted(maps.Keys(got)) {
		if _, ok := should[id]; !ok {
			t.Errorf("deal %s is not in the world, or it is archived there", id)
		}
	}
	wrong := 0
	for _, id := range slices.Sorted(maps.Keys(should)) {
		w, g := should[id], got[id]
		if g.ID == "" {
			t.Errorf("deal %s is missing", id)
			continue
		}
		for _, need := range []crm.Fact{crm.FactName, crm.FactCreated, crm.FactOwner, crm.FactAmount, crm.FactCloseDate, crm.FactCompany, crm.FactModified} {
			if !g.Known.Has(need) {
				t.Errorf("deal %s: fact %b is not known", id, need)
			}
		}
		if diff := cmp.Diff(w, judged(g, w, b.subject.Partial, b.subject.Rare)); diff != "" && wrong < 5 {
			wrong++
			t.Errorf("deal %s (- world, + connector):\n%s", id, diff)
		}
	}
}

// judged takes out of a deal what the world does not say, and what the CRM says that it does not know.
func judged(g, w crm.Deal, partial crm.Fact, rare bool) crm.Deal {
	known := g.Known
	g.Modified, g.Closed, g.Origin, g.Status, g.Known, g.Merged, g.LossDetail = 0, 0, 0, nil, 0, nil, ""
	for i := range g.Moves {
		g.Moves[i].Origin = 0
	}
	judgedRare(&g, &w, known, rare)
	unsaid := partial &^ known
	if unsaid.Has(crm.FactHistory) {
		g.Moves = w.Moves
	}
	if unsaid.Has(crm.FactTouch) {
		g.Touch = w.Touch
	}
	if unsaid.Has(crm.FactBuyer) {
		g.Buyer = w.Buyer
	}
	if unsaid.Has(crm.FactPlanned) {
		g.Planned = w.Planned
	}
	return g
}

func testFactsAskedFor(t *testing.T, s Subject) {
	b := newBench(t, s, world(60, 3))
	c := b.open(t)
	sch := schema(t, c)
	for _, facts := range []crm.Fact{0, crm.FactAmount, crm.FactStageEntry, crm.FactHistory | crm.FactOwner} {
		pages, err := pull(t.Context(), c, sch, crm.Work{Facts: facts})
		if err != nil {
			t.Fatal(err)
		}
		got := deals(t, pages)
		if len(got) != len(listed(b.World)) {
			t.Errorf("facts %b: %d deals, want %d", facts, len(got), len(listed(b.World)))
		}
		for _, d := range got {
			if extra := d.Known &^ (facts | crm.FactModified); extra != 0 {
				t.Fatalf("facts %b: deal %s says it knows %b, which nobody asked for", facts, d.ID, extra)
			}
			if d.Stage == "" || d.Pipeline == "" || d.Modified.IsZero() {
				t.Fatalf("facts %b: deal %s lacks its stage, its pipeline or its modification time", facts, d.ID)
			}
		}
	}
}

// A walk that is dropped anywhere is taken up by another connector, and together they see every deal.
func testResume(t *testing.T, s Subject) {
	b := newBench(t, s, world(230, 4))
	sch := schema(t, b.open(t))
	for stop := 1; ; stop++ {
		var pages []crm.Page
		work := crm.Work{Facts: crm.AllFacts}
		for page, err := range b.open(t).Deals(t.Context(), sch, work) {
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, page)
			if len(pages) == stop {
				break
			}
		}
		if pages[len(pages)-1].Last {
			return
		}
		work.From = pages[len(pages)-1].Next
		rest, err := pull(t.Context(), b.open(t), sch, work)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, b, deals(t, append(pages, rest...)))
	}
}

// watermark is the newest modification time of deals.
func watermark(pages []crm.Page) crm.Instant {
	var w crm.Instant
	for _, p := range pages {
		for _, d := range p.Deals {
			w = max(w, d.Modified)
		}
	}
	return w
}

// change gives deals another amount and returns what they were changed to.
func change(t *testing.T, b *Bench, sch crm.Schema, ids []string) map[string]string {
	t.Helper()
	editor, ok := b.open(t).(connectors.Editor)
	if !ok {
		t.Skip("the connector cannot edit, so nothing can be changed")
	}
	out := map[string]string{}
	var edits []crm.Edit
	for i, id := range ids {
		b.pass(1500_000) // 1.5 ms
		out[id] = fmt.Sprintf("%d.5", 1000+i)
		edits = append(edits, crm.Edit{
			Key: "change-" + id, Target: crm.Ref{Portal: "p", Kind: crm.KindDeal, ID: id}, Op: crm.OpSet, After: crm.Fields{crm.FieldAmount: out[id]},
		})
	}
	for i := range edits {
		b.pass(1500_000)
		for _, r := range editor.Apply(t.Context(), sch, edits[i:i+1]) {
			if r.Outcome != crm.OutcomeApplied {
				t.Fatalf("a change was not applied: %+v", r)
			}
		}
	}
	return out
}

func testChanges(t *testing.T, s Subject) {
	b := newBench(t, s, world(230, 5))
	c := b.open(t)
	sch := schema(t, c)
	all, err := pull(t.Context(), c, sch, crm.Work{Facts: crm.AllFacts})
	if err != nil {
		t.Fatal(err)
	}
	known := deals(t, all)
	since := watermark(all)
	b.pass(1e9)
	ids := listed(b.World)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	changed := change(t, b, sch, ids[:70])
	b.pass(60e9)
	work := crm.Work{Since: since, Facts: crm.AllFacts, Known: func(id string, at crm.Instant) bool { return known[id].Modified == at }}
	pages, err := pull(t.Context(), c, sch, work)
	if err != nil {
		t.Fatal(err)
	}
	got := deals(t, pages)
	for id, amount := range changed {
		d, ok := got[id]
		should, err := crm.ParseAmount(amount)
		if err != nil {
			t.Fatal(err)
		}
		if !ok || d.Amount != should || d.Modified <= known[id].Modified {
			t.Errorf("changed deal %s: came %v with amount %s, want %s, modified %s", id, ok, d.Amount, amount, d.Modified)
		}
		if diff := cmp.Diff(known[id].Moves, d.Moves); diff != "" {
			t.Errorf("changed deal %s: moves (- before, + after):\n%s", id, diff)
		}
	}
	for id := range got {
		if _, ok := changed[id]; !ok {
			t.Errorf("deal %s came, which was known and not changed", id)
		}
	}
}

func testGone(t *testing.T, s Subject) {
	b := newBench(t, s, world(230, 6))
	c := b.open(t)
	sweeper, ok := c.(connectors.Sweeper)
	if !ok || s.Archive == nil {
		t.Skip("the connector is no Sweeper, or nothing can be archived")
	}
	ids := listed(b.World)
	if gone, err := sweeper.Gone(t.Context(), ids); err != nil || len(gone) != 0 {
		t.Errorf("gone %v, %v, before anything was removed", gone, err)
	}
	removed := []string{ids[3], ids[77], ids[229]}
	for _, id := range removed {
		s.Archive(t, b, id)
	}
	for _, known := range [][]string{ids, removed, append(slices.Clone(removed), "999999999999")} {
		gone, err := sweeper.Gone(t.Context(), known)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, g := range gone {
			if slices.Contains(removed, g.ID) && g.Why != "archived" && g.Why != "deleted" {
				t.Errorf("deal %s is gone for %q", g.ID, g.Why)
			}
			if g.ID != "999999999999" {
				got = append(got, g.ID)
			}
		}
		slices.Sort(got)
		slices.Sort(removed)
		if diff := cmp.Diff(removed, got); diff != "" {
			t.Errorf("of %d known (- removed, + gone):\n%s", len(known), diff)
		}
	}
}
