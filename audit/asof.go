package audit

import "github.com/plumbline/plumbline/internal/crm"

// later reports whether a snapshot has facts later than now.
func later(snap *crm.Snapshot, now crm.Instant) bool {
	c, taken := snap.Columns(), snap.Taken
	for i := range c.ID {
		if happened(c.Created[i], now, taken) || happened(c.Closed[i], now, taken) || happened(c.StageEntry[i], now, taken) ||
			happened(c.Touch[i], now, taken) || happened(c.Buyer[i], now, taken) {
			return true
		}
	}
	for _, col := range [][]crm.Instant{c.FirstTouch, c.FirstMeeting, c.FirstMail, c.QuotePublished, c.QuoteSigned, c.QuotePaid} {
		for _, at := range col {
			if happened(at, now, taken) {
				return true
			}
		}
	}
	for i := range c.Dates {
		if happened(c.Dates[i].At, now, taken) {
			return true
		}
	}
	for i := range c.Moves {
		if happened(c.Moves[i].At, now, taken) {
			return true
		}
	}
	return false
}

// happened reports whether a moment lies between now and the taking of the snapshot. One later still never happened: it is an
// impossible date, which is for policies to judge.
func happened(at, now, taken crm.Instant) bool { return at > now && at <= taken }

// AsOf returns the snapshot as it would have been taken at now, as far as its own facts tell. Deals created later are gone,
// later moves are taken back, and deals closed later are open again. What a later fact has overwritten is not known: the last
// touch before now and how many there were, the loss reason of a deal that is open again. Close dates go back to the value
// that they had where their history is known. Amounts, owners, contacts, line items and what is planned stay as they are,
// for nothing tells when they changed. A deal closed later whose history is not known stands in its pipeline's first open stage,
// entered nobody knows when. Dates later than the taking of the snapshot are impossible, not later, and stay.
func AsOf(snap *crm.Snapshot, now crm.Instant) *crm.Snapshot {
	b := crm.NewBuilder(snap.Portal, snap.CRM, snap.Schema)
	for i := range int32(snap.Len()) {
		if d, ok := dealAsOf(snap, i, now); ok {
			_ = b.Add(d) // its stage is of this very schema
		}
	}
	return b.Build(min(snap.Taken, now), snap.Asked, snap.Completeness)
}

func dealAsOf(snap *crm.Snapshot, i int32, now crm.Instant) (d crm.Deal, ok bool) {
	d = snap.Export(i)
	later := func(at crm.Instant) bool { return happened(at, now, snap.Taken) }
	if later(d.Created) {
		return d, false
	}
	status := snap.Deal(i).Status
	moves := snap.Moves(i)
	n := len(moves)
	for n > 0 && later(moves[n-1].At) {
		n--
	}
	whole := d.Known.Has(crm.FactHistory)
	if born := d.Known.Has(crm.FactCreated) && !d.Created.IsZero(); whole && n == 0 && len(moves) > 0 && !born {
		return d, false // its whole life is later
	}
	reopened := status != crm.Open && later(d.Closed)
	if n < len(moves) || later(d.StageEntry) || reopened {
		stage := int32(crm.None)
		if whole && n > 0 {
			stage = moves[n-1].Stage
		}
		if stage == crm.None {
			stage = unknownStage(snap, snap.Deal(i), reopened)
			d.Known &^= crm.FactHistory | crm.FactStageEntry
			d.StageEntry = 0
		} else {
			d.StageEntry = moves[n-1].At
			d.Known |= crm.FactStageEntry
		}
		if snap.Schema.ClosedStages || snap.Stage(stage).Kind != crm.Open {
			status = snap.Stage(stage).Kind
		} else if reopened {
			status = crm.Open
		}
		d.Pipeline, d.Stage = snap.Schema.Pipelines[snap.PipelineOf(stage)].ID, snap.Stage(stage).ID
		d.Moves = d.Moves[:n]
	}
	d.Status = &status
	takeBack(&d, status, later)
	if status == crm.Open && later(d.Closed) {
		d.Closed = 0
		d.LossReason, d.LossText, d.LossDetail = "", "", ""
		d.Known &^= crm.FactLossReason | crm.FactLossDetail
	}
	if later(d.Buyer) {
		d.Buyer, d.Known = 0, d.Known&^crm.FactBuyer
	}
	return d, true
}

// takeBack takes back of a deal what happened later, but for its way through the stages.
func takeBack(d *crm.Deal, status crm.Status, later func(crm.Instant) bool) {
	forget := func(f crm.Fact) { d.Known &^= f }
	switch {
	case status == crm.Open:
		d.Closer = ""
	case d.Closed.IsZero() || later(d.Closed): // closed before, and since then open again
		d.Closed, d.Closer = d.StageEntry, ""
		forget(crm.FactCloser)
		if d.Closed.IsZero() {
			forget(crm.FactClosed)
		}
	}
	if later(d.Updated) {
		d.Updated = 0
		forget(crm.FactUpdated)
	}
	if later(d.Modified) {
		d.Editor = ""
		forget(crm.FactEditor)
	}
	takeBackTouches(d, later)
	switch {
	case later(d.Quote.Published):
		d.Quote = crm.Quote{}
		forget(crm.FactQuotes) // there may have been another one
	case later(d.Quote.Signed):
		d.Quote.Signed, d.Quote.Paid = 0, 0
	case later(d.Quote.Paid):
		d.Quote.Paid = 0
	}
	n := len(d.Dates)
	for n > 0 && later(d.Dates[n-1].At) {
		n--
	}
	if n < len(d.Dates) {
		d.Dates = d.Dates[:n]
		d.CloseDate = 0
		if n > 0 {
			d.CloseDate = d.Dates[n-1].To
		}
		if !d.Known.Has(crm.FactDates) {
			forget(crm.FactCloseDate)
		}
	}
}

// takeBackTouches takes back the touches that came later: none is left where the first did, else the last is not known.
func takeBackTouches(d *crm.Deal, later func(crm.Instant) bool) {
	none := d.Known.Has(crm.FactFirstTouch) && later(d.FirstTouch)
	if none || later(d.Touch) {
		d.Touches = 0
		if d.Touch = 0; !none {
			d.Known &^= crm.FactTouch | crm.FactTouches
		}
	} else if !d.Known.Has(crm.FactTouch) {
		d.Touches = 0
		d.Known &^= crm.FactTouches // nothing tells when the last of them was
	}
	for _, at := range []*crm.Instant{&d.FirstTouch, &d.FirstMeeting, &d.FirstMail} {
		if later(*at) {
			*at = 0
		}
	}
}

// unknownStage is where a deal is put whose stage at the moment is not known: where it is now, unless it has been closed since.
func unknownStage(snap *crm.Snapshot, r crm.Row, reopened bool) int32 {
	if !reopened {
		return r.Stage
	}
	for s := range snap.Schema.Pipelines[r.Pipeline].Stages {
		if flat := snap.StageIndex(r.Pipeline, int32(s)); snap.Stage(flat).Kind == crm.Open {
			return flat
		}
	}
	return r.Stage
}
