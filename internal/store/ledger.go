package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// ledgerKept is how long a window's count is kept after it was last used.
const ledgerKept = 3 * 24 * time.Hour

// Take grants up to want units of a portal's budget within a named window, of which no more than limit are granted in all,
// over every process that uses the store.
func (db *DB) Take(ctx context.Context, portal, window string, want, limit int64) (granted int64, err error) {
	want = max(want, 0)
	now := db.instant()
	err = db.write(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `INSERT INTO ledger (portal, span, taken, granted, at) VALUES ($1, $2, $3, $3, $5)
			ON CONFLICT (portal, span) DO UPDATE SET
				granted = CASE WHEN ledger.taken >= $4 THEN 0 WHEN ledger.taken + $6 > $4 THEN $4 - ledger.taken ELSE $6 END,
				taken = CASE WHEN ledger.taken >= $4 THEN ledger.taken WHEN ledger.taken + $6 > $4 THEN $4 ELSE ledger.taken + $6 END,
				at = excluded.at
			RETURNING granted`, portal, window, min(want, max(limit, 0)), limit, now, want).Scan(&granted)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM ledger WHERE portal = $1 AND at < $2`, portal, now.Add(-ledgerKept))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("take from the budget of portal %s: %w", portal, err)
	}
	return granted, nil
}

// remembered sets numbers that are remembered apart from the windows of budgets.
const remembered = "remembered/"

// Remember keeps a number of a portal under a name, for some days after it was last kept.
func (db *DB) Remember(ctx context.Context, portal, name string, value int64) error {
	_, err := db.writer.ExecContext(ctx, `INSERT INTO ledger (portal, span, taken, granted, at) VALUES ($1, $2, $3, 0, $4)
		ON CONFLICT (portal, span) DO UPDATE SET taken = excluded.taken, at = excluded.at`, portal, remembered+name, value, db.instant())
	if err != nil {
		return fmt.Errorf("remember the %s of portal %s: %w", name, portal, err)
	}
	return nil
}

// Recall returns the number of a portal that was kept under a name, 0 where there is none.
func (db *DB) Recall(ctx context.Context, portal, name string) (int64, error) {
	all, err := scanAll(ctx, db.read(), scanInt, `SELECT taken FROM ledger WHERE portal = $1 AND span = $2`, portal, remembered+name)
	if err != nil {
		return 0, fmt.Errorf("recall the %s of portal %s: %w", name, portal, err)
	}
	if len(all) == 0 {
		return 0, nil
	}
	return all[0], nil
}
