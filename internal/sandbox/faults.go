package sandbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// faultRule is one rule of a --faults text.
type faultRule struct {
	kind    string // status | latency | truncate | drop | ignore
	status  int
	latency time.Duration
	field   string
	every   int     // fires on every K-th matching request; 0: see share
	share   float64 // fires by chance; with every 0 and share 0 it always fires
	late    bool    // status and drop: only after the request took effect
	path    string  // prefix of the request's path; "": every path but those of authorization

	seen int // matching requests so far
}

// parseFaults reads rules separated by semicolons.
func parseFaults(text string) ([]*faultRule, error) {
	var rules []*faultRule
	for _, part := range strings.Split(text, ";") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		rule, err := parseFault(part)
		if err != nil {
			return nil, fmt.Errorf("fault %q: %w", part, err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func parseFault(text string) (*faultRule, error) {
	words := strings.Split(text, ":")
	kind, value, _ := strings.Cut(words[0], "=")
	rule := &faultRule{kind: strings.TrimSpace(kind)}
	var err error
	switch rule.kind {
	case "status":
		rule.status, err = strconv.Atoi(value)
		if err == nil && (rule.status < 400 || rule.status > 599) {
			err = fmt.Errorf("status %d is not an error", rule.status)
		}
	case "latency":
		rule.latency, err = time.ParseDuration(value)
	case "ignore":
		rule.field = value
		if value == "" {
			err = fmt.Errorf("ignore needs a field")
		}
	case "truncate", "drop":
	default:
		err = fmt.Errorf("unknown kind %q (status, latency, truncate, drop, ignore)", rule.kind)
	}
	if err != nil {
		return nil, err
	}
	for _, word := range words[1:] {
		if err := rule.narrow(word); err != nil {
			return nil, err
		}
	}
	return rule, nil
}

// narrow reads one of a rule's conditions.
func (f *faultRule) narrow(word string) error {
	key, value, _ := strings.Cut(word, "=")
	var err error
	switch strings.TrimSpace(key) {
	case "every":
		if f.every, err = strconv.Atoi(value); err == nil && f.every < 1 {
			err = fmt.Errorf("every=%d: at least 1", f.every)
		}
	case "p":
		if f.share, err = strconv.ParseFloat(value, 64); err == nil && (f.share <= 0 || f.share > 1) {
			err = fmt.Errorf("p=%v: above 0 and at most 1", f.share)
		}
	case "path":
		f.path = value
	case "late":
		f.late = true
	default:
		err = fmt.Errorf("unknown condition %q (every, p, path, late)", key)
	}
	return err
}

// faults decides which requests go wrong. Chance comes from a fixed seed, so that a run can be repeated.
type faults struct {
	mu     sync.Mutex
	rules  []*faultRule
	chance *rand.Rand
}

func (f *faults) set(text string) error {
	rules, err := parseFaults(text)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules, f.chance = rules, rand.New(rand.NewPCG(1, 2))
	return nil
}

// mishap is what the rules do to one request.
type mishap struct {
	status   int
	latency  time.Duration
	truncate bool
	drop     bool
	late     bool // status or drop come after the request took effect
	ignore   []string
}

// judge runs the rules over one request. path is the path as asked and inner the same without the CRM's own prefix: a rule may
// name either. Authorization is spared unless a rule names its path, because a client gets a single try there.
func (f *faults) judge(path, inner string, authorization bool) mishap {
	f.mu.Lock()
	defer f.mu.Unlock()
	var o mishap
	for _, rule := range f.rules {
		if rule.path == "" && authorization {
			continue
		}
		if !strings.HasPrefix(path, rule.path) && !strings.HasPrefix(inner, rule.path) {
			continue
		}
		rule.seen++
		if rule.every > 0 && rule.seen%rule.every != 0 || rule.share > 0 && f.chance.Float64() >= rule.share {
			continue
		}
		switch rule.kind {
		case "status":
			if o.status == 0 {
				o.status, o.late = rule.status, rule.late
			}
		case "latency":
			o.latency += rule.latency
		case "truncate":
			o.truncate = true
		case "drop":
			o.drop, o.late = true, rule.late
		case "ignore":
			o.ignore = append(o.ignore, rule.field)
		}
	}
	return o
}

type ignoredKey struct{}

func withIgnored(r *http.Request, fields []string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), ignoredKey{}, fields))
}

// Ignored reports whether a fault makes this request's writes to a field be dropped without a word, as CRMs sometimes do.
func Ignored(ctx context.Context, field string) bool {
	fields, _ := ctx.Value(ignoredKey{}).([]string)
	for _, f := range fields {
		if f == field {
			return true
		}
	}
	return false
}
