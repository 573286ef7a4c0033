package pipedrive

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// Unlimited is the plan of tests and measurements: that of an account without any rate limit. Requests still cost tokens.
const Unlimited = "unlimited"

// plan is what a subscription gives.
type plan struct {
	name        string
	multiplier  int
	static, app int // requests within two seconds, by an API token and by an OAuth token
}

// dayBase is how many tokens a seat has a day before the plan's multiplier.
const dayBase = 30_000

// burstSpan is the rolling time over which requests are counted, searchBurst how many searches fit into it.
const (
	burstSpan   = 2 * time.Second
	searchBurst = 10
	banWatch    = 10 * time.Second
)

// mostSeats is more than any account has.
const mostSeats = 100_000

// CheckTier tells what is wrong with the name of a subscription: it must be lite, growth, premium or ultimate, with :SEATS behind it where
// the seats are not as many as the active users.
func CheckTier(tier string) error {
	name, text, has := strings.Cut(tier, ":")
	if !slices.Contains([]string{"lite", "growth", "premium", "ultimate"}, name) {
		return fmt.Errorf("plan %q is not lite, growth, premium or ultimate", name)
	}
	if n, err := strconv.ParseUint(text, 10, 32); has && (err != nil || n < 1 || n > mostSeats) {
		return fmt.Errorf("%q is not a number of seats from 1 to 100,000", text)
	}
	return nil
}

// planOf reads PLAN or PLAN:SEATS; what it does not know is growth, with a seat for each active user.
func planOf(tier string, active int) (plan, int) {
	name, text, _ := strings.Cut(tier, ":")
	seats, err := strconv.Atoi(text)
	if err != nil || seats < 1 {
		seats = max(1, active)
	}
	switch name {
	case "lite":
		return plan{name, 1, 20, 80}, seats
	case "premium":
		return plan{name, 5, 100, 400}, seats
	case "ultimate":
		return plan{name, 7, 120, 480}, seats
	case Unlimited:
		return plan{name, 7, 120, 480}, seats
	}
	return plan{"growth", 2, 40, 160}, seats
}

// limits are the account's rate limits: a day's tokens for the whole company, and bursts per token.
type limits struct {
	plan plan
	day  *sandbox.Daily
	most int // the day's tokens by the plan

	mu      sync.Mutex
	windows map[string]*sandbox.Window // by token, and by token for searches
	refused map[string][]time.Time     // the last refusals by token
	banned  map[string]time.Time       // until when
}

func newLimits(tier string, active int) *limits {
	pl, seats := planOf(tier, active)
	l := &limits{plan: pl, most: dayBase * pl.multiplier * seats, windows: map[string]*sandbox.Window{}, refused: map[string][]time.Time{}, banned: map[string]time.Time{}}
	if pl.name == Unlimited {
		l.most = math.MaxInt32
	}
	l.day = &sandbox.Daily{Max: l.most}
	return l
}

// take asks for one request that costs so many tokens and writes the headers that go with its answer.
func (l *limits) take(h http.Header, c *call, cost int, search bool) *failure {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := l.banned[c.token]; c.now.Before(until) {
		return blocked()
	}
	most := cmp.Or(c.set.budget, l.most)
	l.day.Retune(most, c.set.zone)
	if l.plan.name != Unlimited {
		window := l.window(c, search)
		left, ok := window.Take(c.now)
		burstHeaders(h, c.set, c.now, window.Max, left)
		if !ok {
			return l.refuse(h, c, burstSpan)
		}
	}
	left, ok := l.day.TakeN(c.now, cost)
	if !ok && left > 0 && c.set.overdraw {
		left, ok = l.day.TakeN(c.now, left)
	}
	c.dailyHeaders(h, most, left)
	if !ok {
		return l.refuse(h, c, untilMidnight(c.now, c.set.zone))
	}
	return nil
}

// untilMidnight is how long a day's tokens stay spent.
func untilMidnight(now time.Time, zone *time.Location) time.Duration {
	if zone == nil {
		zone = time.UTC
	}
	y, m, d := now.In(zone).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, zone).Sub(now)
}

// giveBack returns the tokens of a request that was refused.
func (l *limits) giveBack(h http.Header, c *call, cost int) {
	c.dailyHeaders(h, cmp.Or(c.set.budget, l.most), l.day.GiveBack(c.now, cost))
}

// dailyHeaders tells the day's budget, which Pipedrive does not always do.
func (c *call) dailyHeaders(h http.Header, most, left int) {
	if c.set.dailyHeaders && most < math.MaxInt32 {
		h.Set("x-daily-ratelimit-token-limit", strconv.Itoa(most))
		h.Set("x-daily-ratelimit-token-remaining", strconv.Itoa(left))
	}
}

// window is the burst limit of a request's token.
func (l *limits) window(c *call, search bool) *sandbox.Window {
	key, most := c.token, l.plan.app
	if c.grant.Refresh != "" {
		key = c.grant.Refresh
	}
	if c.grant.Static {
		most = l.plan.static
	}
	if search {
		key, most = "search "+key, searchBurst
	}
	if l.windows[key] == nil {
		l.windows[key] = &sandbox.Window{Span: burstSpan, Max: most}
	}
	return l.windows[key]
}

// burstHeaders tells how many requests are left, and when the rolling window is free again.
func burstHeaders(h http.Header, set traits, now time.Time, most, left int) {
	h.Set("x-ratelimit-limit", strconv.Itoa(most))
	h.Set("x-ratelimit-remaining", strconv.Itoa(left))
	h.Set("x-ratelimit-reset", strconv.Itoa(int(burstSpan.Seconds())))
	if set.resetUnix {
		h.Set("x-ratelimit-reset", strconv.FormatInt(now.Add(burstSpan).Unix(), 10))
	}
}

// refuse is a 429, and the beginning of a ban for who goes on all the same.
func (l *limits) refuse(h http.Header, c *call, wait time.Duration) *failure {
	if c.set.retryAfter {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	if c.set.banAfter > 0 && (c.grant.Static || c.set.banOAuth) {
		var recent []time.Time
		for _, at := range append(l.refused[c.token], c.now) {
			if at.After(c.now.Add(-banWatch)) && !at.After(c.now) {
				recent = append(recent, at)
			}
		}
		l.refused[c.token] = recent
		if len(recent) > c.set.banAfter {
			l.banned[c.token], l.refused[c.token] = c.now.Add(c.set.banFor), nil
			return blocked()
		}
	}
	return overLimit(c.set)
}
