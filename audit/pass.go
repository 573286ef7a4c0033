package audit

import (
	"fmt"
	"iter"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// The windows that decide whom a policy judges.
const (
	lossWindow   = 365 * 24 * time.Hour
	closedWindow = 30 * 24 * time.Hour
)

// Pass is what a check sees and where it reports: one check over one snapshot.
type Pass struct {
	// Snap is the snapshot, with nothing in it later than Now.
	Snap *crm.Snapshot
	// Now is the moment judged.
	Now crm.Instant
	// Stats are the numbers of the snapshot, worked out once for all policies.
	Stats *Stats

	check  *Check
	scope  *scope
	run    *runner
	count  *Judged // of the policy
	family uint8   // the bit of the policy's family
	visits []Visit
	stages []int32
	used   Settings // of the check, made with its first finding
	asked  bool
}

// settings are the check's settings in force, one map for all its findings.
func (p *Pass) settings() Settings {
	if !p.asked {
		p.used, p.asked = p.check.Effective(), true
	}
	return p.used
}

// Open yields the open, unarchived deals within the check's scope.
func (p *Pass) Open() iter.Seq[crm.Row] {
	return p.rows(func(c *crm.Columns, i int) bool { return c.Status[i] == crm.Open })
}

// Lost yields the unarchived deals within the scope that were lost in the 365 days up to now. A lost deal whose closing
// time is not known is among them.
func (p *Pass) Lost() iter.Seq[crm.Row] {
	return p.rows(func(c *crm.Columns, i int) bool { return lostLately(c, i, p.Now) })
}

// Won yields the unarchived deals within the scope that were won in the 365 days up to now. A won deal whose closing time is
// not known is among them.
func (p *Pass) Won() iter.Seq[crm.Row] {
	return p.rows(func(c *crm.Columns, i int) bool { return closedLately(c, i, crm.Won, p.Now) })
}

// All yields every unarchived deal within the scope, however long ago it was closed.
func (p *Pass) All() iter.Seq[crm.Row] {
	return p.rows(func(*crm.Columns, int) bool { return true })
}

// OpenOrJustClosed yields the unarchived deals within the scope that are open or were closed in the last 30 days.
func (p *Pass) OpenOrJustClosed() iter.Seq[crm.Row] {
	after := p.Now.Add(-closedWindow)
	return p.rows(func(c *crm.Columns, i int) bool {
		return c.Status[i] == crm.Open || c.Known[i].Has(crm.FactClosed) && c.Closed[i] > after
	})
}

func lostLately(c *crm.Columns, i int, now crm.Instant) bool {
	return closedLately(c, i, crm.Lost, now)
}

func closedLately(c *crm.Columns, i int, as crm.Status, now crm.Instant) bool {
	return c.Status[i] == as && (!c.Known[i].Has(crm.FactClosed) || c.Closed[i].IsZero() || c.Closed[i] > now.Add(-lossWindow))
}

func (p *Pass) rows(among func(c *crm.Columns, i int) bool) iter.Seq[crm.Row] {
	return func(yield func(crm.Row) bool) {
		c := p.Snap.Columns()
		for i := range c.ID {
			if !c.Archived[i] && p.scope.has(c, i) && among(c, i) && !yield(p.Snap.Deal(int32(i))) {
				return
			}
		}
	}
}

// Pipelines yields the indexes of the pipelines within the scope; for a policy about stages, of those with a stage in it.
func (p *Pass) Pipelines() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for i, in := range p.scope.pipelines {
			if in && !yield(int32(i)) {
				return
			}
		}
	}
}

// OpenStages yields the flat indexes of a pipeline's open stages, in order; for a policy about stages only those in scope.
func (p *Pass) OpenStages(pipeline int32) iter.Seq[int32] {
	l := p.run.layout
	narrow := p.check.Policy.Subject == crm.KindStage
	return func(yield func(int32) bool) {
		for s := l.first[pipeline]; s < l.first[pipeline+1]; s++ {
			if l.kind[s] == crm.Open && (!narrow || p.scope.stages[s]) && !yield(s) {
				return
			}
		}
	}
}

// Stages yields the flat indexes of all stages of a pipeline, closed ones too, in order; for a policy about stages only those
// in scope.
func (p *Pass) Stages(pipeline int32) iter.Seq[int32] {
	l := p.run.layout
	narrow := p.check.Policy.Subject == crm.KindStage
	return func(yield func(int32) bool) {
		for s := l.first[pipeline]; s < l.first[pipeline+1]; s++ {
			if (!narrow || p.scope.stages[s]) && !yield(s) {
				return
			}
		}
	}
}

// Visits returns a deal's stays in stages, oldest first; the last one is not left (Left none) and is the present one, unless
// the deal was closed in it by a status of its own. ok is false where the deal's history is not known. The slice is good until
// the next call.
func (p *Pass) Visits(r crm.Row) (visits []Visit, ok bool) {
	p.visits, ok = p.run.layout.visits(p.Snap, &r, p.visits[:0])
	return p.visits, ok
}

// Skipped returns the flat indexes of the open stages that the deal skipped, in order (practices: skip), ok as in Visits. The
// slice is good until the next call.
func (p *Pass) Skipped(r crm.Row) (stages []int32, ok bool) {
	visits, ok := p.Visits(r)
	if !ok {
		return nil, false
	}
	p.stages = p.run.layout.skipped(visits, r.Pipeline, r.Status == crm.Won, p.stages[:0])
	return p.stages, true
}

// EntryOf returns when the deal entered its present stage: from its history, else the stage entry that the CRM gives.
func (p *Pass) EntryOf(r crm.Row) (crm.Instant, bool) {
	if visits, ok := p.Visits(r); ok {
		return visits[len(visits)-1].Entered, true
	}
	return r.StageEntry, r.Known.Has(crm.FactStageEntry) && !r.StageEntry.IsZero()
}

// Today is the first instant of the present day in the account's zone.
func (p *Pass) Today() crm.Instant { return dayOf(p.Now, p.Snap.Zone()) }

func dayOf(i crm.Instant, zone *time.Location) crm.Instant {
	y, m, d := i.Time().In(zone).Date()
	return crm.At(time.Date(y, m, d, 0, 0, 0, 0, zone))
}

// Found is what a check says of a record that is wrong.
type Found struct {
	Severity Severity
	Key      string
	Facts    Facts
	Value    crm.Money // none: the deal's own amount, for deals
	Since    crm.Instant
	Fix      *Fix
}

// OK reports that a deal was judged and nothing is wrong with it.
func (p *Pass) OK(r crm.Row) { p.OKAt(crm.KindDeal, r.Index) }

// Found reports that a deal is wrong. A second finding on one deal needs another Key.
func (p *Pass) Found(r crm.Row, f Found) {
	if f.Value.IsZero() {
		f.Value = p.Snap.Money(r)
	}
	p.FoundAt(crm.KindDeal, r.Index, f)
}

// Unknown reports that a deal could not be judged. why is a short clause for explanations: "its stage entry is not known".
func (p *Pass) Unknown(r crm.Row, need Need, why string) {
	p.UnknownAt(crm.KindDeal, r.Index, need, why)
}

// OKAt reports, like FoundAt and UnknownAt, on any record by its kind and place: a pipeline (pipeline index), a stage (flat stage
// index), an owner (index into Schema.Users), the portal or its loss reason property (index 0).
func (p *Pass) OKAt(kind crm.Kind, index int32) {
	ref := record{kind, index}
	if p.run.outcome(p, ref) != unreported {
		p.twice(ref)
	}
	p.run.judge(p, ref, passed)
}

// FoundAt reports that a record is wrong. See [Pass.OKAt].
func (p *Pass) FoundAt(kind crm.Kind, index int32, f Found) {
	ref := record{kind, index}
	switch p.run.outcome(p, ref) {
	case unreported:
		p.run.judge(p, ref, failed)
	case failed:
		if p.run.reported(p, ref, f.Key) {
			p.twice(ref)
		}
	default:
		p.twice(ref)
	}
	p.run.add(p, ref, f)
}

// UnknownAt reports that a record could not be judged. See [Pass.OKAt].
func (p *Pass) UnknownAt(kind crm.Kind, index int32, need Need, why string) {
	ref := record{kind, index}
	if p.run.outcome(p, ref) != unreported {
		p.twice(ref)
	}
	p.run.skip(p, ref, need, why)
}

// twice stops a policy that reports more than once on one record: its counts would be wrong.
func (p *Pass) twice(ref record) {
	panic(fmt.Sprintf("reports twice on %s %s", ref.kind, p.run.subject(ref).ID))
}

// Severity grades a finding: the configured severity where one is set, else the policy's own grade.
func (p *Pass) Severity(own Severity) Severity {
	if p.check.Severity != NoSeverity {
		return p.check.Severity
	}
	return own
}
