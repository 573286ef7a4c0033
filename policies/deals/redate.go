package deals

import (
	"math"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// judgedFirst are the policies that say whether a deal is still alive: a deal that is stale or too old gets no new date.
func judgedFirst() []string { return []string{"open-too-long", "stale-in-stage"} }

// redate is the fix for a missing or past close date: today plus the median of the days that won deals still needed from the
// deal's stage and age in it, on a working day. Where the deal looks dead, or that median is not known, its owner gets a task
// to commit to a date instead.
func redate(p *audit.Pass, r crm.Row, minWon int, before crm.Fields) *audit.Fix {
	date, ok := expected(p, r, minWon)
	if !ok {
		return task(p, r)
	}
	return &audit.Fix{Kind: audit.FixCloseDate, Edits: []crm.Edit{{
		Target: deal(p, r),
		Op:     crm.OpSet,
		Before: before,
		After:  crm.Fields{crm.FieldCloseDate: date},
	}}}
}

// expected is the date by which won deals like this one were won; ok is false where it may not be told.
func expected(p *audit.Pass, r crm.Row, minWon int) (date string, ok bool) {
	entry, ok := p.EntryOf(r)
	if !ok || !r.Known.Has(crm.FactCreated) || p.Stats.PresumedLost(r) {
		return "", false
	}
	for _, id := range judgedFirst() {
		if p.Flagged(id, crm.KindDeal, r.Index) {
			return "", false
		}
	}
	needed := p.Stats.Remaining(r.Stage, p.Now.Days(entry))
	if needed.N() < max(1, minWon) {
		return "", false
	}
	today := p.Today().Time().In(p.Snap.Zone())
	return onWorkingDay(today.AddDate(0, 0, int(math.Ceil(needed.Quantile(0.5))))).Format(time.DateOnly), true
}
