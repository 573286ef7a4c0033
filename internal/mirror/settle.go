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
	}
	r.hideOwnTask(d, before)
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

// hideOwnTask takes away a next activity that is a task of ours: what we did is no sign of life. What is planned behind it
// the CRM does not tell; what was seen there before our task came stays until its time has passed.
func (r *run) hideOwnTask(d, before *crm.Deal) {
	if d.Planned.IsZero() {
		return
	}
	for _, due := range r.own[d.ID] {
		if !d.Planned.Time().Truncate(time.Second).Equal(due.Time().Truncate(time.Second)) {
			continue
		}
		ours := d.Planned
		d.Planned = 0
		if before != nil && before.Planned > ours && before.Planned > crm.At(r.opts.Now()) {
			d.Planned = before.Planned
		}
		return
	}
}
