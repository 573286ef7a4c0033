package crm

import (
	"cmp"
	"slices"
)

// Engagement is what a deal tells of the team's work on it, beside the last touch and the last buyer activity. Each field
// holds only where the deal's Known has its fact.
type Engagement struct {
	Touches int32   // FactTouches
	First   Instant // first touch by the team: FactFirstTouch
	Meeting Instant // first meeting held: FactFirstMeeting
	Mail    Instant // first e-mail sent by a person of the team: FactFirstMail
	NextDue Instant // earliest activity planned by a person and not done, past or ahead: FactNextDue
}

// Engagement returns what deal i tells of the team's work on it.
func (s *Snapshot) Engagement(i int32) Engagement {
	c := &s.cols
	return Engagement{value(c.Touches, i), value(c.FirstTouch, i), value(c.FirstMeeting, i), value(c.FirstMail, i), value(c.NextDue, i)}
}

// Quote returns how far the quote of deal i has come; zero when there is none (FactQuotes).
func (s *Snapshot) Quote(i int32) Quote {
	c := &s.cols
	return Quote{value(c.QuotePublished, i), value(c.QuoteExpires, i), value(c.QuoteSigned, i), value(c.QuotePaid, i)}
}

// DateChanges returns every value of the expected close date of deal i since its creation, oldest first (FactDates).
func (s *Snapshot) DateChanges(i int32) []DateChange {
	c := &s.cols
	if c.DateEnd == nil {
		return nil
	}
	from := uint32(0)
	if i > 0 {
		from = c.DateEnd[i-1]
	}
	return c.Dates[from:c.DateEnd[i]]
}

// Type returns the portal's own kind of deal i; 0 when there is none (FactType).
func (s *Snapshot) Type(i int32) TextID { return value(s.cols.Type, i) }

// Source returns the channel that deal i came by; 0 when there is none (FactSource).
func (s *Snapshot) Source(i int32) TextID { return value(s.cols.Source, i) }

// Contacts returns the number of people associated with deal i (FactContacts).
func (s *Snapshot) Contacts(i int32) int32 { return value(s.cols.Contacts, i) }

// LineTotal returns the sum of the line items of deal i in its currency; 0 when there are none (FactLineItems).
func (s *Snapshot) LineTotal(i int32) Amount { return value(s.cols.LineTotal, i) }

// Updated returns the CRM's own "last updated" clock of deal i, to be shown and never judged by (FactUpdated).
func (s *Snapshot) Updated(i int32) Instant { return value(s.cols.Updated, i) }

// LastEdit returns who changed deal i last, as a user id of the CRM, and when; 0 when it was nobody (FactEditor, FactModified).
// Only touched-in-bulk may look at it: no other policy takes a modification for a sign of life.
func (s *Snapshot) LastEdit(i int32) (editor TextID, at Instant) {
	return value(s.cols.Editor, i), s.cols.Modified[i]
}

// Closer returns who closed deal i, as a user id of the CRM; 0 when it was nobody or the deal is open (FactCloser).
func (s *Snapshot) Closer(i int32) TextID { return value(s.cols.Closer, i) }

// ClosedByUs reports whether this program closed deal i.
func (s *Snapshot) ClosedByUs(i int32) bool {
	if s.cols.Status[i] == Open {
		return false
	}
	if closer := s.Closer(i); closer != 0 && s.Text(closer) == Us {
		return true
	}
	moves := s.Moves(i)
	return len(moves) > 0 && moves[len(moves)-1].Origin == OriginPlumbline
}

// value returns a column's entry; a column that no deal has a value in is nil.
func value[T any](col []T, i int32) (v T) {
	if col == nil {
		return v
	}
	return col[i]
}

// put appends the n-th entry to a column that stays nil until the first value comes.
func put[T comparable](col *[]T, n int, v T) {
	var zero T
	switch {
	case *col == nil && v == zero:
		return
	case *col == nil:
		*col = make([]T, n, max(2*n, 16))
	}
	*col = append(*col, v)
}

// appendMore appends what few deals have.
func (c *Columns) appendMore(t *tables, d *Deal) {
	n := len(c.ID) - 1 // the deal's own id is there already
	put(&c.Updated, n, d.Updated)
	put(&c.Type, n, t.text(d.Type))
	put(&c.Source, n, t.text(d.Source))
	put(&c.Contacts, n, d.Contacts)
	put(&c.Touches, n, d.Touches)
	put(&c.FirstTouch, n, d.FirstTouch)
	put(&c.FirstMeeting, n, d.FirstMeeting)
	put(&c.FirstMail, n, d.FirstMail)
	put(&c.NextDue, n, d.NextDue)
	put(&c.QuotePublished, n, d.Quote.Published)
	put(&c.QuoteExpires, n, d.Quote.Expires)
	put(&c.QuoteSigned, n, d.Quote.Signed)
	put(&c.QuotePaid, n, d.Quote.Paid)
	put(&c.LineTotal, n, d.LineTotal)
	put(&c.Editor, n, t.text(d.Editor))
	put(&c.Closer, n, t.text(d.Closer))
	dates := slices.Clone(d.Dates)
	slices.SortStableFunc(dates, func(x, y DateChange) int { return cmp.Compare(x.At, y.At) })
	c.Dates = append(c.Dates, dates...)
	put(&c.DateEnd, n, uint32(len(c.Dates)))
}

// exportMore gives back what appendMore was given.
func (s *Snapshot) exportMore(i int32, d *Deal) {
	e := s.Engagement(i)
	d.Touches, d.FirstTouch, d.FirstMeeting, d.FirstMail, d.NextDue = e.Touches, e.First, e.Meeting, e.Mail, e.NextDue
	d.Updated, d.Contacts, d.Quote, d.LineTotal = s.Updated(i), s.Contacts(i), s.Quote(i), s.LineTotal(i)
	d.Type, d.Source, d.Closer = s.Text(s.Type(i)), s.Text(s.Source(i)), s.Text(s.Closer(i))
	editor, _ := s.LastEdit(i)
	d.Editor = s.Text(editor)
	d.Dates = append([]DateChange(nil), s.DateChanges(i)...)
}
