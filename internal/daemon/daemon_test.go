package daemon

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

func TestFirstCycleAtOnceThenOnTime(t *testing.T) {
	inBubble(t, 200, func(t *testing.T, b *bench) {
		b.wire = func(*http.Request) error {
			if b.leased("acme") != "the daemon" {
				t.Error("a request without the portal's lease")
			}
			return nil
		}
		stop := b.serve("0 * * * *") // it is 10:01
		first := b.good(10 * time.Second)
		b.none(time.Minute)
		b.jump(30 * time.Minute)
		if took := stop(); took > 5*time.Second {
			t.Errorf("an idle daemon took %s to stop", took)
		}
		stop = b.serve("0 * * * *")
		b.none(time.Minute) // a portal that was pulled is not due because of a restart
		b.jump(26 * time.Minute)
		second := b.good(2 * time.Minute)
		if at := second.at.Truncate(time.Minute); second.at.Sub(at) > 15*time.Second || at.Minute() != 0 || at.Sub(first.at) > time.Hour {
			t.Errorf("the second cycle ended at %s", second.at)
		}
		stop()
		b.jobIs("completed 1")
		if got := b.log.with(""); len(got) != 2 || len(b.log.with("msg=cycle")) != 2 {
			t.Errorf("the log of two good cycles: %q", got)
		}
		if holder := b.leased("acme"); holder != "" {
			t.Errorf("%s still holds the lease", holder)
		}
	})
}

func TestMissedRunsAreCaughtUpOnce(t *testing.T) {
	inBubble(t, 200, func(t *testing.T, b *bench) {
		stop := b.serve("*/10 * * * *")
		b.good(10 * time.Second)
		stop()
		<-time.After(3*time.Hour + 5*time.Minute) // 18 runs
		defer b.serve("*/10 * * * *")()
		b.good(10 * time.Second)
		b.none(time.Minute)
		b.jump(3 * time.Minute)
		if o := b.good(time.Minute); o.at.Minute()%10 != 0 {
			t.Errorf("after the missed ones a cycle ended at %s", o.at)
		}
	})
}

func TestZoneAndScheduleChanges(t *testing.T) {
	inBubble(t, 200, func(t *testing.T, b *bench) {
		p := b.portal("acme", "0 12 * * *") // it is 10:01 UTC
		stop := b.start(b.daemon(b.db, p))
		b.good(10 * time.Second)
		stop()
		paris, err := time.LoadLocation("Europe/Paris")
		if err != nil {
			t.Fatal(err)
		}
		p.Zone = paris // noon comes an hour earlier now
		stop = b.start(b.daemon(b.db, p))
		b.jump(58 * time.Minute)
		if o := b.good(2 * time.Minute); o.at.Hour() != 11 || o.at.Minute() != 0 {
			t.Errorf("noon in Paris came at %s", o.at)
		}
		stop()
		p.Cron = ""
		stop = b.start(b.daemon(b.db, p))
		b.jump(48 * time.Hour)
		b.none(time.Minute)
		stop()
		if left, err := b.db.Schedules(t.Context()); err != nil || len(left) != 0 {
			t.Errorf("schedules %v, %v", left, err)
		}
	})
}

func TestOneRunAtATime(t *testing.T) {
	inBubble(t, 200, func(t *testing.T, b *bench) {
		d := b.daemon(b.db, b.portal("acme", "0 0 1 1 *"))
		stop := b.start(d)
		defer stop()
		b.good(10 * time.Second)
		b.faults("latency=2s")
		for range 3 { // the cycle takes some seconds now
			if err := d.Enqueue(t.Context(), "acme"); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Second)
		}
		b.good(time.Minute)
		b.none(time.Minute)
		b.faults("")
		if err := d.Enqueue(t.Context(), "acme"); err != nil {
			t.Fatal(err)
		}
		b.good(time.Minute)
	})
}

// TestACommandHoldsThePortal: the job waits, more often than it has attempts, and uses none of them up.
func TestACommandHoldsThePortal(t *testing.T) {
	inBubble(t, 200, func(t *testing.T, b *bench) {
		command := b.cycle(b.db, "a command")
		release, ended := make(chan struct{}), make(chan error, 1)
		go func() {
			ended <- command.hold(t.Context(), "acme", func(ctx context.Context) error {
				<-release
				return ctx.Err()
			})
		}()
		defer b.serve("0 * * * *")()
		b.none(2 * time.Minute)
		if holder := b.leased("acme"); holder != "a command" {
			t.Errorf("%q holds the lease, which was to be renewed", holder)
		}
		close(release)
		b.good(time.Minute)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		b.jobIs("completed 1")
		if got := b.log.with("level=ERROR"); len(got) > 0 {
			t.Errorf("the log: %q", got)
		}
	})
}

func TestAPortalThatIsGone(t *testing.T) {
	inBubble(t, 200, func(t *testing.T, b *bench) {
		stop := b.start(b.daemon(b.db, b.portal("acme", "0 * * * *"), b.portal("other", "0 * * * *")))
		b.good(time.Minute)
		b.good(time.Minute)
		stop()
		d := b.daemon(b.db, b.portal("acme", "0 * * * *"))
		stop = b.start(d)
		if err := d.Enqueue(t.Context(), "other"); err != nil { // it waited when the portal went
			t.Fatal(err)
		}
		for range 2 {
			b.jump(time.Hour)
			if o := b.good(time.Minute); o.portal != "acme" {
				t.Errorf("a cycle of %s", o.portal)
			}
		}
		stop()
		if got := b.log.with("not configured"); len(got) != 1 {
			t.Errorf("the log: %q", got)
		}
		left, err := b.db.Schedules(t.Context())
		if err != nil || len(left) != 1 || left[0].Portal != "acme" || left[0].Next <= crm.At(b.server.Now()) {
			t.Errorf("schedules %v, %v", left, err)
		}
	})
}

func TestReady(t *testing.T) {
	inBubble(t, 200, func(t *testing.T, b *bench) {
		d := b.daemon(b.db, b.portal("acme", "0 * * * *"))
		if d.Ready(t.Context()) == nil {
			t.Error("ready before it runs")
		}
		stop := b.start(d)
		b.good(time.Minute)
		if err := d.Ready(t.Context()); err != nil {
			t.Error(err)
		}
		stop()
		if d.Ready(t.Context()) == nil {
			t.Error("ready after its end")
		}
	})
}
