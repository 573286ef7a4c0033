package remedy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/hubspot"
	"github.com/plumbline/plumbline/connectors/pipedrive"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/mirror"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/sandbox"
	hubspotface "github.com/plumbline/plumbline/internal/sandbox/hubspot"
	pipedriveface "github.com/plumbline/plumbline/internal/sandbox/pipedrive"
	"github.com/plumbline/plumbline/internal/store"
	"github.com/plumbline/plumbline/internal/text"
	"github.com/plumbline/plumbline/policies"
)

// bureau is one CRM's account with planted problems of its stages, and what is needed to mend them.
type bureau struct {
	crm    string
	world  *sandbox.World
	server *sandbox.Server
	conn   connectors.Connector
	schema crm.Schema
	db     *store.DB
	words  *text.Words
	now    atomic.Int64 // in microseconds; only waiting moves it
}

func (o *bureau) clock() time.Time { return crm.Instant(o.now.Load()).Time() }

func (o *bureau) pass(d time.Duration) { o.now.Add(d.Microseconds()) }

func (o *bureau) sleep(ctx context.Context, d time.Duration) error {
	o.pass(d + time.Microsecond)
	return ctx.Err()
}

type byToken struct{ next http.RoundTripper }

func (a byToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+sandbox.StaticToken)
	r.Header.Set("x-api-token", sandbox.StaticToken)
	return a.next.RoundTrip(r)
}

func newBureau(t *testing.T, name string) *bureau {
	t.Helper()
	o := &bureau{crm: name, world: sandbox.Generate(sandbox.GenOptions{Deals: 1500, Seed: 7, Plant: []string{"probability-unset", "probability-not-rising", "probability-miscalibrated"}})}
	o.now.Store(o.world.Now.UnixMicro())
	var err error
	faces := map[string]func(*sandbox.Gate) sandbox.Face{"hubspot": hubspotface.New(o.world), "pipedrive": pipedriveface.New(o.world)}
	if o.server, err = sandbox.New(sandbox.Options{Ticks: o.clock, Tiers: map[string]string{"pipedrive": pipedriveface.Unlimited}}, faces[name]); err != nil {
		t.Fatal(err)
	}
	types := map[string]connectors.Type{"hubspot": hubspot.Type(), "pipedrive": pipedrive.Type()}
	if o.conn, err = types[name].Open(connectors.Options{
		Portal: "acme", APIURL: "https://api.test/" + name, Client: &http.Client{Transport: byToken{o.server.Transport()}}, Now: o.clock, Sleep: o.sleep,
		TokensPerDay: 10_000_000, DailyShare: 1,
	}); err != nil {
		t.Fatal(err)
	}
	if o.words, err = text.English(policies.All()); err != nil {
		t.Fatal(err)
	}
	o.db = open(t, "sqlite:"+t.TempDir()+"/plumbline.db")
	return o
}

// audit pulls everything, the history of single deals, too, and judges the stages.
func (o *bureau) audit(t *testing.T) *audit.Result {
	t.Helper()
	snap, err := mirror.Collect(t.Context(), o.conn, mirror.Options{Portal: "acme", CRM: o.crm, Now: o.clock})
	if err != nil {
		t.Fatal(err)
	}
	if past, ok := o.conn.(connectors.Historian); ok {
		snap = withHistory(t, snap, past)
	}
	o.schema = snap.Schema
	var checks []audit.Check
	for _, p := range policies.All() {
		if strings.HasPrefix(p.ID, "probability-") || p.ID == "no-stage-time-limit" {
			checks = append(checks, audit.Check{Policy: p, Mode: audit.ModePropose})
		}
	}
	r, err := audit.Run(t.Context(), audit.Input{Snapshot: snap, Checks: checks, Now: snap.Taken})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func withHistory(t *testing.T, snap *crm.Snapshot, past connectors.Historian) *crm.Snapshot {
	t.Helper()
	snap.Schema.HistoryFrom = 0 // every one of them is read
	b := crm.NewBuilder(snap.Portal, snap.CRM, snap.Schema)
	var ask []crm.Deal
	for i := range int32(snap.Len()) {
		d := snap.Export(i)
		if err := b.Add(d); err != nil {
			t.Fatal(err)
		}
		if !d.Known.Has(crm.FactHistory) {
			ask = append(ask, d)
		}
	}
	for h, err := range past.History(t.Context(), snap.Schema, ask) {
		if err != nil {
			t.Fatal(err)
		}
		d, _ := b.Get(h.Deal)
		d.Moves, d.Known = h.Moves, d.Known|crm.FactHistory
		if err := b.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	return b.Build(snap.Taken, snap.Asked, snap.Completeness)
}

func (o *bureau) plan(t *testing.T, r *audit.Result) []remedy.Step {
	t.Helper()
	p, err := remedy.NewPlan(t.Context(), remedy.Input{
		Result: r, Schema: o.schema, Editor: o.conn.(connectors.Editor), Store: o.db, Words: o.words, Now: o.clock(), Options: remedy.Options{Who: "ann"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p.Steps
}

func (o *bureau) application(run string) remedy.Application {
	return remedy.Application{Portal: "acme", Editor: o.conn.(connectors.Editor), Schema: o.schema, Store: o.db, Now: o.clock, Run: run, Who: "ann"}
}

// stages are all stages exactly as they are stored, but for when they were last changed.
func (o *bureau) stages(t *testing.T) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	for _, p := range o.schema.Pipelines {
		for _, s := range p.Stages {
			out[s.ID] = o.stored(t, p.ID, s.ID)
		}
	}
	return out
}

// stored is one stage; on HubSpot it is part of its pipeline.
func (o *bureau) stored(t *testing.T, pipeline, stage string) map[string]any {
	t.Helper()
	kind, id := "stages", stage
	if o.crm == "hubspot" {
		kind, id = "pipelines", pipeline
	}
	rec, ok := o.server.Face(o.crm).Record(kind, id)
	if !ok {
		t.Fatalf("%s %s is not there", kind, id)
	}
	b, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	if all, ok := m["stages"].([]any); ok {
		for _, one := range all {
			if s, ok := one.(map[string]any); ok && s["id"] == stage {
				m = s
			}
		}
	}
	delete(m, "update_time")
	delete(m, "updatedAt")
	return m
}

// TestStagesOfBothCRMs plans, applies and takes back what is wrong with the stages' set-up. What was found is gone in between, and
// afterwards every stage is what it was, but for what the plan said beforehand.
func TestStagesOfBothCRMs(t *testing.T) {
	for _, name := range []string{"hubspot", "pipedrive"} {
		t.Run(name, func(t *testing.T) {
			o := newBureau(t, name)
			was := o.audit(t)
			before := o.stages(t)
			steps := o.plan(t, was)
			fields := o.check(t, steps)
			if fields[crm.FieldProbability] < 5 || (fields[crm.FieldRotDays] > 0) != (name == "pipedrive") {
				for _, f := range was.Findings {
					t.Log(f.Policy, f.Subject.ID, f.Facts, f.Fix.Kind)
				}
				t.Fatalf("the plan sets %v", fields)
			}
			if _, err := remedy.Approve(t.Context(), o.db, remedy.Selection{All: true}, "ann", crm.At(o.clock())); err != nil {
				t.Fatal(err)
			}
			o.pass(time.Minute)
			done, err := remedy.Apply(t.Context(), o.application("run-1"))
			if err != nil || len(done.Steps) != len(steps) || done.Unfinished() {
				t.Fatalf("%d of %d steps, %v: %s", len(done.Steps), len(steps), err, line(done))
			}
			if left := findings(o.audit(t)); slices.ContainsFunc(left, func(f string) bool { return name == "pipedrive" || !strings.HasPrefix(f, "no-stage-time-limit") }) {
				t.Errorf("after the fixes there is still %v", left)
			}
			o.pass(time.Hour)
			undone, err := remedy.Undo(t.Context(), o.application("run-2"), remedy.Selection{Run: "run-1"})
			if err != nil || len(undone.Steps) != len(steps) || undone.Unfinished() {
				t.Fatalf("%d of %d steps undone, %v: %s", len(undone.Steps), len(steps), err, line(undone))
			}
			after := o.stages(t)
			for _, s := range steps {
				for _, lost := range s.Irreversible {
					delete(before[s.Edit.Target.ID], lost)
					delete(after[s.Edit.Target.ID], lost)
				}
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("the stages are not what they were (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(findings(was), findings(o.audit(t))); diff != "" {
				t.Errorf("findings (-before +after the undo):\n%s", diff)
			}
		})
	}
}

func findings(r *audit.Result) []string {
	var out []string
	for _, f := range r.Findings {
		out = append(out, f.Policy+" "+f.Subject.ID)
	}
	return out
}

// check holds that a field of a stage has one step, that the steps say what they do, and what they cannot take back.
func (o *bureau) check(t *testing.T, steps []remedy.Step) map[string]int {
	t.Helper()
	fields, seen := map[string]int{}, map[string]bool{}
	for _, s := range steps {
		for f := range s.Edit.After {
			fields[f]++
			if key := s.Edit.Target.ID + f; seen[key] {
				t.Errorf("%s of stage %s is set twice", f, s.Edit.Target.ID)
			} else {
				seen[key] = true
			}
			if got := fmt.Sprint(s.Irreversible); f == crm.FieldRotDays && got != "[days_to_rotten]" || f == crm.FieldProbability && got != "[]" {
				t.Errorf("%s cannot be taken back: %s", f, got)
			}
		}
		if s.State != remedy.Proposed || s.Edit.Target.Kind != crm.KindStage || len(s.Edit.After) != 1 || !strings.Contains(s.Summary, s.Edit.Before[crm.FieldName]) {
			t.Errorf("step %+v", s)
		}
	}
	return fields
}

// demand is a finding that asks for a stage's probability.
func demand(policy string, severity audit.Severity, stage, value string) audit.Finding {
	f := finding(policy, stage, severity, audit.FixOdds, crm.Edit{
		Target: crm.Ref{Portal: "acme", Kind: crm.KindStage, ID: stage}, Op: crm.OpSet, After: crm.Fields{crm.FieldProbability: value},
	})
	f.Subject.Kind, f.Case = crm.KindStage, ""
	return f
}

// TestOneStepPerStageAndField lets two findings ask for the same probability of one stage.
func TestOneStepPerStageAndField(t *testing.T) {
	unset, refuted := demand("probability-unset", audit.Low, "12", "0.3"), demand("probability-miscalibrated", audit.Medium, "12", "0.3")
	d := newDesk(unset, refuted, demand("probability-miscalibrated", audit.Low, "13", "0.5"))
	for _, id := range []string{"12", "13"} {
		d.records[crm.Ref{Portal: "acme", Kind: crm.KindStage, ID: id}] = crm.Fields{crm.FieldProbability: "0.9"}
	}
	steps := d.expect(t, "two ask for one", "probability  v1 proposed", "probability  v1 proposed").Steps
	if steps[0].Finding != refuted.ID || steps[0].Edit.Before[crm.FieldProbability] != "0.9" {
		t.Errorf("the worse finding does not lead: %+v", steps[0])
	}
	d.day(1)
	d.find(unset)
	if steps = d.expect(t, "only the other still asks", "probability  v1 proposed").Steps; len(steps) != 1 || steps[0].Finding != unset.ID {
		t.Errorf("the other finding's step: %+v", steps)
	}
	if _, err := remedy.Reject(t.Context(), d.memory, remedy.Selection{All: true}, "ann", crm.At(d.clk.now())); err != nil {
		t.Fatal(err)
	}
	d.day(1)
	d.find(unset, refuted)
	d.expect(t, "rejected for one, it is not offered for the other")
}
