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

// Trend tells what has become of a portal's findings since a moment, or since the first audit where that came later: before it,
// nobody looked. nil where the portal was audited at most once, or never since.
func (db *DB) Trend(ctx context.Context, portal string, since crm.Instant) (*audit.Trend, error) {
	first, last, err := db.audited(ctx, portal)
	if err != nil {
		return nil, fmt.Errorf("read the trend of portal %s: %w", portal, err)
	}
	since = max(since, first)
	if last.IsZero() || since >= last {
		return nil, nil
	}
	list, err := scanAll(ctx, db.read(), func(scan func(...any) error) (i audit.Interval, err error) {
		var waived crm.Instant
		err = scan(&i.Finding, &i.Policy, &i.Opened, &i.Resolved, &i.Again, &waived)
		i.Waived = waived > last
		return i, err
	}, `SELECT id, policy, opened_at, resolved_at, EXISTS (SELECT 1 FROM findings e WHERE e.id = f.id AND e.opened_at < f.opened_at), waived_until
		FROM findings f WHERE portal = $1 AND (resolved_at = 0 OR resolved_at > $2)`, portal, since)
	if err != nil {
		return nil, fmt.Errorf("read the trend of portal %s: %w", portal, err)
	}
	t := audit.NewTrend(portal, list, since, last)
	then, err := db.FiguresAt(ctx, portal, since)
	if err != nil {
		return nil, err
	}
	now, err := db.FiguresAt(ctx, portal, last)
	if err != nil {
		return nil, err
	}
	t.Score = audit.CompareScores(then, now)
	return t, nil
}

// audited returns the first and the last moment that an audit of a portal judged; none where there was no audit. Of the early
// results some are no longer kept, but what they found is.
func (db *DB) audited(ctx context.Context, portal string) (first, last crm.Instant, err error) {
	var opened crm.Instant
	err = db.read().QueryRowContext(ctx, `SELECT COALESCE(MIN(as_of), 0), COALESCE(MAX(as_of), 0), (SELECT COALESCE(MIN(opened_at), 0) FROM findings WHERE portal = $1)
		FROM results WHERE portal = $1`, portal).Scan(&first, &last, &opened)
	if !opened.IsZero() && opened < first {
		first = opened
	}
	return first, last, err
}

// FiguresAt returns the figures of the last kept audit of a portal that judged a moment at or before the given one, without its
// findings; nil where there is none.
func (db *DB) FiguresAt(ctx context.Context, portal string, at crm.Instant) (*audit.Result, error) {
	var doc string
	err := db.read().QueryRowContext(ctx, `SELECT doc FROM results WHERE portal = $1 AND as_of <= $2 ORDER BY as_of DESC LIMIT 1`, portal, at).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err == nil {
		r := &audit.Result{}
		if err = json.Unmarshal([]byte(doc), r); err == nil {
			return r, nil
		}
	}
	return nil, fmt.Errorf("load the figures of portal %s: %w", portal, err)
}

// FirstAudit returns the first moment that an audit of a portal judged; none where there was no audit.
func (db *DB) FirstAudit(ctx context.Context, portal string) (crm.Instant, error) {
	first, _, err := db.audited(ctx, portal)
	if err != nil {
		return 0, fmt.Errorf("read the audits of portal %s: %w", portal, err)
	}
	return first, nil
}
