package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/snapfile"
)

const (
	// dailyKept is how long a snapshot of each day is kept, weeklyKept how long one of each week.
	dailyKept  = 35 * 24 * time.Hour
	weeklyKept = 2 * 365 * 24 * time.Hour
)

// LoadSnapshot returns the snapshot of a portal that was kept last, nil where there is none. Where syncs since then could
// read nothing, its completeness says so: an outage must not look like perfect data.
func (db *DB) LoadSnapshot(ctx context.Context, portal string) (*crm.Snapshot, error) {
	var snap *crm.Snapshot
	err := db.view(ctx, func(tx *sql.Tx) error {
		rows, err := scanAll(ctx, tx, scanSnapshot, snapshotColumns+`WHERE portal = $1 AND part = 0 ORDER BY first_at DESC, id DESC LIMIT 1`, portal)
		if err != nil || len(rows) == 0 {
			return err
		}
		if snap, err = decode(ctx, tx, rows[0]); err != nil {
			return err
		}
		syncs, err := scanAll(ctx, tx, scanSync, `SELECT doc FROM syncs WHERE portal = $1 ORDER BY at DESC, id DESC LIMIT 1`, portal)
		if err == nil && len(syncs) > 0 && syncs[0].ID != rows[0].sync && syncs[0].Error != "" {
			snap.Completeness.Gaps = append(snap.Completeness.Gaps, syncs[0].Completeness.Gaps...)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load the snapshot of portal %s: %w", portal, err)
	}
	return snap, nil
}

// SnapshotAt returns the last snapshot of a portal that was kept at a moment or before, else the oldest; nil where there
// is none. Its Taken is not later than the moment, unless it is the oldest.
func (db *DB) SnapshotAt(ctx context.Context, portal string, at crm.Instant) (*crm.Snapshot, error) {
	var snap *crm.Snapshot
	err := db.view(ctx, func(tx *sql.Tx) error {
		rows, err := scanAll(ctx, tx, scanSnapshot, snapshotColumns+`WHERE portal = $1 AND part = 0 AND first_at <= $2 ORDER BY first_at DESC, id DESC LIMIT 1`, portal, at)
		if err == nil && len(rows) == 0 {
			rows, err = scanAll(ctx, tx, scanSnapshot, snapshotColumns+`WHERE portal = $1 AND part = 0 ORDER BY first_at, id LIMIT 1`, portal)
		}
		if err != nil || len(rows) == 0 {
			return err
		}
		if snap, err = decode(ctx, tx, rows[0]); err != nil {
			return err
		}
		if rows[0].first <= at {
			snap.Taken = min(snap.Taken, at) // it looked the same at both
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load the snapshot of portal %s at %s: %w", portal, at, err)
	}
	return snap, nil
}

// OpenSync returns the sync of a portal that is open, with the parts that it had read, in order; nil where there is none.
func (db *DB) OpenSync(ctx context.Context, portal string) (*crm.Sync, []*crm.Snapshot, error) {
	var open *crm.Sync
	var parts []*crm.Snapshot
	err := db.view(ctx, func(tx *sql.Tx) error {
		syncs, err := scanAll(ctx, tx, scanSync, `SELECT doc FROM syncs WHERE portal = $1 AND ended = 0 ORDER BY at DESC, id DESC LIMIT 1`, portal)
		if err != nil || len(syncs) == 0 {
			return err
		}
		open = &syncs[0]
		rows, err := scanAll(ctx, tx, scanSnapshot, snapshotColumns+`WHERE portal = $1 AND part > 0 AND sync = $2 ORDER BY part`, portal, open.ID)
		if err != nil {
			return err
		}
		for _, row := range rows {
			part, err := decode(ctx, tx, row)
			if err != nil {
				return err
			}
			parts = append(parts, part)
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("load the open sync of portal %s: %w", portal, err)
	}
	return open, parts, nil
}

// SavePart keeps a part of a sync that goes on, and the record of it. Other open syncs of the portal are dropped.
func (db *DB) SavePart(ctx context.Context, s crm.Sync, part *crm.Snapshot) error {
	file, err := encodeSnapshot(part)
	if err == nil {
		err = db.write(ctx, func(tx *sql.Tx) error {
			if err := db.putSync(ctx, tx, s, true); err != nil {
				return err
			}
			n, err := scanAll(ctx, tx, scanInt, `SELECT COALESCE(MAX(part), 0) FROM snapshots WHERE portal = $1 AND sync = $2`, s.Portal, s.ID)
			if err != nil {
				return err
			}
			return db.insertSnapshot(ctx, tx, s, n[0]+1, part, file)
		})
	}
	if err != nil {
		return fmt.Errorf("keep a part of the sync of portal %s: %w", s.Portal, err)
	}
	return nil
}

// SaveSync keeps the record of a sync and, unless it is nil, the snapshot that it led to, which becomes the portal's
// newest. A snapshot that shows the same as the newest one only moves that one's end. Of older ones, one of each day and
// later of each week are kept; an incomplete one only where that day or week has none that is complete.
func (db *DB) SaveSync(ctx context.Context, s crm.Sync, snap *crm.Snapshot) error {
	var file encoded
	var err error
	if snap != nil {
		file, err = encodeSnapshot(snap)
	}
	if err == nil {
		err = db.write(ctx, func(tx *sql.Tx) error {
			if err := db.putSync(ctx, tx, s, false); err != nil || snap == nil {
				return err
			}
			if err := db.putSnapshot(ctx, tx, s, snap, file); err != nil {
				return err
			}
			return db.prune(ctx, tx, s.Portal)
		})
	}
	if err != nil {
		return fmt.Errorf("keep the sync of portal %s: %w", s.Portal, err)
	}
	return nil
}

// putSnapshot makes a snapshot the newest of its portal.
func (db *DB) putSnapshot(ctx context.Context, tx *sql.Tx, s crm.Sync, snap *crm.Snapshot, file encoded) error {
	newest, err := scanAll(ctx, tx, scanSnapshot, snapshotColumns+`WHERE portal = $1 AND part = 0 ORDER BY first_at DESC, id DESC LIMIT 1`, s.Portal)
	if err != nil {
		return err
	}
	if len(newest) > 0 && newest[0].digest == file.digest && newest[0].complete == snap.Completeness.Complete() {
		_, err := tx.ExecContext(ctx, `UPDATE snapshots SET taken = $1, meta = $2, sync = $3 WHERE id = $4`, snap.Taken, string(file.meta), s.ID, newest[0].id)
		return err
	}
	return db.insertSnapshot(ctx, tx, s, 0, snap, file)
}

func (db *DB) insertSnapshot(ctx context.Context, tx *sql.Tx, s crm.Sync, part int64, snap *crm.Snapshot, file encoded) error {
	id := db.newID()
	if _, err := tx.ExecContext(ctx, `INSERT INTO snapshots (id, portal, sync, part, first_at, taken, complete, digest, meta) VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8)`,
		id, s.Portal, s.ID, part, snap.Taken, snap.Completeness.Complete(), file.digest, string(file.meta)); err != nil {
		return err
	}
	return insertChunks(ctx, tx, id, file)
}

func insertChunks(ctx context.Context, tx *sql.Tx, id string, file encoded) error {
	for i, c := range file.chunks {
		if _, err := tx.ExecContext(ctx, `INSERT INTO snapshot_chunks (snapshot, seq, deals, moves, texts) VALUES ($1, $2, $3, $4, $5)`, id, i, c.Deals, c.Moves, c.Texts); err != nil {
			return err
		}
	}
	return nil
}

// prune drops the snapshots that are kept no longer.
func (db *DB) prune(ctx context.Context, tx *sql.Tx, portal string) error {
	rows, err := scanAll(ctx, tx, scanSnapshot, `SELECT id, sync, first_at, complete, digest, '' FROM snapshots WHERE portal = $1 AND part = 0 ORDER BY first_at DESC, id DESC`, portal)
	if err != nil {
		return err
	}
	for _, id := range surplus(rows, db.instant()) {
		if _, err := tx.ExecContext(ctx, `DELETE FROM snapshots WHERE id = $1`, id); err != nil {
			return err
		}
	}
	return nil
}

// surplus picks the snapshots to drop of all of a portal's, newest first. Of a day, and of a week beyond dailyKept, the
// last complete one is kept, else the last; the newest of all always is.
func surplus(rows []snapshotRow, now crm.Instant) (ids []string) {
	const day = crm.Instant(24 * time.Hour / time.Microsecond)
	kept := map[[2]crm.Instant]snapshotRow{}
	for i, row := range rows {
		if i == 0 {
			continue
		}
		age := now.Sub(row.first)
		bucket := [2]crm.Instant{1, row.first / day}
		if age > dailyKept {
			bucket = [2]crm.Instant{7, (row.first/day + 3) / 7} // weeks begin on Mondays
		}
		before, taken := kept[bucket]
		switch {
		case age > weeklyKept:
			ids = append(ids, row.id)
		case !taken:
			kept[bucket] = row
		case row.complete && !before.complete:
			ids = append(ids, before.id)
			kept[bucket] = row
		default:
			ids = append(ids, row.id)
		}
	}
	return ids
}

// encoded is a snapshot as it is stored. The digest tells whether two show the same.
type encoded struct {
	meta   []byte
	chunks []snapfile.Chunk
	digest string
}

func encodeSnapshot(s *crm.Snapshot) (encoded, error) {
	meta, chunks, err := snapfile.Encode(s)
	if err != nil {
		return encoded{}, err
	}
	schema, err := json.Marshal(struct {
		Schema     crm.Schema
		Asked      crm.Fact
		Currencies []string
	}{s.Schema, s.Asked, s.Columns().Currencies})
	if err != nil {
		return encoded{}, err
	}
	h := sha256.New()
	h.Write(schema)
	for _, c := range chunks {
		for _, part := range [][]byte{c.Deals, c.Moves, c.Texts} {
			h.Write(part)
		}
	}
	return encoded{meta, chunks, hex.EncodeToString(h.Sum(nil))}, nil
}

const snapshotColumns = `SELECT id, sync, first_at, complete, digest, meta FROM snapshots `

type snapshotRow struct {
	id, sync string
	first    crm.Instant
	complete bool
	digest   string
	meta     string
}

func scanSnapshot(scan func(...any) error) (r snapshotRow, err error) {
	return r, scan(&r.id, &r.sync, &r.first, &r.complete, &r.digest, &r.meta)
}

func scanInt(scan func(...any) error) (n int64, err error) { return n, scan(&n) }

// decode reads a snapshot's chunks, one at a time.
func decode(ctx context.Context, tx *sql.Tx, row snapshotRow) (*crm.Snapshot, error) {
	return snapfile.Decode([]byte(row.meta), chunks(ctx, tx, row.id))
}

func chunks(ctx context.Context, tx *sql.Tx, snapshot string) iter.Seq2[snapfile.Chunk, error] {
	return func(yield func(snapfile.Chunk, error) bool) {
		rows, err := tx.QueryContext(ctx, `SELECT deals, moves, texts FROM snapshot_chunks WHERE snapshot = $1 ORDER BY seq`, snapshot)
		if err != nil {
			yield(snapfile.Chunk{}, err)
			return
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var c snapfile.Chunk
			err := rows.Scan(&c.Deals, &c.Moves, &c.Texts)
			if !yield(c, err) || err != nil {
				return
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			yield(snapfile.Chunk{}, err)
		}
	}
}
