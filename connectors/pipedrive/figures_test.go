package pipedrive_test

import (
	"testing"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/sandbox"
)

func TestFigures(t *testing.T) {
	w := sandbox.Generate(sandbox.GenOptions{Deals: 2000, Seed: 7})
	a := newAccount(t, w, "ultimate")
	c := a.open(t)
	s := schema(t, c)
	n, err := c.(connectors.Counter).Count(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	deals, pages, err := pull(t.Context(), c, s, crm.Work{Facts: crm.AllFacts})
	if err != nil {
		t.Fatal(err)
	}
	req, tok := a.spent()
	open, und, arch := 0, 0, 0
	known := map[crm.Fact]int{}
	for _, d := range deals {
		if d.Archived {
			arch++
		} else if d.Status == nil {
			open++
			for f := crm.Fact(1); f < crm.AllFacts; f <<= 1 {
				if d.Known.Has(f) {
					known[f]++
				}
			}
		}
	}
	for _, d := range w.Deals {
		for _, x := range d.Activities {
			if !x.Done {
				und++
			}
		}
	}
	t.Log(n, len(deals), len(pages), "requests", req, "tokens", tok, "open", open, "undone", und, "arch", arch, known)
	t.Log(a.Counters())
}
