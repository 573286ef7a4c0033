package remedy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/hubspot"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/sandbox"
	face "github.com/plumbline/plumbline/internal/sandbox/hubspot"
	"github.com/plumbline/plumbline/internal/store"
)

// The variables by which the test runs itself as a process to be killed.
const (
	childRun   = "PLUMBLINE_TEST_CHILD" // the run; one that begins with undo undoes run-1
	childStore = "PLUMBLINE_TEST_CHILD_STORE"
	childURL   = "PLUMBLINE_TEST_CHILD_URL"
	childKill  = "PLUMBLINE_TEST_CHILD_KILL" // the edge at which it kills itself
)

// edges counts the moments before and after each write to the store and each request, and dies at one of them.
type edges struct{ passed, fatal int }

func (e *edges) pass() {
	e.passed++
	if e.passed == e.fatal {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way
	}
}

// edgedStore passes an edge before and after each write.
type edgedStore struct {
	remedy.Store
	edges *edges
}

func (s edgedStore) Record(ctx context.Context, changes []remedy.Change) error {
	s.edges.pass()
	err := s.Store.Record(ctx, changes)
	s.edges.pass()
	return err
}

// edgedTransport authorises requests and passes an edge before and after each.
type edgedTransport struct{ edges *edges }

func (t edgedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+sandbox.StaticToken)
	t.edges.pass()
	resp, err := http.DefaultTransport.RoundTrip(req)
	t.edges.pass()
	return resp, err
}

// application opens what a run needs, as a process of its own would.
func application(t *testing.T, ctx context.Context, storeURL, crmURL, run string, e *edges) (remedy.Application, *store.DB) {
	t.Helper()
	db, err := store.Open(ctx, storeURL, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := hubspot.Open(connectors.Options{Portal: "acme", APIURL: crmURL + "/hubspot", Client: &http.Client{Transport: edgedTransport{e}}})
	if err != nil {
		t.Fatal(err)
	}
	schema, err := conn.Schema(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return remedy.Application{
		Portal: "acme", Editor: conn.(connectors.Editor), Schema: schema, Store: edgedStore{db, e}, Now: time.Now, Run: run, Who: "ann",
		Quiet: time.Nanosecond, // a dead process sends nothing any more, and the sandbox answers at once
	}, db
}

// TestChild is the process that is killed. By itself it does nothing.
func TestChild(t *testing.T) {
	run := os.Getenv(childRun)
	if run == "" {
		return
	}
	e := &edges{}
	e.fatal, _ = strconv.Atoi(os.Getenv(childKill))
	if strings.HasPrefix(run, "undo") {
		killable(t, run, e, func(ctx context.Context, a remedy.Application) (*remedy.Result, error) {
			return remedy.Undo(ctx, a, remedy.Selection{Run: "run-1"})
		})
	} else {
		killable(t, run, e, remedy.Apply)
	}
}

func killable(t *testing.T, run string, e *edges, do func(context.Context, remedy.Application) (*remedy.Result, error)) {
	a, db := application(t, t.Context(), os.Getenv(childStore), os.Getenv(childURL), run, e)
	defer func() { _ = db.Close() }()
	r, err := do(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if r.Unfinished() {
		t.Fatalf("the run left something: %s", line(r))
	}
}

// child runs the test binary again and reports whether it was killed.
func child(t *testing.T, run, storeURL, crmURL string, kill int) (killed bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childRun+"="+run, childStore+"="+storeURL, childURL+"="+crmURL, childKill+"="+strconv.Itoa(kill))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("run %s to be killed at edge %d: %v\n%s", run, kill, err, out)
	}
	return false
}

// office is a sandbox portal and a store with approved steps of every kind.
type office struct {
	server *sandbox.Server
	url    string
	steps  []*remedy.Step
	deals  []string // that the steps are about
	seeded string   // the file of the store before any run
}

func newOffice(t *testing.T) *office {
	t.Helper()
	world := sandbox.Generate(sandbox.GenOptions{Deals: 40, Seed: 3, Healthy: true})
	world.LossProperty = nil
	server, err := sandbox.New(sandbox.Options{Clock: world.Now}, face.New(world))
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	o := &office{server: server, url: web.URL, seeded: filepath.Join(t.TempDir(), "seeded.db")}
	o.makeSteps(t, world)
	db, err := store.Open(t.Context(), "sqlite:"+o.seeded, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var changes []remedy.Change
	for _, s := range o.steps {
		s.Base, s.Portal, s.Version, s.State, s.Edit.Key, s.Edit.Target.Portal = s.ID, "acme", 1, remedy.Approved, s.ID, "acme"
		changes = append(changes, remedy.Change{Step: s})
	}
	if err := errors.Join(db.Record(t.Context(), changes), db.Close()); err != nil {
		t.Fatal(err)
	}
	return o
}

// makeSteps makes steps for two open deals and two lost ones.
func (o *office) makeSteps(t *testing.T, world *sandbox.World) {
	t.Helper()
	probability := map[string]float64{}
	for _, p := range world.Pipelines {
		for _, s := range p.Stages {
			probability[s.ID] = s.Probability
		}
	}
	var open, lost []sandbox.Deal
	for _, d := range world.Deals {
		switch p := probability[d.Stage]; {
		case d.Archived:
		case p == 0 && len(lost) < 2:
			lost = append(lost, d)
		case p > 0 && p < 1 && len(open) < 2:
			open = append(open, d)
		}
	}
	owner := ""
	for _, w := range world.Owners {
		if w.Active && !w.Queue && w.ID != open[0].Owner && w.ID != open[1].Owner {
			owner = w.ID
		}
	}
	reason, detail := crm.PropertyField("plumbline_lost_reason"), crm.PropertyField("plumbline_lost_reason_detail")
	create := func(id, name, kind, options string) *remedy.Step {
		after := crm.Fields{crm.FieldName: name, crm.FieldLabel: "Lost " + name, crm.FieldType: kind}
		if options != "" {
			after[crm.FieldOptions] = options
		}
		return &remedy.Step{ID: id, Edit: crm.Edit{Target: crm.Ref{Kind: crm.KindProperty}, Op: crm.OpAddProperty, Before: crm.Fields{}, After: after}}
	}
	o.steps = append(o.steps, create("make1", "plumbline_lost_reason", "enumeration", `[{"value":"budget","label":"Budget"},{"value":"other","label":"Other"}]`),
		create("make2", "plumbline_lost_reason_detail", "string", ""))
	for i, d := range open {
		o.deals = append(o.deals, d.ID)
		o.steps = append(o.steps,
			&remedy.Step{ID: fmt.Sprint("move", i), Edit: setEdit(d.ID, crm.Fields{crm.FieldOwner: d.Owner}, crm.Fields{crm.FieldOwner: owner, crm.FieldCloseDate: "2027-01-15"})},
			taskStep(fmt.Sprint("task", i), d.ID))
		o.steps[len(o.steps)-1].Edit.After[crm.FieldOwner] = owner
	}
	for i, d := range lost {
		o.deals = append(o.deals, d.ID)
		o.steps = append(o.steps, &remedy.Step{ID: fmt.Sprint("fill", i), Needs: []string{"make1", "make2"},
			Edit: setEdit(d.ID, crm.Fields{reason: "", detail: ""}, crm.Fields{reason: "other", detail: "no <money> & \"none\""})})
	}
}

// writes is how many records the steps change, each once.
func (o *office) writes() int64 { return int64(len(o.steps)) }

// fresh puts the portal back to its start and returns a store that holds the approved steps.
func (o *office) fresh(t *testing.T) (storeURL string) {
	t.Helper()
	o.server.Reset()
	data, err := os.ReadFile(o.seeded)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "plumbline.db")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + file
}

// stored are the deals' properties exactly as the sandbox stores them.
func (o *office) stored(t *testing.T) map[string]map[string]string {
	t.Helper()
	out := map[string]map[string]string{}
	for _, id := range o.deals {
		rec, ok := o.server.Face("hubspot").Record("deals", id)
		if !ok {
			t.Fatalf("deal %s is not there", id)
		}
		b, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		var r struct{ Properties map[string]string }
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatal(err)
		}
		out[id] = r.Properties
	}
	return out
}

// tasks returns the bodies of the portal's tasks that carry a key, and how many there are.
func (o *office) ours(t *testing.T) (tasks map[string]int, properties []string) {
	t.Helper()
	get := func(path string, into any) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.url+"/hubspot"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Transport: edgedTransport{&edges{}}}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("GET %s: %s, %v", path, resp.Status, err)
		}
	}
	tasks = map[string]int{}
	for after := ""; ; {
		var page struct {
			Results []struct{ Properties map[string]string }
			Paging  *struct{ Next struct{ After string } }
		}
		get("/crm/objects/2026-09/tasks?limit=100&properties=hs_task_body"+after, &page)
		for _, r := range page.Results {
			if _, key, ok := strings.Cut(r.Properties["hs_task_body"], "plumbline:"); ok {
				tasks[key]++
			}
		}
		if page.Paging == nil {
			break
		}
		after = "&after=" + page.Paging.Next.After
	}
	var props struct{ Results []struct{ Name string } }
	get("/crm/properties/2026-09/deals", &props)
	for _, p := range props.Results {
		if strings.HasPrefix(p.Name, "plumbline_") {
			properties = append(properties, p.Name)
		}
	}
	slices.Sort(properties)
	return tasks, properties
}

func (o *office) checkApplied(t *testing.T, db *store.DB, kill int) {
	t.Helper()
	tasks, properties := o.ours(t)
	if diff := cmp.Diff(map[string]int{"task0": 1, "task1": 1}, tasks); diff != "" {
		t.Errorf("killed at edge %d: tasks: %s", kill, diff)
	}
	if diff := cmp.Diff([]string{"plumbline_lost_reason", "plumbline_lost_reason_detail"}, properties); diff != "" {
		t.Errorf("killed at edge %d: properties: %s", kill, diff)
	}
	steps, err := db.Steps(t.Context(), remedy.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	stored := o.stored(t)
	for _, s := range steps {
		if s.State != remedy.Applied {
			t.Errorf("killed at edge %d: step %s is %s: %s", kill, s.ID, s.State, s.Why)
		}
		if s.Edit.Op == crm.OpSet && s.Edit.After[crm.FieldOwner] != "" && stored[s.Edit.Target.ID]["hubspot_owner_id"] != s.Edit.After[crm.FieldOwner] {
			t.Errorf("killed at edge %d: deal %s has the owner %s", kill, s.Edit.Target.ID, stored[s.Edit.Target.ID]["hubspot_owner_id"])
		}
	}
	if n := o.server.Counters().Writes; n != o.writes() {
		t.Errorf("killed at edge %d: the portal counted %d writes, want %d", kill, n, o.writes())
	}
	damage, err := db.VerifyJournal(t.Context())
	if err != nil || len(damage) > 0 {
		t.Errorf("killed at edge %d: the journal: %v, %v", kill, damage, err)
	}
}

func open(t *testing.T, storeURL string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), storeURL, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// stride is the distance between the edges tried: every one, or a few for the race detector and short runs.
func stride() int {
	if testing.Short() {
		return 7
	}
	return 1
}

// TestKilledAnywhere kills apply before and after every write of the journal and every request, and undo as well.
func TestKilledAnywhere(t *testing.T) {
	o := newOffice(t)
	before := o.stored(t)
	t.Run("apply", func(t *testing.T) {
		kills := 0
		for kill := 1; ; kill += stride() {
			storeURL := o.fresh(t)
			killed := child(t, "run-1", storeURL, o.url, kill)
			if killed {
				kills++
				child(t, "run-2", storeURL, o.url, 0)
			}
			o.checkApplied(t, open(t, storeURL), kill)
			if !killed || t.Failed() {
				break
			}
		}
		if kills < 30/stride() {
			t.Errorf("it was killed %d times only", kills)
		}
	})
	t.Run("undo", func(t *testing.T) {
		for kill := 1; ; kill += stride() {
			storeURL := o.fresh(t)
			child(t, "run-1", storeURL, o.url, 0)
			if cmp.Diff(before, o.stored(t)) == "" {
				t.Fatal("nothing was written")
			}
			killed := child(t, "undo-1", storeURL, o.url, kill)
			if killed {
				child(t, "undo-2", storeURL, o.url, 0)
			}
			o.checkUndone(t, open(t, storeURL), kill, before)
			if !killed || t.Failed() {
				break
			}
		}
	})
}

func (o *office) checkUndone(t *testing.T, db *store.DB, kill int, before map[string]map[string]string) {
	t.Helper()
	after := o.stored(t)
	for id, props := range before {
		for _, name := range []string{"hubspot_owner_id", "closedate", "plumbline_lost_reason", "plumbline_lost_reason_detail"} {
			if props[name] != after[id][name] {
				t.Errorf("killed at edge %d: deal %s: %s is %q, it was %q", kill, id, name, after[id][name], props[name])
			}
		}
	}
	tasks, properties := o.ours(t)
	if len(tasks)+len(properties) > 0 {
		t.Errorf("killed at edge %d: left over: %v, %v", kill, slices.Collect(maps.Keys(tasks)), properties)
	}
	if n := o.server.Counters().Writes; n != 2*o.writes() {
		t.Errorf("killed at edge %d: the portal counted %d writes, want %d", kill, n, 2*o.writes())
	}
	damage, err := db.VerifyJournal(t.Context())
	if err != nil || len(damage) > 0 {
		t.Errorf("killed at edge %d: the journal: %v, %v", kill, damage, err)
	}
}
