package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

const (
	// LeaseTime is how long a lease lives that is not renewed.
	LeaseTime = 60 * time.Second
	// LeaseRenewal is how often the holder of a lease should renew it.
	LeaseRenewal = 20 * time.Second
)

// LeasedError tells that somebody else works on a portal.
type LeasedError struct {
	Portal, Holder string
	Until          crm.Instant // when the lease ends unless it is renewed
}

func (e *LeasedError) Error() string {
	return fmt.Sprintf("%s is working on portal %s (its lease ends %s unless it goes on)", e.Holder, e.Portal, e.Until.Time().Format(time.RFC3339))
}

// ErrLeaseLost tells that a lease was not renewed in time and somebody else has taken it.
var ErrLeaseLost = errors.New("the portal's lease was lost to another process")

// Lease is the right to call one portal's CRM, until it is released or not renewed for [LeaseTime].
type Lease struct {
	db            *DB
	portal, token string
}

// AcquireLease takes a portal's lease for a holder, who is named to others. A live lease of anybody, the same holder
// included, is a [LeasedError].
func (db *DB) AcquireLease(ctx context.Context, portal, holder string) (*Lease, error) {
	now, token := db.instant(), db.newID()
	var taken LeasedError
	err := db.write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO leases (portal, holder, token, expires_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (portal) DO UPDATE SET holder = excluded.holder, token = excluded.token, expires_at = excluded.expires_at
			WHERE leases.expires_at <= $5`, portal, holder, token, now.Add(LeaseTime), now)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n > 0 {
			return err
		}
		taken.Portal = portal
		return tx.QueryRowContext(ctx, `SELECT holder, expires_at FROM leases WHERE portal = $1`, portal).Scan(&taken.Holder, &taken.Until)
	})
	if err != nil {
		return nil, fmt.Errorf("take the lease of portal %s: %w", portal, err)
	}
	if taken.Portal != "" {
		return nil, &taken
	}
	return &Lease{db: db, portal: portal, token: token}, nil
}

// Renew makes the lease live for another [LeaseTime]. Where somebody else has it by now, the error is [ErrLeaseLost]; one
// that has run out and that nobody has taken is renewed.
func (l *Lease) Renew(ctx context.Context) error {
	res, err := l.db.writer.ExecContext(ctx, `UPDATE leases SET expires_at = $1 WHERE portal = $2 AND token = $3`,
		l.db.instant().Add(LeaseTime), l.portal, l.token)
	if err != nil {
		return fmt.Errorf("renew the lease of portal %s: %w", l.portal, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(ErrLeaseLost, err)
	}
	return nil
}

// Release gives the lease back. A lease that somebody else has by now is theirs.
func (l *Lease) Release(ctx context.Context) error {
	if _, err := l.db.writer.ExecContext(ctx, `DELETE FROM leases WHERE portal = $1 AND token = $2`, l.portal, l.token); err != nil {
		return fmt.Errorf("release the lease of portal %s: %w", l.portal, err)
	}
	return nil
}
