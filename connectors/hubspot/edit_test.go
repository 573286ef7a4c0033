package hubspot_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/hubspot"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/sandbox"
	face "github.com/plumbline/plumbline/internal/sandbox/hubspot"
)

// portal is a portal of the sandbox and an editor of it.
type portal struct {
	connectors.Editor
	server *sandbox.Server
	world  *sandbox.World
	schema crm.Schema
	conn   connectors.Connector
}

type authorised struct{ next http.RoundTripper }

func (a authorised) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+sandbox.StaticToken)
	return a.next.RoundTrip(r)
}

func newPortal(t *testing.T, change func(*connectors.Options), settings ...face.Option) *portal {
	t.Helper()
	p := &portal{world: sandbox.Generate(sandbox.GenOptions{Deals: 30, Seed: 3, Healthy: true})}
	p.world.LossProperty, p.world.Zone = nil, "America/New_York"
	server, err := sandbox.New(sandbox.Options{Clock: p.world.Now}, face.New(p.world, settings...))
	if err != nil {
		t.Fatal(err)
	}
	p.server = server
	p.reopen(t, change)
	if p.schema, err = p.conn.Schema(t.Context()); err != nil && change == nil && len(settings) == 0 {
		t.Fatal(err)
	}
	return p
}

// reopen makes the connector anew, as another process would.
func (p *portal) reopen(t *testing.T, change func(*connectors.Options)) {
	t.Helper()
	o := connectors.Options{Portal: "p", APIURL: "https://api.test/hubspot", Client: &http.Client{Transport: authorised{p.server.Transport()}}, Now: p.server.Now}
	if change != nil {
		change(&o)
	}
	c, err := hubspot.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	p.conn, p.Editor = c, c.(connectors.Editor)
}

func (p *portal) deal(i int) crm.Ref {
	return crm.Ref{Portal: "p", Kind: crm.KindDeal, ID: p.world.Deals[i].ID}
}

func options(t *testing.T, values ...string) string {
	t.Helper()
	var all []crm.Option
	for _, v := range values {
		all = append(all, crm.Option{Value: v, Label: strings.ToUpper(v)})
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func addProperty(t *testing.T, key, name string, values ...string) crm.Edit {
	t.Helper()
	e := crm.Edit{Key: key, Target: crm.Ref{Portal: "p", Kind: crm.KindProperty}, Op: crm.OpAddProperty, After: crm.Fields{
		crm.FieldName: name, crm.FieldLabel: "Label of " + name, crm.FieldType: "string",
	}}
	if len(values) > 0 {
		e.After[crm.FieldType], e.After[crm.FieldOptions] = "enumeration", options(t, values...)
	}
	return e
}

// The loss reason as a drop-down: made, filled, found by the next schema, and taken back.
func TestLossReasonDropDown(t *testing.T) {
	p := newPortal(t, nil)
	if lr := p.schema.LossReason; lr.Field != "closed_lost_reason" || lr.Kind != crm.LossText || lr.TextField != "" || !lr.Writable {
		t.Fatalf("before: %+v", lr)
	}
	add := []crm.Edit{addProperty(t, "aa01", "plumbline_lost_reason", "budget", "other"), addProperty(t, "aa02", "plumbline_lost_reason_detail")}
	fill := crm.Edit{Key: "aa03", Target: p.deal(0), Op: crm.OpSet, Before: crm.Fields{}, After: crm.Fields{crm.PropertyField("plumbline_lost_reason"): "other", crm.PropertyField("plumbline_lost_reason_detail"): "no idea"}}
	verdicts, err := p.Feasible(t.Context(), p.schema, append(slices.Clone(add), fill))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range verdicts {
		if v.Feasible != connectors.FeasibleOK {
			t.Errorf("edit %d: %+v", i, v)
		}
	}
	if made, err := p.Lookup(t.Context(), p.schema, add); err != nil || len(made) != 0 {
		t.Errorf("found %v, %v before anything was made", made, err)
	}
	before, _ := p.server.Face("hubspot").Record("deals", fill.Target.ID)
	receipts := p.Apply(t.Context(), p.schema, append(slices.Clone(add), fill))
	for _, r := range receipts {
		if r.Outcome != crm.OutcomeApplied {
			t.Fatalf("receipt %+v", r)
		}
	}
	made, err := p.Lookup(t.Context(), p.schema, add)
	if err != nil || made["aa01"] != "plumbline_lost_reason" || made["aa02"] != "plumbline_lost_reason_detail" {
		t.Errorf("found %v, %v", made, err)
	}
	live, err := p.Read(t.Context(), p.schema, []crm.Ref{{Kind: crm.KindProperty, ID: "plumbline_lost_reason"}, {Kind: crm.KindProperty, ID: "no_such"}},
		crm.FieldName, crm.FieldLabel, crm.FieldType, crm.FieldOptions)
	if err != nil || len(live) != 1 {
		t.Fatalf("live %v, %v", live, err)
	}
	same := p.conn.(connectors.Comparer)
	for _, f := range live {
		for field, v := range add[0].After {
			if !same.Same(field, v, f[field]) {
				t.Errorf("%s: %q, want %q", field, f[field], v)
			}
		}
	}
	after, err := p.conn.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := crm.LossReason{Kind: crm.LossOptions, Field: "plumbline_lost_reason", DetailField: "plumbline_lost_reason_detail", TextField: "closed_lost_reason", Writable: true,
		Options: []crm.Option{{Value: "budget", Label: "BUDGET"}, {Value: "other", Label: "OTHER"}}}
	if !reflect.DeepEqual(after.LossReason, want) {
		t.Errorf("after: %+v, want %+v", after.LossReason, want)
	}
	var undo []crm.Edit
	for i, e := range []crm.Edit{fill, add[0], add[1]} {
		e.Before = crm.Fields{}
		for f := range e.After {
			e.Before[f] = ""
		}
		inverse, err := e.Inverse(receipts[(i+2)%3])
		if err != nil {
			t.Fatal(err)
		}
		undo = append(undo, inverse)
	}
	for _, r := range p.Apply(t.Context(), p.schema, undo) {
		if r.Outcome != crm.OutcomeApplied {
			t.Errorf("undo: receipt %+v", r)
		}
	}
	again, _ := p.server.Face("hubspot").Record("deals", fill.Target.ID)
	if properties(t, before) != properties(t, again) {
		t.Errorf("the deal held %s, and holds %s", properties(t, before), properties(t, again))
	}
	// An archived property of the same name would come back with its old values.
	if v, err := p.Feasible(t.Context(), p.schema, add[:1]); err != nil || v[0].Feasible != connectors.FeasibleImpossible || !strings.Contains(v[0].Words, "90 days") {
		t.Errorf("verdict %+v, %v on a property that was deleted", v, err)
	}
	if r := p.Apply(t.Context(), p.schema, add[:1]); r[0].Outcome != crm.OutcomeRejected {
		t.Errorf("receipt %+v: an archived property was brought back", r[0])
	}
}

func properties(t *testing.T, record any) string {
	t.Helper()
	b, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	var r struct{ Properties json.RawMessage }
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return string(r.Properties)
}

func TestPropertiesThatExist(t *testing.T) {
	p := newPortal(t, nil)
	first := addProperty(t, "bb01", "why_lost", "price", "timing")
	if r := p.Apply(t.Context(), p.schema, []crm.Edit{first}); r[0].Outcome != crm.OutcomeApplied {
		t.Fatalf("receipt %+v", r[0])
	}
	alike, other := first, addProperty(t, "bb03", "why_lost", "price", "weather")
	alike.Key = "bb02"
	receipts := p.Apply(t.Context(), p.schema, []crm.Edit{alike, other})
	if r := receipts[0]; r.Outcome != crm.OutcomeApplied || r.ID != "why_lost" || r.Why == "" {
		t.Errorf("defined alike: %+v", r)
	}
	if r := receipts[1]; r.Outcome != crm.OutcomeRejected || !strings.Contains(r.Why, "why_lost") {
		t.Errorf("defined otherwise: %+v", r)
	}
	p.reopen(t, nil)
	verdicts, err := p.Feasible(t.Context(), p.schema, []crm.Edit{alike, other, addProperty(t, "bb04", "Bad Name"), addProperty(t, "bb05", "fine", "")})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []connectors.Feasibility{connectors.FeasibleOK, connectors.FeasibleImpossible, connectors.FeasibleImpossible, connectors.FeasibleImpossible} {
		if verdicts[i].Feasible != want {
			t.Errorf("edit %d: %+v, want %s", i, verdicts[i], want)
		}
	}
	// What is not ours is left alone, whoever asks.
	remove := crm.Edit{Key: "bb06", Op: crm.OpRemove, Target: crm.Ref{Kind: crm.KindProperty, ID: "dealname"}}
	if r := p.Apply(t.Context(), p.schema, []crm.Edit{remove}); r[0].Outcome != crm.OutcomeRejected {
		t.Errorf("receipt %+v: a property that is not ours was removed", r[0])
	}
	if _, ok := p.server.Face("hubspot").Record("properties", "dealname"); !ok {
		t.Error("dealname is gone")
	}
}

// An undo that removes a property must not take along what people have put into it since.
func TestAPropertyThatIsUsedStays(t *testing.T) {
	p := newPortal(t, nil, face.With("search_lag", "1h"))
	add := addProperty(t, "cc01", "why_lost", "price", "timing")
	fill := crm.Edit{Key: "cc02", Target: p.deal(0), Op: crm.OpSet, After: crm.Fields{crm.PropertyField("why_lost"): "price"}}
	remove := crm.Edit{Key: "cc03", Op: crm.OpRemove, Target: crm.Ref{Kind: crm.KindProperty, ID: "why_lost"}}
	p.Apply(t.Context(), p.schema, []crm.Edit{add, fill})
	p.server.SetClock(p.server.Now().Add(2 * time.Hour))
	if r := p.Apply(t.Context(), p.schema, []crm.Edit{remove}); r[0].Outcome != crm.OutcomeRejected || r[0].Again {
		t.Errorf("receipt %+v: a property that a deal uses was removed", r[0])
	}
	fill.After[crm.PropertyField("why_lost")] = ""
	for _, r := range p.Apply(t.Context(), p.schema, []crm.Edit{fill, remove}) { // the search still finds the deal
		if r.Outcome != crm.OutcomeApplied {
			t.Errorf("receipt %+v", r)
		}
	}
}

// HubSpot shows a new property, and takes values for it, only after a moment.
func TestANewPropertyCanBeFilledAtOnce(t *testing.T) {
	p := newPortal(t, nil, face.With("property_lag", "200ms"))
	edits := []crm.Edit{
		addProperty(t, "dd01", "why_lost", "price"),
		{Key: "dd02", Target: p.deal(0), Op: crm.OpSet, After: crm.Fields{crm.PropertyField("why_lost"): "price"}},
	}
	for _, r := range p.Apply(t.Context(), p.schema, edits) {
		if r.Outcome != crm.OutcomeApplied {
			t.Errorf("receipt %+v", r)
		}
	}
}

func TestOnlyOurTasksAreRemoved(t *testing.T) {
	p := newPortal(t, nil)
	add := crm.Edit{Key: "cc01", Target: crm.Ref{Kind: crm.KindTask}, Op: crm.OpAddTask, After: crm.Fields{
		crm.FieldDeal: p.deal(0).ID, crm.FieldSubject: "Call", crm.FieldBody: "", crm.FieldDue: "2026-12-01T09:00:00Z"}}
	r := p.Apply(t.Context(), p.schema, []crm.Edit{add})
	if r[0].Outcome != crm.OutcomeApplied || r[0].After[crm.FieldBody] != "" || r[0].After[crm.FieldSubject] != "Call" {
		t.Fatalf("receipt %+v", r[0])
	}
	stored, _ := p.server.Face("hubspot").Record("tasks", r[0].ID)
	if text := properties(t, stored); !strings.Contains(text, `"hs_task_body":"plumbline:cc01"`) || !strings.Contains(text, `"hs_timestamp":"2026-12-01T09:00:00.000Z"`) {
		t.Errorf("stored %s", text)
	}
	// A person takes over the task and writes another text into it.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, "https://api.test/hubspot/crm/objects/2026-09/tasks/"+r[0].ID, strings.NewReader(`{"properties":{"hs_task_body":"mine now"}}`))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (authorised{p.server.Transport()}).RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", resp, err)
	}
	undo, err := add.Inverse(r[0])
	if err != nil {
		t.Fatal(err)
	}
	if r := p.Apply(t.Context(), p.schema, []crm.Edit{undo}); r[0].Outcome != crm.OutcomeRejected || r[0].Again {
		t.Errorf("receipt %+v: a task without our key was removed", r[0])
	}
}

func TestFeasible(t *testing.T) {
	p := newPortal(t, nil)
	inactive, active := "", ""
	for _, u := range p.schema.Users {
		if u.Active {
			active = u.ID
		} else {
			inactive = u.ID
		}
	}
	line := p.schema.Pipelines[0]
	open, closed := line.Stages[0].ID, line.Stages[len(line.Stages)-1].ID
	set := func(before, after crm.Fields) crm.Edit {
		return crm.Edit{Key: "k", Target: p.deal(0), Op: crm.OpSet, Before: before, After: after}
	}
	f := func(pairs ...string) crm.Fields {
		out := crm.Fields{}
		for i := 0; i < len(pairs); i += 2 {
			out[pairs[i]] = pairs[i+1]
		}
		return out
	}
	tests := []struct {
		name         string
		edit         crm.Edit
		want         connectors.Feasibility
		irreversible []string
	}{
		{"owner", set(f("owner", ""), f("owner", active)), connectors.FeasibleOK, nil},
		{"no owner", set(f("owner", active), f("owner", "")), connectors.FeasibleOK, nil},
		{"deactivated owner", set(f("owner", ""), f("owner", inactive)), connectors.FeasibleImpossible, nil},
		{"stranger", set(f("owner", ""), f("owner", "12345")), connectors.FeasibleImpossible, nil},
		{"close date", set(f("close_date", ""), f("close_date", "2026-12-01")), connectors.FeasibleOK, nil},
		{"close date that was not read", set(nil, f("close_date", "2026-12-01")), connectors.FeasibleOK, []string{"close_date"}},
		{"bad date", set(f("close_date", ""), f("close_date", "soon")), connectors.FeasibleImpossible, nil},
		{"bad amount", set(f("amount", ""), f("amount", "soon")), connectors.FeasibleImpossible, nil},
		{"stage", set(f("stage", open), f("stage", line.Stages[1].ID)), connectors.FeasibleOK, nil},
		{"closing", set(f("stage", open), f("stage", closed)), connectors.FeasibleOK, []string{"close_date"}},
		{"no such stage", set(f("stage", open), f("stage", "nowhere")), connectors.FeasibleImpossible, nil},
		{"no such property", set(f("property.x", ""), f("property.x", "1")), connectors.FeasibleImpossible, nil},
		{"kept by HubSpot", set(f("property.amount_in_home_currency", ""), f("property.amount_in_home_currency", "1")), connectors.FeasibleImpossible, nil},
		{"no detail field", set(f("lost_reason_detail", ""), f("lost_reason_detail", "x")), connectors.FeasibleImpossible, nil},
		{"loss reason", set(f("lost_reason", ""), f("lost_reason", "too dear")), connectors.FeasibleOK, nil},
		{"nothing", set(nil, nil), connectors.FeasibleImpossible, nil},
		{"task", crm.Edit{Op: crm.OpAddTask, After: f("deal", "1", "subject", "s", "due", "2026-12-01T00:00:00Z")}, connectors.FeasibleOK, nil},
		{"task without a time", crm.Edit{Op: crm.OpAddTask, After: f("deal", "1", "subject", "s")}, connectors.FeasibleImpossible, nil},
		{"task for somebody who left", crm.Edit{Op: crm.OpAddTask, After: f("deal", "1", "subject", "s", "due", "2026-12-01T00:00:00Z", "owner", inactive)}, connectors.FeasibleManual, nil},
		{"stage's own settings", crm.Edit{Op: crm.OpSet, Target: crm.Ref{Kind: crm.KindStage, ID: open}, After: f("name", "x")}, connectors.FeasibleManual, nil},
		{"deleting a deal", crm.Edit{Op: crm.OpRemove, Target: p.deal(0)}, connectors.FeasibleImpossible, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := p.Feasible(t.Context(), p.schema, []crm.Edit{tt.edit})
			if err != nil {
				t.Fatal(err)
			}
			v := got[0]
			if v.Feasible != tt.want || !slices.Equal(v.Irreversible, tt.irreversible) || v.Feasible != connectors.FeasibleOK && v.Words == "" {
				t.Errorf("%+v, want %s and irreversible %v", v, tt.want, tt.irreversible)
			}
		})
	}
	p.reopen(t, func(o *connectors.Options) { o.Scopes = []string{"crm.objects.deals.read"} })
	for i, e := range []crm.Edit{tests[0].edit, tests[16].edit, addProperty(t, "k", "fine")} {
		if v, err := p.Feasible(t.Context(), p.schema, []crm.Edit{e}); err != nil || v[0].Feasible != connectors.FeasibleManual || !strings.Contains(v[0].Words, ".write") {
			t.Errorf("edit %d without the scope: %+v, %v", i, v, err)
		}
	}
	if r := p.Apply(t.Context(), p.schema, []crm.Edit{tests[20].edit}); r[0].Outcome != crm.OutcomeRejected {
		t.Errorf("a deal was removed: %+v", r[0])
	}
}

func TestMissingScopes(t *testing.T) {
	t.Run("owners", func(t *testing.T) {
		p := newPortal(t, nil, face.With("withhold", "crm.objects.owners.read"))
		s, err := p.conn.Schema(t.Context())
		if err != nil || s.UsersKnown || len(s.Users) != 0 || !slices.ContainsFunc(s.Unknown, func(m crm.MissingFact) bool {
			return m.Fact == crm.FactOwner && strings.Contains(m.Why, "owners.read")
		}) {
			t.Errorf("users known %v, unknown %+v, %v", s.UsersKnown, s.Unknown, err)
		}
		access, err := p.conn.(connectors.Prober).Probe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range access {
			if a.Granted == (a.Scope == "crm.objects.owners.read") {
				t.Errorf("%s: granted %v", a.Scope, a.Granted)
			}
			if !a.Granted && !strings.Contains(a.Cost, "owner-inactive") {
				t.Errorf("%s: cost %q", a.Scope, a.Cost)
			}
		}
	})
	t.Run("deals", func(t *testing.T) {
		p := newPortal(t, nil, face.With("withhold", "crm.objects.deals.read,crm.schemas.deals.read"))
		_, err := p.conn.Schema(t.Context())
		var scope *connectors.ScopeError
		if !errors.As(err, &scope) || !slices.Contains(scope.Scopes, "crm.schemas.deals.read") {
			t.Errorf("error %v, want a ScopeError", err)
		}
	})
	t.Run("write", func(t *testing.T) {
		p := newPortal(t, nil, face.With("withhold", "crm.objects.deals.write"))
		r := p.Apply(t.Context(), p.schema, []crm.Edit{{Key: "k", Target: p.deal(0), Op: crm.OpSet, After: crm.Fields{crm.FieldAmount: "1"}}})
		if r[0].Outcome != crm.OutcomeRejected || !strings.Contains(r[0].Why, "crm.objects.deals.write") {
			t.Errorf("receipt %+v", r[0])
		}
		p.reopen(t, func(o *connectors.Options) { o.Scopes = []string{"crm.objects.deals.read", "crm.schemas.deals.write"} })
		access, err := p.conn.(connectors.Prober).Probe(t.Context())
		if err != nil || len(access) != 11 || access[8].Granted || access[9].Granted || !access[10].Granted {
			t.Errorf("access %+v, %v", access, err)
		}
	})
}

// A date is the first instant of that day in the account's zone; what was stored is put back as it was.
func TestCloseDateInTheAccountsZone(t *testing.T) {
	p := newPortal(t, nil)
	z, err := time.LoadLocation(p.schema.Zone)
	if err != nil {
		t.Fatal(err)
	}
	ref := p.deal(0)
	edit := crm.Edit{Key: "k", Target: ref, Op: crm.OpSet, After: crm.Fields{crm.FieldCloseDate: "2027-01-15"}}
	r := p.Apply(t.Context(), p.schema, []crm.Edit{edit})
	want := time.Date(2027, 1, 15, 0, 0, 0, 0, z).UTC().Format("2006-01-02T15:04:05.000Z")
	if r[0].After[crm.FieldCloseDate] != want {
		t.Errorf("stored %q, want %q", r[0].After[crm.FieldCloseDate], want)
	}
	same := p.conn.(connectors.Comparer)
	for b, should := range map[string]bool{want: true, "2027-01-15": true, "2027-01-16": false, "": false, strings.Replace(want, ".000Z", "Z", 1): true} {
		if same.Same(crm.FieldCloseDate, "2027-01-15", b) != should {
			t.Errorf("Same(2027-01-15, %q) is not %v", b, should)
		}
	}
	for _, tt := range []struct {
		field, a, b string
		want        bool
	}{
		{crm.FieldAmount, "1500", "1500.00", true}, {crm.FieldAmount, "1500", "1500.01", false}, {crm.FieldAmount, "", "0", false},
		{crm.FieldOwner, "1", "01", false}, {crm.FieldLossReason, "a", "A", false}, {crm.PropertyField("amount"), "1", "1.0", true},
		{crm.FieldOptions, `[{"value":"a","label":"A"}]`, `[ {"label":"A","value":"a"} ]`, true}, {crm.FieldOptions, `[]`, `[{"value":"a"}]`, false},
	} {
		if got := same.Same(tt.field, tt.a, tt.b); got != tt.want {
			t.Errorf("Same(%s, %q, %q) = %v", tt.field, tt.a, tt.b, got)
		}
	}
}

func TestMerge(t *testing.T) {
	p := newPortal(t, nil)
	var ids []string
	for _, d := range p.world.Deals {
		if !d.Archived {
			ids = append(ids, d.ID)
		}
	}
	since := crm.At(p.server.Now())
	body := fmt.Sprintf(`{"primaryObjectId":%q,"objectIdToMerge":%q}`, ids[0], ids[1])
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.test/hubspot/crm/objects/2026-09/deals/merge", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (authorised{p.server.Transport()}).RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", resp, err)
	}
	var survivor struct{ ID string }
	if err := json.NewDecoder(resp.Body).Decode(&survivor); err != nil {
		t.Fatal(err)
	}
	gone := map[string]string{}
	for page, err := range p.conn.Deals(t.Context(), p.schema, crm.Work{Since: since, Facts: crm.AllFacts}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range page.Gone {
			gone[g.ID] = g.Why + " into " + g.Into
		}
	}
	for _, id := range ids[:2] {
		if id != survivor.ID && gone[id] != "merged into "+survivor.ID {
			t.Errorf("deal %s: %q, want merged into %s", id, gone[id], survivor.ID)
		}
	}
	swept, err := p.conn.(connectors.Sweeper).Gone(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range swept {
		if gone[g.ID] == "" {
			t.Errorf("the sweep says that deal %s is gone", g.ID)
		}
	}
}
