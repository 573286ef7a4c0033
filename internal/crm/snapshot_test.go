package crm

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func twoPipelines() Schema {
	return Schema{
		Zone: "Europe/Paris",
		Pipelines: []Pipeline{
			{ID: "b", Name: "Renewals", Order: 5, Stages: []Stage{{ID: "lost", Order: 9, Kind: Lost}, {ID: "new", Order: 1}, {ID: "won", Order: 8, Kind: Won}}},
			{ID: "a", Name: "Sales", Order: 2, Stages: []Stage{{ID: "s1", Order: 0}, {ID: "s2", Order: 0}, {ID: "w", Order: 3, Kind: Won}, {ID: "l", Order: 4, Kind: Lost}}},
		},
		Users: []User{{ID: "u1", Name: "Ann", Active: true}},
	}
}

func TestBuilderOrdersTheSetUp(t *testing.T) {
	s := NewBuilder("acme", "hubspot", twoPipelines()).Build(1, AllFacts, Completeness{})
	var got []string
	for i := range int32(s.NumStages()) {
		st := s.Stage(i)
		got = append(got, fmt.Sprintf("%s/%s:%d", s.Schema.Pipelines[s.PipelineOf(i)].ID, st.ID, st.Order))
	}
	want := []string{"a/s1:0", "a/s2:1", "a/w:2", "a/l:3", "b/new:0", "b/won:1", "b/lost:2"}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if i := s.StageIndex(1, 2); s.Stage(i).ID != "lost" {
		t.Errorf("stage 2 of pipeline 1 is %s", s.Stage(i).ID)
	}
	if s.StageIndex(1, 3) != None || s.Zone().String() != "Europe/Paris" {
		t.Error("a stage that is not there was found, or the zone is lost")
	}
}

func TestBuilderRefusesWhatItCannotPlace(t *testing.T) {
	b := NewBuilder("acme", "hubspot", twoPipelines())
	for _, d := range []Deal{{Pipeline: "a", Stage: "s1"}, {ID: "1", Pipeline: "a", Stage: "new"}, {ID: "1", Pipeline: "c", Stage: "s1"}} {
		if b.Add(d) == nil {
			t.Errorf("%+v was added", d)
		}
	}
	if b.Len() != 0 {
		t.Errorf("%d deals", b.Len())
	}
}

func TestOwnersThatNobodyLists(t *testing.T) {
	b := NewBuilder("acme", "hubspot", twoPipelines())
	for _, d := range []Deal{{ID: "1", Pipeline: "a", Stage: "s1", Owner: "ghost"}, {ID: "2", Pipeline: "a", Stage: "s1", Owner: "u1"}, {ID: "3", Pipeline: "a", Stage: "s1"}} {
		if err := b.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	s := b.Build(1, AllFacts, Completeness{})
	if u := s.Schema.Users[s.Deal(0).Owner]; u.ID != "ghost" || u.Active {
		t.Errorf("the unlisted owner is %+v", u)
	}
	if s.Deal(1).Owner != 0 || s.Deal(2).Owner != None {
		t.Error("owners are mixed up")
	}
}

// drawDeal makes any deal of the two pipelines, with moves that may lead through the other one or through a stage that is gone.
func drawDeal(t *rapid.T) Deal {
	place := rapid.SampledFrom([][2]string{{"a", "s1"}, {"a", "s2"}, {"a", "w"}, {"a", "l"}, {"b", "new"}, {"b", "won"}}).Draw(t, "place")
	text := rapid.StringN(0, 12, -1)
	at := rapid.Map(rapid.Int64Range(0, 2e15), func(n int64) Instant { return Instant(n) })
	d := Deal{
		ID: rapid.StringMatching(`[0-9]{1,4}`).Draw(t, "id"), Pipeline: place[0], Stage: place[1],
		Name: text.Draw(t, "name"), Owner: rapid.SampledFrom([]string{"", "u1", "u2"}).Draw(t, "owner"), Currency: rapid.SampledFrom([]string{"", "EUR", "USD"}).Draw(t, "currency"),
		Company: text.Draw(t, "company"), Amount: Amount(rapid.Int64().Draw(t, "amount")), Created: at.Draw(t, "created"), Modified: at.Draw(t, "modified"),
		Closed: at.Draw(t, "closed"), StageEntry: at.Draw(t, "entry"), CloseDate: at.Draw(t, "date"), Touch: at.Draw(t, "touch"), Buyer: at.Draw(t, "buyer"), Planned: at.Draw(t, "planned"),
		LossReason: text.Draw(t, "reason"), LossText: text.Draw(t, "text"), LossDetail: text.Draw(t, "detail"), Origin: Origin(rapid.IntRange(0, 5).Draw(t, "origin")),
		Archived: rapid.Bool().Draw(t, "archived"), Known: Fact(rapid.Uint32Range(0, uint32(AllFacts)).Draw(t, "known")),
		Merged: rapid.SliceOfN(rapid.StringMatching(`[0-9]{1,3}`), 0, 2).Draw(t, "merged"),
	}
	if rapid.Bool().Draw(t, "more") {
		d.Updated, d.Type, d.Source = at.Draw(t, "updated"), text.Draw(t, "type"), text.Draw(t, "source")
		d.Contacts, d.Touches, d.FirstTouch = rapid.Int32Range(0, 9).Draw(t, "contacts"), rapid.Int32Range(0, 9).Draw(t, "touches"), at.Draw(t, "first touch")
		d.FirstMeeting, d.FirstMail, d.NextDue = at.Draw(t, "meeting"), at.Draw(t, "mail"), at.Draw(t, "due")
		d.Quote = Quote{at.Draw(t, "published"), at.Draw(t, "expires"), at.Draw(t, "signed"), at.Draw(t, "paid")}
		d.LineTotal, d.Editor, d.Closer = Amount(rapid.Int64().Draw(t, "lines")), text.Draw(t, "editor"), text.Draw(t, "closer")
		for range rapid.IntRange(0, 3).Draw(t, "dates") {
			d.Dates = append(d.Dates, DateChange{At: at.Draw(t, "set"), To: at.Draw(t, "to"), Origin: Origin(rapid.IntRange(0, 5).Draw(t, "set by"))})
		}
	}
	if rapid.Bool().Draw(t, "own status") {
		status := Status(rapid.IntRange(0, 2).Draw(t, "status"))
		d.Status = &status
	}
	for range rapid.IntRange(0, 4).Draw(t, "moves") {
		stage := rapid.SampledFrom([]string{"s1", "s2", "w", "new", ""}).Draw(t, "to")
		d.Moves = append(d.Moves, StageMove{Stage: stage, At: at.Draw(t, "moved"), Origin: Origin(rapid.IntRange(0, 5).Draw(t, "by"))})
	}
	return d
}

// kindOf is the kind of a deal's stage in twoPipelines.
func kindOf(d Deal) Status {
	for _, p := range twoPipelines().Pipelines {
		for _, s := range p.Stages {
			if p.ID == d.Pipeline && s.ID == d.Stage {
				return s.Kind
			}
		}
	}
	return Open
}

func TestExportGivesBackWhatWasAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBuilder("acme", "hubspot", twoPipelines())
		want := map[string]Deal{}
		for _, d := range rapid.SliceOfN(rapid.Custom(drawDeal), 0, 12).Draw(t, "deals") {
			if err := b.Add(d); err != nil {
				t.Fatal(err)
			}
			want[d.ID] = d
			if rapid.IntRange(0, 5).Draw(t, "drop") == 0 {
				b.Remove(d.ID)
				delete(want, d.ID)
			}
			if _, ok := want[d.ID]; ok != b.Has(d.ID) {
				t.Fatalf("Has(%s) is %v", d.ID, b.Has(d.ID))
			}
		}
		s := b.Build(7, FactOwner, Completeness{})
		if s.Len() != len(want) || s.Taken != 7 || s.Asked != FactOwner {
			t.Fatalf("%d deals, want %d", s.Len(), len(want))
		}
		for id, d := range want {
			i, ok := s.Find(id)
			if !ok || s.ID(i) != id {
				t.Fatalf("%s is not found", id)
			}
			slices.SortStableFunc(d.Moves, func(x, y StageMove) int { return cmp.Compare(x.At, y.At) })
			slices.SortStableFunc(d.Dates, func(x, y DateChange) int { return cmp.Compare(x.At, y.At) })
			if d.Status != nil && *d.Status == kindOf(d) {
				d.Status = nil // the stage says the same
			}
			if diff := gocmp.Diff(d, s.Export(i), cmpopts.EquateEmpty()); diff != "" {
				t.Fatal(diff)
			}
		}
		if _, ok := s.Find("nobody"); ok {
			t.Fatal("a deal that is not there was found")
		}
	})
}
