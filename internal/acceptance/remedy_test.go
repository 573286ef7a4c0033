package acceptance

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/connectors/hubspot"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/daemon"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/sandbox"
	face "github.com/plumbline/plumbline/internal/sandbox/hubspot"
)

// ailing is a portal with a problem for every kind of fix.
func ailing(t *testing.T, seed uint64) *office {
	t.Helper()
	world := sandbox.Generate(sandbox.GenOptions{Deals: 600, Seed: seed, Plant: []string{"close-date-past", "close-date-missing", "owner-missing", "owner-inactive",
		"amount-missing", "stale-in-stage", "open-too-long", "no-next-activity", "stage-regressed", "lost-reason-free-text"}})
	return opened(t, world)
}

// stored is a portal as it is stored: the living records of every kind that Plumbline writes, with every property as text.
type stored struct {
	Deals, Tasks map[string]map[string]string
	Properties   []string // of deals
}

func (o *office) stored(t *testing.T) stored {
	t.Helper()
	s := stored{Deals: map[string]map[string]string{}, Tasks: map[string]map[string]string{}}
	for _, d := range o.world.Deals {
		if props, living := o.record(t, "deals", d.ID); living {
			s.Deals[d.ID] = props
		}
	}
	var list struct {
		Results []struct{ ID, Name string }
		Paging  struct{ Next struct{ After string } }
	}
	after := ""
	for {
		list.Results, list.Paging.Next.After = nil, ""
		o.get(t, "/crm/objects/"+hubspot.Version+"/tasks?limit=100&after="+after, &list)
		for _, r := range list.Results {
			s.Tasks[r.ID], _ = o.record(t, "tasks", r.ID)
		}
		if after = list.Paging.Next.After; after == "" {
			break
		}
	}
	list.Results = nil
	o.get(t, "/crm/properties/"+hubspot.Version+"/deals", &list)
	for _, r := range list.Results {
		s.Properties = append(s.Properties, r.Name)
	}
	slices.Sort(s.Properties)
	return s
}

// record is a record's properties exactly as they are stored, and whether it is not archived. When it was last modified is
// the one thing that nobody can take back.
func (o *office) record(t *testing.T, kind, id string) (props map[string]string, living bool) {
	t.Helper()
	rec, ok := o.server.Face(face.Name).Record(kind, id)
	if !ok {
		t.Fatalf("%s %s is not there", kind, id)
	}
	var r struct {
		Properties map[string]string
		Archived   bool
	}
	must0(t, json.Unmarshal(must(json.Marshal(rec))(t), &r))
	delete(r.Properties, "hs_lastmodifieddate")
	return r.Properties, !r.Archived
}

// get reads from the portal as another program of the account does.
func (o *office) get(t *testing.T, path string, into any) {
	t.Helper()
	o.pass(time.Second) // within the limits
	req := must(http.NewRequestWithContext(t.Context(), http.MethodGet, api+path, nil))(t)
	req.Header.Set("Authorization", "Bearer "+sandbox.StaticToken)
	reply := must(o.server.Transport().RoundTrip(req))(t)
	if reply.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", path, reply.Status)
	}
	must0(t, json.NewDecoder(reply.Body).Decode(into))
}

// plan plans the fixes of an audit as a person does, and approves them all.
func (o *office) plan(t *testing.T, r *audit.Result) (kinds map[string]int) {
	t.Helper()
	plan := must(o.cycle.Plan(t.Context(), o.portal, r, "ann", false))(t)
	kinds = map[string]int{}
	for _, s := range plan.Steps {
		what := string(s.State) + " " + string(s.Edit.Op)
		if s.Edit.Op == crm.OpSet {
			what += " " + strings.Join(slices.Sorted(maps.Keys(s.Edit.After)), "+")
		}
		kinds[what]++
	}
	results := must(remedy.Approve(t.Context(), o.db, remedy.Selection{Portal: portal, All: true}, "ann", crm.At(o.clock())))(t)
	for _, r := range results {
		if r.State != remedy.Approved {
			t.Errorf("step %s: %s %s", r.ID, r.State, r.Why)
		}
	}
	return kinds
}

// sound holds that the journal is what was written.
func (o *office) sound(t *testing.T) {
	t.Helper()
	if damage := must(o.db.VerifyJournal(t.Context()))(t); len(damage) > 0 {
		t.Errorf("the journal: %v", damage)
	}
}

// TestUndoTakesEverythingBack plans, approves, applies and undoes every kind of fix on five portals. In between the fixes show;
// afterwards the portal is byte for byte what it was.
func TestUndoTakesEverythingBack(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			o := ailing(t, seed)
			o.sync(t)
			before, was := o.stored(t), o.audit(t)
			kinds := o.plan(t, was)
			for _, kind := range []string{"proposed add-task", "proposed add-property", "proposed set close_date", "proposed set owner", "proposed set property.plumbline_lost_reason"} {
				if !slices.ContainsFunc(slices.Collect(maps.Keys(kinds)), func(k string) bool { return strings.HasPrefix(k, kind) }) {
					t.Fatalf("the plan has no step that is %q: %v", kind, kinds)
				}
			}
			o.pass(time.Minute)
			done := must(o.cycle.Apply(t.Context(), o.portal, daemon.Run{ID: "run-1", Who: "ann"}))(t)
			if done.Unfinished() {
				t.Fatalf("apply: %+v", done.Steps)
			}
			o.sound(t)
			now := o.stored(t)
			if len(now.Tasks) == len(before.Tasks) || len(now.Properties) != len(before.Properties)+2 || cmp.Equal(before.Deals, now.Deals) {
				t.Errorf("after apply: %d tasks (%d before), properties %v", len(now.Tasks), len(before.Tasks), now.Properties)
			}
			o.pass(time.Hour)
			o.sync(t)
			o.fixed(t, was, o.audit(t))

			o.pass(time.Hour)
			undone := must(o.cycle.Undo(t.Context(), o.portal, daemon.Run{ID: "run-2", Who: "ann"}, remedy.Selection{Run: "run-1"}))(t)
			if undone.Unfinished() || len(undone.Steps) != len(done.Steps) {
				t.Fatalf("undo of %d steps: %+v", len(done.Steps), undone.Steps)
			}
			if diff := cmp.Diff(before, o.stored(t)); diff != "" {
				t.Errorf("the portal is not what it was (-before +after):\n%s", diff)
			}
			o.sound(t)
			o.pass(time.Hour)
			o.sync(t)
			if diff := cmp.Diff(found(was, o.world), found(o.audit(t), o.world)); diff != "" {
				t.Errorf("after the undo the audit says something else (-before +after):\n%s", diff)
			}
			t.Logf("%d steps applied and undone: %v", len(done.Steps), kinds)
		})
	}
}

// fixed holds that what was changed is no longer found, and that a task changes nothing about the finding that it speaks of.
func (o *office) fixed(t *testing.T, before, after *audit.Result) {
	t.Helper()
	cured := map[string]bool{}
	for _, s := range must(o.db.Steps(t.Context(), remedy.Filter{Run: "run-1"}))(t) {
		cured[s.Finding] = cured[s.Finding] || s.Edit.Op == crm.OpSet
	}
	left := *before
	left.Findings = slices.DeleteFunc(slices.Clone(before.Findings), func(f audit.Finding) bool { return cured[f.ID] })
	if diff := cmp.Diff(found(&left, o.world), found(after, o.world)); diff != "" {
		t.Errorf("after the fixes the audit finds (-what they leave +found):\n%s", diff)
	}
}

// TestFaultsWhileApplying applies a whole plan while the portal fails in every way. Each step is applied once or reported, the
// journal stays whole, and once the portal is well a second run finishes.
func TestFaultsWhileApplying(t *testing.T) {
	const objects = ":path=/crm/objects/2026-09"
	for name, rules := range map[string]string{
		"429 storm":                 "status=429:p=0.3",
		"500 on every third call":   "status=500:every=3",
		"500 after the effect":      "status=500:late:p=0.4" + objects,
		"answers lost":              "drop:late:p=0.4" + objects,
		"answers cut short":         "truncate:p=0.4" + objects,
		"every write fails":         "status=500" + objects + "/deals/batch/update;status=500" + objects + "/tasks",
		"every write's answer lost": "drop:late" + objects + "/deals/batch/update;drop:late" + objects + "/tasks",
		"properties cannot be made": "status=500:path=/crm/properties",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := ailing(t, 3)
			o.sync(t)
			before := o.stored(t)
			o.plan(t, o.audit(t))
			approved := must(o.db.Steps(t.Context(), remedy.Filter{Portal: portal, States: []remedy.State{remedy.Approved}}))(t)
			o.pass(time.Minute)
			o.faults(t, rules)
			first, err := o.cycle.Apply(t.Context(), o.portal, daemon.Run{ID: "run-1", Who: "ann"})
			o.reported(t, approved, first, err)
			o.sound(t)

			o.faults(t, "")
			o.pass(time.Hour)
			failed := must(o.db.Steps(t.Context(), remedy.Filter{Portal: portal, States: []remedy.State{remedy.Failed}}))(t)
			for _, s := range failed {
				must(remedy.Approve(t.Context(), o.db, remedy.Selection{Steps: []string{s.ID}}, "ann", crm.At(o.clock())))(t)
			}
			second := must(o.cycle.Apply(t.Context(), o.portal, daemon.Run{ID: "run-2", Who: "ann"}))(t)
			if second.Unfinished() {
				t.Errorf("the second run: %+v", second.Steps)
			}
			o.onceEach(t, approved, before)
			o.sound(t)
			t.Logf("%d steps: the first run (%v) left %d to the second, %d of them failed", len(approved), err, len(second.Steps), len(failed))
		})
	}
}

// reported holds that after a run that met faults every step is applied, waits, or is named in the result with a reason.
func (o *office) reported(t *testing.T, steps []remedy.Step, r *remedy.Result, err error) {
	t.Helper()
	said := map[string]remedy.StepResult{}
	if r != nil {
		for _, s := range r.Steps {
			said[s.ID] = s
		}
	}
	for _, s := range must(o.db.Steps(t.Context(), remedy.Filter{Portal: portal, IDs: ids(steps)}))(t) {
		word, named := said[s.ID]
		switch s.State {
		case remedy.Applied:
		case remedy.Approved:
			if !named && err == nil {
				t.Errorf("step %s waits, and nothing says why", s.ID)
			}
		default:
			if !named && err == nil || named && (word.State != s.State || word.Why == "" || !word.Unfinished) {
				t.Errorf("step %s is %s (%s), and the run says %+v, %v", s.ID, s.State, s.Why, word, err)
			}
		}
	}
}

func ids(steps []remedy.Step) (out []string) {
	for _, s := range steps {
		out = append(out, s.ID)
	}
	return out
}

// onceEach holds that every step is applied, by the store, by the journal and by the portal, and none twice.
func (o *office) onceEach(t *testing.T, steps []remedy.Step, before stored) {
	t.Helper()
	now := o.stored(t)
	applied := map[string]int{}
	for e, err := range o.db.Journal(t.Context(), portal) {
		must0(t, err)
		if e.Event == string(remedy.Applied) {
			applied[e.Step]++
		}
	}
	bodies := map[string]int{}
	for id, task := range now.Tasks {
		if before.Tasks[id] == nil {
			body := task["hs_task_body"]
			bodies[body[strings.LastIndex(body, "plumbline:")+len("plumbline:"):]]++
		}
	}
	for _, s := range must(o.db.Steps(t.Context(), remedy.Filter{Portal: portal, IDs: ids(steps)}))(t) {
		if s.State != remedy.Applied || applied[s.ID] != 1 {
			t.Errorf("step %s is %s (%s), the journal has it applied %d times", s.ID, s.State, s.Why, applied[s.ID])
		}
		if s.Edit.Op == crm.OpAddTask {
			if bodies[s.ID] != 1 {
				t.Errorf("the task of step %s exists %d times", s.ID, bodies[s.ID])
			}
			delete(bodies, s.ID)
		}
	}
	if len(bodies) > 0 {
		t.Errorf("there are tasks that no step made: %v", bodies)
	}
}
