package connectors

import "context"

// Memory is a [Ledger] that also remembers what was learned of a portal's budgets, over all processes: one that has just begun
// must not take the budget for smaller than it is, when most of it is gone.
type Memory interface {
	Ledger
	// Remember keeps a number under a name, for some days after it was last kept.
	Remember(ctx context.Context, portal, name string, value int64) error
	// Recall returns the number that was kept under a name, 0 where there is none.
	Recall(ctx context.Context, portal, name string) (int64, error)
}
