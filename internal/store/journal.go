package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
)

// appendJournal appends entries behind the last one. The update of the head row makes writers queue up until the
// transaction ends, on Postgres too, so that two of them never follow the same row.
func appendJournal(ctx context.Context, tx *sql.Tx, entries []remedy.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	var last int64
	var hash string
	err := tx.QueryRowContext(ctx, `UPDATE journal_head SET seq = seq + $1 WHERE id = 1 RETURNING seq, hash`, len(entries)).Scan(&last, &hash)
	if err != nil {
		return fmt.Errorf("take the journal's head: %w", err)
	}
	seq := last - int64(len(entries))
	for _, e := range entries {
		seq++
		e = remedy.Seal(e, seq, hash)
		hash = e.Hash
		doc, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("journal row %d: %w", seq, err)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO journal (seq, at, portal, run, step, event, prev, hash, doc) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			e.Seq, int64(e.At), e.Portal, e.Run, e.Step, e.Event, e.Prev, e.Hash, string(doc))
		if err != nil {
			return fmt.Errorf("journal row %d: %w", seq, err)
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE journal_head SET hash = $1 WHERE id = 1`, hash); err != nil {
		return fmt.Errorf("move the journal's head: %w", err)
	}
	return nil
}

// journalPage is how many rows are read at a time, so that no read stays open for as long as a reader takes.
const journalPage = 1000

// Journal yields the journal's rows about a portal, oldest first; "" is every portal. A row that cannot be read any more
// comes with what its columns say: [remedy.Verify] finds it.
func (db *DB) Journal(ctx context.Context, portal string) iter.Seq2[remedy.Entry, error] {
	return func(yield func(remedy.Entry, error) bool) {
		last := int64(-1 << 62)
		for {
			page, err := db.journalAfter(ctx, portal, last)
			if err != nil {
				yield(remedy.Entry{}, fmt.Errorf("read the journal: %w", err))
				return
			}
			for _, e := range page {
				last = e.Seq
				if !yield(e, nil) {
					return
				}
			}
			if len(page) < journalPage {
				return
			}
		}
	}
}

func (db *DB) journalAfter(ctx context.Context, portal string, last int64) ([]remedy.Entry, error) {
	rows, err := db.read().QueryContext(ctx, `SELECT seq, at, portal, run, step, event, prev, hash, doc FROM journal
		WHERE seq > $1 AND ($2 = '' OR portal = $2) ORDER BY seq LIMIT $3`, last, portal, journalPage)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var page []remedy.Entry
	for rows.Next() {
		var e, columns remedy.Entry
		var at int64
		var doc string
		if err := rows.Scan(&columns.Seq, &at, &columns.Portal, &columns.Run, &columns.Step, &columns.Event, &columns.Prev, &columns.Hash, &doc); err != nil {
			return nil, err
		}
		columns.At = crm.Instant(at)
		if json.Unmarshal([]byte(doc), &e) != nil {
			e = columns
		}
		// What the columns say counts, and the hash covers it: a row altered in either place shows.
		e.Seq, e.At, e.Portal, e.Run, e.Step = columns.Seq, columns.At, columns.Portal, columns.Run, columns.Step
		e.Event, e.Prev, e.Hash = columns.Event, columns.Prev, columns.Hash
		page = append(page, e)
	}
	return page, rows.Err()
}

// VerifyJournal returns every place at which the journal is not what was written. Rows that are appended meanwhile are left
// for the next time.
func (db *DB) VerifyJournal(ctx context.Context) ([]remedy.Damage, error) {
	var head remedy.Head
	var newest int64
	err := db.read().QueryRowContext(ctx, `SELECT seq, hash, (SELECT COALESCE(MAX(seq), 0) FROM journal) FROM journal_head WHERE id = 1`).
		Scan(&head.Seq, &head.Hash, &newest)
	if errors.Is(err, sql.ErrNoRows) {
		return []remedy.Damage{{Why: "the record of the journal's last row is gone"}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the journal's head: %w", err)
	}
	damage, err := remedy.Verify(func(yield func(remedy.Entry, error) bool) {
		for e, err := range db.Journal(ctx, "") {
			if err == nil && e.Seq > head.Seq || !yield(e, err) {
				return
			}
		}
	}, head)
	if err == nil && newest > head.Seq {
		damage = append(damage, remedy.Damage{Seq: head.Seq + 1, Why: "a row stands behind the one that was written last"})
	}
	return damage, err
}
