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

// elsewhere says why a policy may find on one CRM what it does not find on the other.
func elsewhere() map[string]string {
	const noStages = "won and lost are no stages on Pipedrive"
	return map[string]string{
		"owner-missing":            "a deal always has an owner on Pipedrive",
		"several-closed-stages":    noStages,
		"stage-after-won":          noStages,
		"closing-stage-missing":    noStages,
		"default-stages-untouched": "each CRM ships stages of its own",
		"close-date-default":       "Pipedrive enters no close date by itself",
		"dates-impossible":         "the expected close date of a closed deal is not when it was closed on Pipedrive",
	}
}

// counted says why a policy judges more records on one CRM than on the other, though it says the same of all that it judges on
// both.
func counted() map[string]string {
	const (
		closed = "won and lost stages are judged, too"
		hidden = "Pipedrive names a deal's last activity alone: where that is a task, the last touch before it is not known"
		kinds  = "Pipedrive counts activities and mails without kinds and ways: of more than one the first is not known, nor how many are touches"
		rules  = "Pipedrive cannot forbid moves"
	)
	return map[string]string{
		"unclear-stage-name":      closed,
		"stage-label-contradicts": closed,
		"no-next-activity":        hidden,
		"no-buyer-activity":       hidden,
		"follow-up-overdue":       hidden,
		"starts-too-early":        "the activities of closed deals are not read on Pipedrive, so not whether the buyer was ever heard of",
		"gave-up-early":           kinds,
		"slow-first-response":     kinds,
		"stage-without-evidence":  kinds,
		"activity-not-captured":   "deals without an owner are those of the user who connected Pipedrive, who is judged, too",
		"owner-overloaded":        "deals without an owner are those of the user who connected Pipedrive, and a queue is a user there",
		"behind-its-evidence":     "Pipedrive has no quotes",
		"touched-in-bulk":         "Pipedrive does not tell who changed a deal",
		"rules-bypassed":          rules,
		"skipping-allowed":        rules,
		"single-channel-outreach": "Pipedrive does not tell how many e-mails were sent",
		"manual-stage-moves":      "closings are no moves on Pipedrive",
		"reopened":                "Pipedrive's moves are those between open stages: closings are none",
	}
}

// TestTheSameOnBothCRMs puts one sales history into both CRMs. What Pipedrive gives without reading histories deal by deal
// leaves the policies that need them without a word; with them both CRMs show the same findings, policy by policy.
func TestTheSameOnBothCRMs(t *testing.T) {
	var mu sync.Mutex
	const seeds = 12
	ran, differ := 0, map[string]bool{} // policies that were seen to
	t.Cleanup(func() {
		if ran < seeds { // some were left out by -run
			return
		}
		for _, reasons := range []map[string]string{elsewhere(), counted()} {
			for policy := range reasons {
				if !differ[policy] && !t.Failed() {
					t.Errorf("%s says the same on both CRMs: it needs no reason", policy)
				}
			}
		}
	})
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			mu.Lock()
			ran++
			mu.Unlock()
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
				got := off.Judged[policy]
				if got == want {
					continue
				}
				mu.Lock()
				differ[policy] = true
				mu.Unlock()
				if counted()[policy] == "" && elsewhere()[policy] == "" {
					t.Errorf("%s: HubSpot %+v, Pipedrive %+v", policy, want, got)
				}
			}
		})
	}
}

// compare holds that two audits of the same history say the same of every record that both can judge.
func compare(t *testing.T, left, right *audit.Result) {
	t.Helper()
	cannot := unjudged(right)
	maps.Copy(cannot, unjudged(left))
	was, is := subjects(left), subjects(right)
	for _, f := range slices.Sorted(maps.Keys(was)) {
		if _, ok := is[f]; !ok && !cannot[f] && elsewhere()[was[f]] == "" {
			t.Errorf("only on HubSpot: %s", f)
		}
	}
	for _, f := range slices.Sorted(maps.Keys(is)) {
		if _, ok := was[f]; !ok && !cannot[f] && elsewhere()[is[f]] == "" {
			t.Errorf("only on Pipedrive: %s", f)
		}
	}
}

// subjects are the findings by policy and record, with their policy.
func subjects(r *audit.Result) map[string]string {
	out := map[string]string{}
	for _, f := range r.Findings {
		out[about(r, f.Policy, f.Subject)] = f.Policy
	}
	return out
}

// unjudged are the records that a policy could not judge, with the policy.
func unjudged(r *audit.Result) map[string]bool {
	out := map[string]bool{}
	for _, u := range r.Unknown {
		out[about(r, u.Policy, u.Subject)] = true
	}
	return out
}

// about names a policy and a record alike on both CRMs: pipelines by their names, for not every id of one can be the other's.
func about(r *audit.Result, policy string, of crm.Ref) string {
	id := of.ID
	switch of.Kind {
	case crm.KindPortal:
		id = ""
	case crm.KindPipeline:
		for _, p := range r.Pipelines {
			if p.ID == of.ID {
				id = p.Name
			}
		}
	}
	return fmt.Sprint(policy, " ", of.Kind, " ", id)
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
