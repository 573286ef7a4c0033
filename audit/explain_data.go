package audit

import (
	"strconv"
	"strings"

	"github.com/plumbline/plumbline/internal/crm"
)

// kind is one kind of data of deals, as it is shown to people.
type kind struct {
	fact  crm.Fact
	name  string
	value func(s *crm.Snapshot, d *crm.Row) string
}

// kinds lists what can be known of a deal, by and by as a person asks for it.
func kinds() []kind {
	moment := func(of func(s *crm.Snapshot, d *crm.Row) crm.Instant) func(*crm.Snapshot, *crm.Row) string {
		return func(s *crm.Snapshot, d *crm.Row) string { return instantText(of(s, d)) }
	}
	return []kind{
		{crm.FactOwner, "owner", ownerText},
		{crm.FactAmount, "amount", func(s *crm.Snapshot, d *crm.Row) string { return moneyText(s.Money(*d)) }},
		{crm.FactCompany, "company", func(s *crm.Snapshot, d *crm.Row) string { return s.Text(d.Company) }},
		{crm.FactContacts, "contacts", func(s *crm.Snapshot, d *crm.Row) string { return strconv.Itoa(int(s.Contacts(d.Index))) }},
		{crm.FactType, "type", func(s *crm.Snapshot, d *crm.Row) string { return s.Text(s.Type(d.Index)) }},
		{crm.FactSource, "channel", func(s *crm.Snapshot, d *crm.Row) string { return s.Text(s.Source(d.Index)) }},
		{crm.FactOrigin, "made by", func(_ *crm.Snapshot, d *crm.Row) string { return originWord(d.Origin) }},
		{crm.FactCreated, "created", moment(func(_ *crm.Snapshot, d *crm.Row) crm.Instant { return d.Created })},
		{crm.FactStageEntry, "entered the stage", moment(func(_ *crm.Snapshot, d *crm.Row) crm.Instant { return d.StageEntry })},
		{crm.FactHistory, "stage history", func(s *crm.Snapshot, d *crm.Row) string { return count(len(s.Moves(d.Index)), "move", "moves") }},
		{crm.FactCloseDate, "expected close", moment(func(_ *crm.Snapshot, d *crm.Row) crm.Instant { return d.CloseDate })},
		{crm.FactDates, "changes of the close date", func(s *crm.Snapshot, d *crm.Row) string { return count(len(s.DateChanges(d.Index)), "value", "values") }},
		{crm.FactClosed, "closed", moment(func(_ *crm.Snapshot, d *crm.Row) crm.Instant { return d.Closed })},
		{crm.FactTouch, "last touch", moment(func(_ *crm.Snapshot, d *crm.Row) crm.Instant { return d.Touch })},
		{crm.FactBuyer, "last buyer activity", moment(func(_ *crm.Snapshot, d *crm.Row) crm.Instant { return d.Buyer })},
		{crm.FactPlanned, "next planned activity", moment(func(_ *crm.Snapshot, d *crm.Row) crm.Instant { return d.Planned })},
		{crm.FactNextDue, "earliest activity not done", moment(func(s *crm.Snapshot, d *crm.Row) crm.Instant { return s.Engagement(d.Index).NextDue })},
		{crm.FactTouches, "touches by the team", func(s *crm.Snapshot, d *crm.Row) string { return strconv.Itoa(int(s.Engagement(d.Index).Touches)) }},
		{crm.FactFirstTouch, "first touch", moment(func(s *crm.Snapshot, d *crm.Row) crm.Instant { return s.Engagement(d.Index).First })},
		{crm.FactFirstMeeting, "first meeting", moment(func(s *crm.Snapshot, d *crm.Row) crm.Instant { return s.Engagement(d.Index).Meeting })},
		{crm.FactFirstMail, "first e-mail", moment(func(s *crm.Snapshot, d *crm.Row) crm.Instant { return s.Engagement(d.Index).Mail })},
		{crm.FactQuotes, "quote", quoteText},
		{crm.FactLineItems, "line items", func(s *crm.Snapshot, d *crm.Row) string { return moneyText(lineMoney(s, d)) }},
		{crm.FactLossReason, "loss reason", func(s *crm.Snapshot, d *crm.Row) string { return s.Text(d.LossReason) }},
		{crm.FactLossDetail, "loss detail", func(s *crm.Snapshot, d *crm.Row) string { return s.Text(d.LossDetail) }},
	}
}

// data lists what is known of a deal. What does not apply to it is left out: a closing time and a loss reason of open deals, and
// whatever nothing was asked for.
func (r *runner) data(deal int32) []Datum {
	d := r.snap.Deal(deal)
	out := []Datum{}
	for _, k := range kinds() {
		closing := k.fact&(crm.FactClosed|crm.FactLossReason|crm.FactLossDetail) != 0
		if closing && d.Status == crm.Open || k.fact&(crm.FactLossReason|crm.FactLossDetail) != 0 && d.Status != crm.Lost {
			continue
		}
		x := Datum{Name: k.name, Known: d.Known.Has(k.fact)}
		if x.Known {
			x.Value = k.value(r.snap, &d)
		} else {
			x.Why = r.whyUnknown(k.fact)
		}
		out = append(out, x)
	}
	return out
}

// whyUnknown says why a fact is not known of a deal, where the portal's set-up tells.
func (r *runner) whyUnknown(fact crm.Fact) string {
	for _, m := range r.snap.Schema.Unknown {
		if m.Fact&fact != 0 {
			return m.Why
		}
	}
	if !r.snap.Asked.Has(fact) {
		return "no policy that is on asks for it"
	}
	return ""
}

func ownerText(s *crm.Snapshot, d *crm.Row) string {
	if d.Owner == crm.None {
		return ""
	}
	u := &s.Schema.Users[d.Owner]
	if u.Name == "" {
		return u.ID
	}
	return u.Name
}

func quoteText(s *crm.Snapshot, d *crm.Row) string {
	q := s.Quote(d.Index)
	var parts []string
	for _, p := range []struct {
		what string
		at   crm.Instant
	}{{"published", q.Published}, {"signed", q.Signed}, {"paid", q.Paid}, {"valid until", q.Expires}} {
		if !p.at.IsZero() {
			parts = append(parts, p.what+" "+p.at.String())
		}
	}
	return strings.Join(parts, ", ")
}

func lineMoney(s *crm.Snapshot, d *crm.Row) crm.Money {
	if total := s.LineTotal(d.Index); total != 0 {
		return crm.Money{Amount: total, Currency: s.Currency(d.Currency)}
	}
	return crm.Money{}
}

func instantText(at crm.Instant) string {
	if at.IsZero() {
		return ""
	}
	return at.String()
}

func moneyText(m crm.Money) string {
	if m.IsZero() {
		return ""
	}
	return m.Amount.String() + " " + m.Currency
}

func count(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + several
}
