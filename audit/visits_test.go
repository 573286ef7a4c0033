package audit_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// wide is a pipeline whose won stage stands before some open stages.
func wide(id string) crm.Pipeline {
	p := crm.Pipeline{ID: id, Name: id}
	for i, kind := range []crm.Status{crm.Open, crm.Open, crm.Open, crm.Open, crm.Won, crm.Open, crm.Lost} {
		p.Stages = append(p.Stages, crm.Stage{ID: fmt.Sprintf("%s%d", id, i), Order: i, Kind: kind})
	}
	return p
}

func moves(days float64, stages ...string) []crm.StageMove {
	var out []crm.StageMove
	for i, s := range stages {
		out = append(out, move(s, days-float64(i)))
	}
	return out
}

// through makes a deal that went through stages, a day in each.
func through(id string, stages ...string) crm.Deal {
	d := history(id, stages[len(stages)-1][:1], moves(20, stages...)...)
	switch stages[len(stages)-1][1:] {
	case "4", "6":
		d.Closed = d.StageEntry
	}
	return d
}

func skips(t testing.TB, s crm.Schema, d crm.Deal) (out []string) {
	inspect(t, snapshot(t, s, d), func(p *audit.Pass) {
		stages, ok := p.Skipped(p.Snap.Deal(0))
		if !ok {
			t.Fatal("the history is known")
		}
		for _, st := range stages {
			out = append(out, p.Snap.Stage(st).ID)
		}
	})
	return out
}

func TestSkipped(t *testing.T) {
	s := schema(wide("a"), wide("b"))
	for name, c := range map[string]struct{ path, want []string }{
		"step by step":              {[]string{"a0", "a1", "a2"}, nil},
		"over two":                  {[]string{"a0", "a3"}, []string{"a1", "a2"}},
		"caught up later":           {[]string{"a0", "a3", "a1", "a2"}, nil},
		"created late":              {[]string{"a2", "a3"}, nil},
		"created late, gone before": {[]string{"a2", "a0", "a3"}, nil},
		"won early":                 {[]string{"a0", "a1", "a4"}, []string{"a2", "a3"}},
		"won, then past the end":    {[]string{"a3", "a4", "a5"}, nil},
		"past won without winning":  {[]string{"a2", "a5"}, []string{"a3"}},
		"lost":                      {[]string{"a0", "a1", "a6"}, nil},
		"lost and back":             {[]string{"a0", "a6", "a2"}, []string{"a1"}},
		"created won":               {[]string{"a4"}, nil},
		"from another pipeline":     {[]string{"b0", "a3"}, nil},
		"there and back":            {[]string{"a0", "b1", "a3"}, nil},
		"skipped before the change": {[]string{"a0", "a2", "b1", "a3"}, []string{"a1"}},
	} {
		if diff := cmp.Diff(c.want, skips(t, s, through("1", c.path...))); diff != "" {
			t.Errorf("%s %v: %s", name, c.path, diff)
		}
	}
}

func TestSkippedWhereWonIsAStatus(t *testing.T) {
	p := crm.Pipeline{ID: "a", Name: "a", Stages: []crm.Stage{{ID: "a0"}, {ID: "a1", Order: 1}, {ID: "a2", Order: 2}}}
	won, lost := crm.Won, crm.Lost
	for status, want := range map[*crm.Status][]string{&won: {"a1", "a2"}, &lost: nil, nil: nil} {
		d := history("1", "a", move("a0", 10))
		d.Status = status
		if status != nil {
			d.Closed = ago(5)
		}
		if diff := cmp.Diff(want, skips(t, schema(p), d)); diff != "" {
			t.Error(diff)
		}
		inspect(t, snapshot(t, schema(p), d), func(p *audit.Pass) {
			visits, _ := p.Visits(p.Snap.Deal(0))
			if left := visits[0].Left; left != d.Closed {
				t.Errorf("left %v, closed %v", left, d.Closed)
			}
		})
	}
}

// TestSkippedAgainstDefinition compares with the definition in sets, for random walks through two pipelines.
func TestSkippedAgainstDefinition(t *testing.T) {
	s := schema(wide("a"), wide("b"))
	stage := rapid.Custom(func(rt *rapid.T) string {
		return rapid.SampledFrom([]string{"a", "a", "b"}).Draw(rt, "pipeline") + fmt.Sprint(rapid.IntRange(0, 6).Draw(rt, "stage"))
	})
	rapid.Check(t, func(rt *rapid.T) {
		path := append(rapid.SliceOfN(stage, 0, 8).Draw(rt, "path"), "a"+fmt.Sprint(rapid.IntRange(0, 6).Draw(rt, "end")))
		var stretches [][]int // of orders, within pipeline a, lost left out
		fresh := true
		for _, st := range path {
			order := int(st[1] - '0')
			switch {
			case st[0] != 'a':
				fresh = true
			case order == 6:
			case fresh:
				stretches, fresh = append(stretches, []int{order}), false
			default:
				stretches[len(stretches)-1] = append(stretches[len(stretches)-1], order)
			}
		}
		var want []string
		for order := range 4 { // the open stages before won
			id := "a" + fmt.Sprint(order)
			within := slices.ContainsFunc(stretches, func(st []int) bool { return st[0] < order && order < slices.Max(st) })
			if within && !slices.Contains(path, id) {
				want = append(want, id)
			}
		}
		if diff := cmp.Diff(want, skips(t, s, through("1", path...))); diff != "" {
			rt.Fatalf("%v: %s", path, diff)
		}
	})
}

func TestVisits(t *testing.T) {
	s := schema(pipeline("a", 3))
	get := func(d crm.Deal) (out []audit.Visit, entry crm.Instant, ok, entered bool) {
		inspect(t, snapshot(t, s, d), func(p *audit.Pass) {
			entry, entered = p.EntryOf(p.Snap.Deal(0))
			v, known := p.Visits(p.Snap.Deal(0))
			out, ok = slices.Clone(v), known
		})
		return out, entry, ok, entered
	}
	twice := history("1", "a", move("s0", 9), move("s0", 8), move("s1", 5))
	want := []audit.Visit{{Stage: 0, Entered: ago(9), Left: ago(5)}, {Stage: 1, Entered: ago(5)}}
	if got, entry, ok, _ := get(twice); !ok || !slices.Equal(got, want) || entry != ago(5) {
		t.Errorf("an entry into the same stage is no move: %v", got)
	}
	gone := history("1", "a", move("gone", 9), move("s1", 5))
	if got, _, ok, _ := get(gone); !ok || got[0].Stage != crm.None {
		t.Errorf("a stage that no longer exists: %v", got)
	}
	behind := history("1", "a", move("s0", 9))
	behind.Stage, behind.StageEntry = "s2", ago(3)
	if got, _, ok, _ := get(behind); !ok || len(got) != 2 || got[1].Entered != ago(3) || got[0].Left != ago(3) {
		t.Errorf("a history that lags behind is made whole by the stage entry: %v", got)
	}
	behind.Known &^= crm.FactStageEntry
	if _, _, ok, entered := get(behind); ok || entered {
		t.Error("a history that does not lead to the present stage is not known")
	}
	dark := history("1", "a", move("s0", 9))
	dark.Known &^= crm.FactHistory
	if _, entry, ok, entered := get(dark); ok || !entered || entry != ago(9) {
		t.Error("without a history the stage entry tells")
	}
}

func TestPassedAndEntered(t *testing.T) {
	imported := history("imported", "a", move("s0", 30), move("s2", 10))
	imported.Origin = crm.OriginImport
	dark := history("dark", "a", move("s0", 30), move("s2", 10))
	dark.Known &^= crm.FactHistory
	snap := snapshot(t, schema(pipeline("a", 3)), imported, dark,
		history("skipped", "a", move("s0", 30), move("s2", 10)),
		history("visited", "a", move("s0", 30), move("s1", 20), move("s2", 10)),
		history("won", "a", move("s0", 30), move("won", 10)),
		history("caught up", "a", move("s0", 30), move("s2", 10), move("s1", 2)),
		history("began there", "a", move("s1", 30), move("s2", 10)),
		history("lost", "a", move("s0", 30), move("lost", 10)),
		history("before", "a", move("s0", 300), move("s2", 200)))
	inspect(t, snap, func(p *audit.Pass) {
		type counts struct{ passed, skipped, entered int }
		at := func(s *audit.Stats, days float64) counts {
			passed, skipped := s.Passed(1, days)
			return counts{passed, skipped, s.Entered(1, days)}
		}
		for name, c := range map[string]struct{ got, want counts }{
			"180 days":          {at(p.Stats, 180), counts{4, 2, 3}},
			"a year":            {at(p.Stats, 365), counts{5, 3, 3}},
			"seven days before": {at(p.Stats.Ago(7), 180), counts{4, 3, 2}},
			"15 days before":    {at(p.Stats.Ago(15), 180), counts{0, 0, 2}},
			"20 days":           {at(p.Stats, 20), counts{4, 2, 1}},
		} {
			if c.got != c.want {
				t.Errorf("%s: passed, skipped, entered %v, want %v", name, c.got, c.want)
			}
		}
		if known, deals := p.Stats.HistoryKnown(0); known != 8 || deals != 9 {
			t.Errorf("history of %d of %d, want 8 of 9", known, deals)
		}
	})
}

// TestPassedAgainstSkipped counts what each deal says of itself.
func TestPassedAgainstSkipped(t *testing.T) {
	s := schema(wide("a"), wide("b"))
	rapid.Check(t, func(rt *rapid.T) {
		var deals []crm.Deal
		for i := range rapid.IntRange(1, 8).Draw(rt, "deals") {
			path := rapid.SliceOfN(rapid.IntRange(0, 6), 1, 8).Draw(rt, "path")
			var names []string
			for _, o := range path {
				names = append(names, fmt.Sprint("a", o))
			}
			deals = append(deals, through(fmt.Sprint(i), names...))
		}
		inspect(t, snapshot(t, s, deals...), func(p *audit.Pass) {
			want := make([]int, p.Snap.NumStages())
			for i := range deals {
				stages, _ := p.Skipped(p.Snap.Deal(int32(i)))
				for _, st := range stages {
					want[st]++
				}
			}
			for st := range want {
				passed, skipped := p.Stats.Passed(int32(st), 180)
				if skipped != want[st] || passed < skipped {
					rt.Fatalf("stage %d: skipped %d of %d, the deals say %d", st, skipped, passed, want[st])
				}
			}
		})
	})
}
