package sandbox

import (
	"sync"
	"time"
)

// Window is a limit over a rolling span of the sandbox's time: at most Max are taken within any Span.
type Window struct {
	Span time.Duration
	Max  int

	mu    sync.Mutex
	taken []time.Time // oldest first, all within Span of the last Take
}

// Take asks for one more at now. It returns how many are left after it, and false when the window is full: what is refused is not
// counted. A clock that was put back forgets what was taken later than now.
func (w *Window) Take(now time.Time) (left int, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := 0
	for first < len(w.taken) && !w.taken[first].After(now.Add(-w.Span)) {
		first++
	}
	w.taken = w.taken[first:]
	for n := len(w.taken); n > 0 && w.taken[n-1].After(now); n-- {
		w.taken = w.taken[:n-1]
	}
	if len(w.taken) >= w.Max {
		return 0, false
	}
	w.taken = append(w.taken, now)
	return w.Max - len(w.taken), true
}

// Daily is a limit per calendar day in a time zone: at most Max are taken between two midnights.
type Daily struct {
	Zone *time.Location // nil: UTC
	Max  int

	mu    sync.Mutex
	day   string
	taken int
}

// Take asks for one more at now. It returns how many are left after it, and false when the day's share is used up.
func (d *Daily) Take(now time.Time) (left int, ok bool) { return d.TakeN(now, 1) }

// TakeN asks for n more at now, all or none. It returns how many are left after it, and false when they do not fit into the day's share.
func (d *Daily) TakeN(now time.Time, n int) (left int, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.turn(now)
	if d.taken+n > d.Max {
		return max(0, d.Max-d.taken), false
	}
	d.taken += n
	return d.Max - d.taken, true
}

// GiveBack undoes a TakeN of the same day, and returns how many are left after it.
func (d *Daily) GiveBack(now time.Time, n int) (left int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.turn(now)
	d.taken = max(0, d.taken-n)
	return d.Max - d.taken
}

// Retune changes from now on how many are taken in a day, and where midnight is; a nil zone is UTC.
func (d *Daily) Retune(most int, zone *time.Location) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Max, d.Zone = most, zone
}

// turn begins a new day once midnight has passed.
func (d *Daily) turn(now time.Time) {
	zone := d.Zone
	if zone == nil {
		zone = time.UTC
	}
	if day := now.In(zone).Format(time.DateOnly); day != d.day {
		d.day, d.taken = day, 0
	}
}
