package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/hubspot"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/mirror"
	"github.com/plumbline/plumbline/internal/sandbox"
	face "github.com/plumbline/plumbline/internal/sandbox/hubspot"
	"github.com/plumbline/plumbline/internal/store"
	"github.com/plumbline/plumbline/internal/store/storetest"
)

// bench is a simulated HubSpot portal, a connector to it and a store, on one clock that only waiting moves.
type bench struct {
	server *sandbox.Server
	client *http.Client
	conn   connectors.Connector
	store  *store.DB
	opts   mirror.Options

	mu  sync.Mutex
	now time.Time
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) sleep(ctx context.Context, d time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
	return ctx.Err()
}

// bearer authorises requests.
type bearer struct{ next http.RoundTripper }

func (a bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+sandbox.StaticToken)
	return a.next.RoundTrip(req)
}

const base = "https://sandbox.test/hubspot"

func newBench(t *testing.T, deals int) *bench {
	t.Helper()
	world := sandbox.Generate(sandbox.GenOptions{Deals: deals, Seed: 7})
	b := &bench{now: world.Now.Add(time.Hour)}
	var err error
	if b.server, err = sandbox.New(sandbox.Options{Ticks: b.clock, Tiers: map[string]string{"hubspot": "enterprise"}}, face.New(world)); err != nil {
		t.Fatal(err)
	}
	b.client = &http.Client{Transport: bearer{b.server.Transport()}}
	meter := new(mirror.Meter)
	b.conn, err = hubspot.Type().Open(connectors.Options{Portal: "acme", APIURL: base, Client: b.client, Now: b.clock, Sleep: b.sleep, Observe: meter.Observe})
	if err != nil {
		t.Fatal(err)
	}
	if b.store, err = store.Open(t.Context(), storetest.SQLiteURL(t), store.Options{Now: b.clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.store.Close(); err != nil {
			t.Error(err)
		}
	})
	b.opts = mirror.Options{Portal: "acme", CRM: "hubspot", Now: b.clock, Meter: meter}
	return b
}

// pass lets time pass, after which whatever was written is found by the search.
func (b *bench) pass(d time.Duration) { _ = b.sleep(context.Background(), d) }

func (b *bench) sync(t *testing.T) (crm.Sync, *crm.Snapshot) {
	t.Helper()
	s, snap, err := mirror.Sync(t.Context(), b.conn, b.store, b.opts)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := b.store.LoadSnapshot(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(exported(snap), exported(kept)); d != "" {
		t.Fatalf("what is kept is not what was returned (-returned +kept):\n%s", d)
	}
	return s, kept
}

// send writes to the portal as somebody else would.
func (b *bench) send(t *testing.T, method, path, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, base+"/crm/objects/"+hubspot.Version+"/deals"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := b.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode/100 != 2 {
		t.Fatalf("%s %s: status %d, %v\n%s", method, path, resp.StatusCode, err, answer)
	}
	b.pass(time.Second)
}

func exported(s *crm.Snapshot) map[string]crm.Deal {
	out := map[string]crm.Deal{}
	for i := range int32(s.Len()) {
		out[s.ID(i)] = s.Export(i)
	}
	return out
}

// same fails unless a snapshot shows what a pull of the portal from nothing shows.
func (b *bench) same(t *testing.T, snap *crm.Snapshot) {
	t.Helper()
	want, err := mirror.Collect(t.Context(), b.conn, b.opts)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(exported(want), exported(snap)); d != "" {
		t.Fatalf("the mirror is not the portal (-portal +mirror):\n%s", d)
	}
}

// onPages are the facts that HubSpot gives with the pages of deals.
const onPages = crm.AllFacts &^ (crm.FactQuotes | crm.FactLineItems | crm.FactNextDue | crm.FactRules | crm.FactOutreach)

// TestHubSpotSurvey reads what of the set-up costs requests of its own: each pipeline's rules, and three counts of touches. Rules keep the moment at which they were first seen; a poll leaves them as they are.
func TestHubSpotSurvey(t *testing.T) {
	const deals = 230
	b := newBench(t, deals)
	b.opts.Facts = onPages | crm.FactRules | crm.FactOutreach
	s, snap := b.sync(t)
	lines := snap.Schema.Pipelines
	if n := int64((deals+49)/50 + 6 + len(lines) + 3); s.Requests > n {
		t.Errorf("a full pull of %d deals made %d requests, of %d", deals, s.Requests, n)
	}
	seen := crm.At(b.opts.Now())
	for _, hours := range []int{1, 25, 100 * 24} { // a poll, a sweep, a full walk
		b.pass(time.Duration(hours) * time.Hour)
		_, snap = b.sync(t)
		for _, p := range snap.Schema.Pipelines {
			if p.Rules == nil || p.Rules.Since > seen || p.Rules.Since.IsZero() {
				t.Errorf("%d hours later the rules of pipeline %s are %+v, first seen at %v", hours, p.ID, p.Rules, seen)
			}
		}
		if !snap.Schema.OutreachKnown || len(snap.Schema.Outreach) != 3 || !snap.Schema.RulesAvailable {
			t.Errorf("%d hours later touches by kind are %v", hours, snap.Schema.Outreach)
		}
	}
}

func TestHubSpotPortal(t *testing.T) {
	const deals = 230
	b := newBench(t, deals)
	b.opts.Facts = onPages
	s, snap := b.sync(t)
	if n := b.server.Counters().Total("hubspot"); s.Requests != n || n > (deals+49)/50+6 {
		t.Errorf("a full pull of %d deals made %d requests, %d by its own count", deals, n, s.Requests)
	}
	if snap.Len() != deals || !snap.Completeness.Complete() || *s.Completeness.Read["deals"].Expected != deals {
		t.Errorf("%d deals, %+v", snap.Len(), s.Completeness)
	}
	b.same(t, snap)
	b.pass(30 * time.Minute)
	if s, _ = b.sync(t); s.Requests != 2 || s.Full {
		t.Errorf("an idle poll made %d requests, %+v", s.Requests, s)
	}

	open := openDeals(snap)
	stages := snap.Schema.Pipelines[0].Stages
	for i, id := range open[:10] {
		b.send(t, "PATCH", "/"+id, fmt.Sprintf(`{"properties":{"pipeline":%q,"dealstage":%q}}`, snap.Schema.Pipelines[0].ID, stages[i%2].ID))
	}
	b.pass(time.Minute)
	s, snap = b.sync(t)
	if s.Requests > 3 || s.Completeness.Read["deals"].Read != 10 {
		t.Errorf("ten changed deals made %d requests, %+v", s.Requests, s.Completeness)
	}
	b.same(t, snap)

	b.send(t, "POST", "/merge", fmt.Sprintf(`{"primaryObjectId":%q,"objectIdToMerge":%q}`, open[0], open[1]))
	b.send(t, "DELETE", "/"+open[2], "")
	b.pass(time.Minute)
	s, snap = b.sync(t)
	if _, there := snap.Find(open[1]); there || s.Full || snap.Len() != deals-1 {
		t.Errorf("after a merge there are %d deals", snap.Len())
	}
	b.pass(24 * time.Hour)
	s, snap = b.sync(t)
	if _, there := snap.Find(open[2]); there || s.Full {
		t.Error("a day later a deleted deal is still there")
	}
	b.same(t, snap)
}

// openDeals are the ids of the open deals of the first pipeline.
func openDeals(s *crm.Snapshot) (ids []string) {
	for i := range int32(s.Len()) {
		if r := s.Deal(i); r.Status == crm.Open && r.Pipeline == 0 {
			ids = append(ids, s.ID(i))
		}
	}
	return ids
}

// TestHubSpotFaults pulls through faults again and again: each pull is whole or says what is missing, and in the end all is there.
func TestHubSpotFaults(t *testing.T) {
	const deals = 230
	for _, faults := range []string{"status=500:every=7", "status=429:p=0.5", "status=429:every=1", "drop:every=3", "truncate:every=5", "status=502:every=2", "status=503:p=0.85:path=/crm/objects"} {
		t.Run(faults, func(t *testing.T) {
			b := newBench(t, deals)
			if err := b.server.SetFaults(faults); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				_, snap, err := mirror.Sync(t.Context(), b.conn, b.store, b.opts)
				if err == nil && snap.Completeness.Complete() && snap.Len() != deals {
					t.Errorf("%d of %d deals look whole", snap.Len(), deals)
				}
				kept, loadErr := b.store.LoadSnapshot(t.Context(), "acme")
				if loadErr != nil {
					t.Fatal(loadErr)
				}
				if err != nil && kept != nil && kept.Completeness.Complete() {
					t.Errorf("a pull ended with %v, and what is kept looks whole", err)
				}
				b.pass(time.Hour)
			}
			if err := b.server.SetFaults(""); err != nil {
				t.Fatal(err)
			}
			_, snap := b.sync(t)
			b.pass(time.Hour)
			if !snap.Completeness.Complete() || snap.Len() != deals {
				t.Errorf("%d deals, %+v", snap.Len(), snap.Completeness)
			}
			b.same(t, snap)
		})
	}
}
