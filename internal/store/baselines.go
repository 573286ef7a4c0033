package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// Baseline names the moment of an audit of a portal, so that what came later can be told from what was there.
type Baseline struct {
	Portal string      `json:"portal"`
	Name   string      `json:"name"`
	At     crm.Instant `json:"at"`     // of the audit
	Author string      `json:"author"` // who set it
	Made   crm.Instant `json:"made"`   // when it was set
}

// SetBaseline keeps a baseline in the place of the portal's one of that name. Made is set to now.
func (db *DB) SetBaseline(ctx context.Context, b Baseline) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO baselines (portal, name, at, author, made_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (portal, name) DO UPDATE SET at = excluded.at, author = excluded.author, made_at = excluded.made_at`,
			b.Portal, b.Name, b.At, b.Author, db.instant())
		return err
	})
	if err != nil {
		return fmt.Errorf("keep baseline %s of portal %s: %w", b.Name, b.Portal, err)
	}
	return nil
}

// ClearBaseline forgets a baseline of a portal, and tells whether there was one.
func (db *DB) ClearBaseline(ctx context.Context, portal, name string) (bool, error) {
	var n int64
	err := db.write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM baselines WHERE portal = $1 AND name = $2`, portal, name)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	if err != nil {
		return false, fmt.Errorf("forget baseline %s of portal %s: %w", name, portal, err)
	}
	return n > 0, nil
}

// Baselines returns the baselines of a portal, "" of all, by portal, the one that was set last first.
func (db *DB) Baselines(ctx context.Context, portal string) ([]Baseline, error) {
	all, err := scanAll(ctx, db.read(), func(scan func(...any) error) (b Baseline, err error) {
		return b, scan(&b.Portal, &b.Name, &b.At, &b.Author, &b.Made)
	}, `SELECT portal, name, at, author, made_at FROM baselines WHERE portal = $1 OR $1 = '' ORDER BY portal, made_at DESC, name`, portal)
	if err != nil {
		return nil, fmt.Errorf("read the baselines: %w", err)
	}
	return all, nil
}

// Held returns the ids of a portal's findings that held at one moment and at a later one without a break in between.
func (db *DB) Held(ctx context.Context, portal string, from, to crm.Instant) (map[string]bool, error) {
	ids, err := scanAll(ctx, db.read(), scanText, `SELECT id FROM findings WHERE portal = $1 AND opened_at <= $2 AND (resolved_at = 0 OR resolved_at > $3)`,
		portal, from, max(from, to))
	if err != nil {
		return nil, fmt.Errorf("read which findings of portal %s held: %w", portal, err)
	}
	out := make(map[string]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out, nil
}

// NewCount is how many findings of one severity a portal has that its baseline of that moment had not.
type NewCount struct {
	Portal   string
	Severity audit.Severity
	N        int
}

// CountNew counts, by portal and severity, the unwaived findings that hold and began after the baseline that was set last. Every
// portal with a baseline has a count of every severity, 0 among them.
func (db *DB) CountNew(ctx context.Context) ([]NewCount, error) {
	all, err := db.Baselines(ctx, "")
	if err != nil {
		return nil, err
	}
	var out []NewCount
	for i, b := range all {
		if i > 0 && all[i-1].Portal == b.Portal {
			continue
		}
		n := map[audit.Severity]int{}
		found, err := scanAll(ctx, db.read(), func(scan func(...any) error) (c NewCount, err error) {
			return c, scan((*uint8)(&c.Severity), &c.N)
		}, `SELECT severity, COUNT(*) FROM findings WHERE portal = $1 AND resolved_at = 0 AND opened_at > $2 AND waived_until <= $3 GROUP BY severity`,
			b.Portal, b.At, db.instant())
		if err != nil {
			return nil, fmt.Errorf("count the new findings of portal %s: %w", b.Portal, err)
		}
		for _, c := range found {
			n[c.Severity] += c.N
		}
		for s := audit.Info; s <= audit.Critical; s++ {
			out = append(out, NewCount{b.Portal, s, n[s]})
		}
	}
	return out, nil
}
