package remedy_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/hubspot"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/store"
)

// TestFaultsOnTheWire applies and undoes over a sandbox that fails, until everything has come to its end: nothing is lost,
// nothing doubled, and what is called done is done.
func TestFaultsOnTheWire(t *testing.T) {
	const batches = ":path=/hubspot/crm/objects/2026-09"
	for name, faults := range map[string]string{
		"answers lost":             "drop:late:p=0.3" + batches,
		"requests lost":            "drop:p=0.3" + batches,
		"failed after the effect":  "status=502:late:p=0.3" + batches,
		"failed before the effect": "status=500:p=0.3",
		"cut short":                "truncate:p=0.3" + batches,
		"busy":                     "status=429:p=0.3",
		"locked":                   "status=423:p=0.3",
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			before := o.stored(t)
			db := open(t, o.fresh(t))
			if err := o.server.SetFaults(faults); err != nil {
				t.Fatal(err)
			}
			o.until(t, db, func(a remedy.Application) (*remedy.Result, error) { return remedy.Apply(t.Context(), a) })
			if err := o.server.SetFaults(""); err != nil {
				t.Fatal(err)
			}
			o.checkApplied(t, db, 0)
			if err := o.server.SetFaults(faults); err != nil {
				t.Fatal(err)
			}
			o.until(t, db, func(a remedy.Application) (*remedy.Result, error) {
				return remedy.Undo(t.Context(), a, remedy.Selection{All: true})
			})
			if err := o.server.SetFaults(""); err != nil {
				t.Fatal(err)
			}
			o.checkUndone(t, db, 0, before)
		})
	}
}

// until runs until a run finishes everything, a minute apart.
func (o *office) until(t *testing.T, db *store.DB, do func(remedy.Application) (*remedy.Result, error)) {
	t.Helper()
	last := ""
	for n := range 100 {
		conn := o.connect(t)
		schema, err := conn.Schema(t.Context())
		if err != nil {
			continue // the fault may hit here too
		}
		r, err := do(remedy.Application{
			Portal: "acme", Editor: conn.(connectors.Editor), Schema: schema, Store: db, Now: o.server.Now, Run: fmt.Sprint("run-", n), Who: "ann",
		})
		if err == nil && !r.Unfinished() {
			return
		}
		last = line(r)
		o.approveFailed(t, db)
		o.server.SetClock(o.server.Now().Add(time.Minute))
	}
	t.Fatalf("it never comes to its end: %s", last)
}

// approveFailed lets failed steps have another try, as a person would.
func (o *office) approveFailed(t *testing.T, db *store.DB) {
	t.Helper()
	failed, err := db.Steps(t.Context(), remedy.Filter{States: []remedy.State{remedy.Failed}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range failed {
		if _, err := remedy.Approve(t.Context(), db, remedy.Selection{Steps: []string{s.ID}}, "ann", crm.At(o.server.Now())); err != nil {
			t.Fatal(err)
		}
	}
}

// connect opens the portal in process; waiting moves its clock.
func (o *office) connect(t *testing.T) connectors.Connector {
	t.Helper()
	conn, err := hubspot.Open(connectors.Options{
		Portal: "acme", APIURL: "https://api.test/hubspot", Client: &http.Client{Transport: authorised{o.server.Transport()}}, Now: o.server.Now,
		Sleep: func(_ context.Context, d time.Duration) error {
			o.server.SetClock(o.server.Now().Add(d))
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestASilentlyIgnoredFieldIsAFailure(t *testing.T) {
	o := newOffice(t)
	db := open(t, o.fresh(t))
	if err := o.server.SetFaults("ignore=closedate"); err != nil {
		t.Fatal(err)
	}
	conn := o.connect(t)
	schema, err := conn.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := remedy.Apply(t.Context(), remedy.Application{
		Portal: "acme", Editor: conn.(connectors.Editor), Schema: schema, Store: db, Now: o.server.Now, Run: "r", Who: "ann",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range r.Steps {
		if s.State != remedy.Applied {
			got[s.ID] = string(s.State) + ": " + s.Why
		}
	}
	const why = "failed: the CRM accepted the write and did not store it: close_date"
	if diff := cmp.Diff(map[string]string{"move0": why, "move1": why}, got); diff != "" {
		t.Error(diff)
	}
}

func TestApplyWaitsUntilItIsQuiet(t *testing.T) {
	m, p, clk := newMemory(), newPortal(), &clock{testNow}
	p.records[deal("1")] = crm.Fields{crm.FieldOwner: "a"}
	give(t, m, taskStep("task", "1"),
		&remedy.Step{ID: "first", Edit: setEdit("1", crm.Fields{crm.FieldOwner: "a"}, crm.Fields{crm.FieldOwner: "b"})},
		&remedy.Step{ID: "then", Edit: setEdit("1", crm.Fields{crm.FieldOwner: "b"}, crm.Fields{crm.FieldOwner: "c"})})
	p.treat = func(e crm.Edit) treatment {
		if e.Key == "first" {
			return late
		}
		return lost
	}
	a := app(m, p, clk, "r1")
	waited := time.Duration(0)
	a.Wait = func(_ context.Context, d time.Duration) error {
		waited += d
		clk.advance(d)
		p.land()
		p.treat = nil
		return nil
	}
	r := applied(t, a)
	if r.Unfinished() || waited < 30*time.Second || p.made["task"] != 1 || p.records[deal("1")][crm.FieldOwner] != "c" {
		t.Errorf("after %s: %d tasks, owner %q, %s", waited, p.made["task"], p.records[deal("1")][crm.FieldOwner], line(r))
	}
}
