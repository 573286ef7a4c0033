package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/plumbline/plumbline/audit"
)

// FindingCount is how many findings of one policy and severity a portal has now.
type FindingCount struct {
	Portal, Policy string
	Severity       audit.Severity
	State          FindingState // open or waived
	N              int
}

// CountFindings counts the findings that hold, of every portal, without reading them. Those that an incomplete audit did
// not see again are among them: it resolves nothing.
func (db *DB) CountFindings(ctx context.Context) ([]FindingCount, error) {
	all, err := scanAll(ctx, db.read(), func(scan func(...any) error) (c FindingCount, err error) {
		var severity int64
		var waived bool
		if err := scan(&c.Portal, &c.Policy, &severity, &waived, &c.N); err != nil {
			return c, err
		}
		c.Severity, c.State = audit.Severity(severity), FindingOpen
		if waived {
			c.State = FindingWaived
		}
		return c, nil
	}, `SELECT portal, policy, severity, waived_until > $1, COUNT(*) FROM findings WHERE resolved_at = 0
		GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`, db.instant())
	if err != nil {
		return nil, fmt.Errorf("count the findings: %w", err)
	}
	return all, nil
}

// LastFigures returns the newest audit of every portal, by portal, without its findings and without what it could not
// judge: the numbers alone, which cost the same however much is wrong.
func (db *DB) LastFigures(ctx context.Context) ([]*audit.Result, error) {
	all, err := scanAll(ctx, db.read(), func(scan func(...any) error) (*audit.Result, error) {
		var doc string
		if err := scan(&doc); err != nil {
			return nil, err
		}
		r := &audit.Result{}
		return r, json.Unmarshal([]byte(doc), r)
	}, `SELECT doc FROM results r WHERE NOT EXISTS (SELECT 1 FROM results l WHERE l.portal = r.portal AND l.as_of > r.as_of) ORDER BY portal`)
	if err != nil {
		return nil, fmt.Errorf("load the figures of the audits: %w", err)
	}
	return all, nil
}

// FindingChanges is how a portal's findings have changed.
type FindingChanges struct {
	Portal   string
	Resolved int // intervals that are over, ever
	Open     int // that go on
	Ending   int // of these the waived ones whose waiver ends within 14 days
}

// CountChanges counts, for every portal with findings, those that hold, those that were ever resolved and those whose waiver ends
// soon.
func (db *DB) CountChanges(ctx context.Context) ([]FindingChanges, error) {
	now := db.instant()
	all, err := scanAll(ctx, db.read(), func(scan func(...any) error) (c FindingChanges, err error) {
		return c, scan(&c.Portal, &c.Open, &c.Resolved, &c.Ending)
	}, `SELECT portal, SUM(open), SUM(resolved), SUM(ending) FROM (
			SELECT portal, COUNT(*) AS open, 0 AS resolved, COUNT(CASE WHEN waived_until > $1 AND waived_until <= $2 THEN 1 END) AS ending
			FROM findings WHERE resolved_at = 0 GROUP BY portal
			UNION ALL SELECT portal, 0, COUNT(*), 0 FROM findings WHERE resolved_at > 0 GROUP BY portal) parts
		GROUP BY portal ORDER BY portal`, now, now.Add(endingSoon))
	if err != nil {
		return nil, fmt.Errorf("count how findings changed: %w", err)
	}
	return all, nil
}

// endingSoon is how long before its end a waiver is counted.
const endingSoon = 14 * 24 * time.Hour
