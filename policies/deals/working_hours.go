package deals

import (
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// workday are the hours of a working day, Monday to Friday in a zone: from one full hour to another.
type workday struct {
	begins, ends int
	zone         *time.Location
}

// add moves a moment n working hours ahead: Friday 16:00 and 2 make Monday 10:00 where work is from 9 to 17.
func (w workday) add(i crm.Instant, n int) crm.Instant {
	t, left := i.Time().In(w.zone), time.Duration(n)*time.Hour
	for {
		y, m, d := t.Date()
		begin, end := time.Date(y, m, d, w.begins, 0, 0, 0, w.zone), time.Date(y, m, d, w.ends, 0, 0, 0, w.zone)
		if t.Before(begin) {
			t = begin
		}
		if !weekend(t) && t.Before(end) {
			if room := end.Sub(t); left <= room {
				return crm.At(t.Add(left))
			}
			left -= end.Sub(t)
		}
		t = time.Date(y, m, d+1, 0, 0, 0, 0, w.zone)
	}
}
