package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// rowsPerWrite is the most rows that one write transaction changes, so that others get their turn.
const rowsPerWrite = 5000

// openRow is what is known of an open finding before its text is read.
type openRow struct {
	id, run, policy, subject string
	since                    crm.Instant
	digest                   int64
}

// saveFindings opens, changes and resolves findings by a result, and returns the ids of those that stay open although the
// result does not have them.
func (db *DB) saveFindings(ctx context.Context, run string, r *audit.Result) (carried []string, err error) {
	open, err := scanAll(ctx, db.read(), func(scan func(...any) error) (o openRow, err error) {
		return o, scan(&o.id, &o.run, &o.policy, &o.subject, &o.since, &o.digest)
	}, `SELECT id, opened_run, policy, subject, since, digest FROM findings WHERE portal = $1 AND resolved_at = 0`, r.Portal)
	if err != nil {
		return nil, err
	}
	before := make(map[string]openRow, len(open))
	for _, o := range open {
		before[o.id] = o
	}
	var work []change
	shared := sums{}
	for i := range r.Findings {
		f := &r.Findings[i]
		digest := digest(f, shared)
		o, held := before[f.ID]
		delete(before, f.ID)
		given := !f.Since.IsZero()
		switch {
		case !given && held:
			f.Since = o.since
		case !given:
			f.Since = r.AsOf
		}
		switch {
		case !held:
			work = append(work, change{openFinding, f, []any{f.ID, run, r.Portal, f.Policy, subjectKey(f.Subject), int64(f.Severity), f.Since, r.AsOf, waivedUntil(f), digest}})
		case o.digest != digest:
			work = append(work, change{changeFinding, f, []any{int64(f.Severity), f.Since, waivedUntil(f), digest, f.ID, o.run}})
		}
	}
	unknown := map[string]bool{}
	for _, u := range r.Unknown {
		unknown[u.Policy+"\x00"+subjectKey(u.Subject)] = true
	}
	for _, o := range open {
		if _, left := before[o.id]; !left {
			continue
		}
		if !r.Complete {
			carried = append(carried, o.id)
			continue
		}
		if unknown[o.policy+"\x00"+o.subject] {
			carried = append(carried, o.id)
			continue
		}
		work = append(work, change{resolveFinding, nil, []any{r.AsOf, run, o.id, o.run}})
	}
	return carried, db.inBatches(ctx, work)
}

// The statements that change findings. Where one has a text, it is the last argument.
const (
	openFinding = `INSERT INTO findings (id, opened_run, portal, policy, subject, severity, since, opened_at, resolved_run, resolved_at, waived_until, digest, doc)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', 0, $9, $10, $11)`
	changeFinding  = `UPDATE findings SET severity = $1, since = $2, waived_until = $3, digest = $4, doc = $7 WHERE id = $5 AND opened_run = $6`
	resolveFinding = `UPDATE findings SET resolved_at = $1, resolved_run = $2 WHERE id = $3 AND opened_run = $4`
)

// change is one statement to run.
type change struct {
	statement string
	finding   *audit.Finding // whose text is written; nil: none
	args      []any
}

// inBatches makes changes in as many transactions as it takes.
func (db *DB) inBatches(ctx context.Context, work []change) error {
	for some := range slices.Chunk(work, rowsPerWrite) {
		for i, c := range some { // before the transaction, which must be short
			if c.finding == nil {
				continue
			}
			doc, err := json.Marshal(c.finding)
			if err != nil {
				return err
			}
			some[i].args = append(c.args, string(doc))
		}
		if err := db.write(ctx, func(tx *sql.Tx) error { return execAll(ctx, tx, some) }); err != nil {
			return err
		}
	}
	return nil
}

// execAll runs statements, of which few are different.
func execAll(ctx context.Context, tx *sql.Tx, work []change) error {
	prepared := map[string]*sql.Stmt{}
	for _, c := range work {
		stmt := prepared[c.statement]
		if stmt == nil {
			var err error
			if stmt, err = tx.PrepareContext(ctx, c.statement); err != nil {
				return err
			}
			defer stmt.Close() //nolint:errcheck // of a transaction that ends next
			prepared[c.statement] = stmt
		}
		if _, err := stmt.ExecContext(ctx, c.args...); err != nil {
			return err
		}
	}
	return nil
}

// subjectKey names a record within a portal.
func subjectKey(r crm.Ref) string { return string(r.Kind) + "/" + r.ID }

func waivedUntil(f *audit.Finding) crm.Instant {
	if f.Waived == nil {
		return 0
	}
	return f.Waived.Until
}

// digest is a number that changes with anything that is stored of a finding and that the policy gave.
func digest(f *audit.Finding, shared sums) int64 {
	h := hasher{fnv.New64a()}
	h.text(f.Key, f.Severity.String(), f.Value.Currency, string(f.Family), f.Case, f.Name, f.URL, f.Pipeline, f.Stage, f.Owner, f.PipelineName, f.StageName, f.OwnerName)
	h.number(int64(f.Value.Amount), int64(f.Since))
	if f.Lead {
		h.number(1)
	}
	for _, k := range slices.Sorted(maps.Keys(f.Facts)) {
		switch v := f.Facts[k].(type) {
		case string:
			h.text(k, v)
		case float64:
			h.text(k)
			h.number(int64(math.Float64bits(v)))
		default:
			h.text(k, fmt.Sprint(v))
		}
	}
	if len(f.Settings) > 0 {
		h.number(shared.of(f.Settings))
	}
	if w := f.Waived; w != nil {
		h.text(w.Finding, w.Reason, w.Author)
		h.number(int64(w.Until))
	}
	if f.Fix != nil {
		h.text(string(f.Fix.Kind), string(f.Fix.Mode))
		h.text(f.Fix.Manual...)
		for _, e := range f.Fix.Edits {
			h.text(e.Key, e.Target.Portal, string(e.Target.Kind), e.Target.ID, string(e.Op))
			h.fields(e.Before)
			h.fields(e.After)
		}
	}
	return int64(h.Sum64())
}

// sums are the digests of settings, by the maps that hold them: all findings of a check share one.
type sums map[uintptr]int64

func (s sums) of(settings audit.Settings) int64 {
	key := reflect.ValueOf(settings).Pointer()
	sum, ok := s[key]
	if !ok {
		h := hasher{fnv.New64a()}
		for _, k := range slices.Sorted(maps.Keys(settings)) {
			h.text(k, settings[k].Value, settings[k].From)
		}
		sum = int64(h.Sum64())
		s[key] = sum
	}
	return sum
}

// hasher hashes values so that no two lists of them run together.
type hasher struct{ hash.Hash64 }

func (h hasher) text(all ...string) {
	for _, s := range all {
		_, _ = io.WriteString(h, s)
		_, _ = h.Write([]byte{0})
	}
}

func (h hasher) number(all ...int64) {
	var b [8]byte
	for _, n := range all {
		binary.LittleEndian.PutUint64(b[:], uint64(n))
		_, _ = h.Write(b[:])
	}
}

func (h hasher) fields(f crm.Fields) {
	h.number(int64(len(f)))
	for _, k := range slices.Sorted(maps.Keys(f)) {
		h.text(k, f[k])
	}
}

// FindingState is what has become of a finding.
type FindingState string

// The states. A waived finding is open and accepted until a date.
const (
	FindingOpen     FindingState = "open"
	FindingResolved FindingState = "resolved"
	FindingWaived   FindingState = "waived"
)

// FindingFilter picks findings; what is empty picks all.
type FindingFilter struct {
	Portals  []string
	Policy   string
	Severity audit.Severity // exactly this one
	State    FindingState   // "" is open, waived or not
	// Pipeline, Stage and Owner are ids or names, in whatever case.
	Pipeline, Stage, Owner string
}

// KeptFinding is a finding as it is kept: an interval in which it held.
type KeptFinding struct {
	audit.Finding
	State    FindingState
	Opened   crm.Instant // of the run that saw it first
	Resolved crm.Instant // of the run that no longer saw it; none while it holds
}

// Findings returns the findings that a filter picks, by portal, the gravest and then the oldest first.
func (db *DB) Findings(ctx context.Context, filter FindingFilter) ([]KeptFinding, error) {
	where, args, err := filter.where(db.instant())
	if err != nil {
		return nil, err
	}
	all, err := scanAll(ctx, db.read(), db.scanKept, keptColumns+` WHERE `+where+` ORDER BY portal, severity DESC, since, id, opened_at`, args...)
	if err != nil {
		return nil, fmt.Errorf("read the findings: %w", err)
	}
	is := func(want, id, name string) bool {
		return want == "" || strings.EqualFold(want, id) || strings.EqualFold(want, name)
	}
	return slices.DeleteFunc(all, func(f KeptFinding) bool {
		return !is(filter.Pipeline, f.Pipeline, f.PipelineName) || !is(filter.Stage, f.Stage, f.StageName) || !is(filter.Owner, f.Owner, f.OwnerName)
	}), nil
}

const keptColumns = `SELECT doc, opened_at, resolved_at, waived_until FROM findings`

// scanKept reads keptColumns. A waiver that has ended by now is none.
func (db *DB) scanKept(scan func(...any) error) (f KeptFinding, err error) {
	var doc string
	var waived crm.Instant
	if err := scan(&doc, &f.Opened, &f.Resolved, &waived); err != nil {
		return f, err
	}
	if err := json.Unmarshal([]byte(doc), &f.Finding); err != nil {
		return f, err
	}
	switch {
	case !f.Resolved.IsZero():
		f.State = FindingResolved
	case waived > db.instant():
		f.State = FindingWaived
	default:
		f.State, f.Waived = FindingOpen, nil
	}
	return f, nil
}

// OpenFindings returns the ids of the findings of a portal that are open, waived or not.
func (db *DB) OpenFindings(ctx context.Context, portal string) (map[string]bool, error) {
	ids, err := scanAll(ctx, db.read(), func(scan func(...any) error) (id string, err error) {
		return id, scan(&id)
	}, `SELECT id FROM findings WHERE portal = $1 AND resolved_at = 0`, portal)
	if err != nil {
		return nil, fmt.Errorf("read the open findings of portal %s: %w", portal, err)
	}
	open := make(map[string]bool, len(ids))
	for _, id := range ids {
		open[id] = true
	}
	return open, nil
}

// where writes the part of a filter that the database judges.
func (filter FindingFilter) where(now crm.Instant) (string, []any, error) {
	var parts []string
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	switch filter.State {
	case "":
		parts = append(parts, "resolved_at = 0")
	case FindingOpen:
		parts = append(parts, "resolved_at = 0", "waived_until <= "+arg(now))
	case FindingWaived:
		parts = append(parts, "resolved_at = 0", "waived_until > "+arg(now))
	case FindingResolved:
		parts = append(parts, "resolved_at > 0")
	default:
		return "", nil, errors.New(`a finding's state is open, resolved or waived`)
	}
	if len(filter.Portals) > 0 {
		var marks []string
		for _, p := range filter.Portals {
			marks = append(marks, arg(p))
		}
		parts = append(parts, "portal IN ("+strings.Join(marks, ", ")+")")
	}
	if filter.Policy != "" {
		parts = append(parts, "policy = "+arg(filter.Policy))
	}
	if filter.Severity != audit.NoSeverity {
		parts = append(parts, "severity = "+arg(int64(filter.Severity)))
	}
	return strings.Join(parts, " AND "), args, nil
}
