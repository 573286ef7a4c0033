package hubspot

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// decoder makes deals of records.
type decoder struct {
	facts    crm.Fact // asked for
	loss     crm.LossReason
	currency string // of the account
	kinds    map[string]crm.Status
	people   map[string]string // owner ids by user id
	zone     *time.Location
	now      crm.Instant
}

func newDecoder(s crm.Schema, facts crm.Fact, zone *time.Location, now time.Time) *decoder {
	d := &decoder{facts: facts, loss: s.LossReason, currency: s.Currency, kinds: map[string]crm.Status{}, people: map[string]string{}, zone: zone, now: crm.At(now)}
	for _, p := range s.Pipelines {
		for _, st := range p.Stages {
			d.kinds[st.ID] = st.Kind
		}
	}
	for _, u := range s.Users {
		if u.UserID != "" {
			d.people[u.UserID] = u.ID
		}
	}
	return d
}

// fields reads one record's properties. Whatever the record lacks is taken out of known.
type fields struct {
	texts
	zone  *time.Location
	known crm.Fact
}

// text returns a property's value; a fact whose property the portal does not have is not known.
func (f *fields) text(fact crm.Fact, name string) string {
	v, ok := f.get(name)
	if !ok {
		f.known &^= fact
	}
	return v
}

// at returns a property's time; a fact whose value cannot be read is not known.
func (f *fields) at(fact crm.Fact, name string) crm.Instant {
	i, err := instant(f.text(fact, name), f.zone)
	if err != nil {
		f.known &^= fact
	}
	return i
}

// deal reads a record. An error says, without any value, why it cannot be used at all.
func (d *decoder) deal(r row) (crm.Deal, error) {
	stage, _ := r.Properties.get(propertyStage)
	switch {
	case r.bad != nil:
		return crm.Deal{}, errors.New("the record cannot be decoded")
	case r.ID == "":
		return crm.Deal{}, errors.New("the record has no id")
	case stage == "":
		return crm.Deal{}, errors.New("the deal has no stage")
	}
	f := &fields{texts: r.Properties, zone: d.zone, known: d.facts&^neverGiven | crm.FactModified}
	out := crm.Deal{ID: r.ID, Stage: stage, Archived: r.Archived}
	out.Pipeline, _ = f.get(propPipeline)
	if out.Modified = modified(r); out.Modified.IsZero() {
		f.known &^= crm.FactModified
	}
	if ids, _ := f.get(propMerged); ids != "" {
		out.Merged = slices.DeleteFunc(strings.Split(ids, ";"), func(id string) bool { return id == r.ID || id == "" })
	}
	d.record(f, &out, r)
	d.times(f, &out, r)
	d.work(f, &out, r)
	out.Known = f.known
	return out, nil
}

// modified is a record's modification time by HubSpot's clock.
func modified(r row) crm.Instant {
	text, _ := r.Properties.get(propModified)
	i, _ := instant(cmp.Or(text, r.UpdatedAt), time.UTC)
	return i
}

// record reads what the deal is.
func (d *decoder) record(f *fields, out *crm.Deal, r row) {
	out.Currency = d.currency
	if d.facts.Has(crm.FactName) {
		out.Name = f.text(crm.FactName, propName)
	}
	if d.facts.Has(crm.FactOwner) {
		out.Owner = f.text(crm.FactOwner, propOwner)
	}
	if d.facts.Has(crm.FactAmount) {
		if v := f.text(crm.FactAmount, propAmount); v != "" {
			var err error
			if out.Amount, err = crm.ParseAmount(v); err != nil {
				f.known &^= crm.FactAmount
			}
		}
		code, _ := f.get(propCurrency)
		out.Currency = cmp.Or(code, d.currency)
	}
	if d.facts.Has(crm.FactCompany) {
		out.Company = f.text(crm.FactCompany, propCompany)
	}
	if d.facts.Has(crm.FactType) {
		out.Type = f.text(crm.FactType, propType)
	}
	if d.facts.Has(crm.FactSource) {
		out.Source = channel(f.text(crm.FactSource, propChannel))
	}
	if d.facts.Has(crm.FactOrigin) {
		out.Origin = origin(f.text(crm.FactOrigin, propSource))
	}
	if d.facts.Has(crm.FactLossReason) {
		out.LossReason = f.text(crm.FactLossReason, d.loss.Field)
		if d.loss.TextField != "" {
			out.LossText, _ = f.get(d.loss.TextField)
		}
	}
	if d.facts.Has(crm.FactLossDetail) {
		if d.loss.DetailField == "" {
			f.known &^= crm.FactLossDetail
		} else {
			out.LossDetail = f.text(crm.FactLossDetail, d.loss.DetailField)
		}
	}
}

// times reads when things happened to the deal.
func (d *decoder) times(f *fields, out *crm.Deal, r row) {
	if d.facts.Has(crm.FactCreated) {
		if out.Created = f.at(0, propCreated); out.Created.IsZero() {
			out.Created, _ = instant(r.CreatedAt, f.zone)
		}
		if out.Created.IsZero() {
			f.known &^= crm.FactCreated
		}
	}
	if d.facts.Has(crm.FactCloseDate) {
		out.CloseDate = f.at(crm.FactCloseDate, propClose)
	}
	if d.facts.Has(crm.FactTouch) {
		out.Touch = f.at(crm.FactTouch, propTouch)
	}
	if d.facts.Has(crm.FactPlanned) {
		out.Planned = f.at(crm.FactPlanned, propPlanned)
	}
	if d.facts.Has(crm.FactBuyer) {
		d.buyer(f, out)
	}
	if d.facts.Has(crm.FactHistory) {
		if out.Moves = d.moves(r.History[propertyStage]); len(out.Moves) == 0 {
			f.known &^= crm.FactHistory
		}
	}
	d.stay(f, out)
}

// buyer reads the buyer's last activity: a reply, or a meeting that has been held.
func (d *decoder) buyer(f *fields, out *crm.Deal) {
	_, replies := f.get(propReply)
	_, meetings := f.get(propMeeting)
	if !replies && !meetings {
		f.known &^= crm.FactBuyer
		return
	}
	var reply, meeting crm.Instant
	if replies {
		reply = f.at(crm.FactBuyer, propReply)
	}
	if meetings {
		meeting = f.at(crm.FactBuyer, propMeeting)
	}
	if meeting > d.now {
		meeting = 0
	}
	out.Buyer = max(reply, meeting)
}

// stay reads since when the deal stands in its stage, and so when it was closed if it is. The history tells it best.
func (d *decoder) stay(f *fields, out *crm.Deal) {
	var entry crm.Instant
	if n := len(out.Moves); n > 0 && out.Moves[n-1].Stage == out.Stage {
		entry = out.Moves[n-1].At
	}
	if d.facts.Has(crm.FactStageEntry) {
		if out.StageEntry = entry; entry.IsZero() {
			out.StageEntry = f.at(crm.FactStageEntry, propStageEntry)
		}
		if out.StageEntry.IsZero() { // every deal has entered its stage at some time
			f.known &^= crm.FactStageEntry
		}
	}
	if kind, ok := d.kinds[out.Stage]; d.facts.Has(crm.FactClosed) && (!ok || kind != crm.Open) {
		if out.Closed = entry; entry.IsZero() {
			out.Closed = f.at(crm.FactClosed, propClose)
		}
		if out.Closed.IsZero() || !ok {
			f.known &^= crm.FactClosed
		}
	}
}

// moves reads the history of a deal's stage, which is given newest first. A value written again is no move.
func (d *decoder) moves(history []entry) []crm.StageMove {
	var out []crm.StageMove
	for _, e := range history {
		at, err := instant(e.Timestamp, d.zone)
		if err != nil || at.IsZero() {
			return nil // a history with a hole is none
		}
		out = append(out, crm.StageMove{Stage: e.Value, At: at, Origin: origin(e.SourceType)})
	}
	slices.Reverse(out)
	slices.SortStableFunc(out, func(a, b crm.StageMove) int { return cmp.Compare(a.At, b.At) })
	out = slices.DeleteFunc(out, func(m crm.StageMove) bool { return m.Stage == "" })
	return slices.CompactFunc(out, func(a, b crm.StageMove) bool { return a.Stage == b.Stage })
}
