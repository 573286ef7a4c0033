package audit

import "github.com/plumbline/plumbline/internal/crm"

// at is deal i with its visits as of the moment of the numbers; no visits where its history is not known. ok is false for a
// deal that there was not yet. The slice is good until the next call.
func (s *Stats) at(i int32) (r crm.Row, visits []Visit, ok bool) {
	r, moves, ok := s.rowAt(i)
	if !ok {
		return r, nil, false
	}
	s.visits, _ = s.layout.visitsBy(&r, moves, s.visits[:0])
	return r, s.visits, true
}

// rowAt is deal i as of the moment of the numbers, with the moves that it had made. It says what [AsOf] makes of the deal, without
// making a snapshot: what it says not to be known is not known.
func (s *Stats) rowAt(i int32) (r crm.Row, moves []crm.Move, ok bool) {
	r, moves = s.snap.Deal(i), s.snap.Moves(i)
	if !s.past {
		return r, moves, true
	}
	taken := s.snap.Taken
	if happened(r.Created, s.now, taken) {
		return r, nil, false
	}
	n := len(moves)
	for n > 0 && happened(moves[n-1].At, s.now, taken) {
		n--
	}
	whole := r.Known.Has(crm.FactHistory)
	if whole && n == 0 && len(moves) > 0 && (!r.Known.Has(crm.FactCreated) || r.Created.IsZero()) {
		return r, nil, false
	}
	closedLater := happened(r.Closed, s.now, taken)
	if reopened := r.Status != crm.Open && closedLater; reopened || n < len(moves) || happened(r.StageEntry, s.now, taken) {
		s.takeBack(&r, moves[:n], whole, reopened)
		moves = moves[:n]
	}
	s.forgetLater(&r, closedLater)
	return r, moves, true
}

// forgetLater takes back what the deal's fields tell of later times.
func (s *Stats) forgetLater(r *crm.Row, closedLater bool) {
	switch {
	case r.Status != crm.Open && (closedLater || r.Closed.IsZero()): // closed before, and since then open again
		r.Closed, r.Known = r.StageEntry, r.Known&^crm.FactCloser
		if r.Closed.IsZero() {
			r.Known &^= crm.FactClosed
		}
	case r.Status == crm.Open && closedLater:
		r.Closed, r.LossReason, r.LossText, r.LossDetail = 0, 0, 0, 0
		r.Known &^= crm.FactLossReason | crm.FactLossDetail
	}
	if none := r.Known.Has(crm.FactFirstTouch) && happened(s.snap.Engagement(r.Index).First, s.now, s.snap.Taken); none {
		r.Touch = 0
	} else if happened(r.Touch, s.now, s.snap.Taken) {
		r.Touch, r.Known = 0, r.Known&^crm.FactTouch
	}
	if happened(r.Buyer, s.now, s.snap.Taken) {
		r.Buyer, r.Known = 0, r.Known&^crm.FactBuyer
	}
	dates := s.snap.DateChanges(r.Index)
	n := len(dates)
	for n > 0 && happened(dates[n-1].At, s.now, s.snap.Taken) {
		n--
	}
	if n == len(dates) {
		return
	}
	r.CloseDate = 0
	if n > 0 {
		r.CloseDate = dates[n-1].To
	}
	if !r.Known.Has(crm.FactDates) {
		r.Known &^= crm.FactCloseDate
	}
}

// takeBack puts a deal where it was after the moves.
func (s *Stats) takeBack(r *crm.Row, moves []crm.Move, whole, reopened bool) {
	stage := int32(crm.None)
	if whole && len(moves) > 0 {
		stage = moves[len(moves)-1].Stage
	}
	if stage == crm.None {
		stage = unknownStage(s.snap, *r, reopened)
		r.Known &^= crm.FactHistory | crm.FactStageEntry
		r.StageEntry = 0
	} else {
		r.StageEntry = moves[len(moves)-1].At
		r.Known |= crm.FactStageEntry
	}
	if kind := s.layout.kind[stage]; s.snap.Schema.ClosedStages || kind != crm.Open {
		r.Status = kind
	} else if reopened {
		r.Status = crm.Open
	}
	r.Stage, r.Pipeline = stage, s.layout.pipeline[stage]
}
