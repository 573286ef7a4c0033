package daemon

import (
	"fmt"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/store"
)

// next is the first time after a moment that a schedule names, in its own zone.
func next(s store.Schedule, after time.Time) (crm.Instant, error) {
	loc, err := time.LoadLocation(s.Zone)
	if err != nil {
		return 0, fmt.Errorf("time zone %q is not known", s.Zone)
	}
	spec, err := cron.ParseStandard(s.Cron)
	if err != nil {
		return 0, fmt.Errorf("%q is not a schedule: %w", s.Cron, err)
	}
	at := nextIn(spec, after.In(loc))
	if at.IsZero() {
		return 0, fmt.Errorf("%q names no time within five years", s.Cron)
	}
	return crm.At(at), nil
}

// runsUntil counts the runs that a portal's schedule names after a moment and before another, at most one a minute; 0 where it
// has none.
func runsUntil(p Portal, from, to time.Time) int64 {
	spec, err := cron.ParseStandard(p.Cron)
	if err != nil {
		return 0
	}
	zone := p.Zone
	if zone == nil {
		zone = time.UTC
	}
	n := int64(0)
	for at := nextIn(spec, from.In(zone)); !at.IsZero() && at.Before(to) && n < 24*60; at = nextIn(spec, at) {
		n++
	}
	return n
}

// everyHour is the bit of a cron field that was written as a star.
const everyHour = 1 << 63

// nextIn is the first time that a schedule names after a moment, in the moment's zone. When the clocks change, a schedule
// for every hour goes by the time that passes, and one for hours of the day by what the clocks show: it neither loses the
// run of an hour that is left out, which comes that much later, nor runs twice in an hour that comes twice.
func nextIn(s cron.Schedule, after time.Time) time.Time {
	spec, ok := s.(*cron.SpecSchedule)
	if !ok || spec.Hour&everyHour != 0 {
		return s.Next(after)
	}
	shown := time.Date(after.Year(), after.Month(), after.Day(), after.Hour(), after.Minute(), after.Second(), 0, time.UTC)
	for {
		if shown = spec.Next(shown); shown.IsZero() {
			return shown
		}
		if at := when(shown, after.Location()); at.After(after) {
			return at
		}
	}
}

// when is the moment at which the clocks of a zone show what shown, in UTC, says. What they show twice is the first time
// of the two; what they never show, the moment at which they would have.
func when(shown time.Time, zone *time.Location) time.Time {
	offset := func(t time.Time) time.Duration {
		_, seconds := t.In(zone).Zone()
		return time.Duration(seconds) * time.Second
	}
	before, after := offset(shown.Add(-24*time.Hour)), offset(shown.Add(24*time.Hour))
	first, second := shown.Add(-before), shown.Add(-after)
	if offset(first) != before && offset(second) == after {
		return second.In(zone)
	}
	return first.In(zone)
}
