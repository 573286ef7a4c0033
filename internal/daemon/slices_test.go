package daemon

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plumbline/plumbline/internal/store"
)

const listPath = ":path=/hubspot/crm/objects/2026-09/deals"

// pages is how many requests list the bench's deals.
func (b *bench) pages() int64 {
	live := 0
	for _, d := range b.world.Deals {
		if !d.Archived {
			live++
		}
	}
	return int64(live+49) / 50
}

// TestALongPullGoesOn pulls for longer than a job may last: each job goes on at the cursor where the last one stopped, and
// no page but the one that was cut short is read twice.
func TestALongPullGoesOn(t *testing.T) {
	overMinutes(t)
	inBubble(t, 1000, func(t *testing.T, b *bench) {
		b.faults("latency=9s" + listPath)
		defer b.serve("0 0 1 1 *")()
		o := b.good(10 * time.Minute)
		b.jobIs("completed 1")
		pages, slices := b.pages(), (b.pages()*9+39)/40
		if got := b.lists(); got < pages || got > pages+slices {
			t.Errorf("%d pages were listed by %d requests in about %d jobs", pages, got, slices)
		}
		kept, err := b.db.LastResult(t.Context(), "acme")
		if err != nil || !kept.Complete || kept.Read["deals"].Read != 1000 {
			t.Errorf("the audit at %s: %+v, %v", o.at, kept, err)
		}
		if got := b.log.with("level="); len(got) != 1 {
			t.Errorf("the log: %q", got)
		}
	})
}

// TestWhatIsDoneIsNotDoneAgain has a pull that ends with little of its job's time left.
func TestWhatIsDoneIsNotDoneAgain(t *testing.T) {
	inBubble(t, 200, func(t *testing.T, b *bench) {
		b.faults("latency=7s" + listPath) // the count and four pages
		defer b.serve("0 0 1 1 *")()
		b.good(5 * time.Minute)
		c := b.server.Counters()
		if got := b.lists(); got != b.pages() || c.Requests["hubspot"]["deals.search"] != 1 {
			t.Errorf("requests of one pull: %v", c.Requests["hubspot"])
		}
		reader, _ := b.db.SQL()
		var snoozes int
		if err := reader.QueryRowContext(t.Context(), `SELECT metadata->>'snoozes' FROM river_job`).Scan(&snoozes); err != nil || snoozes != 1 {
			t.Errorf("the job was put off %d times (%v), want once", snoozes, err)
		}
	})
}

// TestAPullWithoutProgress gets no further than its cursor in a whole job. It does not go on for ever.
func TestAPullWithoutProgress(t *testing.T) {
	overMinutes(t)
	inBubble(t, 200, func(t *testing.T, b *bench) {
		b.faults("latency=60s" + listPath)
		defer b.serve("0 0 1 1 *")()
		for range maxAttempts {
			if o := b.next(10 * time.Minute); !errors.Is(o.err, context.DeadlineExceeded) {
				t.Errorf("a pull that stands still: %v", o.err)
			}
		}
		b.jobIs("discarded 3")
	})
}

func TestStopInAPull(t *testing.T) {
	inBubble(t, 1000, func(t *testing.T, b *bench) {
		b.faults("latency=2s" + listPath)
		stop := b.serve("0 * * * *")
		<-time.After(15 * time.Second)
		if took := stop(); took > time.Second {
			t.Errorf("it took %s to stop", took)
		}
		b.jobIs("available 0")
		if holder := b.leased("acme"); holder != "" {
			t.Errorf("%s still holds the lease", holder)
		}
		read := b.lists()
		if read < 5 || read >= b.pages() {
			t.Fatalf("%d of %d pages were read", read, b.pages())
		}
		b.faults("")
		defer b.serve("0 * * * *")()
		b.good(10 * time.Second)
		if got := b.lists(); got > b.pages()+1 {
			t.Errorf("%d pages were listed by %d requests", b.pages(), got)
		}
		if got := b.log.with("level="); len(got) != 1 {
			t.Errorf("the log: %q", got)
		}
	})
}

// TestKilledInAPull goes on with what a SIGKILL leaves of the store's file: a job that seems to run, and a lease.
func TestKilledInAPull(t *testing.T) {
	overMinutes(t)
	inBubble(t, 1000, func(t *testing.T, b *bench) {
		b.faults("latency=2s" + listPath)
		stop := b.serve("0 * * * *")
		<-time.After(45 * time.Second) // beyond the first checkpoint
		file := strings.TrimPrefix(b.url, "sqlite:")
		image := filepath.Join(t.TempDir(), "plumbline.db")
		for _, end := range []string{"", "-wal"} {
			part, err := os.ReadFile(file + end)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(image+end, part, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		stop()
		b.db = b.open("sqlite:" + image)
		if state, attempt := b.job(b.db); state != "running" || attempt != 1 {
			t.Fatalf("the image was not taken in time: the job is %s %d", state, attempt)
		}
		// The engine takes two times from the database's clock, which knows nothing of the bubble's.
		writer, _ := b.db.SQL()
		attempted := time.Now().Add(-5 * time.Second).UTC().Format("2006-01-02 15:04:05.000")
		for _, q := range []string{`UPDATE river_job SET attempted_at = '` + attempted + `'`, `DELETE FROM river_leader`} {
			if _, err := writer.ExecContext(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		before := b.lists()
		b.faults("")
		began := b.server.Now()
		defer b.serve("0 * * * *")()
		o := b.good(5 * time.Minute)
		if took := o.at.Sub(began); took > rescueAfter+40*time.Second {
			t.Errorf("it was taken up after %s", took)
		}
		if again := b.lists() - before; again >= b.pages() {
			t.Errorf("all %d pages were listed again", again)
		}
		b.jump(time.Hour)
		b.good(time.Minute)
	})
}

// TestALostLeaseEndsTheWork has somebody take the lease while the daemon works: it notices at its next renewal.
func TestALostLeaseEndsTheWork(t *testing.T) {
	inBubble(t, 1000, func(t *testing.T, b *bench) {
		b.faults("latency=3s" + listPath)
		defer b.serve("0 0 1 1 *")()
		<-time.After(5 * time.Second)
		writer, _ := b.db.SQL()
		if _, err := writer.ExecContext(t.Context(), `UPDATE leases SET token = 'theirs', holder = 'somebody'`); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		o := b.next(time.Minute)
		if took := time.Since(began); !errors.Is(o.err, store.ErrLeaseLost) || took > store.LeaseRenewal {
			t.Errorf("after %s: %v", took, o.err)
		}
		if holder := b.leased("acme"); holder != "somebody" {
			t.Errorf("%q holds the lease", holder)
		}
		b.good(5 * time.Minute) // the thief's lease has run out
		if got := b.log.with("level=ERROR"); len(got) != 1 || !strings.Contains(got[0], "lost") {
			t.Errorf("the log: %q", got)
		}
	})
}

// TestALeaseOutlivesAStumble has a store that does not take writes for a time.
func TestALeaseOutlivesAStumble(t *testing.T) {
	for name, c := range map[string]struct {
		blocked time.Duration
		lost    bool
	}{"short": {25 * time.Second, false}, "long": {80 * time.Second, true}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 50, func(t *testing.T, b *bench) {
				writer, _ := b.db.SQL()
				err := b.cycle(b.db, "a command").hold(t.Context(), "acme", func(ctx context.Context) error {
					tx, err := writer.BeginTx(t.Context(), nil)
					if err != nil {
						return err
					}
					<-time.After(c.blocked)
					if err := tx.Rollback(); err != nil {
						return err
					}
					<-time.After(5 * time.Second)
					return ctx.Err()
				})
				if lost := errors.Is(err, context.Canceled); lost != c.lost || !c.lost && err != nil {
					t.Errorf("blocked for %s: %v", c.blocked, err)
				}
			})
		})
	}
}

// TestAPanicFreesThePortal: a bug in one cycle keeps nobody from the portal.
func TestAPanicFreesThePortal(t *testing.T) {
	inBubble(t, 50, func(t *testing.T, b *bench) {
		var bug atomic.Bool
		bug.Store(true)
		b.wire = func(*http.Request) error {
			if bug.Swap(false) {
				panic("a bug")
			}
			return nil
		}
		defer b.serve("0 0 1 1 *")()
		b.good(2 * time.Minute)
		if got := b.log.with("panicked"); len(got) != 1 || !strings.Contains(got[0], "bench_test.go") {
			t.Errorf("the log: %q", got)
		}
	})
}
