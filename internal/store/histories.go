package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/plumbline/plumbline/internal/crm"
)

// ErrOvertaken tells that another snapshot was kept since the one that was to be bettered was read.
var ErrOvertaken = errors.New("another snapshot was kept meanwhile")

// besideMoves is what a history tells beside the moves, as it is kept.
type besideMoves struct {
	Known  crm.Fact
	Dates  []crm.DateChange
	Closer string
	Of     crm.Instant // the close date of the deal when it was asked
}

// Histories returns the stage histories of a portal's deals that no snapshot holds, by deal.
func (db *DB) Histories(ctx context.Context, portal string) ([]crm.HistoryRecord, error) {
	all, err := scanAll(ctx, db.read(), func(scan func(...any) error) (r crm.HistoryRecord, err error) {
		var moves, beside string
		if err := scan(&r.Deal, &r.Stage, &r.Entered, &r.Complete, &moves, &beside); err != nil {
			return r, err
		}
		if err := json.Unmarshal([]byte(moves), &r.Moves); err != nil {
			return r, err
		}
		var b besideMoves
		err = json.Unmarshal([]byte(beside), &b)
		r.Known, r.Dates, r.Closer, r.CloseDate = b.Known, b.Dates, b.Closer, b.Of
		return r, err
	}, `SELECT deal, stage, entered, whole, moves, beside FROM histories WHERE portal = $1 ORDER BY deal`, portal)
	if err != nil {
		return nil, fmt.Errorf("read the stage histories of portal %s: %w", portal, err)
	}
	return all, nil
}

// SaveHistories keeps stage histories of a portal's deals, each in the place of what was kept of its deal.
func (db *DB) SaveHistories(ctx context.Context, portal string, records []crm.HistoryRecord) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		for _, r := range records {
			moves, err := json.Marshal(r.Moves)
			if err != nil {
				return err
			}
			beside, err := json.Marshal(besideMoves{r.Known, r.Dates, r.Closer, r.CloseDate})
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO histories (portal, deal, stage, entered, whole, moves, beside) VALUES ($1, $2, $3, $4, $5, $6, $7)
				ON CONFLICT (portal, deal) DO UPDATE SET stage = excluded.stage, entered = excluded.entered, whole = excluded.whole, moves = excluded.moves,
				beside = excluded.beside`, portal, r.Deal, r.Stage, r.Entered, r.Complete, string(moves), string(beside)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep stage histories of portal %s: %w", portal, err)
	}
	return nil
}

// SaveBackfill keeps how far a portal's stage history is known, drops the histories of the named deals, and puts a snapshot,
// unless it is nil, in the place of the newest one: it shows the same moment, and more of it. [ErrOvertaken] where the newest
// one is of another moment; nothing is kept then.
func (db *DB) SaveBackfill(ctx context.Context, portal string, state crm.HistoryState, drop []string, snap *crm.Snapshot) error {
	doc, err := json.Marshal(state)
	var file encoded
	if err == nil && snap != nil {
		file, err = encodeSnapshot(snap)
	}
	if err == nil {
		err = db.write(ctx, func(tx *sql.Tx) error {
			if snap != nil {
				if err := better(ctx, tx, portal, snap, file); err != nil {
					return err
				}
			}
			for _, deal := range drop {
				if _, err := tx.ExecContext(ctx, `DELETE FROM histories WHERE portal = $1 AND deal = $2`, portal, deal); err != nil {
					return err
				}
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO history_states (portal, at, doc) VALUES ($1, $2, $3)
				ON CONFLICT (portal) DO UPDATE SET at = excluded.at, doc = excluded.doc`, portal, db.instant(), string(doc))
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("keep the stage history of portal %s: %w", portal, err)
	}
	return nil
}

// better puts a snapshot in the place of the newest one, which keeps its time, its completeness and the sync that it came of.
func better(ctx context.Context, tx *sql.Tx, portal string, snap *crm.Snapshot, file encoded) error {
	ids, err := scanAll(ctx, tx, scanText, `UPDATE snapshots SET digest = $1, meta = $2 WHERE taken = $3 AND id = (SELECT s.id FROM snapshots s
		WHERE s.portal = $4 AND s.part = 0 ORDER BY s.first_at DESC, s.id DESC LIMIT 1) RETURNING id`, file.digest, string(file.meta), snap.Taken, portal)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return ErrOvertaken
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM snapshot_chunks WHERE snapshot = $1`, ids[0]); err != nil {
		return err
	}
	return insertChunks(ctx, tx, ids[0], file)
}

// HistoryState returns how far a portal's stage history is known; nil where that was never asked.
func (db *DB) HistoryState(ctx context.Context, portal string) (*crm.HistoryState, error) {
	all, err := db.HistoryStates(ctx)
	if err != nil {
		return nil, err
	}
	if s, ok := all[portal]; ok {
		return &s, nil
	}
	return nil, nil
}

// HistoryStates returns how far stage history is known, by portal, of those where it is read deal by deal.
func (db *DB) HistoryStates(ctx context.Context) (map[string]crm.HistoryState, error) {
	out := map[string]crm.HistoryState{}
	_, err := scanAll(ctx, db.read(), func(scan func(...any) error) (none struct{}, err error) {
		var portal, doc string
		if err := scan(&portal, &doc); err != nil {
			return none, err
		}
		var s crm.HistoryState
		err = json.Unmarshal([]byte(doc), &s)
		out[portal] = s
		return none, err
	}, `SELECT portal, doc FROM history_states`)
	if err != nil {
		return nil, fmt.Errorf("read how far stage history is known: %w", err)
	}
	return out, nil
}
