package crm

import (
	"fmt"
	"maps"
)

// Op says what an edit does to its target.
type Op string

// The operations.
const (
	OpSet         Op = "set"          // write the fields of After into an existing record
	OpAddTask     Op = "add-task"     // create a task for a deal's owner
	OpAddProperty Op = "add-property" // create a property of deals
	OpRemove      Op = "remove"       // delete a record that we created
)

// The neutral names of fields in an [Edit]. Values are the CRM's own text as read; "" clears a field.
const (
	FieldStage     = "stage"
	FieldPipeline  = "pipeline"
	FieldOwner     = "owner"
	FieldCloseDate = "close_date" // YYYY-MM-DD in After; as the CRM stores it in Before
	FieldAmount    = "amount"
	// The connector maps the two loss reason fields to the properties that Schema.LossReason names; see also [PropertyField].
	FieldLossReason = "lost_reason"
	FieldLossDetail = "lost_reason_detail"

	FieldDeal    = "deal" // the deal that a created task belongs to
	FieldSubject = "subject"
	FieldBody    = "body"
	FieldDue     = "due" // RFC 3339

	FieldName    = "name" // of a property: its internal name
	FieldLabel   = "label"
	FieldType    = "type"    // enumeration | string
	FieldOptions = "options" // JSON array of [Option], in order

	FieldRotDays     = "rot_days"    // of a stage: days without activity after which a deal rots; "" switches rotting off
	FieldProbability = "probability" // of a stage, in the CRM's own unit
)

// Fields maps neutral field names to values.
type Fields map[string]string

// Edit is one change to one record, as data.
type Edit struct {
	// Key identifies the edit for ever; it is written into records that the edit creates, and looked up before a second try.
	Key    string `json:"key"`
	Target Ref    `json:"target"` // ID "" for a record to be created
	Op     Op     `json:"op"`
	Before Fields `json:"before"` // what the record must still show for the edit to be done
	After  Fields `json:"after"`
}

// Outcome tells what became of an edit that was sent.
type Outcome string

// The outcomes.
const (
	OutcomeApplied  Outcome = "applied"  // it took effect
	OutcomeRejected Outcome = "rejected" // the CRM refused it, nothing changed
	OutcomeUnknown  Outcome = "unknown"  // it may have taken effect: read before any second try
)

// Receipt is the CRM's answer to one edit.
type Receipt struct {
	Key       string  `json:"key"`
	Outcome   Outcome `json:"outcome"`
	ID        string  `json:"id"`              // of the record written or created
	After     Fields  `json:"after,omitempty"` // as stored, where the answer says
	RequestID string  `json:"request_id,omitempty"`
	Why       string  `json:"why,omitempty"`
	// Again tells of a rejected edit that nothing is wrong with it: the CRM was busy or out of reach, and it can be sent again.
	Again bool `json:"again,omitempty"`
}

// Inverse returns the edit that undoes e, given the receipt of e. Its key is new and derived from e's.
func (e Edit) Inverse(r Receipt) (Edit, error) {
	switch e.Op {
	case OpSet:
		return Edit{Key: e.Key + ".undo", Target: e.Target, Op: OpSet, Before: maps.Clone(e.After), After: maps.Clone(e.Before)}, nil
	case OpAddTask, OpAddProperty:
		if r.ID == "" {
			return Edit{}, fmt.Errorf("undo of %s: the created record's id is not known", e.Op)
		}
		target := e.Target
		target.ID = r.ID
		return Edit{Key: e.Key + ".undo", Target: target, Op: OpRemove, Before: maps.Clone(e.After), After: Fields{}}, nil
	default:
		return Edit{}, fmt.Errorf("undo of %q: there is no inverse", e.Op)
	}
}

// PropertyField names a CRM's own property as a field of an edit, for properties that have no neutral name.
func PropertyField(name string) string { return "property." + name }
