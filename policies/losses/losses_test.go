package losses_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/losses"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

// look is a policy that hands its pass to a test.
type look struct{ at func(p *audit.Pass) }

func (l look) Check(p *audit.Pass) { l.at(p) }

func now() crm.Instant { return crm.At(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)) }

// deal is a lost deal as a test writes it down: its reason, text and detail, and how many days ago it was lost.
type deal struct {
	reason, text, detail string
	ago                  float64
	known                crm.Fact
}

// inspect audits a portal with the deals, which are all lost, and returns the result.
func inspect(t *testing.T, at crm.LossReason, phrases map[string][]string, deals []deal, f func(p *audit.Pass)) *audit.Result {
	t.Helper()
	schema := crm.Schema{LossReason: at, Pipelines: []crm.Pipeline{{ID: "p", Stages: []crm.Stage{{ID: "new"}, {ID: "lost", Order: 1, Kind: crm.Lost}}}}, ClosedStages: true}
	b := crm.NewBuilder("acme", "hubspot", schema)
	for i, d := range deals {
		when := now().Add(-time.Duration(d.ago * 24 * float64(time.Hour)))
		err := b.Add(crm.Deal{
			ID: fmt.Sprint("d", i), Pipeline: "p", Stage: "lost", LossReason: d.reason, LossText: d.text, LossDetail: d.detail,
			Created: when.Add(-time.Hour), Closed: when, Known: crm.AllFacts &^ d.known,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	snap := b.Build(now(), crm.AllFacts, crm.Completeness{})
	checks := []audit.Check{
		{Policy: audit.Define(audit.Meta{ID: "look", Subject: crm.KindDeal}, look{f})},
		{Policy: audit.Define(audit.Meta{ID: "again", Subject: crm.KindDeal}, look{func(p *audit.Pass) {
			if first := losses.Of(p); losses.Of(p) != first {
				t.Error("the book is made twice")
			}
		}})},
	}
	r, err := audit.Run(t.Context(), audit.Input{Snapshot: snap, Checks: checks, Now: now(), LossPhrases: phrases})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func all(p *audit.Pass) []losses.Loss {
	book := losses.Of(p)
	var list []losses.Loss
	for i := range int32(p.Snap.Len()) {
		l := book.Loss(p.Snap.Deal(i))
		l.Confidence = min(l.Confidence, 0.99) // an option is as sure as a known phrase here
		list = append(list, l)
	}
	return list
}

func TestLoss(t *testing.T) {
	list := crm.LossReason{Kind: crm.LossOptions, Field: "why", DetailField: "more", TextField: "own", Options: []crm.Option{
		{Value: "1", Label: "Too expensive"}, {Value: "2", Label: "Something else"}, {Value: "3", Label: "Unresponsive", Hidden: true},
	}}
	inspect(t, list, nil, []deal{
		{reason: "1"}, {reason: "2", text: "merged with a rival of ours"}, {reason: "2", detail: "moved abroad", text: "x"}, {text: "zu teuer"}, {text: "asdf"}, {},
		{reason: "9"}, {reason: "1", known: crm.FactLossReason}, {reason: "1", known: crm.FactLossDetail},
	}, func(p *audit.Pass) {
		want := []losses.Loss{
			{Known: true, Chosen: true, Text: "Too expensive", Class: "budget", Confidence: 0.99, DetailKnown: true},
			{Known: true, Chosen: true, Text: "Something else", Class: "other", Confidence: 0.99, Detail: "merged with a rival of ours", DetailKnown: true},
			{Known: true, Chosen: true, Text: "Something else", Class: "other", Confidence: 0.99, Detail: "moved abroad", DetailKnown: true},
			{Known: true, Text: "zu teuer", Class: "budget", Confidence: 0.99, DetailKnown: true},
			{Known: true, Text: "asdf", Class: vocabulary.Junk, Confidence: 0.99, DetailKnown: true},
			{Known: true, DetailKnown: true},
			{Known: true, Chosen: true, Text: "9", Confidence: 0.99, DetailKnown: true},
			{DetailKnown: true},
			{Known: true, Chosen: true, Text: "Too expensive", Class: "budget", Confidence: 0.99},
		}
		if diff := cmp.Diff(want, all(p)); diff != "" {
			t.Errorf("losses (-want +got):\n%s", diff)
		}
		book := losses.Of(p)
		if o, ok := book.Option("budget"); !ok || o.Value != "1" {
			t.Errorf("the option of budget is %v", o)
		}
		if _, ok := book.Option("unresponsive"); ok {
			t.Error("a hidden option can be chosen")
		}
	})
}

func TestMixedReasons(t *testing.T) {
	inspect(t, crm.LossReason{Kind: crm.LossMixed, Field: "lost_reason", Options: []crm.Option{{Value: "Budget", Label: "Budget"}}}, nil,
		[]deal{{reason: "Budget"}, {reason: "budget!"}, {reason: "no money left"}}, func(p *audit.Pass) {
			var got []string
			for _, l := range all(p) {
				got = append(got, fmt.Sprint(l.Text, " ", l.Class, " ", l.Chosen))
			}
			if diff := cmp.Diff([]string{"Budget budget true", "budget! budget true", "no money left budget false"}, got); diff != "" {
				t.Error(diff)
			}
		})
}

// TestUnclassified counts the texts of the last year that nobody can tell, those of most deals first, and follows the portal's own words.
func TestUnclassified(t *testing.T) {
	deals := []deal{
		{reason: "blue giraffes of Patagonia"}, {reason: "Project Greenfinch stanza", ago: 3}, {reason: "Project Greenfinch stanza", ago: 364}, {reason: "blue giraffes of Patagonia", ago: 400},
		{reason: "zu teuer"}, {reason: "asdf"}, {},
	}
	text := crm.LossReason{Kind: crm.LossText, Field: "why"}
	ask := func(p *audit.Pass) { losses.Of(p) }
	r := inspect(t, text, nil, deals, ask)
	want := []audit.TextCount{{Text: "Project Greenfinch stanza", Deals: 2}, {Text: "blue giraffes of Patagonia", Deals: 1}}
	if diff := cmp.Diff(want, r.UnclassifiedLosses); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	own := inspect(t, text, map[string][]string{"competitor": {"Greenfinch"}}, deals, ask)
	if diff := cmp.Diff(want[1:], own.UnclassifiedLosses); diff != "" {
		t.Errorf("with own words (-want +got):\n%s", diff)
	}
	if r.LossClassifier == "" || own.LossClassifier == r.LossClassifier {
		t.Errorf("versions %q and %q", r.LossClassifier, own.LossClassifier)
	}
	if none := inspect(t, text, nil, deals, func(*audit.Pass) {}); none.UnclassifiedLosses == nil {
		t.Error("no list of texts")
	}
}

// TestLossesCostNoMemory: each text is read once, and a deal that says what another one said costs nothing.
func TestLossesCostNoMemory(t *testing.T) {
	list := crm.LossReason{Kind: crm.LossOptions, Field: "why", TextField: "own", Options: []crm.Option{{Value: "1", Label: "Too expensive"}}}
	inspect(t, list, nil, []deal{{reason: "1", text: "far too much for us"}, {text: "zu teuer"}, {reason: "9"}, {}}, func(p *audit.Pass) {
		book := losses.Of(p)
		look := func() {
			for i := range int32(p.Snap.Len()) {
				book.SaysNothing(book.Loss(p.Snap.Deal(i)).Detail)
			}
		}
		look()
		if n := testing.AllocsPerRun(10, look); n > 0 {
			t.Errorf("%v allocations for texts that were read", n)
		}
	})
}
