package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/store"
	"github.com/plumbline/plumbline/internal/store/storetest"
)

// TestACycleOnEachEngine runs in real time: once to its end with writes, once stopped in the middle, and leaves nothing running.
func TestACycleOnEachEngine(t *testing.T) {
	storetest.Each(t, func(t *testing.T, storeURL string) {
		b := newBench(t, storeURL, 1000)
		b.modes[past] = audit.ModeAuto
		if _, err := b.db.LastSync(t.Context(), "acme"); err != nil { // has opened the connections that stay
			t.Fatal(err)
		}
		others := goleak.IgnoreCurrent()
		stop := b.serve("0 * * * *")
		b.good(20 * time.Second)
		b.jobIs("completed 1")
		if got := b.steps(remedy.Applied); len(got) != len(b.planted(past)) {
			t.Errorf("%d steps are applied, want %d", len(got), len(b.planted(past)))
		}
		b.journalled(b.steps(remedy.Applied))
		b.change(func() {
			b.wire = func(r *http.Request) error {
				<-r.Context().Done() // the portal does not answer
				return r.Context().Err()
			}
		})
		b.jump(time.Hour)
		b.await("the next cycle began", 10*time.Second, func() bool { return b.leased("acme") != "" })
		if took := stop(); took > 5*time.Second {
			t.Errorf("it took %s to stop", took)
		}
		b.jobIs("available 0")
		if holder := b.leased("acme"); holder != "" {
			t.Errorf("%s still holds the lease", holder)
		}
		goleak.VerifyNone(t, others, goleak.IgnoreAnyFunction("github.com/jackc/pgx/v5/pgxpool.(*Pool).backgroundHealthCheck"),
			goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
		b.change(func() { b.wire = nil })
		stop = b.serve("0 * * * *")
		b.good(20 * time.Second)
		stop()
		if got := append(b.log.with("level=WARN"), b.log.with("level=ERROR")...); len(got) > 0 || len(b.log.with("level=INFO")) != 2 {
			t.Errorf("the log of two good cycles: %q", b.log.with(""))
		}
	})
}

// TestReplicasShareTheTicks has two daemons start at once on one database, with a portal's every run done by one of them.
func TestReplicasShareTheTicks(t *testing.T) {
	b := newBench(t, storetest.PostgresURL(t), 50)
	const count = 8
	daemons := make([]*Daemon, 2)
	var wg sync.WaitGroup
	for i := range daemons {
		var portals []Portal
		for n := range count {
			portals = append(portals, b.portal(fmt.Sprint("portal-", n), "0 * * * *"))
		}
		wg.Go(func() { daemons[i] = b.daemon(b.open(b.url), portals...) })
	}
	wg.Wait()
	ran := map[string]int{}
	for _, d := range daemons {
		defer b.start(d)()
	}
	for hour := range 2 {
		for range count {
			ran[b.good(20*time.Second).portal]++
		}
		for portal, n := range ran {
			if n != hour+1 {
				t.Errorf("%s ran %d times in %d hours", portal, n, hour+1)
			}
		}
		b.none(3 * tick)
		b.jump(time.Hour)
	}
}

// TestTwoProcessesTakeTurns has a second process ask for a portal that the first one works on: it is told who has it, or
// waits.
func TestTwoProcessesTakeTurns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, storeURL string) {
		b := newBench(t, storeURL, 50)
		one, two := b.cycle(b.db, "one"), b.cycle(b.open(storeURL), "two")
		working, waited := false, make(chan error, 1)
		err := one.hold(t.Context(), "acme", func(ctx context.Context) error {
			working = true
			defer func() { working = false }()
			var busy *store.LeasedError
			if err := two.hold(ctx, "acme", func(context.Context) error { return nil }); !errors.As(err, &busy) || busy.Holder != "one" {
				t.Errorf("the second got %v", err)
			}
			two.Wait = true
			go func() {
				waited <- two.hold(t.Context(), "acme", func(context.Context) error {
					if working || b.leased("acme") != "two" {
						t.Errorf("the second came in too early: %q holds the lease", b.leased("acme"))
					}
					return nil
				})
			}()
			b.await("the second waits", 5*time.Second, func() bool { return len(b.log.with("waiting for the portal")) == 1 })
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := <-waited; err != nil {
			t.Error(err)
		}
	})
}
