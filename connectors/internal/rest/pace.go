package rest

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Limit is a limit of the CRM: how many requests it takes within any span of a length.
type Limit struct {
	Lane string
	Max  int64
	Per  time.Duration
	// Share is the part of Max that we use; the rest is headroom for clocks that differ and for other programs.
	Share float64
}

// Ledger keeps counts over all processes: Take asks for want units of a window, of which at most limit may be taken in
// all, and returns how many are granted.
type Ledger interface {
	Take(ctx context.Context, portal, window string, want, limit int64) (granted int64, err error)
}

// Clock tells the time and waits. The zero value is the real one; a Sleep that is given must move Now forward.
type Clock struct {
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
}

// Pace holds requests back so that a portal's limits are kept. A request waits until fewer than the usable number of
// requests were under way or answered within the limit's span, so the CRM's own window, wherever it begins, never holds
// more. It may be used by several goroutines.
type Pace struct {
	clock  Clock
	portal string
	ledger Ledger

	mu        sync.Mutex
	lanes     map[string]*lane
	exhausted *ExhaustedError
}

// NewPace makes the pace of one portal from the limits that hold until an answer tells better. ledger may be nil.
func NewPace(portal string, clock Clock, ledger Ledger, limits ...Limit) *Pace {
	if clock.Sleep == nil {
		clock = Clock{Now: time.Now, Sleep: sleep}
	}
	p := &Pace{clock: clock, portal: portal, ledger: ledger, lanes: map[string]*lane{}}
	for _, l := range limits {
		p.lanes[l.Lane] = &lane{Limit: l, usable: float64(l.Max) * l.Share}
	}
	return p
}

// Wait waits by the clock, unless the context ends first.
func (c Clock) Wait(ctx context.Context, d time.Duration) error {
	if c.Sleep == nil {
		return sleep(ctx, d)
	}
	return c.Sleep(ctx, d)
}

func (p *Pace) now() time.Time { return p.clock.Now() }

// sleep waits in real time.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// lane is one limit and what was sent under it.
type lane struct {
	Limit
	usable   float64     // what we send at most within Per: Max times Share, less after we were throttled
	answered []time.Time // answers within the last Per, oldest first
	underWay int64
	hold     time.Time // nothing is sent before it
	eased    time.Time // when usable was last raised or lowered

	block  string // the ledger's window that granted is of
	grants int64  // granted by the ledger and not yet used
}

func (l *lane) count() int64 { return max(1, int64(l.usable)) }

// delay is how long a request of this lane must wait at least.
func (l *lane) delay(now time.Time) time.Duration {
	old := 0
	for old < len(l.answered) && !l.answered[old].Add(l.Per).After(now) {
		old++
	}
	l.answered = append(l.answered[:0], l.answered[old:]...)
	wait := l.hold.Sub(now)
	over := int64(len(l.answered)) + l.underWay - l.count()
	switch {
	case over < 0:
	case over < int64(len(l.answered)):
		wait = max(wait, l.answered[over].Add(l.Per).Sub(now))
	default:
		wait = max(wait, l.Per/time.Duration(l.count())) // all are under way: look again after a while
	}
	return wait
}

// wait blocks until a request of the lanes may be sent, and counts it. release must be called when its answer is there.
func (p *Pace) wait(ctx context.Context, lanes []string, notBefore time.Time) (waited time.Duration, release func(), err error) {
	began := p.now()
	for {
		if err := ctx.Err(); err != nil {
			return 0, nil, err
		}
		d, err := p.enter(lanes, notBefore)
		if err != nil {
			return 0, nil, err
		}
		if d <= 0 {
			if d, err = p.grant(ctx, lanes); err != nil || d > 0 {
				p.leave(lanes, false)
			}
			if err != nil {
				return 0, nil, err
			}
		}
		if d <= 0 {
			return p.now().Sub(began), func() { p.leave(lanes, true) }, nil
		}
		if err := p.clock.Sleep(ctx, d); err != nil {
			return 0, nil, err
		}
	}
}

// enter counts a request as under way in every lane, or says how long it must wait first.
func (p *Pace) enter(lanes []string, notBefore time.Time) (time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if e := p.exhausted; e != nil {
		if e.RetryAt.After(now) {
			return 0, e
		}
		p.exhausted = nil
	}
	d := notBefore.Sub(now)
	for _, name := range lanes {
		d = max(d, p.lanes[name].delay(now))
	}
	if d > 0 {
		return d, nil
	}
	for _, name := range lanes {
		p.lanes[name].underWay++
	}
	return 0, nil
}

// leave ends what enter counted. An answered request counts until its lane's span has passed since the answer: the CRM
// cannot have counted it later than that.
func (p *Pace) leave(lanes []string, sent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	for _, name := range lanes {
		l := p.lanes[name]
		l.underWay--
		if sent {
			l.answered = append(l.answered, now)
		}
	}
}

// grant takes one unit of every lane from the ledger, which is asked for blocks of an eighth of the limit. It returns how
// long to wait where the ledger has none left.
func (p *Pace) grant(ctx context.Context, lanes []string) (time.Duration, error) {
	if p.ledger == nil {
		return 0, nil
	}
	for i, name := range lanes {
		d, err := p.take(ctx, p.lanes[name])
		if err != nil || d > 0 {
			p.giveBack(lanes[:i])
			return d, err
		}
	}
	return 0, nil
}

func (p *Pace) take(ctx context.Context, l *lane) (time.Duration, error) {
	p.mu.Lock()
	now, per, limit := p.now(), l.Per, l.count()
	at := now.UnixNano() / int64(per)
	window := fmt.Sprintf("%s/%s/%d", l.Lane, per, at)
	if l.block != window {
		l.block, l.grants = window, 0
	}
	if l.grants > 0 {
		l.grants--
		p.mu.Unlock()
		return 0, nil
	}
	p.mu.Unlock()
	granted, err := p.ledger.Take(ctx, p.portal, window, max(1, limit/8), limit)
	if err != nil {
		return 0, fmt.Errorf("taking from the portal's budget: %w", err)
	}
	if granted == 0 {
		return time.Unix(0, (at+1)*int64(per)).Sub(now), nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.block == window {
		l.grants += granted - 1
	}
	return 0, nil
}

func (p *Pace) giveBack(lanes []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range lanes {
		p.lanes[name].grants++
	}
}

// learn takes in what an answer says of the limits.
func (p *Pace) learn(lanes []string, s Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if s.Exhausted != "" {
		p.exhausted = &ExhaustedError{What: s.Exhausted, RetryAt: s.RetryAt}
	}
	if len(lanes) > 0 {
		p.lanes[lanes[0]].told(s, now)
	}
	if l := p.lanes[s.Throttled]; l != nil {
		l.throttled(now, s.RetryAfter)
		return
	}
	for _, name := range lanes {
		p.lanes[name].ease(now)
	}
}

// told takes over the limit that an answer names, and counts what others have used of it as if it were ours.
func (l *lane) told(s Signal, now time.Time) {
	if s.Per > 0 {
		l.Per = s.Per
	}
	if s.Max > 0 && s.Max != l.Max {
		l.usable *= float64(s.Max) / float64(l.Max)
		l.Max = s.Max
	}
	if s.Max <= 0 || s.Remaining < 0 || s.Remaining > s.Max {
		return
	}
	for others := s.Max - s.Remaining - int64(len(l.answered)) - l.underWay; others > 0; others-- {
		l.answered = append(l.answered, now)
	}
}

// throttled takes a fifth off what is used, down to a quarter of the limit, and holds everybody back for a moment.
func (l *lane) throttled(now time.Time, after time.Duration) {
	l.hold = later(l.hold, now.Add(max(after, l.Per/20)))
	if now.Sub(l.eased) < l.Per/10 && !l.eased.IsZero() {
		return // the same blow: several requests were under way
	}
	l.usable = max(l.usable*0.8, float64(l.Max)/4)
	l.eased = now
}

// ease gives back a tenth of the limit for each span without being throttled.
func (l *lane) ease(now time.Time) {
	whole := float64(l.Max) * l.Share
	if l.usable < whole && now.Sub(l.eased) >= l.Per {
		l.usable = min(whole, l.usable+float64(l.Max)/10)
		l.eased = now
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
