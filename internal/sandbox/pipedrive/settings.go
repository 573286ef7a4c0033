package pipedrive

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// traits are what can be switched: mostly what nobody has seen of Pipedrive yet, so that a client must survive every answer.
type traits struct {
	admin           bool           // the connected user is an administrator
	withheld        []string       // scopes that the app does not have
	rotate          bool           // a refresh makes a new refresh token
	endOlder        bool           // a refresh ends the older access tokens
	budget          int            // tokens of a day; 0: by the plan
	zone            *time.Location // of the midnight at which a day's tokens come back; nil: UTC
	overdraw        bool           // a request that costs more than what is left still goes through, as long as something is
	failedCost      bool           // refused requests cost tokens
	limitBody       string         // of a 429: json, html or empty
	retryAfter      bool           // a 429 says Retry-After
	dailyHeaders    bool           // answers tell the day's budget
	resetUnix       bool           // x-ratelimit-reset is a Unix time
	banAfter        int            // refusals within ten seconds after which the 403 page comes; 0: never
	banFor          time.Duration
	banOAuth        bool     // the 403 page comes for OAuth tokens, too
	clampLimit      bool     // a limit over 500 is 500
	anyCursor       bool     // a cursor of another list begins from the start
	nullable        []string // fields that may be set to null beside the documented ones
	restore         bool     // is_deleted:false brings a deleted deal back
	reopenKeeps     bool     // a reopened deal keeps its lost_time and lost_reason
	pipelineAlone   bool     // pipeline_id without stage_id is taken
	noopBumps       bool     // a change to the same value counts as an update
	activityTouches bool     // activities, mails and notes count as updates of their deal
	reasonOptions   bool     // v2 shows the predefined lost reasons
	freeReasons     bool     // a lost reason outside the predefined ones is taken
	requiredBinds   bool     // required fields bind the API
	builtinFields   bool     // built-in fields can be changed, too
	longDueTime     bool     // due_time has seconds
	v1Deal          bool     // v1's single deal still answers
	hidden          []string // users whose deals and activities the connected user may not see: they are left out without a word
	flowNull        bool     // the flow answers 200 without data, as it sometimes does
	changedAtAdd    bool     // stage_change_time of a deal that never moved is its add_time, not null
	omitNulls       bool     // person_id and org_id are left out where there is none
	changelogSince  time.Time
}

func defaultTraits() traits {
	return traits{admin: true, failedCost: true, limitBody: "json", dailyHeaders: true, banAfter: 10, banFor: time.Minute, pipelineAlone: true,
		noopBumps: true, activityTouches: true, reasonOptions: true, freeReasons: true}
}

// settings are the traits of the account that can be switched while it runs.
type settings struct {
	mu sync.Mutex
	t  traits
}

func newSettings() *settings { return &settings{t: defaultTraits()} }

// Option changes a setting at the start.
type Option func(*settings)

// With sets one of the settings that [Face.Tune] knows.
func With(name, value string) Option {
	return func(s *settings) {
		if err := s.tune(name, value); err != nil {
			panic("sandbox/pipedrive: " + err.Error())
		}
	}
}

// flags are the settings that are true or false.
func (t *traits) flags() map[string]*bool {
	return map[string]*bool{
		"admin": &t.admin, "rotate_refresh": &t.rotate, "refresh_ends_access": &t.endOlder, "failed_calls_cost": &t.failedCost,
		"retry_after": &t.retryAfter, "daily_headers": &t.dailyHeaders, "reset_unix": &t.resetUnix, "ban_oauth": &t.banOAuth,
		"clamp_limit": &t.clampLimit, "any_cursor": &t.anyCursor, "restore": &t.restore, "reopen_keeps": &t.reopenKeeps,
		"pipeline_alone": &t.pipelineAlone, "noop_bumps": &t.noopBumps, "activity_touches_deal": &t.activityTouches,
		"lost_reason_options": &t.reasonOptions, "free_lost_reasons": &t.freeReasons, "required_binds_api": &t.requiredBinds,
		"builtin_fields": &t.builtinFields, "long_due_time": &t.longDueTime, "v1_deal": &t.v1Deal,
		"overdraw": &t.overdraw, "flow_null": &t.flowNull, "stage_change_at_add": &t.changedAtAdd, "omit_nulls": &t.omitNulls,
	}
}

// tune changes a setting by its name.
func (s *settings) tune(name, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if flag := s.t.flags()[name]; flag != nil {
		if *flag, err = strconv.ParseBool(value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
		return nil
	}
	switch name {
	case "withhold":
		s.t.withheld = words(value)
	case "hide_owners":
		s.t.hidden = words(value)
	case "nullable":
		s.t.nullable = words(value)
	case "budget":
		s.t.budget, err = strconv.Atoi(value)
	case "budget_zone":
		s.t.zone, err = time.LoadLocation(value)
	case "ban_after":
		s.t.banAfter, err = strconv.Atoi(value)
	case "ban_for":
		s.t.banFor, err = time.ParseDuration(value)
	case "limit_body":
		s.t.limitBody = value
		if !slices.Contains([]string{"json", "html", "empty"}, value) {
			err = fmt.Errorf("json, html or empty, not %q", value)
		}
	case "changelog_since":
		s.t.changelogSince = time.Time{}
		if value != "" {
			s.t.changelogSince, err = time.Parse(time.RFC3339, value)
		}
	default:
		err = fmt.Errorf("there is no setting %q", name)
	}
	if err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	return nil
}

func words(list string) []string { return strings.Fields(strings.ReplaceAll(list, ",", " ")) }

// sees reports whether the connected user may see what a user owns.
func (t traits) sees(owner int64) bool {
	return len(t.hidden) == 0 || !slices.Contains(t.hidden, itoa(owner))
}

// get returns a copy of what can change.
func (s *settings) get() traits {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.t
}

// grant is what remains of scopes once those that are withheld are taken out.
func (t traits) grant(scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return slices.Contains(t.withheld, s) })
}
