package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// How far a request goes before it is given up.
const (
	maxFailures  = 5                // tries again after a failure of the CRM or the network
	maxThrottles = 8                // tries again after being throttled
	patience     = time.Minute      // a wait longer than this is an [ExhaustedError]
	tryTimeout   = 90 * time.Second // of one try, its body included
	maxBody      = 256 << 20
)

// Config is what a [Client] is made of.
type Config struct {
	Base   string       // scheme and host, and a path in front of all others if there is one
	Client *http.Client // authorises requests by itself; nil: one that does not
	Pace   *Pace
	Log    *slog.Logger // nil: none
	// Read tells what an answer says of the CRM's limits.
	Read func(status int, header http.Header, body []byte) Signal
	// Fatal reports whether an error of the transport is final, as a revoked authorization is; nil: none is.
	Fatal func(error) bool
	// Spend is asked, just before each try, for what the request costs of a budget; its error ends the request. nil: nothing is counted.
	Spend func(ctx context.Context, r Request) error
	// Observe is told of each try that ended; nil: nobody listens.
	Observe func(Exchange)
}

// Exchange is one try that ended.
type Exchange struct {
	Operation string
	Status    int // 0 when no answer came
	Signal    Signal
	Cost      int64
	Wait      time.Duration // waited for the pace before it
}

// Signal is what one answer says of the CRM's limits.
type Signal struct {
	Max, Remaining int64         // of the limit of the first lane; -1 where it does not say
	Budget         int64         // what remains of a budget that no lane counts; -1 where it does not say
	Per            time.Duration // the length of that limit's window; 0 where it does not say
	Throttled      string        // the lane whose limit refused the request; "" when none did
	RetryAfter     time.Duration // how long to stay away; 0 where it does not say
	Exhausted      string        // what is used up until RetryAt, for everybody: "the daily limit"; "" when nothing is
	RetryAt        time.Time
}

// Request is one request.
type Request struct {
	Operation    string // for metrics: one of a small closed set
	Method, Path string
	Query        url.Values
	Body         any      // sent as JSON; nil: none
	Write        bool     // it may change something, so it is sent once
	Lanes        []string // the limits that it counts against
	Cost         int64    // what it costs of the CRM's budget, where that is counted
	Spare        bool     // it can wait for another day
}

// Reply is the last answer to a request. It is also given beside an [Error] with a status, so that a caller can read what
// the CRM says of it.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// Client sends requests to one portal.
type Client struct {
	cfg   Config
	retry *retryablehttp.Client
}

// New makes a client.
func New(cfg Config) *Client {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Spend == nil {
		cfg.Spend = func(context.Context, Request) error { return nil }
	}
	if cfg.Fatal == nil {
		cfg.Fatal = func(error) bool { return false }
	}
	if cfg.Observe == nil {
		cfg.Observe = func(Exchange) {}
	}
	next := http.DefaultTransport
	if cfg.Client != nil && cfg.Client.Transport != nil {
		next = cfg.Client.Transport
	}
	c := &Client{cfg: cfg, retry: retryablehttp.NewClient()}
	c.retry.Logger = nil
	c.retry.HTTPClient = &http.Client{
		Transport:     &transport{client: c, next: next},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.retry.RetryMax = maxFailures + maxThrottles
	c.retry.CheckRetry = c.check
	// The wait before a retry is the pace's, in the transport: one clock rules every wait.
	c.retry.Backoff = func(time.Duration, time.Duration, int, *http.Response) time.Duration { return 0 }
	c.retry.ErrorHandler = retryablehttp.PassthroughErrorHandler
	return c
}

// call is what the retries and the transport share about one request.
type call struct {
	request   Request
	tries     int
	failures  int
	throttles int
	notBefore time.Time
	body      []byte // of the last answer
	signal    Signal // of the last answer
}

type callKey struct{}

func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

// Do sends a request and decodes a successful answer into out, unless that is nil. Reads are tried again where that can
// help; what does not succeed is an [Error], an [ExhaustedError], or the context's error.
func (c *Client) Do(ctx context.Context, r Request, out any) (Reply, error) {
	state := &call{request: r}
	fail := func(status int, id string, err error) error {
		return &Error{Method: r.Method, Path: r.Path, Status: status, Sent: state.tries > 0, Tries: state.tries, RequestID: id, Err: err}
	}
	var body any
	if r.Body != nil {
		b, err := json.Marshal(r.Body)
		if err != nil {
			return Reply{}, fail(0, "", err)
		}
		body = b
	}
	address := c.cfg.Base + r.Path
	if len(r.Query) > 0 {
		address += "?" + r.Query.Encode()
	}
	req, err := retryablehttp.NewRequestWithContext(context.WithValue(ctx, callKey{}, state), r.Method, address, body)
	if err != nil {
		return Reply{}, fail(0, "", bare(err))
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.SetResponseHandler(func(resp *http.Response) error { return decode(resp.StatusCode, state.body, out) })
	resp, err := c.retry.Do(req)
	if resp == nil {
		return Reply{}, fail(0, "", bare(err))
	}
	defer resp.Body.Close() // it was read already
	reply := Reply{Status: resp.StatusCode, Header: resp.Header, Body: state.body}
	if err != nil || !success(resp.StatusCode) {
		if what := state.signal.Exhausted; what != "" && refused(resp.StatusCode) {
			err = &ExhaustedError{What: what, RetryAt: state.signal.RetryAt}
		}
		return reply, fail(resp.StatusCode, RequestID(resp.Header), bare(err))
	}
	return reply, nil
}

// RequestID is the CRM's own name of a request, "" where the answer gives none.
func RequestID(h http.Header) string {
	for _, k := range []string{"X-HubSpot-Correlation-Id", "X-Correlation-Id", "X-Request-Id"} {
		if v := h.Get(k); v != "" {
			return v
		}
	}
	return ""
}

func success(status int) bool { return status >= 200 && status < 300 }

// statusMigrating is the CRM's own: the account is being moved to another data centre.
const statusMigrating = 477

// refused reports whether a status says that the same request may well succeed later.
func refused(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusLocked || status == statusMigrating || status >= 500
}

// decode runs inside the retried try, so that JSON cut short by a proxy is asked for again.
func decode(status int, body []byte, out any) error {
	if out == nil || !success(status) || status == http.StatusNoContent {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) && syntax.Offset >= int64(len(body)) {
			return errCut
		}
		return errNotJSON // the decoder's own text could quote the body
	}
	return nil
}

// check is the retry policy: writes never; reads after failures of the network or the CRM, and after being throttled.
func (c *Client) check(ctx context.Context, resp *http.Response, err error) (bool, error) {
	call := callOf(ctx)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if call.request.Write || call.signal.Exhausted != "" {
		return false, nil
	}
	var exhausted *ExhaustedError
	status := 0
	switch {
	case errors.As(err, &exhausted) || errors.Is(err, errNotJSON) || err != nil && c.cfg.Fatal(err):
		return false, nil
	case err == nil:
		status = resp.StatusCode
		if !refused(status) {
			return false, nil
		}
	}
	if status == http.StatusTooManyRequests {
		call.throttles++
	} else {
		call.failures++
	}
	if call.throttles > maxThrottles || call.failures > maxFailures {
		return false, nil
	}
	wait := delay(call, status)
	call.notBefore = c.cfg.Pace.now().Add(wait)
	c.cfg.Log.Debug("trying again", "operation", call.request.Operation, "method", call.request.Method,
		"path", call.request.Path, "status", status, "try", call.tries, "wait", wait)
	return true, nil
}

// delay is how long to wait before the next try of a call: what the CRM asks for, else doubling from a base, with jitter
// so that the tries of many portals do not fall together.
func delay(c *call, status int) time.Duration {
	base, limit, n := 500*time.Millisecond, 20*time.Second, c.failures
	switch status {
	case http.StatusTooManyRequests:
		base, limit, n = time.Second, 10*time.Second, c.throttles
	case http.StatusLocked:
		base = 2 * time.Second
	}
	wait := min(base<<(n-1), limit)
	if c.signal.RetryAfter > 0 {
		wait = c.signal.RetryAfter
	}
	return wait + time.Duration(rand.Int64N(int64(wait)/4+1))
}

// RetryAfter reads the header of that name, in seconds or as a date; 0 where there is none.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(v, 64); err == nil && s > 0 && s < 1e7 {
		return time.Duration(s * float64(time.Second))
	}
	if t, err := http.ParseTime(v); err == nil && t.After(now) {
		return t.Sub(now)
	}
	return 0
}

// transport paces, counts and reads one try whole.
type transport struct {
	client *Client
	next   http.RoundTripper
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	call, cfg := callOf(ctx), t.client.cfg
	call.body, call.signal = nil, Signal{Max: -1, Remaining: -1, Budget: -1}
	waited, release, err := cfg.Pace.wait(ctx, call.request.Lanes, call.notBefore)
	if err == nil {
		if err = cfg.Spend(ctx, call.request); err != nil {
			release()
		}
	}
	if err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	call.tries++
	resp, err := t.try(req, call)
	release()
	status := 0
	if resp != nil {
		status = resp.StatusCode
		if cfg.Read != nil {
			call.signal = cfg.Read(status, resp.Header, call.body)
		}
		t.stayAway(&call.signal)
		cfg.Pace.learn(call.request.Lanes, call.signal)
	}
	cfg.Observe(Exchange{Operation: call.request.Operation, Status: status, Signal: call.signal, Cost: call.request.Cost, Wait: waited})
	cfg.Log.Debug("request", "operation", call.request.Operation, "method", call.request.Method, "path", call.request.Path,
		"status", status, "try", call.tries, "waited", waited)
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// stayAway turns a wait that is too long to sit out into an exhaustion.
func (t *transport) stayAway(s *Signal) {
	if s.Exhausted == "" && s.RetryAfter > patience {
		s.Exhausted, s.RetryAt = "the CRM's patience", t.client.cfg.Pace.now().Add(s.RetryAfter)
	}
}

// try sends the request once and reads the whole answer. On a failure while reading, the response is given too.
func (t *transport) try(req *http.Request, call *call) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), tryTimeout)
	defer cancel()
	resp, err := t.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	resp.Body.Close()
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = errCut
	case err == nil && len(body) > maxBody:
		err = errTooLarge
	}
	call.body = body
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, err
}
