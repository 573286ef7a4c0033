package mirror_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/pipedrive"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/mirror"
	"github.com/plumbline/plumbline/internal/sandbox"
	account "github.com/plumbline/plumbline/internal/sandbox/pipedrive"
	"github.com/plumbline/plumbline/internal/store"
	"github.com/plumbline/plumbline/internal/store/storetest"
)

// apiToken authorises requests as Pipedrive wants it.
type apiToken struct{ next http.RoundTripper }

func (a apiToken) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("x-api-token", sandbox.StaticToken)
	return a.next.RoundTrip(req)
}

// newPipedrive is a bench with a Pipedrive account of a few open deals, two of which are archived.
func newPipedrive(t *testing.T, deals int) *bench {
	t.Helper()
	now := time.Date(2026, 11, 18, 10, 0, 0, 0, time.UTC)
	world := &sandbox.World{Account: "44237313", Currency: "EUR", Zone: "Europe/Paris", Now: now,
		Pipelines: []sandbox.Pipeline{{ID: "1", Label: "Sales", Stages: []sandbox.Stage{{ID: "11", Label: "A", Probability: 0.2},
			{ID: "12", Label: "B", Probability: 0.4}, {ID: "13", Label: "C", Probability: 0.6}, {ID: "14", Label: "D", Probability: 0.8}}}},
		Owners: []sandbox.Owner{{ID: "61", First: "Ann", Active: true}}}
	for i := range deals + 2 {
		at := now.AddDate(0, 0, -30).Add(time.Duration(i) * time.Minute)
		world.Deals = append(world.Deals, sandbox.Deal{ID: fmt.Sprint(101 + i), Name: "Deal", Pipeline: "1", Stage: "11", Owner: "61", Amount: "5",
			Created: at, Moves: []sandbox.Move{{Stage: "11", At: at}}, Archived: i >= deals})
	}
	b := &bench{now: now}
	var err error
	if b.server, err = sandbox.New(sandbox.Options{Ticks: b.clock}, account.New(world)); err != nil {
		t.Fatal(err)
	}
	meter := new(mirror.Meter)
	if b.store, err = store.Open(t.Context(), storetest.SQLiteURL(t), store.Options{Now: b.clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.store.Close(); err != nil {
			t.Error(err)
		}
	})
	b.conn, err = pipedrive.Type().Open(connectors.Options{Portal: "acme", APIURL: "https://sandbox.test/pipedrive", Ledger: b.store,
		Client: &http.Client{Transport: apiToken{b.server.Transport()}}, Now: b.clock, Sleep: b.sleep, Observe: meter.Observe})
	if err != nil {
		t.Fatal(err)
	}
	b.opts = mirror.Options{Portal: "acme", CRM: "pipedrive", Now: b.clock, Meter: meter}
	return b
}

// write changes a deal as somebody else would.
func (b *bench) write(t *testing.T, id, field, value string) {
	t.Helper()
	r := b.conn.(connectors.Editor).Apply(t.Context(), crm.Schema{}, []crm.Edit{{Key: "k", Target: crm.Ref{Kind: crm.KindDeal, ID: id}, Op: crm.OpSet, After: crm.Fields{field: value}}})
	if r[0].Outcome != crm.OutcomeApplied {
		t.Fatalf("receipt %+v", r[0])
	}
}

// Moves are seen for nothing between two syncs. A way is whole as long as each of them is one step.
func TestPipedriveOwnObservation(t *testing.T) {
	b := newPipedrive(t, 4)
	first, snap := b.sync(t)
	if c := first.Completeness; !c.Complete() || *c.Read["deals"].Expected != 4 || c.Read["deals"].Read != 4 || c.Read["archived deals"].Read != 2 {
		t.Fatalf("completeness %+v", c)
	}
	from := snap.Schema.HistoryFrom
	step := func(changes ...[3]string) *crm.Snapshot {
		b.pass(time.Hour)
		for _, c := range changes {
			b.pass(10 * time.Second)
			b.write(t, c[0], c[1], c[2])
		}
		b.pass(time.Hour)
		_, snap := b.sync(t)
		return snap
	}
	step([3]string{"101", crm.FieldStage, "12"}, [3]string{"102", crm.FieldStage, "13"}, [3]string{"103", crm.FieldStage, "12"}, [3]string{"103", crm.FieldStage, "11"})
	step([3]string{"101", crm.FieldAmount, "9"}, [3]string{"104", crm.FieldAmount, "9"})
	b.opts.Full = true
	snap = step([3]string{"101", crm.FieldStage, "13"})
	for id, want := range map[string]struct {
		moves int
		whole bool
	}{
		"101": {3, true},  // one step, an amount, another step
		"102": {2, false}, // it may have been in B
		"103": {2, false}, // away and back
		"104": {1, true},
	} {
		i, ok := snap.Find(id)
		d := snap.Export(i)
		if !ok || len(d.Moves) != want.moves || d.Known.Has(crm.FactHistory) != want.whole || d.StageEntry != d.Moves[len(d.Moves)-1].At {
			t.Errorf("deal %s: moves %v, whole %v, entry %s; want %d and %v", id, d.Moves, d.Known.Has(crm.FactHistory), d.StageEntry, want.moves, want.whole)
		}
	}
	if snap.Schema.HistoryFrom != from || from.IsZero() {
		t.Errorf("moves are known since %s, it was %s at first", snap.Schema.HistoryFrom, from)
	}
}

// Polled every hour for a week, with a deal that moves now and then, the account's share of no day is exceeded.
func TestPipedriveAWeek(t *testing.T) {
	b := newPipedrive(t, 30)
	perDay := map[string]int64{}
	for hour := range 7 * 24 {
		if hour%5 == 3 {
			b.write(t, fmt.Sprint(101+hour%30), crm.FieldAmount, fmt.Sprint(hour))
		}
		s, snap := b.sync(t)
		perDay[b.clock().UTC().Format(time.DateOnly)] += s.Tokens
		if !s.Completeness.Complete() || snap.Len() != 32 {
			t.Fatalf("hour %d: %d deals, gaps %v", hour, snap.Len(), s.Completeness.Gaps)
		}
		b.pass(time.Hour)
	}
	for day, tokens := range perDay {
		if tokens > 24*20+5*10+150 {
			t.Errorf("%s cost %d tokens, far more than a day of idle polls and one look at the set-up", day, tokens)
		}
	}
}
