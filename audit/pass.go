package audit

import (
	"iter"

	"github.com/plumbline/plumbline/internal/crm"
)

// Pass is what a check sees and where it reports: one check over one snapshot.
type Pass struct {
	// Snap is the snapshot, with nothing in it later than Now.
	Snap *crm.Snapshot
	// Now is the moment judged.
	Now crm.Instant
	// Stats are the numbers of the snapshot, worked out once for all policies.
	Stats *Stats

	check Check
	run   *runner
}

// Open yields the open, unarchived deals within the check's scope.
func (p *Pass) Open() iter.Seq[crm.Row] { return func(func(crm.Row) bool) {} }

// Lost yields the unarchived deals within the scope that were lost in the 365 days up to now. A lost deal whose closing
// time is not known is among them.
func (p *Pass) Lost() iter.Seq[crm.Row] { return func(func(crm.Row) bool) {} }

// OpenOrJustClosed yields the unarchived deals within the scope that are open or were closed in the last 30 days.
func (p *Pass) OpenOrJustClosed() iter.Seq[crm.Row] { return func(func(crm.Row) bool) {} }

// Pipelines yields the indexes of the pipelines within the scope that are not empty set-ups: every pipeline of the schema.
func (p *Pass) Pipelines() iter.Seq[int32] { return func(func(int32) bool) {} }

// OpenStages yields the flat indexes of a pipeline's open stages within the scope, in order.
func (p *Pass) OpenStages(pipeline int32) iter.Seq[int32] { return func(func(int32) bool) {} }

// Visits returns a deal's stays in stages, oldest first; the last one is not left (Left none) and is the present one. ok is
// false where the deal's history is not known.
func (p *Pass) Visits(r crm.Row) (visits []Visit, ok bool) { return nil, false }

// Skipped returns the flat indexes of the open stages that the deal skipped, in order (practices: skip), ok as in Visits.
func (p *Pass) Skipped(r crm.Row) (stages []int32, ok bool) { return nil, false }

// EntryOf returns when the deal entered its present stage: from its history, else the stage entry that the CRM gives.
func (p *Pass) EntryOf(r crm.Row) (crm.Instant, bool) { return 0, false }

// Today is the first instant of the present day in the account's zone.
func (p *Pass) Today() crm.Instant { return 0 }

// Visit is one stay of a deal in one stage.
type Visit struct {
	Stage         int32       // flat index, crm.None for a stage that no longer exists
	Entered, Left crm.Instant // Left is none for the present stay
	Origin        crm.Origin  // of the entry
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
func (p *Pass) OK(r crm.Row) {}

// Found reports that a deal is wrong.
func (p *Pass) Found(r crm.Row, f Found) {}

// Unknown reports that a deal could not be judged. why is a short clause for explanations: "its stage entry is not known".
func (p *Pass) Unknown(r crm.Row, need Need, why string) {}

// OKAt, FoundAt and UnknownAt report on a record that is no deal: a pipeline (pipeline index), a stage (flat stage index) or
// the portal (index 0).
func (p *Pass) OKAt(kind crm.Kind, index int32) {}

// FoundAt reports that a pipeline, a stage or the portal is wrong. See [Pass.OKAt].
func (p *Pass) FoundAt(kind crm.Kind, index int32, f Found) {}

// UnknownAt reports that a pipeline, a stage or the portal could not be judged. See [Pass.OKAt].
func (p *Pass) UnknownAt(kind crm.Kind, index int32, need Need, why string) {}

// Severity grades a finding: the configured severity where one is set, else the policy's own grade.
func (p *Pass) Severity(own Severity) Severity { return own }

type runner struct{}
