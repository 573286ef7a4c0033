package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/mirror"
)

// Fill is how stage history is read where that is done deal by deal.
type Fill struct {
	// Patient asks for nothing before the time at which the last run said that it can go on.
	Patient bool
	// Enough is asked between two deals whether to stop; nil: never.
	Enough func() bool
	// Progress is told how many histories are known and of how many deals; nil: nobody is.
	Progress func(known, deals int64)
}

// ByDeal reports whether a portal's stage history is read deal by deal. It sends nothing.
func (c *Cycle) ByDeal(ctx context.Context, p Portal) (bool, error) {
	conn, _, err := p.Connect(ctx)
	if err != nil {
		return false, err
	}
	_, ok := conn.(connectors.Historian)
	return ok, nil
}

// Backfill reads stage histories that are not known yet, as far as the day's budget goes: what the syncs of the day will take
// is left to them. It does nothing for a portal whose history comes with its syncs, or whose last sync is incomplete.
func (c *Cycle) Backfill(ctx context.Context, p Portal, how Fill) (mirror.Backfilled, error) {
	var out mirror.Backfilled
	err := c.hold(ctx, p.Name, func(ctx context.Context) error {
		conn, meter, err := p.Connect(ctx)
		if err != nil {
			return err
		}
		historian, ok := conn.(connectors.Historian)
		if !ok {
			return nil
		}
		reserve, err := c.reserve(ctx, p, historian.HistoryTokens())
		if err != nil {
			return err
		}
		out, err = mirror.Backfill(ctx, conn, c.Store, mirror.BackfillOptions{
			Portal: p.Name, Reserve: reserve, Patient: how.Patient, Enough: how.Enough, Progress: how.Progress, Now: c.Now, Log: c.Log, Meter: meter,
		})
		return err
	})
	if err != nil {
		return out, fmt.Errorf("read the stage histories of %s: %w", p.Name, err)
	}
	return out, nil
}

const (
	// lookedAt is how many of a portal's last syncs tell what its next ones will take.
	lookedAt = 50
	// fullSoon is how long after a full walk the next one may come.
	fullSoon = 6 * 24 * time.Hour
)

// reserve foretells how many tokens a portal's syncs will take until the UTC day ends: as many as there are runs left, each at
// the average of the last ones, and one as dear as any of those, for what is looked at once a day. Where that look was not
// taken yet, it is taken to be as dear as a full walk, and a run, before there was one, as two histories. A tenth is added for
// a day that is busier.
func (c *Cycle) reserve(ctx context.Context, p Portal, history int64) (int64, error) {
	syncs, err := c.Store.Syncs(ctx, p.Name, lookedAt)
	if err != nil {
		return 0, err
	}
	now := c.Now()
	var n, sum, dearest, full int64
	soon := true
	for i, s := range syncs {
		if i == 0 {
			soon = s.SweptAt <= s.FullAt || crm.At(now).Sub(s.FullAt) > fullSoon
		}
		if s.Full {
			full = max(full, s.Tokens)
			continue
		}
		n, sum, dearest = n+1, sum+s.Tokens, max(dearest, s.Tokens)
	}
	each := 2 * history
	if n > 0 {
		each = (sum + n - 1) / n
	}
	if soon {
		dearest = max(dearest, full)
	}
	y, m, day := now.UTC().Date()
	foreseen := runsUntil(p, now, time.Date(y, m, day+1, 0, 0, 0, 0, time.UTC))*each + dearest
	return foreseen + foreseen/10, nil
}

// backfill reads stage histories for as long as a job may, and then audits what is known better now. What is left goes on in
// another run of the job, and what the budget stops, when there is a budget again.
func (d *Daemon) backfill(ctx context.Context, p Portal) error {
	if ok, err := d.Cycle.ByDeal(ctx, p); !ok || err != nil {
		return err
	}
	if late(ctx) {
		return &laterError{}
	}
	end, timed := ctx.Deadline()
	got, err := d.Cycle.Backfill(ctx, p, Fill{Patient: true, Enough: func() bool { return timed && time.Until(end) < keepTime }})
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) && got.Read > 0 {
			return &laterError{}
		}
		return err
	}
	if got.Waiting > 0 {
		d.goOn(ctx, p, got.RetryAt)
	}
	if got.Read > 0 {
		d.Log.Info("stage history", "portal", p.Name, "known", got.Known, "deals", got.Deals(), "read", got.Read, "requests", got.Requests, "tokens", got.Tokens)
	}
	if got.Changed {
		result, err := d.Cycle.Audit(ctx, p, 0)
		if err != nil {
			return err
		}
		if !got.More {
			_, err = d.plan(ctx, p, result)
		}
		if err != nil {
			return err
		}
	}
	if got.More {
		return &laterError{}
	}
	return nil
}

// brokeOffError tells of a pull that could not be brought to its end.
type brokeOffError struct {
	portal, why string
	retryAt     crm.Instant
}

func (e *brokeOffError) Error() string {
	return fmt.Sprintf("the pull of %s broke off: %s", e.portal, e.why)
}

// goesOn is when what an error stopped can go on; none where it does not tell.
func goesOn(err error) crm.Instant {
	var limit *connectors.LimitError
	var broke *brokeOffError
	switch {
	case errors.As(err, &broke):
		return broke.retryAt
	case errors.As(err, &limit):
		return crm.At(limit.RetryAt)
	}
	return 0
}

// retryAt is when everything that is missing can be asked for again; none where no gap tells.
func retryAt(gaps []crm.Gap) (at crm.Instant) {
	for _, g := range gaps {
		at = max(at, g.RetryAt)
	}
	return at
}

// goOn has a portal's next cycle come at a moment, unless its schedule names an earlier one or none at all.
func (d *Daemon) goOn(ctx context.Context, p Portal, at crm.Instant) {
	if p.Cron == "" || at <= crm.At(d.Now()) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTime)
	defer cancel()
	if err := d.Cycle.Store.Hasten(ctx, p.Name, at); err != nil {
		d.Log.Error("have a cycle go on", "error", err)
	}
}
