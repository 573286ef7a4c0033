package pipedrive

import (
	"math"
	"slices"

	"github.com/plumbline/plumbline/internal/crm"
)

// done is what is read of a deal's activities that were done, and of its mails. Of the activities only the last one is read:
// behind it others may hide.
type done struct {
	last    *deed // nil: there is none
	count   int   // activities that were done
	sure    bool  // that the deal names no other last one
	only    bool  // last is all that was done
	in, out mails
}

// mails are a deal's mails of one way: when the last one was, and how many there are.
type mails struct {
	at    crm.Instant // none: there is none
	known bool        // at is
	n     int
	sure  bool // that n is right
}

// done reads what the deal tells of what was done.
func (w *walk) done(in deal) done {
	var out done
	counted := false
	out.count, counted = in.DoneCount.number()
	out.sure = in.LastActivity.sent
	if id := in.LastActivity.text; id != "" && (!counted || out.count > 0) {
		l, ok := w.deeds[id]
		if !ok {
			l = deed{id: id} // it exists, and nothing is known of it
		}
		out.last = &l
	}
	switch l := out.last; {
	case !out.sure || !counted:
	case l == nil:
		out.only = out.count == 0
	default:
		out.only = out.count == 1 && l.read && (l.ours || !l.at.IsZero())
	}
	at := func(v value) mails {
		i, err := instant(v.text, w.zone())
		return mails{at: i, known: err == nil && v.sent}
	}
	out.in, out.out = at(in.MailIn), at(in.MailOut)
	if n, ok := in.Mails.number(); ok && n <= math.MaxInt32-1 {
		out.split(n)
	} else {
		out.split(0)
	}
	return out
}

// split tells how many of n mails of both ways were sent, as far as the times of the last ones tell.
func (d *done) split(n int) {
	if !d.in.known || !d.out.known {
		return
	}
	switch in, out := !d.in.at.IsZero(), !d.out.at.IsZero(); {
	case !out:
		d.out.sure = true
	case !in && n > 0:
		d.out.n, d.out.sure = n, true
	case in && n == 2:
		d.out.n, d.out.sure = 1, true
	}
}

// tell puts into a deal what is known of it for sure, of the facts asked for.
func (d *done) tell(deal *crm.Deal, facts crm.Fact) {
	set := func(fact crm.Fact, known bool) bool {
		if known = known && facts.Has(fact); known {
			deal.Known |= fact
		}
		return known
	}
	if at, known := d.touch(); set(crm.FactTouch, known) {
		deal.Touch = at
	}
	if at, known := d.buyer(); set(crm.FactBuyer, known) {
		deal.Buyer = at
	}
	if at, known := d.firstMeeting(); set(crm.FactFirstMeeting, known) {
		deal.FirstMeeting = at
	}
	mail, mailKnown := d.firstMail()
	if set(crm.FactFirstMail, mailKnown) {
		deal.FirstMail = mail
	}
	if n, known := d.touches(); set(crm.FactTouches, known) {
		deal.Touches = n
	}
	if at, known := d.first(mail); set(crm.FactFirstTouch, known && mailKnown) {
		deal.FirstTouch = at
	}
}

// is reports whether the last activity is one of a person, of one of the kinds, and when it was is known.
func (d *done) is(kinds ...string) bool {
	return d.last != nil && d.last.read && !d.last.ours && !d.last.at.IsZero() && slices.Contains(kinds, d.last.kind)
}

// touch tells when somebody of the team last wrote, called or met the buyer. Where the last activity is none of these, an
// earlier one may hide behind it, and the time is not known unless the mail is later still.
func (d *done) touch() (at crm.Instant, known bool) {
	return d.latest(d.out, kindCall, kindMeeting, kindEmail)
}

// buyer tells when the buyer last wrote, or was met.
func (d *done) buyer() (at crm.Instant, known bool) { return d.latest(d.in, kindMeeting) }

func (d *done) latest(m mails, kinds ...string) (at crm.Instant, known bool) {
	switch {
	case !d.sure || !m.known:
		return 0, false
	case d.last == nil:
		return m.at, true
	case !d.last.read:
		return 0, false
	case d.is(kinds...):
		return max(d.last.at, m.at), true
	}
	return m.at, d.count == 1 || !d.last.at.IsZero() && m.at >= d.last.at
}

// firstMeeting tells when the first meeting was held: of a deal with more than one activity that is not known.
func (d *done) firstMeeting() (at crm.Instant, known bool) {
	if d.is(kindMeeting) {
		at = d.last.at
	}
	return at, d.only
}

// firstMail tells when the first mail was sent, or logged as an activity: of several that is not known.
func (d *done) firstMail() (at crm.Instant, known bool) {
	if d.out.n == 1 {
		at = d.out.at
	}
	if d.is(kindEmail) && (at.IsZero() || d.last.at < at) {
		at = d.last.at
	}
	return at, d.only && d.out.sure && d.out.n <= 1
}

// touches counts calls, meetings and mails.
func (d *done) touches() (n int32, known bool) {
	n = int32(d.out.n) //nolint:gosec // it was held below its bounds
	if d.is(kindCall, kindMeeting, kindEmail) {
		n++
	}
	return n, d.only && d.out.sure
}

// first tells when the team touched the deal first, given its first mail.
func (d *done) first(mail crm.Instant) (at crm.Instant, known bool) {
	if d.is(kindCall, kindMeeting, kindEmail) && (mail.IsZero() || d.last.at < mail) {
		return d.last.at, d.only
	}
	return mail, d.only
}
