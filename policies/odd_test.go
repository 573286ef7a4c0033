package policies

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/text"
)

// TestOddPortals judges portals that hardly are any: empty ones, of one stage or without closed ones, all of whose times are
// one, with dates of other centuries, in many currencies, with deals in stages that the portal no longer has. Whatever comes,
// the catalogue comes to an end, its words can be read, its numbers can be written, and no record is judged that there is not.
func TestOddPortals(t *testing.T) {
	words, err := text.English(All())
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		a := drawAccount(t)
		b := crm.NewBuilder("acme", "hubspot", a.schema)
		for _, d := range a.deals {
			if err := b.Add(d); err != nil {
				t.Fatal(err)
			}
		}
		var checks []audit.Check
		for _, p := range All() {
			checks = append(checks, audit.Check{Policy: p})
		}
		r, err := audit.Run(t.Context(), audit.Input{Snapshot: b.Build(a.now, crm.AllFacts, crm.Completeness{}), Checks: checks, Now: a.now})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Fatalf("the result cannot be written: %v", err)
		}
		if r.Score != nil && (*r.Score < 0 || *r.Score > 100) {
			t.Errorf("score %v", *r.Score)
		}
		found := map[string]bool{}
		for _, f := range r.Findings {
			if s := words.Sentence(f); s == "" || strings.Contains(s, "<no value>") || strings.Contains(s, "%!") || strings.Contains(s, "NaN") || strings.Contains(s, "Inf") {
				t.Errorf("%s: the sentence %q of %v", f.Policy, s, f.Facts)
			}
			if !a.has(f.Subject) {
				t.Errorf("%s finds something about %s %q, which there is not", f.Policy, f.Subject.Kind, f.Subject.ID)
			}
			key := fmt.Sprint(f.Policy, f.Subject, f.Key)
			if found[key] {
				t.Errorf("%s tells the same twice of %s %s", f.Policy, f.Subject.Kind, f.Subject.ID)
			}
			found[key] = true
		}
		for id, j := range r.Judged {
			if j.Passed > j.Judged || j.Judged < 0 || j.Unknown < 0 {
				t.Errorf("%s: %+v", id, j)
			}
		}
	})
}

// has reports whether the account has a record.
func (a account) has(r crm.Ref) bool {
	switch r.Kind {
	case crm.KindDeal:
		return slices.ContainsFunc(a.deals, func(d crm.Deal) bool { return d.ID == r.ID })
	case crm.KindOwner:
		return slices.ContainsFunc(a.schema.Users, func(u crm.User) bool { return u.ID == r.ID }) ||
			slices.ContainsFunc(a.deals, func(d crm.Deal) bool { return d.Owner == r.ID })
	case crm.KindPipeline:
		return slices.ContainsFunc(a.schema.Pipelines, func(p crm.Pipeline) bool { return p.ID == r.ID })
	case crm.KindStage:
		return slices.ContainsFunc(a.schema.Pipelines, func(p crm.Pipeline) bool {
			return slices.ContainsFunc(p.Stages, func(s crm.Stage) bool { return s.ID == r.ID || p.ID+"/"+s.ID == r.ID })
		})
	default:
		return true
	}
}

// drawAccount draws a portal of no to a few dozen deals, by rules that no sane portal keeps.
func drawAccount(t *rapid.T) account {
	base := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	moments := []time.Time{base, base.Add(-time.Microsecond), base.AddDate(0, 0, -1), base.AddDate(0, 0, -40), base.AddDate(-1, 0, 0), base.AddDate(-3, 0, 0),
		base.AddDate(0, 0, 20), time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC), time.Date(2999, 12, 31, 0, 0, 0, 0, time.UTC)}
	if rapid.Bool().Draw(t, "one moment") {
		moments = moments[:1]
	}
	at := func(what string) crm.Instant {
		if rapid.IntRange(0, 4).Draw(t, "no "+what) == 0 {
			return 0
		}
		return crm.At(rapid.SampledFrom(moments).Draw(t, what))
	}
	a := account{now: crm.At(base)}
	a.schema = crm.Schema{Currency: "EUR", Zone: rapid.SampledFrom([]string{"", "Europe/Paris", "Pacific/Kiritimati"}).Draw(t, "zone"), UsersKnown: rapid.Bool().Draw(t, "users known"),
		ClosedStages: rapid.Bool().Draw(t, "closed stages"), RequiredKnown: true, RulesAvailable: true, Rots: rapid.Bool().Draw(t, "rots"),
		LossReason: crm.LossReason{Kind: rapid.SampledFrom([]crm.LossReasonKind{crm.LossText, crm.LossOptions, crm.LossMixed}).Draw(t, "loss kind"), Field: "reason", Writable: true},
		Users:      []crm.User{{ID: "u1", Name: "Ann", Active: true}, {ID: "u2", Active: false}}}
	names := []string{"", "Demo", "demo ", "On hold", "Won", "成交", "💸", strings.Repeat("x", 300)}
	for i := range rapid.IntRange(1, 3).Draw(t, "pipelines") {
		p := crm.Pipeline{ID: fmt.Sprint("p", i), Name: rapid.SampledFrom(names).Draw(t, "pipeline"), Order: i, Created: at("made")}
		for j := range rapid.IntRange(1, 12).Draw(t, "stages") {
			s := crm.Stage{ID: fmt.Sprint("s", i, "-", j), Name: rapid.SampledFrom(names).Draw(t, "stage"), Order: j,
				Kind: rapid.SampledFrom([]crm.Status{crm.Open, crm.Open, crm.Open, crm.Won, crm.Lost}).Draw(t, "kind")}
			if rapid.Bool().Draw(t, "has odds") {
				odds := rapid.SampledFrom([]float64{0, 0.1, 0.5, 1}).Draw(t, "odds")
				s.Probability = &odds
			}
			p.Stages = append(p.Stages, s)
		}
		a.schema.Pipelines = append(a.schema.Pipelines, p)
	}
	for i := range rapid.SampledFrom([]int{0, 1, 2, 3, 25, 60}).Draw(t, "deals") {
		a.deals = append(a.deals, drawDeal(t, &a, i, at))
	}
	return a
}

func drawDeal(t *rapid.T, a *account, i int, at func(string) crm.Instant) crm.Deal {
	p := rapid.SampledFrom(a.schema.Pipelines).Draw(t, "in pipeline")
	stage := func() string { return rapid.SampledFrom(p.Stages).Draw(t, "in stage").ID }
	d := crm.Deal{ID: fmt.Sprint("d", i), Name: rapid.SampledFrom([]string{"", "Acme", "ACME ", "交易"}).Draw(t, "name"), Pipeline: p.ID, Stage: stage(),
		Owner: rapid.SampledFrom([]string{"", "u1", "u2", "gone"}).Draw(t, "owner"), Currency: rapid.SampledFrom([]string{"", "EUR", "JPY", "XXX"}).Draw(t, "currency"),
		Amount:  crm.Amount(rapid.SampledFrom([]int64{0, 1, -5_0000, 123_0000, 99_999_999_0000, 1 << 60}).Draw(t, "amount")),
		Company: rapid.SampledFrom([]string{"", "c"}).Draw(t, "company"), Created: at("created"), Closed: at("closed"), StageEntry: at("entry"), CloseDate: at("close date"),
		Touch: at("touch"), Buyer: at("buyer"), Planned: at("planned"), NextDue: at("due"), FirstTouch: at("first touch"), FirstMeeting: at("meeting"), FirstMail: at("mail"),
		Quote:    crm.Quote{Published: at("quote"), Expires: at("expires"), Signed: at("signed"), Paid: at("paid")},
		Contacts: int32(rapid.IntRange(0, 3).Draw(t, "contacts")), Touches: int32(rapid.IntRange(0, 9).Draw(t, "touches")), LineTotal: 5,
		LossReason: rapid.SampledFrom([]string{"", "-", "too expensive", "太贵", "other"}).Draw(t, "reason"),
		Source:     rapid.SampledFrom([]string{"", "REFERRALS"}).Draw(t, "source"), Type: rapid.SampledFrom([]string{"", "new"}).Draw(t, "type"),
		Editor: rapid.SampledFrom([]string{"", "u1", crm.Us}).Draw(t, "editor"), Closer: rapid.SampledFrom([]string{"", "u1", crm.Us}).Draw(t, "closer"),
		Archived: rapid.IntRange(0, 5).Draw(t, "archived") == 0, Modified: at("modified"),
		Known: crm.Fact(rapid.SampledFrom([]uint32{uint32(crm.AllFacts), uint32(crm.AllFacts), 0, 0x55555555, 0xaaaaaaaa}).Draw(t, "known")) & crm.AllFacts}
	if rapid.IntRange(0, 4).Draw(t, "status") == 0 {
		status := rapid.SampledFrom([]crm.Status{crm.Open, crm.Won, crm.Lost}).Draw(t, "own status")
		d.Status = &status
	}
	for range rapid.IntRange(0, 5).Draw(t, "moves") {
		to := stage()
		if rapid.IntRange(0, 5).Draw(t, "no such stage") == 0 {
			to = "archived"
		}
		d.Moves = append(d.Moves, crm.StageMove{Stage: to, At: at("moved"), Origin: crm.Origin(rapid.IntRange(0, 5).Draw(t, "by"))})
	}
	for range rapid.IntRange(0, 3).Draw(t, "dates") {
		d.Dates = append(d.Dates, crm.DateChange{At: at("changed"), To: at("to"), Origin: crm.Origin(rapid.IntRange(0, 5).Draw(t, "dated by"))})
	}
	return d
}
