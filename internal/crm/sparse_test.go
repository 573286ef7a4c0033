package crm

import "testing"

func TestWhoClosed(t *testing.T) {
	b := NewBuilder("acme", "hubspot", twoPipelines())
	for _, d := range []Deal{
		{ID: "1", Pipeline: "a", Stage: "l", Closer: Us},
		{ID: "2", Pipeline: "a", Stage: "l", Closer: "77", Moves: []StageMove{{Stage: "l", At: 5, Origin: OriginPerson}}},
		{ID: "3", Pipeline: "a", Stage: "w", Moves: []StageMove{{Stage: "s1", At: 3, Origin: OriginPerson}, {Stage: "w", At: 5, Origin: OriginPlumbline}}},
		{ID: "4", Pipeline: "a", Stage: "s1", Moves: []StageMove{{Stage: "s1", At: 5, Origin: OriginPlumbline}}},
	} {
		if err := b.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	s := b.Build(9, AllFacts, Completeness{})
	for i, want := range []bool{true, false, true, false} {
		if s.ClosedByUs(int32(i)) != want {
			t.Errorf("deal %s: closed by us is %v", s.ID(int32(i)), !want)
		}
	}
	if s.Text(s.Closer(1)) != "77" || s.Text(s.Closer(2)) != "" {
		t.Error("the closers are mixed up")
	}
}
