package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// syncsKept is how long the records of syncs are kept.
const syncsKept = 90 * 24 * time.Hour

// SyncState is a portal's newest sync, whatever became of it, and when one last ended complete.
type SyncState struct {
	Sync         crm.Sync
	LastComplete crm.Instant
}

// LastSync returns a portal's newest sync, whatever became of it; nil where there is none.
func (db *DB) LastSync(ctx context.Context, portal string) (*crm.Sync, error) {
	return db.oneSync(ctx, `SELECT doc FROM syncs WHERE portal = $1 ORDER BY at DESC, id DESC LIMIT 1`, portal)
}

// LastEnded returns a portal's newest sync that reached its end; nil where there is none.
func (db *DB) LastEnded(ctx context.Context, portal string) (*crm.Sync, error) {
	return db.oneSync(ctx, `SELECT doc FROM syncs WHERE portal = $1 AND ok ORDER BY at DESC, id DESC LIMIT 1`, portal)
}

func (db *DB) oneSync(ctx context.Context, query, portal string) (*crm.Sync, error) {
	all, err := scanAll(ctx, db.read(), scanSync, query, portal)
	if err != nil {
		return nil, fmt.Errorf("read the syncs of portal %s: %w", portal, err)
	}
	if len(all) == 0 {
		return nil, nil
	}
	return &all[0], nil
}

// Syncs returns a portal's newest syncs, the newest first, at most limit.
func (db *DB) Syncs(ctx context.Context, portal string, limit int) ([]crm.Sync, error) {
	all, err := scanAll(ctx, db.read(), scanSync, `SELECT doc FROM syncs WHERE portal = $1 ORDER BY at DESC, id DESC LIMIT $2`, portal, limit)
	if err != nil {
		return nil, fmt.Errorf("read the syncs of portal %s: %w", portal, err)
	}
	return all, nil
}

// LastSyncs returns the state of every portal that was ever synced, by portal.
func (db *DB) LastSyncs(ctx context.Context) ([]SyncState, error) {
	all, err := scanAll(ctx, db.read(), func(scan func(...any) error) (s SyncState, err error) {
		var doc string
		if err := scan(&doc, &s.LastComplete); err != nil {
			return s, err
		}
		return s, json.Unmarshal([]byte(doc), &s.Sync)
	}, `SELECT doc, COALESCE((SELECT MAX(c.ended) FROM syncs c WHERE c.portal = s.portal AND c.ok AND c.complete), 0) FROM syncs s
		WHERE NOT EXISTS (SELECT 1 FROM syncs l WHERE l.portal = s.portal AND (l.at > s.at OR l.at = s.at AND l.id > s.id)) ORDER BY portal`)
	if err != nil {
		return nil, fmt.Errorf("read the syncs: %w", err)
	}
	return all, nil
}

func scanSync(scan func(...any) error) (s crm.Sync, err error) {
	var doc string
	if err := scan(&doc); err != nil {
		return s, err
	}
	return s, json.Unmarshal([]byte(doc), &s)
}

// putSync writes the record of a sync. One that has reached its end does away with what was open before it, and so does a
// new one that has begun to keep parts.
func (db *DB) putSync(ctx context.Context, tx *sql.Tx, s crm.Sync, begun bool) error {
	doc, err := json.Marshal(s)
	if err != nil {
		return err
	}
	ended := !s.Ended.IsZero()
	ok := ended && s.Error == ""
	now := db.instant()
	if _, err := tx.ExecContext(ctx, `INSERT INTO syncs (id, portal, at, ended, ok, complete, doc) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (id) DO UPDATE SET at = excluded.at, ended = excluded.ended, ok = excluded.ok, complete = excluded.complete, doc = excluded.doc`,
		s.ID, s.Portal, now, s.Ended, ok, s.Completeness.Complete(), string(doc)); err != nil {
		return err
	}
	if begun || ok {
		if _, err := tx.ExecContext(ctx, `DELETE FROM syncs WHERE portal = $1 AND ended = 0 AND id <> $2`, s.Portal, s.ID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM snapshots WHERE portal = $1 AND part > 0 AND (sync <> $2 OR $3)`, s.Portal, s.ID, ok); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM syncs WHERE portal = $1 AND at < $2 AND ended > 0
		AND id <> COALESCE((SELECT l.id FROM syncs l WHERE l.portal = $1 AND l.ok ORDER BY l.at DESC, l.id DESC LIMIT 1), '')`,
		s.Portal, now.Add(-syncsKept))
	return err
}
