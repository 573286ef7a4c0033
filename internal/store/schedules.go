package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/plumbline/plumbline/internal/crm"
)

// Schedule says when a portal's cycles are due.
type Schedule struct {
	Portal, Cron, Zone string
	Next               crm.Instant
}

// SetSchedules makes these the schedules, all of them. One whose cron text and zone are as they were keeps its next run,
// so that a restart neither loses a run that is due nor adds one.
func (db *DB) SetSchedules(ctx context.Context, schedules []Schedule) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		for _, s := range schedules {
			if _, err := tx.ExecContext(ctx, `INSERT INTO schedules (portal, cron, zone, next_run_at) VALUES ($1, $2, $3, $4)
				ON CONFLICT (portal) DO UPDATE SET cron = excluded.cron, zone = excluded.zone, next_run_at = excluded.next_run_at
				WHERE schedules.cron <> excluded.cron OR schedules.zone <> excluded.zone`, s.Portal, s.Cron, s.Zone, s.Next); err != nil {
				return err
			}
		}
		kept, err := scanAll(ctx, tx, scanText, `SELECT portal FROM schedules`)
		if err != nil {
			return err
		}
		for _, portal := range kept {
			if slices.ContainsFunc(schedules, func(s Schedule) bool { return s.Portal == portal }) {
				continue
			}
			if _, err := tx.ExecContext(ctx, `DELETE FROM schedules WHERE portal = $1`, portal); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep the schedules: %w", err)
	}
	return nil
}

// Schedules returns every schedule, by portal.
func (db *DB) Schedules(ctx context.Context) ([]Schedule, error) {
	all, err := scanAll(ctx, db.read(), scanSchedule, `SELECT portal, cron, zone, next_run_at FROM schedules ORDER BY portal`)
	if err != nil {
		return nil, fmt.Errorf("read the schedules: %w", err)
	}
	return all, nil
}

// Hasten makes a portal's next run come no later than a moment. A portal without a schedule stays without.
func (db *DB) Hasten(ctx context.Context, portal string, at crm.Instant) error {
	if _, err := db.writer.ExecContext(ctx, `UPDATE schedules SET next_run_at = $1 WHERE portal = $2 AND next_run_at > $1`, at, portal); err != nil {
		return fmt.Errorf("hasten the next run of portal %s: %w", portal, err)
	}
	return nil
}

// ClaimDue returns the schedules whose next run is due, and moves each on to the run that next names. Of several processes
// only one gets each run; of the runs missed during an outage there is one. A schedule for which next fails stays due and
// is part of the error; the others are claimed all the same.
func (db *DB) ClaimDue(ctx context.Context, next func(Schedule) (crm.Instant, error)) ([]Schedule, error) {
	due, err := scanAll(ctx, db.read(), scanSchedule, `SELECT portal, cron, zone, next_run_at FROM schedules WHERE next_run_at <= $1 ORDER BY next_run_at, portal`, db.instant())
	if err != nil {
		return nil, fmt.Errorf("read the schedules: %w", err)
	}
	var claimed []Schedule
	var errs []error
	for _, s := range due {
		then, err := next(s)
		if err != nil {
			errs = append(errs, fmt.Errorf("schedule of portal %s: %w", s.Portal, err))
			continue
		}
		mine, err := scanAll(ctx, db.writer, scanSchedule, `UPDATE schedules SET next_run_at = $1 WHERE portal = $2 AND next_run_at = $3 AND cron = $4 AND zone = $5
			RETURNING portal, cron, zone, next_run_at`, then, s.Portal, s.Next, s.Cron, s.Zone)
		if err != nil {
			errs = append(errs, fmt.Errorf("claim the run of portal %s: %w", s.Portal, err))
			continue
		}
		claimed = append(claimed, mine...)
	}
	return claimed, errors.Join(errs...)
}

func scanSchedule(scan func(...any) error) (s Schedule, err error) {
	return s, scan(&s.Portal, &s.Cron, &s.Zone, &s.Next)
}
