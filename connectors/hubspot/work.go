package hubspot

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

const (
	// historyDepth is how many values of a property HubSpot is known to give; where there are as many, older ones may be missing.
	historyDepth = 20
	// rolledWithin is how long after an activity its time shows in a rolled-up property. A value that came later was calculated
	// anew, and what it was before is not told.
	rolledWithin = 7 * 24 * time.Hour
	// bornWithin is how long after a deal's creation a value counts as given with it.
	bornWithin = time.Minute
)

// number reads a counter; empty is none. A fact whose property cannot be read is not known.
func (f *fields) number(fact crm.Fact, name string) int32 {
	text := f.text(fact, name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 0 || n > 1e6 {
		f.known &^= fact
		return 0
	}
	return int32(n)
}

// work reads what the team did on the deal, and who changed it.
func (d *decoder) work(f *fields, out *crm.Deal, r row) {
	if d.facts.Has(crm.FactContacts) {
		out.Contacts = f.number(crm.FactContacts, propContacts)
	}
	if d.facts.Has(crm.FactTouches) {
		out.Touches = f.number(crm.FactTouches, propTouches)
	}
	if d.facts.Has(crm.FactFirstTouch) {
		d.firstTouch(f, out, r)
	}
	if d.facts.Has(crm.FactFirstMeeting) {
		d.firstMeeting(f, out, r)
	}
	if d.facts.Has(crm.FactNextDue) {
		out.NextDue = f.at(crm.FactNextDue, propPlanned)
		if f.number(crm.FactNextDue, propOverdue) > 0 {
			f.known &^= crm.FactNextDue // until the tasks are read
		}
	}
	if d.facts.Has(crm.FactLineItems) && f.number(crm.FactLineItems, propLines) > 0 {
		f.known &^= crm.FactLineItems // until they are read
	}
	f.known &^= crm.FactQuotes // until they are read
	if d.facts.Has(crm.FactEditor) {
		out.Editor = d.person(f.text(crm.FactEditor, propEditor))
	}
	if d.facts.Has(crm.FactDates) {
		if out.Dates = d.dates(r.History[propClose], out, r); len(out.Dates) == 0 {
			f.known &^= crm.FactDates
		}
	}
	if kind, ok := d.kinds[out.Stage]; d.facts.Has(crm.FactCloser) && (!ok || kind != crm.Open) {
		if history := r.History[propertyStage]; len(history) > 0 && history[0].Value == out.Stage && ok {
			out.Closer = d.closer(history)
		} else {
			f.known &^= crm.FactCloser
		}
	}
}

// person is the owner who a user is, else the user's own id.
func (d *decoder) person(user string) string { return cmp.Or(d.people[user], user) }

// closer is who brought a deal into its present stage, of a history that is given newest first.
func (d *decoder) closer(history []entry) string {
	first := history[0]
	for _, e := range history[1:] {
		if e.Value != first.Value {
			break
		}
		first = e
	}
	return d.person(plain(first.User))
}

// firstTouch reads when the deal was touched first. One touch is the last one, too; of more, the first value that the last
// one had tells it.
func (d *decoder) firstTouch(f *fields, out *crm.Deal, r row) {
	n, last := f.number(crm.FactFirstTouch, propTouches), f.at(crm.FactFirstTouch, propTouch)
	switch {
	case last.IsZero() || !f.known.Has(crm.FactFirstTouch):
	case n == 1:
		out.FirstTouch = last
	default:
		out.FirstTouch = d.firstOf(f, crm.FactFirstTouch, r.History[propTouch])
	}
}

// firstMeeting reads when the first meeting was held: the first value that the latest one had. One that lies ahead is not
// held yet.
func (d *decoder) firstMeeting(f *fields, out *crm.Deal, r row) {
	if f.at(crm.FactFirstMeeting, propMeeting).IsZero() {
		return
	}
	first := d.firstOf(f, crm.FactFirstMeeting, r.History[propMeeting])
	if first <= d.now {
		out.FirstMeeting = first
	}
}

// firstOf is the first value of a rolled-up time, of a history that is given newest first. It is not known where older values
// may be missing.
func (d *decoder) firstOf(f *fields, fact crm.Fact, history []entry) crm.Instant {
	for _, e := range slices.Backward(history) {
		if e.Value == "" {
			continue
		}
		value, err := instant(e.Value, d.zone)
		set, errSet := instant(e.Timestamp, d.zone)
		if err != nil || errSet != nil || len(history) >= historyDepth || set > value.Add(rolledWithin) {
			break
		}
		return value
	}
	f.known &^= fact
	return 0
}

// dates reads every value of the expected close date, of a history that is given newest first. None where older values may be
// missing or one cannot be read.
func (d *decoder) dates(history []entry, deal *crm.Deal, r row) []crm.DateChange {
	born := deal.Created
	if born.IsZero() {
		born, _ = instant(r.CreatedAt, d.zone)
	}
	if born.IsZero() || len(history) >= historyDepth {
		return nil
	}
	if current, ok := r.Properties.get(propClose); !ok || current != "" && len(history) == 0 {
		return nil
	}
	var out []crm.DateChange
	for _, e := range slices.Backward(history) {
		at, err := instant(e.Timestamp, d.zone)
		to, errTo := instant(e.Value, d.zone)
		if err != nil || errTo != nil || at.IsZero() {
			return nil
		}
		out = append(out, crm.DateChange{At: at, To: to, Origin: origin(e.SourceType)})
	}
	slices.SortStableFunc(out, func(a, b crm.DateChange) int { return cmp.Compare(a.At, b.At) })
	if len(out) == 0 || out[0].At > born.Add(bornWithin) {
		out = slices.Insert(out, 0, crm.DateChange{At: born})
	}
	return slices.CompactFunc(out, func(a, b crm.DateChange) bool { return a.To == b.To })
}
