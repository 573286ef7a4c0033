package deals

import (
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// addWorkingDays moves a moment n working days (Monday to Friday in a zone) ahead and keeps its time of day: Friday noon and
// 3 make Wednesday noon.
func addWorkingDays(i crm.Instant, n int, zone *time.Location) crm.Instant {
	t := i.Time().In(zone)
	for n > 0 {
		t = t.AddDate(0, 0, 1)
		if !weekend(t) {
			n--
		}
	}
	return crm.At(t)
}

// onWorkingDay moves a day that falls on a weekend to the Monday after it.
func onWorkingDay(t time.Time) time.Time {
	for weekend(t) {
		t = t.AddDate(0, 0, 1)
	}
	return t
}

func weekend(t time.Time) bool { return t.Weekday() == time.Saturday || t.Weekday() == time.Sunday }
