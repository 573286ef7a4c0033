package sandbox

import (
	"regexp"
	"slices"
	"time"
)

// deeds are what was done for a deal: the last touch, when the buyer was last heard of, and what is planned first.
type deeds struct {
	touch, first, heard, planned time.Time
	met                          time.Time
}

func (j *judge) deeds(d *Deal) deeds {
	var out deeds
	earlier := func(to *time.Time, at time.Time) {
		if to.IsZero() || at.Before(*to) {
			*to = at
		}
	}
	for _, a := range d.Activities {
		switch {
		case a.Kind == "note", a.Kind == "task" && a.Done:
			continue
		case !a.Done:
			earlier(&out.planned, a.At)
			continue
		}
		if a.Inbound || a.Kind == "meeting" {
			out.heard = later(out.heard, a.At)
		}
		if a.Inbound {
			continue
		}
		out.touch = later(out.touch, a.At)
		earlier(&out.first, a.At)
		if a.Kind == "meeting" {
			earlier(&out.met, a.At)
		}
	}
	return out
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// activity judges what was done for an open deal, and who belongs to it. It tells whether an overdue plan speaks for its next step.
func (j *judge) activity(d past) (overdue bool) {
	deal, w := d.deal, j.deeds(d.deal)
	ahead := w.planned.After(j.w.Now)
	if !w.planned.IsZero() {
		if j.against(j.days(w.planned), 3, "overdue plan of %s", deal.ID) || j.against(-j.days(w.planned), 90, "far plan of %s", deal.ID) {
			overdue = true
			j.report(nextActivityOverdue, "deal", deal.ID)
		}
	}
	silent := !ahead && j.against(j.days(later(deal.Created, w.heard)), 21, "silence of %s", deal.ID)
	if silent {
		j.report(noBuyerActivity, "deal", deal.ID)
	}
	if !ahead && !silent && !w.touch.IsZero() && w.touch.After(w.heard) && j.against(j.workingDays(w.touch), 5, "follow-up of %s", deal.ID) {
		j.report(followUpOverdue, "deal", deal.ID)
	}
	if deal.Channel != "" {
		answer := j.w.Now
		if !w.first.IsZero() {
			answer = w.first
		}
		if j.against(j.workingHours(deal.Created, answer), 8, "first response to %s", deal.ID) {
			j.report(slowFirstResponse, "deal", deal.ID)
		}
	}
	if len(deal.Contacts) == 0 && deal.Company == "" {
		j.report(contactMissing, "deal", deal.ID)
	}
	return overdue
}

// workingHours counts the quarters of an hour from 9 to 17 between two moments.
func (j *judge) workingHours(from, to time.Time) float64 {
	n := 0.0
	for t := from.In(j.zone); t.Before(to) && n < 20; t = t.Add(15 * time.Minute) {
		if wd := t.Weekday(); wd != time.Saturday && wd != time.Sunday && t.Hour() >= 9 && t.Hour() < 17 {
			n += 0.25
		}
	}
	return n
}

// bulk judges the deals that were edited many at once.
func (j *judge) bulk(all []past) {
	for _, d := range all {
		if d.deal.Edited.IsZero() {
			continue
		}
		n := 0
		for _, e := range all {
			if e.deal.Editor == d.deal.Editor && e.deal.Edited.Sub(d.deal.Edited).Abs() <= time.Minute {
				n++
			}
		}
		w := j.deeds(d.deal)
		quiet := min(j.days(d.deal.Created), j.days(w.touch), j.days(w.heard))
		for _, at := range d.times {
			if at.Sub(d.deal.Edited).Abs() > time.Minute {
				quiet = min(quiet, j.days(at))
			}
		}
		if d.at.kind == stillOpen && !d.deal.Archived && j.against(float64(n), 20, "edits with %s", d.deal.ID) && j.against(quiet, 30, "quiet of %s", d.deal.ID) {
			j.report(touchedInBulk, "deal", d.deal.ID)
		}
	}
}

// learned judges, in one pipeline, what won deals had.
func (j *judge) learned(p int, mine []past) {
	stages := 0
	for _, s := range j.w.Pipelines[p].Stages {
		if s.Probability > 0 && s.Probability < 1 {
			stages++
		}
	}
	var contacts []float64
	for _, d := range mine {
		if d.at.kind == isWon && j.days(d.closed()) < 365 {
			contacts = append(contacts, float64(len(d.deal.Contacts)))
		}
	}
	slices.Sort(contacts)
	for _, d := range mine {
		if d.at.kind != stillOpen {
			continue
		}
		if len(contacts) >= 20 && median(contacts) >= 2 && 2*d.at.index+2 > stages+1 && len(d.deal.Contacts) < 2 {
			j.report(singleThreaded, "deal", d.deal.ID)
		}
		if d.at.index > 0 && j.deeds(d.deal).met.IsZero() && j.usual(d.at.index-1, mine, 0) && j.usual(d.at.index-1, mine, 7) {
			j.report(stageWithoutEvidence, "deal", d.deal.ID)
		}
		j.quoted(p, d)
	}
}

// usual reports whether 70 % of 20 deals won in a year, as of some days ago, had a meeting when they went past a stage.
func (j *judge) usual(stage int, mine []past, ago float64) bool {
	n, met := 0, 0
	for _, d := range mine {
		age := j.days(d.closed()) - ago
		if d.at.kind != isWon || age < 0 || age >= 365 || d.path[0] > stage {
			continue
		}
		n++
		by := slices.IndexFunc(d.path, func(s int) bool { return s > stage && s != len(j.w.Pipelines[d.at.pipeline].Stages)-1 })
		if at := j.deeds(d.deal).met; !at.IsZero() && !at.After(d.times[by]) {
			met++
		}
	}
	return n >= 20 && j.against(float64(met)/float64(n), 0.7, "meetings of won deals past stage %d", stage)
}

var proposalWords = regexp.MustCompile(`Proposal delivered|Angebot|Devis|Propuesta|Teklif`)

// quoted judges how far a deal's quote has come.
func (j *judge) quoted(p int, d past) {
	proposal := slices.IndexFunc(j.w.Pipelines[p].Stages, func(s Stage) bool { return proposalWords.MatchString(s.Label) })
	for _, q := range d.deal.Quotes {
		if !q.Signed.IsZero() || !q.Paid.IsZero() || q.Expires.After(j.w.Now) && d.at.index < proposal {
			j.report(behindItsEvidence, "deal", d.deal.ID)
			return
		}
	}
}
