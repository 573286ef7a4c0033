package hubspot

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// limits are the account's rate limits.
type limits struct {
	tier  string
	apps  map[bool]*sandbox.Window // per app: true is the one with the static token, false the one connected by OAuth
	max   map[bool]int
	daily *sandbox.Daily // shared by all apps
	// search is shared by all apps of the account.
	search *sandbox.Window
}

// Unlimited is the tier of tests and measurements: that of an enterprise account without any rate limit.
const Unlimited = "unlimited"

// CheckTier tells what is wrong with the name of a subscription: it must be free, starter, pro or enterprise.
func CheckTier(tier string) error {
	if !slices.Contains([]string{"free", "starter", "pro", "enterprise"}, tier) {
		return fmt.Errorf("tier %q is not free, starter, pro or enterprise", tier)
	}
	return nil
}

func newLimits(tier string, zone *time.Location) *limits {
	burst, day := 190, 625_000
	switch tier {
	case "free", "starter":
		burst, day = 100, 250_000
	case "enterprise":
		day = 1_000_000
	}
	l := &limits{tier: tier, max: map[bool]int{true: burst, false: 110}, daily: &sandbox.Daily{Zone: zone, Max: day},
		search: &sandbox.Window{Span: time.Second, Max: 5}, apps: map[bool]*sandbox.Window{}}
	for static, n := range l.max {
		l.apps[static] = &sandbox.Window{Span: 10 * time.Second, Max: n}
	}
	return l
}

// take asks for one request and writes the headers that HubSpot sends with its answer: none with a search, none about the day
// to apps connected by OAuth.
func (l *limits) take(h http.Header, static, search bool, now time.Time) *failure {
	if l.tier == Unlimited {
		return nil
	}
	if search {
		if _, ok := l.search.Take(now); !ok {
			return limitFailure("SECONDLY")
		}
		return nil
	}
	left, ok := l.apps[static].Take(now)
	h.Set("X-HubSpot-RateLimit-Max", strconv.Itoa(l.max[static]))
	h.Set("X-HubSpot-RateLimit-Remaining", strconv.Itoa(left))
	h.Set("X-HubSpot-RateLimit-Interval-Milliseconds", "10000")
	if !ok {
		return limitFailure("TEN_SECONDLY_ROLLING")
	}
	if !static {
		return nil
	}
	left, ok = l.daily.Take(now)
	h.Set("X-HubSpot-RateLimit-Daily", strconv.Itoa(l.daily.Max))
	h.Set("X-HubSpot-RateLimit-Daily-Remaining", strconv.Itoa(left))
	if !ok {
		return limitFailure("DAILY")
	}
	return nil
}
