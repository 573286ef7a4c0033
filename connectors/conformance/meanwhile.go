package conformance

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// Send does what somebody else would do in the portal; path begins behind the face's name.
func (b *Bench) Send(t *testing.T, method, path, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.Base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := b.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode >= http.StatusMultipleChoices {
		t.Fatalf("%s %s: status %d", method, path, resp.StatusCode)
	}
}

// follower keeps a copy of a portal, as its walks tell it.
type follower struct {
	conn   connectors.Connector
	schema crm.Schema
	kept   map[string]crm.Deal
}

// walk takes in what a walk tells; between is called after each page.
func (f *follower) walk(t *testing.T, w crm.Work, between func(page int)) (pages int) {
	t.Helper()
	for page, err := range f.conn.Deals(t.Context(), f.schema, w) {
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page.Deals {
			if f.kept[d.ID] = d; d.Archived {
				delete(f.kept, d.ID)
			}
		}
		for _, g := range page.Gone {
			delete(f.kept, g.ID)
		}
		between(pages)
		pages++
	}
	return pages
}

// shown is what of the copied deals must be as it stands in the portal.
func (f *follower) shown() map[string]crm.Deal {
	out := map[string]crm.Deal{}
	for id, d := range f.kept {
		out[id] = crm.Deal{ID: id, Name: d.Name, Stage: d.Stage, Pipeline: d.Pipeline, Status: d.Status, Owner: d.Owner, Amount: d.Amount, Currency: d.Currency,
			CloseDate: d.CloseDate, Created: d.Created, Closed: d.Closed, Modified: d.Modified, StageEntry: d.StageEntry, LossReason: d.LossReason}
	}
	return out
}

// status is what a copied deal says that it is: by itself, else by its stage.
func (f *follower) status(id string) crm.Status {
	d := f.kept[id]
	if d.Status != nil {
		return *d.Status
	}
	for _, p := range f.schema.Pipelines {
		for _, s := range p.Stages {
			if p.ID == d.Pipeline && s.ID == d.Stage {
				return s.Kind
			}
		}
	}
	return crm.Open
}

// Between the pages of a walk deals are changed, lost, reopened, merged and deleted, in front of the walk and behind it. The walk
// has every deal that was there all the while, and with the next one and what is gone a copy is what a fresh pull shows.
func testMeanwhile(t *testing.T, s Subject) {
	if s.Archive == nil || s.Merge == nil || s.Turn == nil {
		t.Skip("nothing can be deleted, merged and closed")
	}
	w := world(1200, 21)
	b := newBench(t, s, w)
	f := &follower{conn: b.open(t), kept: map[string]crm.Deal{}}
	f.schema = schema(t, f.conn)
	sweeper, ok := f.conn.(connectors.Sweeper)
	if !ok {
		t.Skip("the connector is no Sweeper")
	}
	var closed []string
	for _, d := range w.Deals { // not as it is seen, where closed ones may be in open stages
		if !d.Archived && statusIn(w, d) != crm.Open {
			closed = append(closed, d.ID)
		}
	}
	ids := slices.DeleteFunc(listed(b.World), func(id string) bool { return slices.Contains(closed, id) })
	last := len(ids) - 1
	began, away := crm.At(b.clock()), []string{ids[2], ids[last-2], ids[3], ids[4], ids[last-3], ids[last-4]}
	pages := f.walk(t, crm.Work{Facts: crm.AllFacts}, func(page int) {
		b.pass(time.Second)
		switch page {
		case 0:
			change(t, b, f.schema, []string{ids[0], ids[last], ids[5]})
			s.Archive(t, b, away[0])
			s.Archive(t, b, away[1])
		case 1:
			s.Merge(t, b, away[2], away[3])
			s.Merge(t, b, away[4], away[5])
			for _, id := range []string{ids[6], ids[last-6]} {
				s.Turn(t, b, id, crm.Lost)
			}
			for _, id := range []string{closed[0], closed[len(closed)-1]} {
				s.Turn(t, b, id, crm.Open)
			}
			change(t, b, f.schema, []string{ids[1], ids[last-1]})
		}
	})
	if pages < 3 {
		t.Fatalf("the walk has %d pages: nothing changed within it", pages)
	}
	for _, id := range listed(b.World) {
		if _, ok := f.kept[id]; !ok && !slices.Contains(away, id) {
			t.Errorf("deal %s, there all the while, is missing from the walk", id)
		}
	}
	b.pass(time.Minute)
	f.walk(t, crm.Work{Since: began, Facts: crm.AllFacts}, func(int) {})
	gone, err := sweeper.Gone(t.Context(), slices.Sorted(maps.Keys(f.kept)))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range gone {
		delete(f.kept, g.ID)
	}
	for id, should := range map[string]crm.Status{ids[6]: crm.Lost, ids[last-6]: crm.Lost, closed[0]: crm.Open, closed[len(closed)-1]: crm.Open} {
		if got := f.status(id); got != should {
			t.Errorf("deal %s is %s, want %s", id, got, should)
		}
	}
	fresh := &follower{conn: b.open(t), schema: f.schema, kept: map[string]crm.Deal{}}
	fresh.walk(t, crm.Work{Facts: crm.AllFacts}, func(int) {})
	if want := len(listed(b.World)) - 4; len(fresh.kept) != want { // two deleted, and each merge leaves one of two
		t.Errorf("a fresh pull has %d deals, want %d", len(fresh.kept), want)
	}
	if diff := cmp.Diff(fresh.shown(), f.shown()); diff != "" {
		t.Errorf("(- a fresh pull, + the copy):\n%s", diff)
	}
}
