package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/plumbline/plumbline/internal/store"
)

// renewEvery is how often a lease of 60 s is renewed.
const renewEvery = 20 * time.Second

// hold runs do while it holds the portal's lease. When the lease is lost, do's context ends. The lease is renewed until do
// has returned, also after ctx has ended: what is on the wire settles under it.
func (c *Cycle) hold(ctx context.Context, portal string, do func(context.Context) error) error {
	lease, err := c.acquire(ctx, portal)
	if err != nil {
		return err
	}
	held, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	keep := context.WithoutCancel(ctx)
	done, renewed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(renewed)
		t := time.NewTicker(renewEvery)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				if err := lease.Renew(keep); err != nil {
					lost(fmt.Errorf("the lease of %s was lost: %w", portal, err))
					return
				}
			}
		}
	}()
	err = do(held)
	close(done)
	<-renewed
	if cause := context.Cause(held); cause != nil && ctx.Err() == nil {
		err = errors.Join(err, cause)
	}
	release, cancel := context.WithTimeout(keep, 5*time.Second)
	defer cancel()
	if e := lease.Release(release); e != nil {
		c.Log.Warn("release the lease", "portal", portal, "error", e)
	}
	return err
}

// acquire takes the lease; with Wait it asks again until it gets it or ctx ends.
func (c *Cycle) acquire(ctx context.Context, portal string) (*store.Lease, error) {
	for said := false; ; said = true {
		lease, err := c.Store.AcquireLease(ctx, portal, c.Holder)
		var busy *store.LeasedError
		if err == nil || !errors.As(err, &busy) {
			return lease, err
		}
		if !c.Wait {
			return nil, fmt.Errorf("%w; try again later, or wait with --wait", err)
		}
		if !said {
			c.Log.Info("waiting for the portal", "portal", portal, "holder", busy.Holder)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(2 * time.Second):
		}
	}
}
