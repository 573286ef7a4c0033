// Package sandbox serves simulated CRMs: stateful portals that answer over HTTP, or in process, as the real ones do, with their
// authorization, their rate limits and their traps.
//
// Its one idea: the neutral history of a sales team (a [World]) is shown through the wire face of a CRM (a [Face]), while one [Server] gives
// all faces a clock, faults, counters and a control API. Its one rule: nothing here is known to the rest of Plumbline; it is judged
// from outside.
package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Face is a CRM as the wire shows it. It is served below /NAME, which it does not see.
type Face interface {
	http.Handler
	// Name is the CRM's name, and the first part of its path: "hubspot".
	Name() string
	// Operation names what a request does, from a small closed set: "deals.list". Those of authorization begin with "oauth.".
	Operation(r *http.Request) string
	// Fail answers as the CRM does when it fails with the status.
	Fail(w http.ResponseWriter, r *http.Request, status int)
	// Record returns a record exactly as it is stored.
	Record(kind, id string) (any, bool)
	// Reset puts every record back to how it was at the start.
	Reset()
}

// Planter is a [Face] that knows which problems were planted in its portal.
type Planter interface {
	Truth() []Planted
}

// Renumberer is a [Planter] whose CRM cannot carry every id of the world.
type Renumberer interface {
	// Origins are the problems of Truth in the same order, with the world's ids.
	Origins() []Planted
}

// Tuner is a [Face] with settings of its own, which `PUT /control/settings/NAME` changes.
type Tuner interface {
	// Tune changes one setting; an unknown name or a wrong value is an error.
	Tune(name, value string) error
}

// Options are what a sandbox starts with.
type Options struct {
	// Faults are rules separated by ";": status=N, latency=D, truncate, drop or ignore=FIELD, each with :every=K or :p=0.05 and
	// optionally :path=PREFIX. With :late, status and drop come after the request took effect, as truncate always does.
	Faults string
	// Clock is the time to start at; zero: the real time. The clock runs on from there.
	Clock time.Time
	// Ticks is the source of passing time; nil: time.Now.
	Ticks func() time.Time
	// Consent makes the consent page wait for a person.
	Consent bool
	// Tiers names the subscription of each CRM's account: "hubspot": "pro".
	Tiers map[string]string
	// Log is told of every request at debug level; nil: nobody is.
	Log *slog.Logger
}

// Counters are what happened since the start or the last reset.
type Counters struct {
	// Requests counts per CRM and operation, whatever the answer was.
	Requests map[string]map[string]int64 `json:"requests"`
	// Tokens is the weight of all requests, for CRMs that meter by weight.
	Tokens int64 `json:"tokens"`
	// Throttled counts the requests that were refused for a rate limit.
	Throttled int64 `json:"throttled"`
	// Writes counts the records that were created, changed or removed.
	Writes int64 `json:"writes"`
	// CRMs has the same sums for each CRM alone.
	CRMs map[string]Sums `json:"crms"`
}

// Sums are what one CRM's portal was asked for since the start or the last reset.
type Sums struct {
	// Requests counts all of them, those of authorization left out.
	Requests int64 `json:"requests"`
	// Tokens, Throttled and Writes are as in [Counters].
	Tokens    int64 `json:"tokens"`
	Throttled int64 `json:"throttled"`
	Writes    int64 `json:"writes"`
}

// Total is how many requests a CRM got, without those of authorization.
func (c Counters) Total(crm string) int64 {
	var n int64
	for op, count := range c.Requests[crm] {
		if !strings.HasPrefix(op, "oauth.") {
			n += count
		}
	}
	return n
}

type counters struct {
	mu sync.Mutex
	c  Counters
}

func (c *counters) add(f func(*Counters)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.c)
}

// sum adds to the sums of all CRMs and of one.
func (c *counters) sum(crm string, more Sums) {
	c.add(func(c *Counters) {
		of := c.CRMs[crm]
		of.Tokens, of.Throttled, of.Writes = of.Tokens+more.Tokens, of.Throttled+more.Throttled, of.Writes+more.Writes
		c.CRMs[crm] = of
		c.Tokens, c.Throttled, c.Writes = c.Tokens+more.Tokens, c.Throttled+more.Throttled, c.Writes+more.Writes
	})
}

func (c *counters) snapshot() Counters {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.c
	out.CRMs = maps.Clone(c.c.CRMs)
	out.Requests = map[string]map[string]int64{}
	for crm, ops := range c.c.Requests {
		out.Requests[crm] = maps.Clone(ops)
		of := out.CRMs[crm]
		of.Requests = out.Total(crm)
		out.CRMs[crm] = of
	}
	return out
}

// Server is the sandbox: an http.Handler that serves every face and the control API.
type Server struct {
	opts     Options
	log      *slog.Logger
	clock    *clock
	faults   faults
	counters counters
	faces    map[string]Face
	order    []Face
	control  http.Handler
}

// New makes a sandbox of the faces that build returns. Fault rules that cannot be read and two faces of one name are errors.
func New(opts Options, build ...func(*Gate) Face) (*Server, error) {
	s := &Server{opts: opts, log: opts.Log, clock: newClock(opts.Ticks, opts.Clock), faces: map[string]Face{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.SetFaults(opts.Faults); err != nil {
		return nil, err
	}
	for _, b := range build {
		gate := &Gate{Grants: newGrants(), server: s}
		face := b(gate)
		gate.name = face.Name()
		if s.faces[gate.name] != nil {
			return nil, fmt.Errorf("two faces are called %q", gate.name)
		}
		s.faces[gate.name] = face
		s.order = append(s.order, face)
	}
	s.clearCounters()
	s.control = s.controlMux()
	return s, nil
}

// Now is the sandbox's time, in UTC.
func (s *Server) Now() time.Time { return s.clock.Now() }

// SetClock puts the clock to t, from where it runs on; the zero time puts it back to the real time.
func (s *Server) SetClock(t time.Time) { s.clock.Set(t) }

// SetFaults replaces the fault rules; text that cannot be read is an error and changes nothing.
func (s *Server) SetFaults(text string) error { return s.faults.set(text) }

// Counters returns a copy of what was counted.
func (s *Server) Counters() Counters { return s.counters.snapshot() }

// Face returns the face of a CRM, nil when there is none.
func (s *Server) Face(crm string) Face { return s.faces[crm] }

// Reset puts records, counters, faults and clock back to how they were at the start. Authorizations stay.
func (s *Server) Reset() {
	for _, face := range s.order {
		face.Reset()
	}
	s.clearCounters()
	s.clock.Set(s.opts.Clock)
	_ = s.faults.set(s.opts.Faults) // was read once already
}

func (s *Server) clearCounters() {
	s.counters.add(func(c *Counters) {
		*c = Counters{Requests: map[string]map[string]int64{}, CRMs: map[string]Sums{}}
		for name := range s.faces {
			c.Requests[name], c.CRMs[name] = map[string]int64{}, Sums{}
		}
	})
}

// ServeHTTP serves /CRM/… and /control.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	face := s.faces[name]
	if face == nil {
		s.control.ServeHTTP(w, r)
		return
	}
	inner := new(http.Request)
	*inner = *r
	inner.URL = new(url.URL)
	*inner.URL = *r.URL
	inner.URL.Path = "/" + rest
	inner.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, "/"+name)
	s.serveFace(face, w, inner, r.URL.Path)
}

func (s *Server) serveFace(face Face, w http.ResponseWriter, r *http.Request, path string) {
	operation := face.Operation(r)
	s.counters.add(func(c *Counters) { c.Requests[face.Name()][operation]++ })
	o := s.faults.judge(path, r.URL.Path, strings.HasPrefix(operation, "oauth."))
	attrs := []any{"crm", face.Name(), "operation", operation, "method", r.Method, "fault_status", o.status, "drop", o.drop, "truncate", o.truncate}
	if !strings.HasPrefix(operation, "oauth.") { // whose paths may hold tokens
		attrs = append(attrs, "path", r.URL.Path)
	}
	s.log.Debug("sandbox request", attrs...)
	if o.latency > 0 && !wait(r.Context(), o.latency) {
		panic(http.ErrAbortHandler)
	}
	if len(o.ignore) > 0 {
		r = withIgnored(r, o.ignore)
	}
	if o.late {
		face.ServeHTTP(newRecording(), r)
	}
	if o.drop {
		panic(http.ErrAbortHandler)
	}
	serve := face.ServeHTTP
	if o.status != 0 {
		if o.status == http.StatusTooManyRequests {
			s.counters.sum(face.Name(), Sums{Throttled: 1})
		}
		serve = func(w http.ResponseWriter, r *http.Request) { face.Fail(w, r, o.status) }
	}
	if !o.truncate {
		serve(w, r)
		return
	}
	cut(w, r, serve)
}

// cut serves the request and breaks the connection in the middle of the answer.
func cut(w http.ResponseWriter, r *http.Request, serve http.HandlerFunc) {
	whole := newRecording()
	serve(whole, r)
	maps.Copy(w.Header(), whole.header)
	w.Header().Set("Content-Length", strconv.Itoa(whole.body.Len()+1))
	w.WriteHeader(whole.status)
	_, _ = w.Write(whole.body.Bytes()[:whole.body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// recording is an http.ResponseWriter that keeps the answer.
type recording struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newRecording() *recording { return &recording{header: http.Header{}, status: http.StatusOK} }

func (r *recording) Header() http.Header         { return r.header }
func (r *recording) WriteHeader(status int)      { r.status = status }
func (r *recording) Write(b []byte) (int, error) { return r.body.Write(b) }
