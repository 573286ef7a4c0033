package acceptance

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/hubspot"
	"github.com/plumbline/plumbline/connectors/pipedrive"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/mirror"
	"github.com/plumbline/plumbline/internal/sandbox"
	onhubspot "github.com/plumbline/plumbline/internal/sandbox/hubspot"
	onpipedrive "github.com/plumbline/plumbline/internal/sandbox/pipedrive"
	"github.com/plumbline/plumbline/internal/store"
)

// only says why a policy may find on one CRM what it does not find on the other.
func only(policy string) string {
	switch policy {
	case "owner-missing":
		return "a deal always has an owner on Pipedrive"
	case "several-closed-stages", "stage-after-won", "closing-stage-missing":
		return "won and lost are no stages on Pipedrive"
	case "gave-up-early":
		return "Pipedrive does not tell how often the team was in touch"
	case "no-next-activity":
		return "Pipedrive names a deal's last activity alone: where that is a task, the last touch before it is not known"
	}
	return ""
}

// counted says why a policy judges more records on one CRM than on the other, though it finds the same.
func counted(policy string) string {
	switch policy {
	case "unclear-stage-name", "stage-label-contradicts":
		return "won and lost stages are judged too"
	case "default-stages-untouched":
		return "which stages Pipedrive ships is not known"
	}
	return only(policy)
}

// TestTheSameOnBothCRMs puts one sales history into both CRMs. What Pipedrive gives without reading histories deal by deal
// leaves the policies that need them without a word; with them both CRMs show the same findings, policy by policy.
func TestTheSameOnBothCRMs(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			now := time.Date(2026, 10, 5, 7, 0, 0, 0, time.UTC).Add(time.Duration(seed) * 31 * time.Hour)
			world := shared(sandbox.Generate(sandbox.GenOptions{Deals: 300, Seed: seed, Now: now}))
			b := both(t, world)
			left, right := b.pulled(t, onhubspot.Name), b.pulled(t, onpipedrive.Name)
			before := b.judge(t, right)
			compare(t, b.judge(t, left), before)
			for _, policy := range []string{"stage-skipped", "stage-regressed"} {
				// Of a deal that is where it began, and of nothing else, the way is known without its history.
				if j := before.Judged[policy]; j.Unknown == 0 || j.Judged != j.Passed {
					t.Errorf("before any history was read %s says %+v", policy, j)
				}
			}
			on, off := b.judge(t, left), b.judge(t, b.backfilled(t))
			compare(t, on, off)
			for policy, want := range on.Judged {
				if got := off.Judged[policy]; got != want && counted(policy) == "" {
					t.Errorf("%s: HubSpot %+v, Pipedrive %+v", policy, want, got)
				}
			}
		})
	}
}

// compare holds that two audits of the same history say the same wherever both can judge.
func compare(t *testing.T, left, right *audit.Result) {
	t.Helper()
	cannot := unjudged(right)
	maps.Copy(cannot, unjudged(left))
	was, is := subjects(left), subjects(right)
	for _, f := range slices.Sorted(maps.Keys(was)) {
		if _, ok := is[f]; !ok && !cannot[was[f]] && only(was[f]) == "" {
			t.Errorf("only on HubSpot: %s", f)
		}
	}
	for _, f := range slices.Sorted(maps.Keys(is)) {
		if _, ok := was[f]; !ok && !cannot[is[f]] && only(is[f]) == "" {
			t.Errorf("only on Pipedrive: %s", f)
		}
	}
}

// subjects are the findings by policy and record, with their policy.
func subjects(r *audit.Result) map[string]string {
	out := map[string]string{}
	for _, f := range r.Findings {
		id := f.Subject.ID
		if f.Subject.Kind == crm.KindPortal {
			id = ""
		}
		out[fmt.Sprint(f.Policy, " ", f.Subject.Kind, " ", id)] = f.Policy
	}
	return out
}

// unjudged are the policies that could not judge some record.
func unjudged(r *audit.Result) map[string]bool {
	out := map[string]bool{}
	for policy, j := range r.Judged {
		if j.Unknown > 0 {
			out[policy] = true
		}
	}
	return out
}

// shared is what both CRMs can show of a world: times have the resolution that Pipedrive gives, and there are no archived
// deals, which Pipedrive lists and counts in statistics while HubSpot lists none, and none that were created closed, which
// on Pipedrive stand in an open stage for no time, and on HubSpot were never in one.
func shared(w *sandbox.World) *sandbox.World {
	closed := map[string]bool{}
	for _, p := range w.Pipelines {
		for _, s := range p.Stages {
			closed[p.ID+" "+s.ID] = s.Probability == 0 || s.Probability == 1
		}
	}
	w.Deals = slices.DeleteFunc(w.Deals, func(d sandbox.Deal) bool {
		return d.Archived || len(d.Moves) == 1 && closed[d.Pipeline+" "+d.Stage]
	})
	cut := func(at *time.Time) { *at = at.Truncate(time.Second) }
	for i := range w.Deals {
		d := &w.Deals[i]
		for _, at := range []*time.Time{&d.Created, &d.CloseDate, &d.StageEntered} {
			cut(at)
		}
		for j := range d.Moves {
			cut(&d.Moves[j].At)
		}
		for j := range d.Activities {
			cut(&d.Activities[j].At)
		}
	}
	return w
}

// pair is one sales history in both CRMs, a connection to each and a store, on one clock that only waiting moves.
type pair struct {
	server *sandbox.Server
	db     *store.DB
	conns  map[string]connectors.Connector
	meters map[string]*mirror.Meter

	mu  sync.Mutex
	now time.Time
}

func (p *pair) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *pair) sleep(ctx context.Context, d time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
	return ctx.Err()
}

// static authorises by the sandbox's static token, as the CRM wants it.
type static struct {
	next          http.RoundTripper
	header, token string
}

func (s static) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(s.header, s.token)
	return s.next.RoundTrip(r)
}

// both puts a world into the two CRMs, with more tokens a day than anything here takes.
func both(t *testing.T, world *sandbox.World, opts ...onpipedrive.Option) *pair {
	t.Helper()
	p := &pair{now: world.Now, conns: map[string]connectors.Connector{}, meters: map[string]*mirror.Meter{}}
	p.server = must(sandbox.New(sandbox.Options{Ticks: p.clock, Tiers: map[string]string{onhubspot.Name: "pro", onpipedrive.Name: "ultimate:100"}},
		onhubspot.New(world), onpipedrive.New(world, opts...)))(t)
	p.db = must(store.Open(t.Context(), "sqlite:"+t.TempDir()+"/plumbline.db", store.Options{Now: p.clock}))(t)
	t.Cleanup(func() { must0(t, p.db.Close()) })
	p.connect(t, hubspot.Type(), "Authorization", "Bearer "+sandbox.StaticToken, 0)
	p.connect(t, pipedrive.Type(), "x-api-token", sandbox.StaticToken, 100*7*30_000)
	return p
}

func (p *pair) connect(t *testing.T, kind connectors.Type, header, token string, perDay int64) {
	t.Helper()
	p.meters[kind.Name] = &mirror.Meter{}
	p.conns[kind.Name] = must(kind.Open(connectors.Options{
		Portal: kind.Name, APIURL: "https://sandbox.test/" + kind.Name, Client: &http.Client{Transport: static{p.server.Transport(), header, token}},
		Ledger: p.db, Now: p.clock, Sleep: p.sleep, Observe: p.meters[kind.Name].Observe, TokensPerDay: perDay,
	}))(t)
}

// pulled is what a pull of one of the CRMs leads to; it must be complete.
func (p *pair) pulled(t *testing.T, name string) *crm.Snapshot {
	t.Helper()
	s, snap, err := mirror.Sync(t.Context(), p.conns[name], p.db, mirror.Options{Portal: name, CRM: name, Facts: facts(), Now: p.clock, Meter: p.meters[name]})
	must0(t, err)
	if !s.Completeness.Complete() {
		t.Fatalf("%s: %+v", name, s.Completeness)
	}
	return snap
}

// backfilled is Pipedrive's portal once the history of every deal was read.
func (p *pair) backfilled(t *testing.T) *crm.Snapshot {
	t.Helper()
	name := onpipedrive.Name
	done := must(mirror.Backfill(t.Context(), p.conns[name], p.db, mirror.BackfillOptions{Portal: name, Now: p.clock, Meter: p.meters[name]}))(t)
	if done.More || done.Why != "" {
		t.Fatalf("the backfill stopped: %+v", done)
	}
	return must(p.db.LoadSnapshot(t.Context(), name))(t)
}

// judge audits a snapshot by the whole catalogue, at the moment of the world.
func (p *pair) judge(t *testing.T, snap *crm.Snapshot) *audit.Result {
	t.Helper()
	return p.judgeAt(t, snap, snap.Taken.Time())
}

func (p *pair) judgeAt(t *testing.T, snap *crm.Snapshot, at time.Time) *audit.Result {
	t.Helper()
	return must(audit.Run(t.Context(), audit.Input{Snapshot: snap, Checks: catalogue(), Now: crm.At(at)}))(t)
}
