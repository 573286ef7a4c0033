package rest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Error is a request that did not succeed.
type Error struct {
	Method, Path string
	Status       int  // of the last answer; 0 when none came
	Sent         bool // at least one try left this program
	Tries        int
	RequestID    string // the CRM's own name of the request, where it gives one
	Err          error  // why there is no usable answer; nil when Status says it all
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: ", e.Method, e.Path)
	switch {
	case e.Status != 0 && e.Err != nil:
		fmt.Fprintf(&b, "status %d: %s", e.Status, plain(e.Err))
	case e.Err != nil:
		b.WriteString(plain(e.Err))
	default:
		fmt.Fprintf(&b, "status %d", e.Status)
	}
	if e.Tries > 1 {
		fmt.Fprintf(&b, " after %d tries", e.Tries)
	}
	return b.String()
}

// Unwrap gives the cause, for errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// ExhaustedError tells that nothing more may be sent before a time: a daily limit is reached, or the CRM asks to stay away
// for longer than it makes sense to wait.
type ExhaustedError struct {
	What    string // "the daily limit"
	RetryAt time.Time
}

func (e *ExhaustedError) Error() string {
	return fmt.Sprintf("%s is used up until %s", e.What, e.RetryAt.UTC().Format(time.RFC3339))
}

var (
	errTooLarge = errors.New("the answer is too large")
	errCut      = errors.New("the answer ends too early")
	errNotJSON  = errors.New("the answer is not the JSON expected")

	queryRe = regexp.MustCompile(`\?[^\s"']*`)
	tokenRe = regexp.MustCompile(`(?i)\bbearer\s+\S+`)
)

// plain is the text of an error of the transport without what must not be shown: the URL that net/http puts in front of
// it, queries, tokens, and everything after the first line, where other libraries print bodies.
func plain(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	text := bare(err).Error()
	text, _, _ = strings.Cut(text, "\n")
	text = queryRe.ReplaceAllString(text, "")
	return tokenRe.ReplaceAllString(text, "a token")
}

// bare takes the *url.Error off that http.Client wraps around every failure, since it prints the whole URL.
func bare(err error) error {
	var u *url.Error
	for errors.As(err, &u) && u.Err != nil {
		err = u.Err
	}
	return err
}
