package sandbox

import (
	"sync"
	"time"
)

// clock is the sandbox's time: it starts where it is set and then runs at the speed of its source.
type clock struct {
	ticks func() time.Time

	mu      sync.Mutex
	started time.Time // the source's reading when the clock was set
	set     time.Time // what it was set to; zero: the source's own time
}

func newClock(ticks func() time.Time, start time.Time) *clock {
	if ticks == nil {
		ticks = time.Now
	}
	c := &clock{ticks: ticks}
	c.Set(start)
	return c
}

// Set puts the clock to t; the zero time puts it back to its source's time.
func (c *clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started, c.set = c.ticks(), t
}

// Now is the sandbox's time, in UTC.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.ticks()
	if c.set.IsZero() {
		return now.UTC()
	}
	return c.set.Add(now.Sub(c.started)).UTC()
}
