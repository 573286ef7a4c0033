package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/plumbline/plumbline/internal/store"
)

// hold runs do while it holds the portal's lease. When the lease is lost, do's context ends. The lease is renewed until do
// has returned, also after ctx has ended: what is on the wire settles under it.
func (c *Cycle) hold(ctx context.Context, portal string, do func(context.Context) error) error {
	lease, err := c.acquire(ctx, portal)
	if err != nil {
		return err
	}
	keep := context.WithoutCancel(ctx)
	held, end := context.WithCancelCause(ctx)
	done, kept := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(kept)
		if err := renew(keep, lease, done); err != nil {
			end(err)
		}
	}()
	defer func() { // a panic of do must not keep the portal from others
		close(done)
		<-kept
		end(nil)
		release, cancel := context.WithTimeout(keep, 5*time.Second)
		defer cancel()
		if err := lease.Release(release); err != nil {
			c.Log.Warn("release the lease", "portal", portal, "error", err)
		}
	}()
	err = do(held)
	if cause := context.Cause(held); cause != nil && ctx.Err() == nil {
		return errors.Join(err, cause)
	}
	return err
}

// renew keeps a lease alive until done is closed. It fails when somebody else has it, or when it may have run out because
// the store did not answer.
func renew(ctx context.Context, lease *store.Lease, done <-chan struct{}) error {
	t := time.NewTicker(store.LeaseRenewal)
	defer t.Stop()
	for renewed := time.Now(); ; {
		select {
		case <-done:
			return nil
		case began := <-t.C:
			try, cancel := context.WithTimeout(ctx, store.LeaseRenewal/2)
			err := lease.Renew(try)
			cancel()
			switch {
			case err == nil:
				renewed = began
			case errors.Is(err, store.ErrLeaseLost) || time.Since(renewed) > store.LeaseTime-store.LeaseRenewal:
				return err
			}
		}
	}
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
