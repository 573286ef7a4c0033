package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// resultsKept is how long every result of a portal is kept; of those before, the last one of each day is.
const resultsKept = 8 * 24 * time.Hour

// storedResult is a result as it is kept: its findings are rows of their own.
type storedResult struct {
	audit.Result
	// Carried are the ids of findings that are open although this run did not see them: it was not complete.
	Carried []string `json:"carried,omitempty"`
}

// SaveResult keeps an audit of a portal as it is now, and brings its findings up to date: what is new opens, what changed
// is written, what is no longer found is resolved. A run that is not complete resolves nothing, nor does a record that
// could not be judged. The result's findings get their Since where the policy gives none: the first run that saw them.
//
// Findings of a policy that is not among the judged ones are resolved: it was switched off. (A policy that fails makes no
// result at all.)
func (db *DB) SaveResult(ctx context.Context, r *audit.Result) error {
	run := db.newID()
	carried, err := db.saveFindings(ctx, run, r)
	if err == nil {
		err = db.insertResult(ctx, run, r, carried)
	}
	if err != nil {
		return fmt.Errorf("keep the audit of portal %s: %w", r.Portal, err)
	}
	return nil
}

func (db *DB) insertResult(ctx context.Context, run string, r *audit.Result, carried []string) error {
	s := storedResult{*r, carried}
	s.Findings, s.Unknown = nil, nil
	doc, err := json.Marshal(s)
	if err != nil {
		return err
	}
	unknown, err := json.Marshal(r.Unknown)
	if err != nil {
		return err
	}
	const day = int64(24 * time.Hour / time.Microsecond)
	return db.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE results SET unknown = 'null' WHERE portal = $1 AND unknown <> 'null'`, r.Portal); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO results (portal, as_of, run, doc, unknown) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (portal, as_of) DO UPDATE SET run = excluded.run, doc = excluded.doc, unknown = excluded.unknown`,
			r.Portal, r.AsOf, run, string(doc), string(unknown)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM results WHERE portal = $1 AND as_of < $2 AND EXISTS
			(SELECT 1 FROM results l WHERE l.portal = $1 AND l.as_of > results.as_of AND l.as_of / $3 = results.as_of / $3)`,
			r.Portal, r.AsOf.Add(-resultsKept), day)
		return err
	})
}

// LastResult returns the newest audit of a portal as it was saved, nil where there is none.
func (db *DB) LastResult(ctx context.Context, portal string) (*audit.Result, error) {
	all, err := db.lastResults(ctx, portal)
	if err != nil {
		return nil, fmt.Errorf("load the audit of portal %s: %w", portal, err)
	}
	if len(all) == 0 {
		return nil, nil
	}
	return all[0], nil
}

// LastResults returns the newest audit of every portal, by portal.
func (db *DB) LastResults(ctx context.Context) ([]*audit.Result, error) {
	all, err := db.lastResults(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("load the audits: %w", err)
	}
	return all, nil
}

func (db *DB) lastResults(ctx context.Context, portal string) (out []*audit.Result, err error) {
	err = db.view(ctx, func(tx *sql.Tx) error {
		all, err := scanAll(ctx, tx, scanResult, `SELECT doc, unknown FROM results r WHERE (portal = $1 OR $1 = '')
			AND NOT EXISTS (SELECT 1 FROM results l WHERE l.portal = r.portal AND l.as_of > r.as_of) ORDER BY portal`, portal)
		if err != nil {
			return err
		}
		for i := range all {
			if err := openFindings(ctx, tx, &all[i], db.instant()); err != nil {
				return err
			}
			out = append(out, &all[i].Result)
		}
		return nil
	})
	return out, err
}

// openFindings gives a result back the findings that it had, without waivers that have ended by now.
func openFindings(ctx context.Context, tx *sql.Tx, r *storedResult, now crm.Instant) error {
	carried := make(map[string]bool, len(r.Carried))
	for _, id := range r.Carried {
		carried[id] = true
	}
	open, err := scanAll(ctx, tx, scanFinding, `SELECT doc FROM findings WHERE portal = $1 AND resolved_at = 0`, r.Portal)
	if err != nil {
		return err
	}
	r.Findings = slices.DeleteFunc(open, func(f audit.Finding) bool { return carried[f.ID] })
	if r.Findings == nil {
		r.Findings = []audit.Finding{}
	}
	for i := range r.Findings {
		if w := r.Findings[i].Waived; w != nil && w.Until <= now {
			r.Findings[i].Waived = nil
		}
	}
	slices.SortFunc(r.Findings, inOrder)
	return nil
}

// inOrder is the order of a result's findings.
func inOrder(a, b audit.Finding) int {
	return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Subject.Kind, b.Subject.Kind), cmp.Compare(a.Subject.ID, b.Subject.ID), cmp.Compare(a.Key, b.Key))
}

// ScoreAt is the score of a portal at a moment; nil where it could not be given.
type ScoreAt struct {
	At       crm.Instant
	Complete bool
	Score    *float64
}

// Scores returns a portal's scores since a moment, oldest first.
func (db *DB) Scores(ctx context.Context, portal string, since crm.Instant) ([]ScoreAt, error) {
	all, err := scanAll(ctx, db.read(), scanResult, `SELECT doc, 'null' FROM results WHERE portal = $1 AND as_of >= $2 ORDER BY as_of`, portal, since)
	if err != nil {
		return nil, fmt.Errorf("load the scores of portal %s: %w", portal, err)
	}
	out := make([]ScoreAt, len(all))
	for i, r := range all {
		out[i] = ScoreAt{r.AsOf, r.Complete, r.Score}
	}
	return out, nil
}

func scanResult(scan func(...any) error) (r storedResult, err error) {
	var doc, unknown string
	if err := scan(&doc, &unknown); err != nil {
		return r, err
	}
	if err := json.Unmarshal([]byte(doc), &r); err != nil {
		return r, err
	}
	return r, json.Unmarshal([]byte(unknown), &r.Unknown)
}

func scanFinding(scan func(...any) error) (f audit.Finding, err error) {
	var doc string
	if err := scan(&doc); err != nil {
		return f, err
	}
	return f, json.Unmarshal([]byte(doc), &f)
}
