package pipedrive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/internal/rest"
)

// How long to stay away after being refused in a way that tells no time.
const (
	blockedFor   = time.Hour        // by the page of the firewall
	throttledFor = 15 * time.Minute // by refusals that did not end
)

// problem is what Pipedrive says of a failure. Every field may be missing.
type problem struct {
	Error string `json:"error"`
	Info  string `json:"error_info"`
	Code  string `json:"code"`
}

// told reads what Pipedrive says of a failure; nothing when it says nothing that can be read.
func told(reply rest.Reply) problem {
	var p problem
	_ = json.Unmarshal(reply.Body, &p)
	return p
}

// explain turns a failure of the transport into an error of connectors, with what was being done in front.
func (c *reader) explain(doing string, reply rest.Reply, err error) error {
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
	case blocked(reply.Status, reply.Header, reply.Body):
		return fmt.Errorf("%s: %w", doing, c.blockedError())
	case e.Status == http.StatusUnauthorized:
		return fmt.Errorf("%s: %w: %w", doing, connectors.ErrUnauthorized, err)
	case e.Status == http.StatusForbidden:
		return fmt.Errorf("%w: %w", err, &connectors.ScopeError{Operation: doing})
	case e.Status == http.StatusNotFound:
		return fmt.Errorf("%s: %w: %w", doing, connectors.ErrNotFound, err)
	case e.Status == http.StatusTooManyRequests:
		return fmt.Errorf("%s: %w: %w", doing, &connectors.LimitError{What: "the rate limit", RetryAt: c.clock.Now().Add(throttledFor)}, err)
	case e.Status == 0 && fatal(e.Err), e.Status > 0 && e.Status < 500 && e.Status != http.StatusLocked && e.Status != http.StatusPaymentRequired:
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w: %w", doing, connectors.ErrUnavailable, err)
}

// blockedWhat names the page that the firewall in front of Pipedrive gives to those who go on after being refused.
const blockedWhat = "the patience of Pipedrive's firewall, which answers with a page instead of data,"

func (c *reader) blockedError() error {
	return &connectors.LimitError{What: blockedWhat, RetryAt: c.clock.Now().Add(blockedFor)}
}

// blocked reports whether an answer is that page: a 403 that is HTML and no JSON.
func blocked(status int, h http.Header, body []byte) bool {
	return status == http.StatusForbidden && (strings.Contains(h.Get("Content-Type"), "html") || bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")))
}

// fatal reports whether an error of the authorizing transport is final, so that trying again is useless.
func fatal(err error) bool {
	var scope *connectors.ScopeError
	var limit *connectors.LimitError
	return errors.Is(err, connectors.ErrUnauthorized) || errors.As(err, &scope) || errors.As(err, &limit)
}

// missing reports whether an error is a missing scope, or a right that the user lacks.
func missing(err error) bool {
	var scope *connectors.ScopeError
	return errors.As(err, &scope)
}

// namesRe finds the names of fields in what Pipedrive says of a body that it refuses; the rest of the text may hold values.
var namesRe = regexp.MustCompile(`(?:Validation failed: |; )([a-z0-9_.]{1,60}):`)

// reason says why Pipedrive refused a write: its code and names of fields, never a value.
func reason(status int, p problem) string {
	text := fmt.Sprintf("status %d", status)
	if plainCode.MatchString(p.Code) {
		text += ": " + p.Code
	}
	var names []string
	for _, m := range namesRe.FindAllStringSubmatch(p.Error, 5) {
		names = append(names, m[1])
	}
	if len(names) > 0 {
		text += " (" + strings.Join(names, ", ") + ")"
	}
	return text
}

var plainCode = regexp.MustCompile(`^[A-Za-z_]{1,60}$`)

// Names of the headers about limits. None is promised; those about the day are not even documented.
const (
	headLimit      = "X-Ratelimit-Limit"
	headLeft       = "X-Ratelimit-Remaining"
	headDailyLimit = "X-Daily-Ratelimit-Token-Limit"
	headDailyLeft  = "X-Daily-Ratelimit-Token-Remaining"
)

// signal reads what an answer says of Pipedrive's limits. A 429 is about the day where the day's count is at its end or the
// burst's is not; where neither is told it is taken for the burst, which passes in two seconds.
func (c *reader) signal(status int, h http.Header, body []byte) rest.Signal {
	now := c.clock.Now()
	left, dailyLeft := number(h, headLeft), number(h, headDailyLeft)
	s := rest.Signal{Max: number(h, headLimit), Remaining: left, Budget: dailyLeft, RetryAfter: rest.RetryAfter(h, now)}
	if s.Max <= 0 || s.Max > 100_000 {
		s.Max = -1
	}
	if blocked(status, h, body) {
		s.Exhausted, s.RetryAt = blockedWhat, now.Add(blockedFor)
		return s
	}
	if spent := c.budget.learn(number(h, headDailyLimit), dailyLeft); spent {
		s.Exhausted, s.RetryAt = "the account's daily tokens, but for the tenth that is left to other programs,", refill(now)
	}
	if status != http.StatusTooManyRequests {
		return s
	}
	if dailyLeft == 0 || left > 0 || strings.Contains(strings.ToLower(told(rest.Reply{Body: body}).Error), "daily") {
		s.Exhausted, s.RetryAt = "the account's daily tokens", refill(now)
		if s.RetryAfter > 0 {
			s.RetryAt = now.Add(s.RetryAfter)
		}
		return s
	}
	s.Throttled = laneBurst
	return s
}

// number reads a header; -1 where it is missing or no number.
func number(h http.Header, name string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(h.Get(name)), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// missingRecord reports whether an error says that there is no such record.
func missingRecord(err error) bool { return errors.Is(err, connectors.ErrNotFound) }
