package hubspot

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// activity is what roll-ups need of a task, call, meeting, e-mail or note.
type activity struct {
	at      time.Time
	inbound bool // by the buyer
	done    bool
}

// rollup is what a deal shows of its activities and associations. It holds until the next activity's time comes.
type rollup struct {
	valid       bool
	from, until time.Time // until zero: for ever

	contacted, updated, next, replied, meeting, booked time.Time
	nextKind                                           string
	lastAt                                             time.Time // of the latest activity whose time has come
	notes, contacts                                    int
	calls, callsIn, callsOut, scheduled, overdue       int
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// rolled is the deal's roll-up at now.
func (r *record) rolled(now time.Time) *rollup {
	u := &r.roll
	if u.valid && !now.Before(u.from) && (u.until.IsZero() || now.Before(u.until)) {
		return u
	}
	*u = rollup{valid: true, from: now}
	for _, l := range r.links {
		if !l.to.kind.activity || l.to.archived {
			continue
		}
		a := l.to.act
		if a.at.After(now) {
			u.planned(l.to.kind.name, a)
			if u.until.IsZero() || a.at.Before(u.until) {
				u.until = a.at
			}
			continue
		}
		u.lastAt = later(u.lastAt, a.at)
		u.past(l.to.kind.name, a)
	}
	return u
}

// planned takes in an activity that lies ahead.
func (u *rollup) planned(kind string, a activity) {
	if kind == "meetings" {
		u.scheduled++
		u.booked = later(u.booked, a.at)
	}
	if a.done || kind == "emails" || kind == "notes" {
		return
	}
	if u.next.IsZero() || a.at.Before(u.next) {
		u.next, u.nextKind = a.at, strings.ToUpper(strings.TrimSuffix(kind, "s"))
	}
}

// past takes in an activity whose time has come.
func (u *rollup) past(kind string, a activity) {
	if !a.done {
		if kind == "tasks" {
			u.overdue++
		}
		return
	}
	u.notes++
	u.updated = later(u.updated, a.at)
	switch kind {
	case "emails":
		if a.inbound {
			u.replied = later(u.replied, a.at)
		}
	case "meetings":
		u.meeting, u.booked = later(u.meeting, a.at), later(u.booked, a.at)
	case "calls":
		u.calls++
		if a.inbound {
			u.callsIn++
		} else {
			u.callsOut++
		}
	default:
		return
	}
	u.contacts++
	if !a.inbound {
		u.contacted = later(u.contacted, a.at)
	}
}

func stampOrEmpty(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamp(t)
}

// rollupValue is a rolled-up property of a deal; ok is false for any other property.
func (p *portal) rollupValue(r *record, name string, now time.Time) (value string, ok bool) {
	u := r.rolled(now)
	switch name {
	case "notes_last_contacted":
		return stampOrEmpty(u.contacted), true
	case "notes_last_updated":
		return stampOrEmpty(u.updated), true
	case "notes_next_activity_date":
		return stampOrEmpty(u.next), true
	case "hs_notes_next_activity_type":
		return u.nextKind, true
	case "hs_sales_email_last_replied", "hs_latest_sales_email_reply_date":
		return stampOrEmpty(u.replied), true
	case "hs_latest_meeting_activity":
		return stampOrEmpty(u.meeting), true
	case "engagements_last_meeting_booked":
		return stampOrEmpty(u.booked), true
	case "num_notes":
		return count(u.notes), true
	case "num_contacted_notes":
		return count(u.contacts), true
	case "hs_number_of_call_engagements":
		return count(u.calls), true
	case "hs_number_of_inbound_calls":
		return count(u.callsIn), true
	case "hs_number_of_outbound_calls":
		return count(u.callsOut), true
	case "hs_number_of_scheduled_meetings":
		return count(u.scheduled), true
	case "hs_number_of_overdue_tasks":
		return count(u.overdue), true
	case "num_associated_contacts":
		return count(len(r.linked(p.kind("contacts")))), true
	case "hs_num_of_associated_line_items":
		return count(len(r.linked(p.kind("line_items")))), true
	case "hs_primary_associated_company":
		for _, l := range r.linked(p.kind("companies")) {
			if l.primary {
				return l.to.id, true
			}
		}
		return "", true
	}
	return "", false
}

// rolledHistory lists, newest first, what the time of the last touch or meeting was; nil for any other property.
func (r *record) rolledHistory(name string, now time.Time) []historyEntry {
	if r.kind.name != "deals" || name != "notes_last_contacted" && name != "hs_latest_meeting_activity" {
		return nil
	}
	var acts []*record
	for _, l := range r.links {
		a := l.to.act
		if !l.to.kind.activity || l.to.archived || !a.done || a.at.After(now) {
			continue
		}
		switch l.to.kind.name {
		case "meetings":
			if name == "notes_last_contacted" && a.inbound {
				continue
			}
		case "calls", "emails":
			if name != "notes_last_contacted" || a.inbound {
				continue
			}
		default:
			continue
		}
		acts = append(acts, l.to)
	}
	known := func(a *record) time.Time { return later(a.created, a.act.at) }
	slices.SortStableFunc(acts, func(a, b *record) int { return known(a).Compare(known(b)) })
	entries := []historyEntry{}
	var last time.Time
	for _, a := range acts {
		if a.act.at.After(last) {
			last = a.act.at
			entries = append(entries, historyEntry{Value: stamp(last), Timestamp: stamp(known(a)), SourceType: "CALCULATED"})
		}
	}
	slices.Reverse(entries)
	return entries
}

// count is empty for none, as HubSpot leaves counters that never counted.
func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// modifiedAt is the time of the last change that the API shows: a write, or an activity's time that came and changed a roll-up.
func (r *record) modifiedAt(now time.Time) time.Time {
	if r.kind.name != "deals" {
		return r.modified
	}
	return later(r.modified, r.rolled(now).lastAt)
}
