package mirror

import (
	"slices"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// settle makes a deal as it came from the CRM agree with itself and with what was seen of it before.
func (r *run) settle(d *crm.Deal) {
	var before *crm.Deal
	if r.base != nil {
		if i, ok := r.base.Find(d.ID); ok {
			old := r.base.Export(i)
			before = &old
		}
	}
	if d.Known.Has(crm.FactHistory) {
		reconcile(d, before)
	} else if before != nil {
		observe(d, before, r.sync.Facts)
		if r.sync.Facts.Has(crm.FactHistory) && r.followed(d, before) {
			d.Known |= crm.FactHistory
			if d.Stage == before.Stage {
				d.Moves = before.Moves
			}
		}
	}
	if before != nil {
		remember(d, before, r.sync.Facts)
	}
	r.hideOwnTask(d, before)
}

// remember keeps what a CRM does not tell again. When something happened first, a walk may tell only while it is the only one of
// its kind. What was told of a deal alone stays: who closed it, while it is closed as it was, and the values of its close date,
// while it shows the last of them. One that shows another value is to be asked again: who set it, and what lay between, no walk
// tells.
func remember(d, before *crm.Deal, asked crm.Fact) {
	told := func(f crm.Fact) bool { return asked.Has(f) && before.Known.Has(f) && !d.Known.Has(f) }
	status := func(d *crm.Deal) crm.Status {
		if d.Status == nil {
			return crm.Open
		}
		return *d.Status
	}
	if told(crm.FactCloser) && status(d) == status(before) && d.Stage == before.Stage && d.Known.Has(crm.FactClosed) && d.Closed == before.Closed {
		d.Closer, d.Known = before.Closer, d.Known|crm.FactCloser
	}
	if told(crm.FactDates) && d.Known.Has(crm.FactCloseDate) && d.CloseDate == before.CloseDate {
		d.Dates, d.Known = before.Dates, d.Known|crm.FactDates
	}
	for _, first := range []struct {
		fact crm.Fact
		was  crm.Instant
		is   *crm.Instant
	}{
		{crm.FactFirstTouch, before.FirstTouch, &d.FirstTouch}, {crm.FactFirstMeeting, before.FirstMeeting, &d.FirstMeeting},
		{crm.FactFirstMail, before.FirstMail, &d.FirstMail},
	} {
		if told(first.fact) && !first.was.IsZero() {
			*first.is, d.Known = first.was, d.Known|first.fact
		}
	}
}

// reconcile adds the move that a deal's history does not show yet: a history can be behind the stage. It was made when the
// deal was modified at the latest; once noted, the time stays.
func reconcile(d, before *crm.Deal) {
	n := len(d.Moves)
	slices.SortStableFunc(d.Moves, func(a, b crm.StageMove) int { return int(min(max(a.At-b.At, -1), 1)) })
	if n == 0 || d.Moves[n-1].Stage == d.Stage {
		return
	}
	last := d.Moves[n-1].At
	at := d.Modified
	if d.Known.Has(crm.FactStageEntry) && d.StageEntry > last {
		at = d.StageEntry
	}
	if before != nil && before.Stage == d.Stage && len(before.Moves) > 0 {
		if seen := before.Moves[len(before.Moves)-1]; seen.Stage == d.Stage && seen.At > last {
			at = seen.At
		}
	}
	at = max(at, last)
	d.Moves = append(d.Moves, crm.StageMove{Stage: d.Stage, At: at})
	if d.Known.Has(crm.FactStageEntry) {
		d.StageEntry = at
	}
}

// observe keeps the moves that were seen between two syncs, for a CRM that tells no history: they cost nothing, and they
// are not all.
func observe(d, before *crm.Deal, asked crm.Fact) {
	moves := slices.Clone(before.Moves)
	if len(moves) == 0 && before.Known.Has(crm.FactStageEntry) && !before.StageEntry.IsZero() {
		moves = append(moves, crm.StageMove{Stage: before.Stage, At: before.StageEntry})
	}
	if before.Stage != d.Stage {
		at := d.Modified
		if d.Known.Has(crm.FactStageEntry) && d.StageEntry >= before.StageEntry && !d.StageEntry.IsZero() {
			at = d.StageEntry
		}
		if n := len(moves); n > 0 {
			at = max(at, moves[n-1].At)
		}
		moves = append(moves, crm.StageMove{Stage: d.Stage, At: at})
		if asked.Has(crm.FactStageEntry) && !d.Known.Has(crm.FactStageEntry) {
			d.StageEntry, d.Known = at, d.Known|crm.FactStageEntry
		}
	} else if !d.Known.Has(crm.FactStageEntry) && before.Known.Has(crm.FactStageEntry) && asked.Has(crm.FactStageEntry) {
		d.StageEntry, d.Known = before.StageEntry, d.Known|crm.FactStageEntry
	}
	for _, m := range d.Moves {
		if !slices.ContainsFunc(moves, func(o crm.StageMove) bool { return o.Stage == m.Stage && o.At == m.At }) {
			moves = append(moves, m)
		}
	}
	d.Moves = moves
}

// followed reports whether the way of a deal that was known whole is still: it stayed where it was, or it moved once. Two
// moves between two syncs look like one, and so may leave a stage out; a move to the next stage or back to the one before is
// taken for the one that it seems to be.
func (r *run) followed(d, before *crm.Deal) bool {
	switch {
	case !before.Known.Has(crm.FactHistory|crm.FactStageEntry) || !d.Known.Has(crm.FactStageEntry):
		return false
	case d.Stage == before.Stage:
		return d.StageEntry <= before.StageEntry
	}
	from, to := r.place(before.Pipeline, before.Stage), r.place(d.Pipeline, d.Stage)
	return d.Pipeline == before.Pipeline && from >= 0 && to >= 0 && (to == from+1 || to == from-1)
}

// place is where a stage stands in its pipeline, -1 where it does not.
func (r *run) place(pipeline, stage string) int {
	for _, p := range r.schema.Pipelines {
		if p.ID == pipeline {
			return slices.IndexFunc(p.Stages, func(s crm.Stage) bool { return s.ID == stage })
		}
	}
	return -1
}

// hideOwnTask takes away a next activity that is a task of ours: what we did is no sign of life. What is planned behind it
// the CRM does not tell; what was seen there before our task came stays until its time has passed.
func (r *run) hideOwnTask(d, before *crm.Deal) {
	var was crm.Deal
	if before != nil {
		was = *before
	}
	d.Planned, d.NextDue = r.notOurs(d.ID, d.Planned, was.Planned), r.notOurs(d.ID, d.NextDue, was.NextDue)
}

// notOurs is the time of a deal's next activity, or that of the one seen before where it is a task of ours.
func (r *run) notOurs(deal string, at, before crm.Instant) crm.Instant {
	if at.IsZero() {
		return 0
	}
	for _, due := range r.own[deal] {
		if !at.Time().Truncate(time.Second).Equal(due.Time().Truncate(time.Second)) {
			continue
		}
		if before > at && before > crm.At(r.opts.Now()) {
			return before
		}
		return 0
	}
	return at
}
