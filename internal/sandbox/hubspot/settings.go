package hubspot

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// settings are the traits of the portal that can be switched.
type settings struct {
	mu          sync.Mutex
	searchLag   time.Duration // how long a change stays unseen by searches
	propertyLag time.Duration // how long a new property stays unreadable
	inline      int           // how many associations an objects answer holds before it is paged
	keepID      bool          // a merge keeps the primary record's id
	autoClose   bool          // closing a deal sets its close date
	withheld    []string      // scopes that are never granted
	required    []requirement // what the account's rules demand of deals
}

// requirement is a conditional rule of the account: a deal in a stage must have a value of a property.
type requirement struct{ stage, property string }

func newSettings() *settings { return &settings{inline: 100, autoClose: true} }

// Option changes a setting at the start.
type Option func(*settings)

// With sets one of the settings that [Face.Tune] knows.
func With(name, value string) Option {
	return func(s *settings) {
		if err := s.tune(name, value); err != nil {
			panic("sandbox/hubspot: " + err.Error())
		}
	}
}

// tune changes a setting by its name.
func (s *settings) tune(name, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	switch name {
	case "search_lag":
		s.searchLag, err = time.ParseDuration(value)
	case "property_lag":
		s.propertyLag, err = time.ParseDuration(value)
	case "inline_associations":
		s.inline, err = strconv.Atoi(value)
	case "merge_keeps_id":
		s.keepID, err = strconv.ParseBool(value)
	case "auto_close_date":
		s.autoClose, err = strconv.ParseBool(value)
	case "withhold":
		s.withheld = strings.Fields(strings.ReplaceAll(value, ",", " "))
	case "require":
		s.required = nil
		for _, rule := range strings.Fields(value) {
			stage, property, _ := strings.Cut(rule, "=")
			s.required = append(s.required, requirement{stage, property})
		}
	default:
		err = fmt.Errorf("there is no setting %q", name)
	}
	if err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	return nil
}

// get returns a copy of what can change.
func (s *settings) get() (v struct {
	searchLag, propertyLag time.Duration
	inline                 int
	keepID, autoClose      bool
	required               []requirement
}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.searchLag, v.propertyLag, v.inline, v.keepID, v.autoClose = s.searchLag, s.propertyLag, s.inline, s.keepID, s.autoClose
	v.required = s.required
	return v
}

// grant is what remains of scopes once those that are withheld are taken out.
func (s *settings) grant(scopes []string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, scope := range scopes {
		if !slices.Contains(s.withheld, scope) && !slices.Contains(out, scope) {
			out = append(out, scope)
		}
	}
	return out
}
