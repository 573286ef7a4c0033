package remedy_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/hubspot"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/mirror"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/sandbox"
	face "github.com/plumbline/plumbline/internal/sandbox/hubspot"
	"github.com/plumbline/plumbline/internal/store"
	"github.com/plumbline/plumbline/internal/text"
	"github.com/plumbline/plumbline/policies"
)

// whole is everything together: a sandbox portal, the connector, the policies, the words and a real store.
type whole struct {
	world  *sandbox.World
	server *sandbox.Server
	conn   connectors.Connector
	schema crm.Schema
	db     *store.DB
	words  *text.Words
	checks []audit.Check
	runs   int
}

func newWhole(t *testing.T, plant ...string) *whole {
	t.Helper()
	w := &whole{world: sandbox.Generate(sandbox.GenOptions{Deals: 400, Seed: 5, Plant: plant})}
	var err error
	if w.server, err = sandbox.New(sandbox.Options{Clock: w.world.Now}, face.New(w.world)); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: authorised{w.server.Transport()}}
	if w.conn, err = hubspot.Open(connectors.Options{Portal: "acme", APIURL: "https://api.test/hubspot", Client: client, Now: w.server.Now}); err != nil {
		t.Fatal(err)
	}
	if w.words, err = text.English(policies.All()); err != nil {
		t.Fatal(err)
	}
	w.db = open(t, "sqlite:"+t.TempDir()+"/plumbline.db")
	for _, p := range policies.All() {
		w.checks = append(w.checks, audit.Check{Policy: p, Mode: audit.ModePropose})
	}
	return w
}

type authorised struct{ next http.RoundTripper }

func (a authorised) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+sandbox.StaticToken)
	return a.next.RoundTrip(r)
}

func (w *whole) audit(t *testing.T) *audit.Result {
	t.Helper()
	snap, err := mirror.Collect(t.Context(), w.conn, mirror.Options{Portal: "acme", CRM: "hubspot", Now: w.server.Now})
	if err != nil {
		t.Fatal(err)
	}
	w.schema = snap.Schema
	r, err := audit.Run(t.Context(), audit.Input{Snapshot: snap, Checks: w.checks, Now: snap.Taken})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (w *whole) plan(t *testing.T, r *audit.Result) *remedy.Plan {
	t.Helper()
	fallback := ""
	for _, u := range w.schema.Users {
		if u.Active && !u.Queue {
			fallback = u.ID
		}
	}
	p, err := remedy.NewPlan(t.Context(), remedy.Input{
		Result: r, Schema: w.schema, Editor: w.conn.(connectors.Editor), Store: w.db, Words: w.words, Now: w.server.Now(),
		Options: remedy.Options{Who: "ann", FallbackOwner: fallback},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (w *whole) application() remedy.Application {
	w.runs++
	return remedy.Application{
		Portal: "acme", Editor: w.conn.(connectors.Editor), Schema: w.schema, Store: w.db, Now: w.server.Now, Run: fmt.Sprint("run-", w.runs), Who: "ann",
	}
}

// records are the deals' written properties, exactly as they are stored.
func (w *whole) records(t *testing.T) map[string]map[string]string {
	t.Helper()
	out := map[string]map[string]string{}
	for _, d := range w.world.Deals {
		rec, ok := w.server.Face("hubspot").Record("deals", d.ID)
		if !ok {
			t.Fatalf("deal %s is not there", d.ID)
		}
		b, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		var r struct{ Properties map[string]string }
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatal(err)
		}
		out[d.ID] = map[string]string{}
		for name, v := range r.Properties {
			if name != "hs_lastmodifieddate" {
				out[d.ID][name] = v
			}
		}
	}
	return out
}

// TestPlanApplyUndoOnAWholePortal plants problems, fixes all that can be fixed, and takes everything back.
func TestPlanApplyUndoOnAWholePortal(t *testing.T) {
	planted := []string{"close-date-past", "close-date-missing", "owner-missing", "owner-inactive", "amount-missing", "stale-in-stage", "no-next-activity", "lost-reason-free-text"}
	w := newWhole(t, planted...)
	before := w.records(t)
	result := w.audit(t)
	p := w.plan(t, result)
	count := map[string]int{}
	for _, s := range p.Steps {
		count[string(s.State)+" "+string(s.Edit.Op)]++
		if s.Summary == "" || s.Policy == "" || (s.State == remedy.Manual) != (s.Edit.Op == "") {
			t.Errorf("step %+v", s)
		}
	}
	for _, kind := range []string{"proposed set", "proposed add-task", "proposed add-property", "manual "} {
		if count[kind] == 0 {
			t.Errorf("the plan has no step that is %q: %v", kind, count)
		}
	}
	decided, err := remedy.Approve(t.Context(), w.db, remedy.Selection{All: true}, "ann", crm.At(w.server.Now()))
	if err != nil {
		t.Fatal(err)
	}
	w.server.SetClock(w.server.Now().Add(time.Minute))
	app := w.application()
	done := w.apply(t, app, len(decided))
	checkOnlyPlanned(t, p, before, w.records(t))

	w.server.SetClock(w.server.Now().Add(time.Hour))
	r, err := remedy.Undo(t.Context(), w.application(), remedy.Selection{Run: app.Run})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Steps) != done || r.Unfinished() {
		t.Errorf("%d of %d steps undone, unfinished %v: %s", len(r.Steps), done, r.Unfinished(), line(r))
	}
	if diff := cmp.Diff(before, w.records(t)); diff != "" {
		t.Errorf("the portal is not what it was: %s", diff)
	}
	if tasks, err := w.db.OwnTasks(t.Context(), "acme"); err != nil || len(tasks) != 0 {
		t.Errorf("tasks are left: %v, %v", tasks, err)
	}
	w.checkMuted(t, result)
	if damage, err := w.db.VerifyJournal(t.Context()); err != nil || len(damage) > 0 {
		t.Errorf("the journal: %v, %v", damage, err)
	}
}

// apply applies everything and checks what it costs: three requests per hundred changes, one per hundred tasks and three
// per property, besides the properties' types for comparing.
func (w *whole) apply(t *testing.T, app remedy.Application, want int) int {
	t.Helper()
	was := w.server.Counters().Total("hubspot")
	r, err := remedy.Apply(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Steps) != want || r.Unfinished() {
		t.Fatalf("%d of %d steps applied, unfinished %v: %s", len(r.Steps), want, r.Unfinished(), line(r))
	}
	ops := map[crm.Op]int64{}
	steps, err := w.db.Steps(t.Context(), remedy.Filter{Run: app.Run})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		ops[s.Edit.Op]++
	}
	hundreds := func(n int64) int64 { return (n + 99) / 100 }
	limit := 3*hundreds(ops[crm.OpSet]) + 3 + hundreds(ops[crm.OpAddTask]) + 3*ops[crm.OpAddProperty] // fills come in batches of their own
	if got := w.server.Counters().Total("hubspot") - was; got > limit {
		t.Errorf("%v cost %d requests, of %d", ops, got, limit)
	}
	tasks, err := w.db.OwnTasks(t.Context(), "acme")
	if err != nil || int64(len(tasks)) != ops[crm.OpAddTask] {
		t.Errorf("%d deals with own tasks (%v), want %d", len(tasks), err, ops[crm.OpAddTask])
	}
	return len(r.Steps)
}

// checkOnlyPlanned holds that a deal changed exactly if a step of the plan names it.
func checkOnlyPlanned(t *testing.T, p *remedy.Plan, before, after map[string]map[string]string) {
	t.Helper()
	var named, changed []string
	for _, s := range p.Steps {
		if s.Edit.Op == crm.OpSet && !slices.Contains(named, s.Deal) {
			named = append(named, s.Deal)
		}
	}
	for id := range before {
		if !cmp.Equal(withoutRollups(before[id]), withoutRollups(after[id])) {
			changed = append(changed, id)
		}
	}
	slices.Sort(named)
	slices.Sort(changed)
	if diff := cmp.Diff(named, changed); diff != "" {
		t.Errorf("changed deals (-planned +changed): %s", diff)
	}
}

func withoutRollups(props map[string]string) map[string]string {
	out := map[string]string{}
	for name, v := range props {
		if !strings.HasPrefix(name, "notes_") {
			out[name] = v
		}
	}
	return out
}

// checkMuted holds that nothing of what was undone is proposed again while it lasts.
func (w *whole) checkMuted(t *testing.T, before *audit.Result) {
	t.Helper()
	again := w.audit(t)
	if len(again.Findings) < len(before.Findings) {
		t.Errorf("%d findings after the undo, %d before", len(again.Findings), len(before.Findings))
	}
	for _, s := range w.plan(t, again).Steps {
		if s.State == remedy.Proposed && s.Edit.Op == crm.OpSet {
			t.Errorf("after the undo: %s %s for %s", s.State, s.Edit.Op, s.Finding)
		}
	}
}
