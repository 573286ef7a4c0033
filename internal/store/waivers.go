package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// Waive accepts an open finding of a portal until the waiver's end, in the place of a waiver that it may have had. The kept
// finding shows it at once; the score counts it with the next audit. [ErrNotFound] where the portal has no such open finding.
func (db *DB) Waive(ctx context.Context, portal string, w audit.Waiver) error {
	now := db.instant()
	if w.Until <= now {
		return fmt.Errorf("waive finding %s: %s is over already", w.Finding, w.Until)
	}
	id := db.newID()
	err := db.write(ctx, func(tx *sql.Tx) error {
		if err := markWaived(ctx, tx, portal, w.Finding, &w); err != nil {
			return err
		}
		if err := endWaivers(ctx, tx, portal, w.Finding, w.Author, now); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO waivers (id, portal, finding, reason, author, until_at, made_at, removed_at, removed_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 0, '')`, id, portal, w.Finding, w.Reason, w.Author, w.Until, now)
		return err
	})
	if err != nil {
		return fmt.Errorf("waive finding %s: %w", w.Finding, err)
	}
	return nil
}

// Unwaive takes the waiver of a finding back. [ErrNotFound] where none holds.
func (db *DB) Unwaive(ctx context.Context, portal, finding, who string) error {
	now := db.instant()
	err := db.write(ctx, func(tx *sql.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM waivers WHERE portal = $1 AND finding = $2 AND removed_at = 0 AND until_at > $3`,
			portal, finding, now).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			return ErrNotFound
		}
		if err := markWaived(ctx, tx, portal, finding, nil); err != nil && !errors.Is(err, ErrNotFound) { // it may be resolved
			return err
		}
		return endWaivers(ctx, tx, portal, finding, who, now)
	})
	if err != nil {
		return fmt.Errorf("take back the waiver of finding %s: %w", finding, err)
	}
	return nil
}

func endWaivers(ctx context.Context, tx *sql.Tx, portal, finding, who string, now crm.Instant) error {
	_, err := tx.ExecContext(ctx, `UPDATE waivers SET removed_at = $1, removed_by = $2 WHERE portal = $3 AND finding = $4 AND removed_at = 0`,
		now, who, portal, finding)
	return err
}

// markWaived writes a waiver, or that there is none, into an open finding. Its digest stays, so that the next audit writes the
// finding anew where more than this has changed.
func markWaived(ctx context.Context, tx *sql.Tx, portal, id string, w *audit.Waiver) error {
	var run, doc string
	err := tx.QueryRowContext(ctx, `SELECT opened_run, doc FROM findings WHERE id = $1 AND portal = $2 AND resolved_at = 0`, id, portal).Scan(&run, &doc)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	var f audit.Finding
	if err := json.Unmarshal([]byte(doc), &f); err != nil {
		return err
	}
	f.Waived = w
	b, err := json.Marshal(&f)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE findings SET doc = $1, waived_until = $2 WHERE id = $3 AND opened_run = $4`, string(b), waivedUntil(&f), id, run)
	return err
}

// Waivers returns the waivers of a portal that had been made and not been taken back at a moment, those that had ended by then
// among them: the audit of that moment leaves them aside.
func (db *DB) Waivers(ctx context.Context, portal string, at crm.Instant) ([]audit.Waiver, error) {
	all, err := scanAll(ctx, db.read(), func(scan func(...any) error) (w audit.Waiver, err error) {
		return w, scan(&w.Finding, &w.Reason, &w.Author, &w.Until)
	}, `SELECT finding, reason, author, until_at FROM waivers WHERE portal = $1 AND made_at <= $2 AND (removed_at = 0 OR removed_at > $2)
		ORDER BY until_at, finding`, portal, at)
	if err != nil {
		return nil, fmt.Errorf("read the waivers of portal %s: %w", portal, err)
	}
	return all, nil
}

// FindingsNamed returns the findings that hold and whose id begins with some hexadecimal digits, of every portal.
func (db *DB) FindingsNamed(ctx context.Context, digits string) ([]KeptFinding, error) {
	all, err := scanAll(ctx, db.read(), db.scanKept, keptColumns+` WHERE resolved_at = 0 AND id >= $1 AND id < $2 ORDER BY id`, digits, digits+"g")
	if err != nil {
		return nil, fmt.Errorf("read the findings: %w", err)
	}
	return all, nil
}
