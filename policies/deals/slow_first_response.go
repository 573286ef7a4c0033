package deals

import (
	_ "embed"
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed slow-first-response.md
var slowFirstResponseDoc string

type slowFirstResponse struct {
	WorkingHours int        `yaml:"working_hours" desc:"how many working hours after the creation of an inbound deal the first touch is due"`
	DayBegins    int        `yaml:"day_begins" desc:"hour at which work begins, Monday to Friday in the account's zone"`
	DayEnds      int        `yaml:"day_ends" desc:"hour at which work ends"`
	Before       audit.Days `yaml:"before" desc:"how long before the deal's creation a touch may lie to count"`
	Sources      []string   `yaml:"sources" desc:"the channels that are inbound, as the CRM calls them; none: those that CRMs call so"`
}

// SlowFirstResponse finds open inbound deals that nobody touched soon.
func SlowFirstResponse() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "slow-first-response", Title: "Slow first response", Doc: slowFirstResponseDoc,
		Group: audit.Deals, Family: audit.FamilyActivity, Rank: 7, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedChannel, audit.NeedTouches, audit.NeedCreated}, Sources: "S5", Fix: audit.FixTask, Subject: crm.KindDeal,
		After: []string{notCaptured},
		Facts: crm.FactSource | crm.FactCreated | crm.FactFirstTouch | crm.FactTouch | crm.FactOwner,
		Message: `Came in by "{{.source}}" on {{date .created_at}}; the limit is {{count .limit_count}} working hours, and ` +
			`{{if index . "first_touch_at"}}the first touch was on {{date .first_touch_at}}{{else}}nobody has touched it{{end}}`,
	}, slowFirstResponse{WorkingHours: 8, DayBegins: 9, DayEnds: 17, Before: 30 * aDay})
}

func (s slowFirstResponse) Validate() error {
	switch {
	case s.WorkingHours < 0 || s.WorkingHours > 1000:
		return errors.New("working_hours must be 0 to 1000")
	case s.DayBegins < 0 || s.DayEnds > 24 || s.DayBegins >= s.DayEnds:
		return errors.New("day_begins must be before day_ends, both within 0 and 24")
	}
	return nil
}

func (s slowFirstResponse) Check(p *audit.Pass) {
	inbound := map[crm.TextID]bool{}
	names := s.Sources
	if len(names) == 0 {
		names = inboundChannels()
	}
	hours := workday{s.DayBegins, s.DayEnds, p.Snap.Zone()}
	for r := range p.Open() {
		if !r.Known.Has(crm.FactSource) {
			p.Unknown(r, audit.NeedChannel, "by which channel it came is not known")
			continue
		}
		source := p.Snap.Source(r.Index)
		is, seen := inbound[source]
		if !seen {
			name := letters(p.Snap.Text(source))
			is = name != "" && slices.ContainsFunc(names, func(n string) bool { return letters(n) == name })
			inbound[source] = is
		}
		if is { // others are not judged
			s.judge(p, r, hours)
		}
	}
}

func (s slowFirstResponse) judge(p *audit.Pass, r crm.Row, hours workday) {
	if !has(r, crm.FactCreated, r.Created) {
		p.Unknown(r, audit.NeedCreated, "when it was created is not known")
		return
	}
	due := hours.add(r.Created, s.WorkingHours)
	from := r.Created.Add(-s.Before.Duration())
	inTime := func(fact crm.Fact, at crm.Instant) bool { return has(r, fact, at) && at >= from && at <= due }
	first := p.Snap.Engagement(r.Index).First
	touched := r.Known.Has(crm.FactFirstTouch)
	old := touched && !first.IsZero() && first < from // and when it was touched next is not told
	switch {
	case p.Now <= due, inTime(crm.FactFirstTouch, first), inTime(crm.FactTouch, r.Touch):
		p.OK(r)
	case !touched:
		p.Unknown(r, audit.NeedTouches, "when it was touched first is not known")
	case old && (!r.Known.Has(crm.FactTouch) || r.Touch >= from):
		p.Unknown(r, audit.NeedTouches, "whether it was touched again in time is not known")
	case uncaptured(p, r):
		p.Unknown(r, audit.NeedActivity, silence)
	default:
		if old {
			first = 0
		}
		s.found(p, r, first, due)
	}
}

// found reports a deal. Where somebody has answered by now, nothing is left for the owner to do.
func (s slowFirstResponse) found(p *audit.Pass, r crm.Row, first, due crm.Instant) {
	facts := audit.Facts{"source": p.Snap.Text(p.Snap.Source(r.Index)), "created_at": r.Created.String(), "limit_count": float64(s.WorkingHours)}
	severity, fix := audit.Info, task(p, r)
	if len(s.Sources) > 0 {
		severity = audit.Medium
	}
	if !first.IsZero() {
		facts["first_touch_at"] = first.String()
		fix = advice()
	}
	p.Found(r, audit.Found{Severity: severity, Facts: facts, Since: due, Fix: fix})
}

// inboundChannels are what CRMs call channels by which buyers come of their own accord.
func inboundChannels() []string {
	return []string{
		"ORGANIC_SEARCH", "PAID_SEARCH", "DIRECT_TRAFFIC", "SOCIAL_MEDIA", "PAID_SOCIAL", "REFERRALS", "EMAIL_MARKETING", "OTHER_CAMPAIGNS", "AI_REFERRALS",
		"Web forms", "Web form", "Form", "Forms", "Website", "Web visitors", "Chatbot", "Live chat", "Chat", "Messaging inbox", "Contact form", "Inbound",
	}
}

// letters are the letters and digits of a name in lower case, so that "Web forms", "webForms" and "WEB_FORMS" are one.
func letters(name string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return -1
		}
		return unicode.ToLower(c)
	}, name)
}
