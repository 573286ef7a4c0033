package daemon

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/hubspot"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/mirror"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/sandbox"
	face "github.com/plumbline/plumbline/internal/sandbox/hubspot"
	"github.com/plumbline/plumbline/internal/store"
	"github.com/plumbline/plumbline/internal/store/storetest"
	"github.com/plumbline/plumbline/internal/text"
	"github.com/plumbline/plumbline/policies"
)

// bench is a simulated HubSpot portal, a store, and what a daemon on them is made of. Everything goes by the simulated
// portal's clock, which runs with the real one, or with the test's where it runs in a bubble.
type bench struct {
	t      testing.TB
	world  *sandbox.World
	server *sandbox.Server
	url    string
	db     *store.DB
	words  *text.Words
	log    *lines
	done   chan outcome
	modes  map[string]audit.Mode // by policy; any other is report

	mu    sync.Mutex // what follows may be changed while a daemon runs, through change
	rules func(now time.Time) remedy.Options
	wire  func(r *http.Request) error // is told of every request, which does not arrive where it returns an error
}

// outcome is what a daemon said of a cycle, and when.
type outcome struct {
	portal string
	err    error
	at     time.Time
}

// lines is a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// with returns the lines that contain a text.
func (l *lines) with(part string) (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.b.String()) {
		if strings.Contains(line, part) {
			out = append(out, line)
		}
	}
	return out
}

// inBubble runs a test on SQLite in time of its own.
func inBubble(t *testing.T, deals int, test func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newBench(t, storetest.SQLiteURL(t), deals)) })
}

// overMinutes is a test whose daemon looks for work through many minutes of the bubble's time.
func overMinutes(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("many minutes take too long with the race detector")
	}
}

func newBench(t testing.TB, storeURL string, deals int) *bench {
	t.Helper()
	b := &bench{t: t, url: storeURL, log: &lines{}, done: make(chan outcome, 1000), modes: map[string]audit.Mode{}}
	b.world = sandbox.Generate(sandbox.GenOptions{Deals: deals, Seed: 17, Plant: []string{"close-date-past", "owner-missing"}})
	var err error
	if b.server, err = sandbox.New(sandbox.Options{Clock: b.world.Now.Add(time.Minute)}, face.New(b.world)); err != nil {
		t.Fatal(err)
	}
	if b.words, err = text.English(policies.All()); err != nil {
		t.Fatal(err)
	}
	b.db = b.open(storeURL)
	b.rules = func(time.Time) remedy.Options {
		return remedy.Options{Limits: remedy.Limits{PerRun: 200, PerDay: 500, ShareOfOpen: 1}}
	}
	return b
}

// open opens a store by the bench's clock, until the test ends.
func (b *bench) open(storeURL string) *store.DB {
	b.t.Helper()
	db, err := store.Open(b.t.Context(), storeURL, store.Options{Now: b.server.Now})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.t.Error(err)
		}
	})
	return db
}

// RoundTrip authorises a request.
func (b *bench) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	wire := b.wire
	b.mu.Unlock()
	if wire != nil {
		if err := wire(r); err != nil {
			return nil, err
		}
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+sandbox.StaticToken)
	return b.server.Transport().RoundTrip(r)
}

// change changes what a running daemon sees.
func (b *bench) change(how func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	how()
}

// portal is the simulated portal under a name.
func (b *bench) portal(name, cron string) Portal {
	var checks []audit.Check
	for _, p := range policies.All() {
		mode := b.modes[p.ID]
		if mode == "" {
			mode = audit.ModeReport
		}
		checks = append(checks, audit.Check{Policy: p, Mode: mode})
	}
	return Portal{
		Name: name, CRM: "hubspot", Cron: cron, Zone: time.UTC, Checks: checks, Facts: crm.AllFacts,
		Connect: func(context.Context) (connectors.Connector, *mirror.Meter, error) {
			meter := &mirror.Meter{}
			conn, err := hubspot.Open(connectors.Options{
				Portal: name, APIURL: "https://api.test/hubspot", Client: &http.Client{Transport: b}, Now: b.server.Now, Observe: meter.Observe,
			})
			return conn, meter, err
		},
		Plan: func(now time.Time) remedy.Options {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.rules(now)
		},
	}
}

func (b *bench) cycle(db *store.DB, holder string) *Cycle {
	return &Cycle{Store: db, Words: b.words, Now: b.server.Now, Log: b.logger(), Holder: holder}
}

func (b *bench) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (b *bench) daemon(db *store.DB, portals ...Portal) *Daemon {
	b.t.Helper()
	d, err := New(b.t.Context(), Options{
		Cycle: b.cycle(db, "the daemon"), Portals: portals, Now: b.server.Now, Log: b.logger(),
		Done: func(portal string, err error) { b.done <- outcome{portal, err, b.server.Now()} },
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

// start runs a daemon until stop is called, which returns how long it took to end.
func (b *bench) start(d *Daemon) (stop func() time.Duration) {
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	return sync.OnceValue(func() time.Duration {
		began := time.Now()
		cancel()
		if err := <-ended; err != nil {
			b.t.Error(err)
		}
		return time.Since(began)
	})
}

// serve runs a daemon on the bench's store for the one portal "acme".
func (b *bench) serve(cron string) (stop func() time.Duration) {
	b.t.Helper()
	return b.start(b.daemon(b.db, b.portal("acme", cron)))
}

// next waits for the next word on a cycle.
func (b *bench) next(within time.Duration) outcome {
	b.t.Helper()
	select {
	case o := <-b.done:
		return o
	case <-time.After(within):
		b.t.Fatalf("no cycle came to its end within %s; the log: %s", within, b.log.with(""))
		return outcome{}
	}
}

// good waits for a cycle that went well.
func (b *bench) good(within time.Duration) outcome {
	b.t.Helper()
	o := b.next(within)
	if o.err != nil {
		b.t.Fatalf("the cycle of %s failed: %v", o.portal, o.err)
	}
	return o
}

// jump puts the clock forward while nothing is under way. It costs nothing, where waiting has the daemon look for work all
// the time.
func (b *bench) jump(d time.Duration) {
	b.t.Helper()
	reader, _ := b.db.SQL()
	b.await("no job runs", time.Minute, func() bool { // the engine writes a job's end after it has told us
		var busy int
		if err := reader.QueryRowContext(b.t.Context(), `SELECT COUNT(*) FROM river_job WHERE state = 'running'`).Scan(&busy); err != nil {
			b.t.Fatal(err)
		}
		return busy == 0
	})
	b.server.SetClock(b.server.Now().Add(d))
}

// await waits until something is so.
func (b *bench) await(what string, within time.Duration, so func() bool) {
	b.t.Helper()
	for end := time.Now().Add(within); !so(); <-time.After(100 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("%s: not within %s; the log: %s", what, within, b.log.with(""))
		}
	}
}

// none holds that no cycle comes to its end for a time.
func (b *bench) none(during time.Duration) {
	b.t.Helper()
	select {
	case o := <-b.done:
		b.t.Fatalf("a cycle of %s ended at %s (%v), want none for %s", o.portal, o.at, o.err, during)
	case <-time.After(during):
	}
}

// job is what the engine keeps of the newest job.
func (b *bench) job(db *store.DB) (state string, attempt int) {
	b.t.Helper()
	reader, _ := db.SQL()
	err := reader.QueryRowContext(b.t.Context(), `SELECT state, attempt FROM river_job ORDER BY id DESC LIMIT 1`).Scan(&state, &attempt)
	if err != nil {
		b.t.Fatal(err)
	}
	return state, attempt
}

// jobIs waits until the newest job is as wanted: the engine writes its state after it has told us.
func (b *bench) jobIs(want string) {
	b.t.Helper()
	b.await("the job is "+want, 5*time.Second, func() bool {
		state, attempt := b.job(b.db)
		return fmt.Sprint(state, " ", attempt) == want
	})
}

// leased tells who holds a portal's lease, "" nobody.
func (b *bench) leased(portal string) (holder string) {
	b.t.Helper()
	reader, _ := b.db.SQL()
	rows, err := reader.QueryContext(b.t.Context(), `SELECT holder FROM leases WHERE portal = $1 AND expires_at > $2`, portal, crm.At(b.server.Now()))
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&holder); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return holder
}

func (b *bench) faults(rules string) {
	b.t.Helper()
	if err := b.server.SetFaults(rules); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) steps(states ...remedy.State) []remedy.Step {
	b.t.Helper()
	steps, err := b.db.Steps(b.t.Context(), remedy.Filter{Portal: "acme", States: states})
	if err != nil {
		b.t.Fatal(err)
	}
	return steps
}

func (b *bench) lists() int64 { return b.server.Counters().Requests["hubspot"]["deals.list"] }
