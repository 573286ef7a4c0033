package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
)

// maxIDs bounds how many ids one statement names.
const maxIDs = 500

// conditions collects the parts of a WHERE with their arguments.
type conditions struct {
	parts []string
	args  []any
}

// add adds a part whose ? are the next arguments.
func (c *conditions) add(part string, args ...any) {
	for _, a := range args {
		c.args = append(c.args, a)
		part = strings.Replace(part, "?", fmt.Sprintf("$%d", len(c.args)), 1)
	}
	c.parts = append(c.parts, part)
}

// in adds a part that holds for any of the values, and nothing for none.
func in[S ~string](c *conditions, column string, values []S) {
	if len(values) == 0 {
		return
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = string(v)
	}
	c.add(column+" IN ("+strings.TrimSuffix(strings.Repeat("?,", len(values)), ",")+")", args...)
}

func (c *conditions) where() string {
	if len(c.parts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.parts, " AND ")
}

// Steps returns the steps that a filter selects, by the time they were made and by id.
func (db *DB) Steps(ctx context.Context, f remedy.Filter) ([]remedy.Step, error) {
	var out []remedy.Step
	for _, part := range filterParts(f) {
		c := conditions{}
		if part.Portal != "" {
			c.add("portal = ?", part.Portal)
		}
		if part.Policy != "" {
			c.add("policy = ?", part.Policy)
		}
		if part.Run != "" {
			c.add("run = ?", part.Run)
		}
		if part.Living {
			c.add("(ended_at = 0 OR ended_at >= ?)", int64(part.Since))
		}
		in(&c, "state", part.States)
		in(&c, "id", part.IDs)
		in(&c, "undoes", part.Undoes)
		rows, err := db.read().QueryContext(ctx, `SELECT rev, doc FROM steps`+c.where()+` ORDER BY made_at, id`, c.args...)
		if err != nil {
			return nil, fmt.Errorf("read steps: %w", err)
		}
		if out, err = scanSteps(rows, out); err != nil {
			return nil, fmt.Errorf("read steps: %w", err)
		}
	}
	if len(f.IDs) > maxIDs || len(f.Undoes) > maxIDs {
		slices.SortFunc(out, func(a, b remedy.Step) int {
			if a.Made != b.Made {
				return int(max(-1, min(1, a.Made-b.Made)))
			}
			return strings.Compare(a.ID, b.ID)
		})
	}
	return out, nil
}

// filterParts splits a filter that names many ids.
func filterParts(f remedy.Filter) []remedy.Filter {
	switch {
	case len(f.IDs) > maxIDs:
		var parts []remedy.Filter
		for ids := range slices.Chunk(slices.Compact(slices.Sorted(slices.Values(f.IDs))), maxIDs) {
			part := f
			part.IDs = ids
			parts = append(parts, filterParts(part)...)
		}
		return parts
	case len(f.Undoes) > maxIDs:
		var parts []remedy.Filter
		for ids := range slices.Chunk(slices.Compact(slices.Sorted(slices.Values(f.Undoes))), maxIDs) {
			part := f
			part.Undoes = ids
			parts = append(parts, part)
		}
		return parts
	default:
		return []remedy.Filter{f}
	}
}

func scanSteps(rows *sql.Rows, out []remedy.Step) ([]remedy.Step, error) {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var rev int
		var doc string
		if err := rows.Scan(&rev, &doc); err != nil {
			return nil, err
		}
		var s remedy.Step
		if err := json.Unmarshal([]byte(doc), &s); err != nil {
			return nil, err
		}
		s.Rev = rev
		out = append(out, s)
	}
	return out, rows.Err()
}

// Episodes counts a portal's steps by base, ended or not.
func (db *DB) Episodes(ctx context.Context, portal string) (map[string]int, error) {
	out := map[string]int{}
	rows, err := db.read().QueryContext(ctx, `SELECT base, COUNT(*) FROM steps WHERE portal = $1 GROUP BY base`, portal)
	if err != nil {
		return nil, fmt.Errorf("count steps by base: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var base string
		var n int
		if err := rows.Scan(&base, &n); err != nil {
			return nil, fmt.Errorf("count steps by base: %w", err)
		}
		out[base] = n
	}
	return out, rows.Err()
}

// StepStates counts a portal's living steps by state.
func (db *DB) StepStates(ctx context.Context, portal string) (map[remedy.State]int, error) {
	out := map[remedy.State]int{}
	rows, err := db.read().QueryContext(ctx, `SELECT state, COUNT(*) FROM steps WHERE portal = $1 AND ended_at = 0 GROUP BY state`, portal)
	if err != nil {
		return nil, fmt.Errorf("count steps: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var state string
		var n int
		if err := rows.Scan(&state, &n); err != nil {
			return nil, fmt.Errorf("count steps: %w", err)
		}
		out[remedy.State(state)] = n
	}
	return out, rows.Err()
}

// SavePlan keeps a plan without its steps.
func (db *DB) SavePlan(ctx context.Context, p remedy.Plan) error {
	_, err := db.writer.ExecContext(ctx, `INSERT INTO plans (id, portal, made_at, who, complete, held) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO UPDATE SET complete = excluded.complete, held = excluded.held`,
		p.ID, p.Portal, int64(p.MadeAt), p.Who, p.Complete, p.Held)
	if err != nil {
		return fmt.Errorf("store plan %s: %w", p.ID, err)
	}
	return nil
}

// LastPlan returns a portal's newest plan, without its steps; ok is false where there is none.
func (db *DB) LastPlan(ctx context.Context, portal string) (plan remedy.Plan, ok bool, err error) {
	var at int64
	plan.Portal = portal
	err = db.read().QueryRowContext(ctx, `SELECT id, made_at, who, complete, held FROM plans WHERE portal = $1 ORDER BY made_at DESC, id LIMIT 1`, portal).
		Scan(&plan.ID, &at, &plan.Who, &plan.Complete, &plan.Held)
	if errors.Is(err, sql.ErrNoRows) {
		return remedy.Plan{}, false, nil
	}
	if err != nil {
		return remedy.Plan{}, false, fmt.Errorf("read the last plan of %s: %w", portal, err)
	}
	plan.MadeAt = crm.Instant(at)
	return plan, true, nil
}

// Record stores changes and appends their entries to the journal, in order, all in one transaction. It raises the Rev of
// each step, and fails with an error that wraps [remedy.ErrConflict], changing nothing, when a step's Rev is not the stored one.
func (db *DB) Record(ctx context.Context, changes []remedy.Change) error {
	if len(changes) == 0 {
		return nil
	}
	err := db.write(ctx, func(tx *sql.Tx) error {
		var entries []remedy.Entry
		for _, c := range changes {
			if c.Entry != nil {
				entries = append(entries, *c.Entry)
			}
		}
		if err := appendJournal(ctx, tx, entries); err != nil { // first: its head row is what writers queue up for
			return err
		}
		for _, c := range changes {
			if err := putStep(ctx, tx, c.Step); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record steps: %w", err)
	}
	for _, c := range changes {
		c.Step.Rev++
	}
	return nil
}

func putStep(ctx context.Context, tx *sql.Tx, s *remedy.Step) error {
	doc, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("step %s: %w", s.ID, err)
	}
	var res sql.Result
	if s.Rev == 0 {
		res, err = tx.ExecContext(ctx, `INSERT INTO steps (id, base, portal, state, policy, op, run, undoes, made_at, ended_at, rev, doc)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11) ON CONFLICT (id) DO NOTHING`,
			s.ID, s.Base, s.Portal, string(s.State), s.Policy, string(s.Edit.Op), s.Outcome.Run, s.Undoes, int64(s.Made), int64(s.Ended), string(doc))
	} else {
		res, err = tx.ExecContext(ctx, `UPDATE steps SET state = $1, op = $2, run = $3, ended_at = $4, rev = $5, doc = $6 WHERE id = $7 AND rev = $8`,
			string(s.State), string(s.Edit.Op), s.Outcome.Run, int64(s.Ended), s.Rev+1, string(doc), s.ID, s.Rev)
	}
	if err != nil {
		return fmt.Errorf("step %s: %w", s.ID, err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(fmt.Errorf("step %s: %w", s.ID, remedy.ErrConflict), err)
	}
	return nil
}

// OwnTasks returns, by deal, the due times of the tasks that Plumbline made and did not take back. One whose request may
// still be on the wire is among them.
func (db *DB) OwnTasks(ctx context.Context, portal string) (map[string][]crm.Instant, error) {
	rows, err := db.read().QueryContext(ctx, `SELECT rev, doc FROM steps WHERE portal = $1 AND op = $2 AND state IN ($3, $4) ORDER BY made_at, id`,
		portal, string(crm.OpAddTask), string(remedy.Applied), string(remedy.Applying))
	if err != nil {
		return nil, fmt.Errorf("read own tasks: %w", err)
	}
	steps, err := scanSteps(rows, nil)
	if err != nil {
		return nil, fmt.Errorf("read own tasks: %w", err)
	}
	out := map[string][]crm.Instant{}
	for i := range steps {
		after := steps[i].Edit.After
		due, err := time.Parse(time.RFC3339, after[crm.FieldDue])
		if err == nil {
			out[after[crm.FieldDeal]] = append(out[after[crm.FieldDeal]], crm.At(due))
		}
	}
	return out, nil
}

// Reshaped reports whether Plumbline created a property of a portal, or removed one again, after a moment. A request that may
// still be on the wire counts.
func (db *DB) Reshaped(ctx context.Context, portal string, since crm.Instant) (bool, error) {
	rows, err := db.read().QueryContext(ctx, `SELECT rev, doc FROM steps WHERE portal = $1 AND op = $2 AND state IN ($3, $4, $5)`,
		portal, string(crm.OpAddProperty), string(remedy.Applied), string(remedy.Applying), string(remedy.Undone))
	if err != nil {
		return false, fmt.Errorf("read own properties: %w", err)
	}
	steps, err := scanSteps(rows, nil)
	if err != nil {
		return false, fmt.Errorf("read own properties: %w", err)
	}
	return slices.ContainsFunc(steps, func(s remedy.Step) bool { return s.Updated >= since }), nil
}
