package pipedrive_test

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/sandbox"
	face "github.com/plumbline/plumbline/internal/sandbox/pipedrive"
)

var today = time.Date(2026, 11, 18, 10, 0, 0, 0, time.UTC)

func day(n int) time.Time { return today.AddDate(0, 0, n) }

// bulk is a portal of as many deals: open ones with an activity done and one planned, archived ones beside them.
func bulk(deals, open, archived int) *sandbox.World {
	w := &sandbox.World{
		Account: "44237313", Currency: "EUR", Zone: "Europe/Paris", Now: today,
		Pipelines: []sandbox.Pipeline{{ID: "1", Label: "Sales", Stages: []sandbox.Stage{
			{ID: "11", Label: "Qualified", Probability: 0.2}, {ID: "12", Label: "Demo", Probability: 0.6}, {ID: "13", Label: "Offer", Probability: 0.8},
			{ID: "18", Label: "Won", Probability: 1}, {ID: "19", Label: "Lost", Probability: 0}}}},
		Owners: []sandbox.Owner{{ID: "61", First: "Ann", Active: true}, {ID: "62", First: "Bo", Active: true}},
	}
	for i := range deals + archived {
		d := sandbox.Deal{
			ID: fmt.Sprint(1000 + i), Name: fmt.Sprint("Deal ", i), Pipeline: "1", Owner: "61", Amount: "100", Created: day(-200),
			Moves: []sandbox.Move{{Stage: "11", At: day(-200)}, {Stage: "12", At: day(-150)}},
		}
		switch {
		case i >= deals:
			d.Archived = true
			fallthrough
		case i < deals-open:
			d.Moves = append(d.Moves, sandbox.Move{Stage: "18", At: day(-100)})
		default: // the youngest are open, as they are in life
			d.Activities = []sandbox.Activity{
				{Kind: "call", At: day(-20), Owner: "61", Subject: "Intro", Done: true},
				{Kind: "task", At: day(3), Owner: "61", Subject: "Offer"},
			}
		}
		d.Stage = d.Moves[len(d.Moves)-1].Stage
		w.Deals = append(w.Deals, d)
	}
	return w
}

// fullPull does what a first sync does: set-up, count, walk.
func fullPull(t *testing.T, c connectors.Connector) (crm.Schema, map[string]crm.Deal) {
	t.Helper()
	s := schema(t, c)
	if _, err := c.(connectors.Counter).Count(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	deals, _, err := pull(t.Context(), c, s, crm.Work{Facts: crm.AllFacts})
	if err != nil {
		t.Fatal(err)
	}
	return s, deals
}

// The promised figures: 10,000 deals with 1,500 open, as many planned activities and 500 archived ones cost 502 tokens.
func TestFigures(t *testing.T) {
	for _, tt := range []struct {
		deals, open, archived int
		requests, tokens      int64
	}{
		{10_000, 1500, 500, 46, 502},
		{500, 100, 0, 7 + 1 + 1 + 1 + 1, 102 + 10 + 20 + 10 + 10},
		{0, 0, 0, 7 + 1 + 1 + 1, 102 + 10 + 20 + 10},
		{1001, 101, 501, 7 + 3 + 2 + 1 + 2, 102 + 30 + 40 + 10 + 20},
		{2200, 9, 0, 7 + 5 + 1 + 1 + 1, 102 + 50 + 20 + 10 + 10}, // open deals are rare: pages wait for theirs
	} {
		t.Run(fmt.Sprint(tt.deals), func(t *testing.T) {
			a := newAccount(t, bulk(tt.deals, tt.open, tt.archived), face.Unlimited)
			c := a.open(t)
			s, deals := fullPull(t, c)
			requests, tokens := a.spent()
			if requests != tt.requests || tokens != tt.tokens {
				t.Errorf("%d requests and %d tokens, want %d and %d", requests, tokens, tt.requests, tt.tokens)
			}
			if got := a.Counters(); got.Tokens != tokens || got.Total("pipedrive") != requests {
				t.Errorf("the sandbox counts %d tokens and %d requests, we %d and %d", got.Tokens, got.Total("pipedrive"), tokens, requests)
			}
			if len(deals) != tt.deals+tt.archived {
				t.Errorf("%d deals, want %d", len(deals), tt.deals+tt.archived)
			}
			checkOpen(t, deals, tt.open)
			poll(t, a, c, s)
		})
	}
}

// checkOpen looks at what activities tell of the open deals.
func checkOpen(t *testing.T, deals map[string]crm.Deal, want int) {
	t.Helper()
	open := 0
	for _, d := range deals {
		if d.Archived || d.Status != nil {
			continue
		}
		open++
		if !d.Known.Has(crm.FactTouch|crm.FactPlanned|crm.FactBuyer) || d.Touch != crm.At(day(-20)) || d.Planned != crm.At(day(3)) || d.Buyer != 0 {
			t.Fatalf("deal %s: touch %s, buyer %s, planned %s, known %b", d.ID, d.Touch, d.Buyer, d.Planned, d.Known)
		}
	}
	if open != want {
		t.Errorf("%d open deals, want %d", open, want)
	}
}

// poll makes a poll that finds nothing.
func poll(t *testing.T, a *account, c connectors.Connector, s crm.Schema) {
	t.Helper()
	a.pass(time.Hour)
	s, err := c.(connectors.Refresher).Refresh(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	found, _, err := pull(t.Context(), c, s, crm.Work{Since: crm.At(today), Facts: crm.AllFacts})
	if err != nil {
		t.Fatal(err)
	}
	if requests, tokens := a.spent(); requests != 2 || tokens != 20 || len(found) != 0 {
		t.Errorf("an idle poll made %d requests for %d tokens and found %d deals, want 2, 20 and none", requests, tokens, len(found))
	}
}

// Products cost 10 tokens for each 100 open deals that have some, over the borders of pages, and nothing where nobody asks for them
// or may read them.
func TestProductsOfDeals(t *testing.T) {
	world := bulk(1200, 260, 0)
	for i := range world.Deals {
		if i%2 == 0 {
			world.Deals[i].LineItems = []sandbox.LineItem{{Name: "seats", Amount: "99.5"}, {Name: "support", Amount: "20"}}
		}
	}
	a := newAccount(t, world, face.Unlimited)
	for name, tt := range map[string]struct {
		facts  crm.Fact
		client http.RoundTripper
		tokens int64
		known  int
	}{
		"asked for":        {crm.AllFacts, a.Transport(), 30 + 20 + 10 + 30 + 20, 730}, // two requests for 130 deals
		"not asked for":    {crm.AllFacts &^ crm.FactLineItems, a.Transport(), 30 + 20 + 10 + 30, 0},
		"may not be read":  {crm.AllFacts, withoutProducts{a.Transport()}, 30 + 20 + 10 + 30 + 10, 600},
		"they alone count": {crm.FactLineItems, a.Transport(), 30 + 20 + 20, 730},
	} {
		c := a.open(t, func(o *connectors.Options) { o.Client = &http.Client{Transport: authorised{tt.client}} })
		s := schema(t, c)
		a.spent()
		deals, _, err := pull(t.Context(), c, s, crm.Work{Facts: tt.facts})
		if err != nil {
			t.Fatal(err)
		}
		known := 0
		for id, d := range deals {
			want := crm.Amount(0)
			if n, _ := strconv.Atoi(id); n%2 == 0 {
				want = 1_195_000
			}
			if d.Known.Has(crm.FactLineItems) {
				if known++; d.LineTotal != want {
					t.Fatalf("%s: deal %s has products of %s, want %s", name, id, d.LineTotal, want)
				}
			}
		}
		if _, tokens := a.spent(); tokens != tt.tokens || known != tt.known {
			t.Errorf("%s: %d tokens, sums of %d deals; want %d and %d", name, tokens, known, tt.tokens, tt.known)
		}
	}
}

// withoutProducts refuses products as for lack of a scope.
type withoutProducts struct{ next http.RoundTripper }

func (w withoutProducts) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(req.URL.Path, "/deals/products") {
		return w.next.RoundTrip(req)
	}
	return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/json"}}, Request: req,
		Body: io.NopCloser(strings.NewReader(`{"success":false,"error":"Scope and URL mismatch"}`))}, nil
}
