package pipedrive

import (
	"cmp"
	"errors"
	"math"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// decoder makes deals of records.
type decoder struct {
	facts    crm.Fact // asked for
	loss     crm.LossReason
	currency string            // of the account
	channels map[string]string // names by value
	zone     *time.Location
}

func statusOf(name string) (crm.Status, bool) {
	switch name {
	case "open":
		return crm.Open, true
	case "won":
		return crm.Won, true
	case "lost":
		return crm.Lost, true
	}
	return crm.Open, false
}

// reading is one record on its way. Whatever the record lacks is taken out of known.
type reading struct {
	*decoder
	in    deal
	out   crm.Deal
	known crm.Fact
}

// text returns a field; a fact whose field the answer does not have is not known.
func (r *reading) text(fact crm.Fact, v value) string {
	if !v.sent {
		r.known &^= fact
	}
	return v.text
}

// at returns a field's time; a fact whose value cannot be read is not known.
func (r *reading) at(fact crm.Fact, v value) crm.Instant {
	i, err := instant(r.text(fact, v), r.zone)
	if err != nil {
		r.known &^= fact
	}
	return i
}

// deal reads a record, without what activities tell. An error says, without any value, why it cannot be used at all.
func (d *decoder) deal(in row[deal]) (crm.Deal, error) {
	status, ok := statusOf(in.it.Status)
	switch {
	case in.bad != nil:
		return crm.Deal{}, errors.New("the record cannot be decoded")
	case in.id == "":
		return crm.Deal{}, errors.New("the record has no id")
	case in.it.Stage.text == "":
		return crm.Deal{}, errors.New("the deal has no stage")
	case !ok:
		return crm.Deal{}, errors.New("the deal's status is none that is known")
	}
	r := &reading{decoder: d, in: in.it, known: d.facts&recordFacts | crm.FactModified}
	r.out = crm.Deal{
		ID: in.id, Pipeline: in.it.Pipeline.text, Stage: in.it.Stage.text, Archived: in.it.Archived,
		Currency: cmp.Or(in.it.Currency.text, d.currency),
	}
	if status != crm.Open { // every stage is an open one
		r.out.Status = &status
	}
	if r.out.Modified = r.at(crm.FactModified, in.it.Updated); r.out.Modified.IsZero() {
		r.known &^= crm.FactModified
	}
	if r.facts.Has(crm.FactUpdated) {
		if r.out.Updated = r.at(crm.FactUpdated, in.it.Updated); r.out.Updated.IsZero() {
			r.known &^= crm.FactUpdated
		}
	}
	r.record()
	r.times(status)
	r.out.Known = r.known
	return r.out, nil
}

// record reads what the deal is.
func (r *reading) record() {
	if r.facts.Has(crm.FactName) {
		r.out.Name = r.text(crm.FactName, r.in.Title)
	}
	if r.facts.Has(crm.FactOwner) {
		r.out.Owner = r.text(crm.FactOwner, r.in.Owner)
	}
	if r.facts.Has(crm.FactAmount) {
		if v := r.text(crm.FactAmount, r.in.Value); v != "" {
			var err error
			if r.out.Amount, err = crm.ParseAmount(v); err != nil {
				r.known &^= crm.FactAmount
			}
		}
	}
	if r.facts.Has(crm.FactCompany) {
		r.out.Company = r.text(crm.FactCompany, r.in.Org)
	}
	if r.facts.Has(crm.FactOrigin) {
		r.out.Origin = howMade(r.text(crm.FactOrigin, r.in.Origin))
	}
	if r.facts.Has(crm.FactSource) {
		var known bool
		if r.out.Source, known = source(r.text(crm.FactSource, r.in.Channel), r.in.Origin.text, r.channels); !known {
			r.known &^= crm.FactSource
		}
	}
	if r.facts.Has(crm.FactContacts) {
		r.contacts()
	}
	if r.facts.Has(crm.FactLossReason) {
		reason := r.in.LostReason
		if r.loss.Field != fieldLossReason {
			reason = r.in.Custom[r.loss.Field]
			r.out.LossText = r.in.LostReason.text
		}
		r.out.LossReason = r.text(crm.FactLossReason, reason)
	}
	if r.facts.Has(crm.FactLossDetail) {
		if r.loss.DetailField == "" {
			r.known &^= crm.FactLossDetail
		} else {
			r.out.LossDetail = r.text(crm.FactLossDetail, r.in.Custom[r.loss.DetailField])
		}
	}
}

// contacts counts the people: Pipedrive counts the contact person among the participants, or counts none.
func (r *reading) contacts() {
	n, ok := r.in.Participants.number()
	if !ok || n < 0 || n > math.MaxInt32 {
		r.known &^= crm.FactContacts
		return
	}
	if r.in.Person.text != "" {
		n = max(n, 1)
	}
	r.out.Contacts = int32(n)
}

// times reads when things happened to the deal. A deal that never moved has no stage_change_time: its whole history is then
// known, for it is one entry.
func (r *reading) times(status crm.Status) {
	created, err := instant(r.in.Added.text, r.zone)
	still := r.in.Moved.sent && (r.in.Moved.text == "" || r.in.Moved.text == r.in.Added.text)
	if r.facts.Has(crm.FactCreated) {
		r.out.Created = created
		if err != nil || created.IsZero() {
			r.known &^= crm.FactCreated
		}
	}
	if r.facts.Has(crm.FactCloseDate) {
		r.out.CloseDate = r.at(crm.FactCloseDate, r.in.Expected)
	}
	if r.facts.Has(crm.FactDates) {
		r.dates(created)
	}
	entry := created
	if !still {
		entry, _ = instant(r.in.Moved.text, r.zone)
	}
	if r.facts.Has(crm.FactStageEntry) {
		if r.out.StageEntry = entry; entry.IsZero() {
			r.known &^= crm.FactStageEntry
		}
	}
	if r.facts.Has(crm.FactHistory) {
		if !entry.IsZero() {
			r.out.Moves = []crm.StageMove{{Stage: r.out.Stage, At: entry}}
			if still {
				r.out.Moves[0].Origin = howMade(r.in.Origin.text)
			}
		}
		if !still || entry.IsZero() {
			r.known &^= crm.FactHistory
		}
	}
	if r.facts.Has(crm.FactClosed) && status != crm.Open {
		end := r.in.Won
		if status == crm.Lost {
			end = r.in.Lost
		}
		if end.text == "" {
			end = r.in.Closed
		}
		if r.out.Closed = r.at(crm.FactClosed, end); r.out.Closed.IsZero() {
			r.known &^= crm.FactClosed
		}
	}
}

// dates reads the values of the expected close date of a deal that nothing was changed of since it was made: it has had but one.
// Those of others are told by their changelogs.
func (r *reading) dates(created crm.Instant) {
	to, err := instant(r.in.Expected.text, r.zone)
	if err != nil || !r.in.Expected.sent || created.IsZero() || r.in.Updated.text != r.in.Added.text {
		r.known &^= crm.FactDates
		return
	}
	r.out.Dates = []crm.DateChange{{At: created, To: to, Origin: howMade(r.in.Origin.text)}}
}
