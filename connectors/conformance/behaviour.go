package conformance

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

func testRequestFigures(t *testing.T, s Subject) {
	for _, n := range []int{1, 50, 51, 430} {
		b := newBench(t, s, world(n, 7))
		c := b.open(t)
		sch := schema(t, c)
		pages, err := pull(t.Context(), c, sch, crm.Work{Facts: crm.AllFacts &^ s.Costly})
		if err != nil {
			t.Fatal(err)
		}
		if counter, ok := c.(connectors.Counter); ok {
			if _, err := counter.Count(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
		}
		listedDeals := len(deals(t, pages))
		if got := b.requests(); got > s.Full(listedDeals) {
			t.Errorf("a full pull of %d deals made %d requests, of %d", listedDeals, got, s.Full(listedDeals))
		}
		if n < 100 {
			continue
		}
		since, known := watermark(pages), deals(t, pages)
		poll := func(changed int, limit int64) {
			t.Helper()
			b.requests()
			next := c
			if r, ok := next.(connectors.Refresher); ok {
				if sch, err = r.Refresh(t.Context(), sch); err != nil {
					t.Fatal(err)
				}
			} else {
				sch = schema(t, next)
			}
			work := crm.Work{Since: since, Facts: crm.AllFacts &^ s.Costly, Known: func(id string, at crm.Instant) bool { return known[id].Modified == at }}
			got, err := pull(t.Context(), next, sch, work)
			if err != nil {
				t.Fatal(err)
			}
			if found := len(deals(t, got)); found != changed {
				t.Errorf("%d deals came, %d were changed", found, changed)
			}
			if made := b.requests(); made > limit {
				t.Errorf("a poll that finds %d changed deals made %d requests, of %d", changed, made, limit)
			}
		}
		poll(0, s.Idle)
		b.pass(time.Minute)
		change(t, b, sch, listed(b.World)[:10])
		poll(10, s.Changed(10))
		change(t, b, sch, listed(b.World)[:401])
		poll(401, s.Changed(401))
	}
}

// testPace pulls more than a window's worth and looks for what the sandbox refused.
func testPace(t *testing.T, s Subject) {
	b := newBench(t, s, world(600, 8))
	b.requests()
	for round := range 4 {
		c := b.open(t)
		if round > 0 {
			b.pass(11 * time.Second) // another process begins with an empty memory
		}
		sch := schema(t, c)
		for range 8 {
			if _, err := pull(t.Context(), c, sch, crm.Work{Facts: crm.AllFacts}); err != nil {
				t.Fatal(err)
			}
		}
		if counter, ok := c.(connectors.Counter); ok {
			for range 12 {
				if _, err := counter.Count(t.Context(), 0); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if n := b.Server.Counters().Throttled; n > 0 {
		t.Errorf("%d of %d requests were refused for going too fast", n, b.requests())
	}
	if len(b.calls) == 0 || b.calls[0].Operation == "" {
		t.Error("nobody was told of the requests")
	}
}

// testFaults pulls from a CRM that fails. The pull must be complete, or end with an error that gives nothing away.
func testFaults(t *testing.T, s Subject) {
	for name, faults := range map[string]string{
		"storm of 429":         "status=429:p=0.3",
		"500 on every seventh": "status=500:every=7",
		"both":                 "status=429:p=0.3;status=500:every=7",
		"502":                  "status=502:p=0.2",
		"423":                  "status=423:p=0.2",
		"bodies cut short":     "truncate:every=4",
		"dropped connections":  "drop:every=5",
		"everything at once":   "status=429:p=0.1;status=503:p=0.1;truncate:p=0.1;drop:p=0.1",
		"gone for good":        "status=500",
		"always 429":           "status=429",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, s, world(600, 9))
			if err := b.Server.SetFaults(faults); err != nil {
				t.Fatal(err)
			}
			c := b.open(t)
			sch, err := c.Schema(t.Context())
			var pages []crm.Page
			if err == nil {
				pages, err = pull(t.Context(), c, sch, crm.Work{Facts: crm.AllFacts})
			}
			hopeless := !strings.ContainsAny(faults, ":")
			if err == nil {
				compare(t, b, deals(t, pages))
			} else if bad := leaks(err.Error()); bad != "" {
				t.Errorf("error %q gives away %q", err, bad)
			}
			if (err != nil) != hopeless {
				t.Errorf("error %v, want one: %v", err, hopeless)
			}
			var limit *connectors.LimitError
			if hopeless && !errors.Is(err, connectors.ErrUnavailable) && !errors.As(err, &limit) {
				t.Errorf("error %v is neither ErrUnavailable nor a LimitError", err)
			}
		})
	}
}

func testAuthorization(t *testing.T, s Subject) {
	b := newBench(t, s, world(10, 10))
	b.token = "nobody-knows-this-one"
	_, err := b.open(t).Schema(t.Context())
	if !errors.Is(err, connectors.ErrUnauthorized) {
		t.Errorf("error %v, want ErrUnauthorized", err)
	}
	if got := b.requests(); got != 1 {
		t.Errorf("a refused token was tried %d times", got)
	}
	if err != nil && (strings.Contains(err.Error(), b.token) || leaks(err.Error()) != "") {
		t.Errorf("error %q gives something away", err)
	}
}

// testReadOnly does with a read-only connector whatever it can do, and looks at what was sent.
func testReadOnly(t *testing.T, s Subject) {
	b := newBench(t, s, world(60, 11))
	c := b.open(t, func(o *connectors.Options) { o.ReadOnly = true })
	if _, ok := c.(connectors.Editor); ok {
		t.Error("a read-only connector is an Editor")
	}
	sch := schema(t, c)
	for _, since := range []crm.Instant{0, crm.At(b.World.Now.AddDate(0, -1, 0))} {
		if _, err := pull(t.Context(), c, sch, crm.Work{Since: since, Facts: crm.AllFacts}); err != nil {
			t.Fatal(err)
		}
		if counter, ok := c.(connectors.Counter); ok {
			if _, err := counter.Count(t.Context(), since); err != nil {
				t.Fatal(err)
			}
		}
	}
	if sweeper, ok := c.(connectors.Sweeper); ok {
		if _, err := sweeper.Gone(t.Context(), append(listed(b.World), "999999999999")); err != nil {
			t.Fatal(err)
		}
	}
	if prober, ok := c.(connectors.Prober); ok {
		if _, err := prober.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, sent := range b.sent {
		if method, path, _ := strings.Cut(sent, " "); !s.Reads(method, path) {
			t.Errorf("a read-only connector sent %s", sent)
		}
	}
	if n := b.Server.Counters().Writes; n != 0 {
		t.Errorf("a read-only connector wrote %d records", n)
	}
}

func testProbe(t *testing.T, s Subject) {
	b := newBench(t, s, world(10, 12))
	prober, ok := b.open(t).(connectors.Prober)
	if !ok {
		t.Skip("the connector is no Prober")
	}
	access, err := prober.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	needed := 0
	for _, a := range access {
		if !a.Granted || a.Scope == "" || a.Cost == "" {
			t.Errorf("with every scope granted: %+v", a)
		}
		if a.Needed {
			needed++
		}
	}
	if needed == 0 {
		t.Error("no scope is needed")
	}
}
