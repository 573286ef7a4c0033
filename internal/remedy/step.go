package remedy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// State is how far a step has come.
type State string

// The states. Proposed, approved and applying steps are open: something will or may still happen to the portal.
const (
	Proposed   State = "proposed"   // waits for a decision
	Approved   State = "approved"   // waits to be applied
	Rejected   State = "rejected"   // a person said no; the finding is muted
	Expired    State = "expired"    // its finding is gone
	Superseded State = "superseded" // another step took its place, or must come first
	Manual     State = "manual"     // only a person can do it
	Applying   State = "applying"   // its request may be on the wire, or its outcome is not known
	Applied    State = "applied"    // done and seen in the live record
	Stale      State = "stale"      // the live record no longer showed what the step was made for
	Failed     State = "failed"     // refused by the CRM, or accepted and not stored
	Undone     State = "undone"     // taken back; the finding is muted
)

// Open reports whether the step still waits or is under way.
func (s State) Open() bool { return s == Proposed || s == Approved || s == Applying }

// next lists, per state, the states that may follow it.
func (s State) next() []State {
	switch s {
	case "":
		return []State{Proposed, Approved, Manual}
	case Proposed:
		return []State{Approved, Rejected, Expired, Superseded, Manual}
	case Manual:
		return []State{Proposed, Rejected, Expired, Superseded}
	case Approved:
		// Back to proposed or manual when the edit changed after it was approved. Straight to applied or stale when the live
		// record already shows After, or neither Before nor After: no request leaves then.
		return []State{Applying, Applied, Stale, Rejected, Proposed, Manual, Superseded}
	case Applying:
		return []State{Applied, Stale, Failed, Approved}
	case Failed:
		return []State{Approved, Rejected}
	case Applied:
		return []State{Undone}
	default:
		return nil
	}
}

// Risk grades what a step could spoil.
type Risk string

// The risks.
const (
	RiskLow    Risk = "low"    // adds something that can be removed again
	RiskMedium Risk = "medium" // changes a value that an undo restores
	RiskHigh   Risk = "high"   // closes or moves a deal, or cannot wholly be undone
)

// Step is one edit of a plan on its way. Its id is derived from the portal, the finding and what the edit is about, so the
// same problem gives the same step in every plan.
type Step struct {
	ID      string `json:"id"`
	Base    string `json:"base"`    // the id of the first step of its kind; later ones, after the problem was gone, differ in ID
	Version int    `json:"version"` // from 1; rises when the edit changes; an approval holds for the version it saw
	Rev     int    `json:"-"`       // the stored row's revision, kept by the store: 0 is a step that was never stored
	Portal  string `json:"portal"`
	Plan    string `json:"plan"` // the plan that made or last changed it

	Finding  string         `json:"finding"`
	Policy   string         `json:"policy"`
	Subject  crm.Ref        `json:"subject"` // of the finding
	Severity audit.Severity `json:"severity"`
	Value    crm.Money      `json:"value"`
	Deal     string         `json:"deal,omitempty"` // the deal that it changes, or that its task is for

	// Edit is the change; its Op is "" for a manual step that no edit stands behind.
	Edit         crm.Edit   `json:"edit"`
	Needs        []string   `json:"needs,omitempty"` // steps that must be applied first
	Summary      string     `json:"summary"`
	Risk         Risk       `json:"risk"`
	Irreversible []string   `json:"irreversible,omitempty"`
	Mode         audit.Mode `json:"mode"`

	State     State       `json:"state"`
	Why       string      `json:"why,omitempty"` // why it is in this state, where that needs saying
	Decisions []Decision  `json:"decisions,omitempty"`
	Outcome   Outcome     `json:"outcome"`
	Undoes    string      `json:"undoes,omitempty"` // the step that this one takes back
	Made      crm.Instant `json:"made"`
	Updated   crm.Instant `json:"updated"`
	// Ended is when the step stopped standing for its finding: the finding was gone from a complete audit, or a later
	// step took over. None: while the finding lasts, no second step of the same base is made.
	Ended crm.Instant `json:"ended"`
}

// Decision is one word on a step.
type Decision struct {
	Who     string      `json:"who"`
	At      crm.Instant `json:"at"`
	Verdict State       `json:"verdict"` // approved | rejected
	Version int         `json:"version"` // that it saw
}

// Outcome is what came of applying a step.
type Outcome struct {
	Run     string      `json:"run,omitempty"`
	Sent    crm.Instant `json:"sent"`             // when the last request was about to leave; none: no request left
	Before  crm.Fields  `json:"before,omitempty"` // the written fields' text as it was read right before the write
	After   crm.Fields  `json:"after,omitempty"`  // the same as read right after
	Receipt crm.Receipt `json:"receipt"`
	// Conflicts are fields that an undo left alone, because they no longer showed our value.
	Conflicts []string `json:"conflicts,omitempty"`
}

// move changes the state; it fails for a change that the life of a step does not have.
func (s *Step) move(to State, why string, at crm.Instant) error {
	if !slices.Contains(s.State.next(), to) {
		return fmt.Errorf("step %s: it is %s and cannot become %s", s.ID, s.State, to)
	}
	s.State, s.Why, s.Updated = to, why, at
	return nil
}

// Unasked reports whether nobody but the configuration approved the step.
func (s *Step) Unasked() bool {
	for _, d := range s.Decisions {
		if d.Verdict == Approved && d.Version == s.Version && d.Who != autoWho {
			return false
		}
	}
	return s.Undoes == ""
}

// creates reports whether the step makes a new record.
func (s *Step) creates() bool { return s.Edit.Op == crm.OpAddTask || s.Edit.Op == crm.OpAddProperty }

// fields are the names of the fields that the edit writes, sorted.
func (s *Step) fields() []string { return slices.Sorted(maps.Keys(s.Edit.After)) }

// exclusive reports whether the step closes, moves or re-dates a deal: of these a deal gets one at a time.
func exclusive(e crm.Edit) bool {
	if e.Op != crm.OpSet || e.Target.Kind != crm.KindDeal {
		return false
	}
	for _, f := range []string{crm.FieldStage, crm.FieldPipeline, crm.FieldCloseDate} {
		if _, ok := e.After[f]; ok {
			return true
		}
	}
	return false
}

// Change is a step as it is to be stored, and the journal's row about it; nil for what is not worth a row.
type Change struct {
	Step  *Step
	Entry *Entry
}

// Filter selects steps. Empty parts select everything.
type Filter struct {
	Portal string
	IDs    []string
	States []State
	Policy string
	Run    string
	Undoes []string
	// Living leaves out steps that ended before Since.
	Living bool
	Since  crm.Instant
}

// Store keeps steps, plans and the journal.
type Store interface {
	// Steps returns the steps that a filter selects, by the time they were made and by id.
	Steps(ctx context.Context, f Filter) ([]Step, error)
	// Episodes counts a portal's steps by base, ended or not.
	Episodes(ctx context.Context, portal string) (map[string]int, error)
	// SavePlan keeps a plan without its steps.
	SavePlan(ctx context.Context, p Plan) error
	// Record stores changes and appends their entries to the journal, in order, all in one transaction. It raises the Rev
	// of each step and fails with an error that wraps [ErrConflict], changing nothing, when a step's Rev is not the stored one.
	Record(ctx context.Context, changes []Change) error
}

// ErrConflict tells that a step was changed by someone else in the meantime.
var ErrConflict = errors.New("the step was changed by someone else meanwhile")

// shortHash is the first 16 hex digits of SHA-256 over the parts, joined by NUL.
func shortHash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// baseID derives a step's base from the portal, the finding and what the edit is about; values play no part in it.
func baseID(portal, finding string, e crm.Edit, manual string) string {
	about := []string{portal, finding, string(e.Op), string(e.Target.Kind), e.Target.ID, manual}
	switch e.Op {
	case crm.OpAddTask:
		about = append(about, e.After[crm.FieldDeal])
	case crm.OpAddProperty:
		about = append(about, e.After[crm.FieldName])
	case crm.OpSet:
		about = append(about, slices.Sorted(maps.Keys(e.After))...)
	}
	return shortHash(about...)
}

// episodeID is the id of the n-th step of a base; the first carries the base itself.
func episodeID(base string, n int) string {
	if n == 0 {
		return base
	}
	return shortHash(base, fmt.Sprint(n))
}

type editJSON struct {
	Kind   crm.Kind   `json:"kind"`
	ID     string     `json:"id"`
	Op     crm.Op     `json:"op"`
	Before crm.Fields `json:"before"`
	After  crm.Fields `json:"after"`
}

type stepJSON struct {
	ID           string     `json:"id"`
	Version      int        `json:"version"`
	State        State      `json:"state"`
	Policy       string     `json:"policy"`
	Finding      string     `json:"finding"`
	Summary      string     `json:"summary"`
	Why          string     `json:"why,omitempty"`
	Risk         Risk       `json:"risk"`
	Irreversible []string   `json:"irreversible"`
	Needs        []string   `json:"needs"`
	Edits        []editJSON `json:"edits"`
}

// public is the step as `plan --format json` shows it.
func (s *Step) public() stepJSON {
	j := stepJSON{
		ID: s.ID, Version: s.Version, State: s.State, Policy: s.Policy, Finding: s.Finding, Summary: s.Summary, Why: s.Why,
		Risk: s.Risk, Irreversible: orEmpty(s.Irreversible), Needs: orEmpty(s.Needs), Edits: []editJSON{},
	}
	if s.Edit.Op != "" {
		j.Edits = append(j.Edits, editJSON{s.Edit.Target.Kind, s.Edit.Target.ID, s.Edit.Op, orNone(s.Edit.Before), orNone(s.Edit.After)})
	}
	return j
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func orNone(f crm.Fields) crm.Fields {
	if f == nil {
		return crm.Fields{}
	}
	return f
}

// MarshalJSON writes the plan as `plan --format json` shows it.
func (p Plan) MarshalJSON() ([]byte, error) {
	steps := make([]stepJSON, len(p.Steps))
	for i := range p.Steps {
		steps[i] = p.Steps[i].public()
	}
	return json.Marshal(struct {
		ID       string      `json:"id"`
		Portal   string      `json:"portal"`
		MadeAt   crm.Instant `json:"made_at"`
		Complete bool        `json:"complete"`
		Held     string      `json:"held,omitempty"`
		Steps    []stepJSON  `json:"steps"`
	}{p.ID, p.Portal, p.MadeAt, p.Complete, p.Held, steps})
}

// StepResult is what became of one step, in `{id, state, why}`.
type StepResult struct {
	ID    string `json:"id"`
	State State  `json:"state"`
	Why   string `json:"why"`
	// Unfinished marks an approved step that did not come to its end: it is stale, failed, not known, or left fields alone.
	Unfinished bool `json:"-"`
}
