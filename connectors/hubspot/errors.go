package hubspot

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/internal/rest"
)

// explain turns a failure of the transport into an error of connectors, with what was being done in front.
func explain(doing string, reply rest.Reply, err error) error {
	if err == nil {
		return nil
	}
	var exhausted *rest.ExhaustedError
	if errors.As(err, &exhausted) {
		return fmt.Errorf("%s: %w", doing, &connectors.LimitError{What: exhausted.What, RetryAt: exhausted.RetryAt})
	}
	var e *rest.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	switch {
	case e.Status == http.StatusUnauthorized:
		return fmt.Errorf("%s: %w: %w", doing, connectors.ErrUnauthorized, err)
	case e.Status == http.StatusForbidden:
		return fmt.Errorf("%w: %w", err, &connectors.ScopeError{Operation: doing, Scopes: scopes(told(reply))})
	case e.Status == http.StatusNotFound && (e.Method == http.MethodGet || told(reply).Category == "OBJECT_NOT_FOUND"):
		// That of a batch without a category comes from a proxy or a path that is no more, and says nothing of records.
		return fmt.Errorf("%s: %w: %w", doing, connectors.ErrNotFound, err)
	case e.Status == http.StatusTooManyRequests:
		return fmt.Errorf("%s: %w: %w", doing, &connectors.LimitError{What: "the rate limit"}, err)
	case e.Status == 0 && fatal(e.Err), e.Status > 0 && e.Status < 500 && e.Status != http.StatusLocked:
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w: %w", doing, connectors.ErrUnavailable, err)
}

// fatal reports whether an error of the authorizing transport is final, so that trying again is useless.
func fatal(err error) bool {
	var scope *connectors.ScopeError
	var limit *connectors.LimitError
	return errors.Is(err, connectors.ErrUnauthorized) || errors.As(err, &scope) || errors.As(err, &limit)
}

// told reads what HubSpot says of a failure; nothing when it says nothing that can be read.
func told(reply rest.Reply) problem {
	var p problem
	_ = json.Unmarshal(reply.Body, &p)
	return p
}

// scopes are the scopes of which a request needed one.
func scopes(p problem) []string {
	all := p.Context.list("requiredGranularScopes")
	for _, e := range p.Errors {
		all = append(all, e.Context.list("requiredGranularScopes")...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// reason says why HubSpot refused a write: codes and names of properties, never a value.
func reason(status int, p problem) string {
	var parts []string
	for _, e := range append([]problem{p}, p.Errors...) {
		code := e.Code
		if code == "" {
			code = e.Category
		}
		if sub, ok := e.SubCategory.(string); ok && sub != "" {
			code = sub
		}
		if code == "" {
			continue
		}
		if names := e.Context.list("propertyName"); len(names) > 0 {
			code += " (" + strings.Join(names, ", ") + ")"
		}
		if !slices.Contains(parts, code) {
			parts = append(parts, code)
		}
	}
	if status == 0 {
		return strings.Join(parts, ", ")
	}
	return strings.TrimSuffix(fmt.Sprintf("status %d: %s", status, strings.Join(parts, ", ")), ": ")
}

// signal reads what an answer says of HubSpot's limits. None of the headers is promised; searches never have them.
func (c *reader) signal(status int, h http.Header, body []byte) rest.Signal {
	const prefix = "X-HubSpot-RateLimit-"
	now := c.clock.Now()
	s := rest.Signal{Max: number(h, prefix+"Max"), Remaining: number(h, prefix+"Remaining"), RetryAfter: rest.RetryAfter(h, now)}
	if ms := number(h, prefix+"Interval-Milliseconds"); ms >= 1000 && ms <= 60_000 {
		s.Per = time.Duration(ms) * time.Millisecond
	}
	if s.Max <= 0 || s.Max > 100_000 {
		s.Max = -1
	}
	daily, left := number(h, prefix+"Daily"), number(h, prefix+"Daily-Remaining")
	if daily > 0 && left >= 0 && left < daily/dailyReserve {
		s.Exhausted, s.RetryAt = "the portal's daily limit, but for the tenth that is left to others,", c.midnight(now)
	}
	if status != http.StatusTooManyRequests {
		return s
	}
	switch p := told(rest.Reply{Body: body}); {
	case p.PolicyName == "DAILY" || strings.Contains(p.Message, "daily limit"):
		s.Exhausted, s.RetryAt = "the portal's daily limit", c.midnight(now)
	case p.PolicyName == "SECONDLY" || strings.Contains(p.Message, "secondly limit") && !strings.Contains(p.Message, "ten_"):
		s.Throttled = laneSearch
	default:
		s.Throttled = laneBurst
	}
	return s
}

// midnight is when a daily limit begins anew: the next midnight in the portal's zone.
func (c *reader) midnight(now time.Time) time.Time {
	y, m, d := now.In(c.zone()).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, c.zone())
}

func number(h http.Header, name string) int64 {
	var n int64
	if _, err := fmt.Sscan(h.Get(name), &n); err != nil {
		return -1
	}
	return n
}
