package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/plumbline/plumbline/internal/crm"
)

// Facts are what a finding rests on. They do not move with the clock (entered, limit, where the limit came from, n; never
// "days so far") and are never sentences. Values are string, float64, bool or []string only, so that a stored finding reads
// back the same; the end of a name gives the unit: _at (RFC 3339 instant, with the offset of the account's zone), _on (date, YYYY-MM-DD), _days (24-hour days),
// _rate (0-1), _count, _money ("12.50 EUR"); anything else is text.
type Facts map[string]any

// UnmarshalJSON reads facts back with the types that they had: lists are lists of strings again.
func (f *Facts) UnmarshalJSON(b []byte) error {
	var plain map[string]any
	if err := json.Unmarshal(b, &plain); err != nil {
		return err
	}
	for name, v := range plain {
		list, ok := v.([]any)
		if !ok {
			continue
		}
		texts := make([]string, len(list))
		for i, e := range list {
			if texts[i], ok = e.(string); !ok {
				return fmt.Errorf("fact %s holds a %T among its texts", name, e)
			}
		}
		plain[name] = texts
	}
	*f = plain
	return nil
}

// FixKind names what a fix is.
type FixKind string

// The fixes.
const (
	FixNone       FixKind = ""
	FixAdvice     FixKind = "advice"
	FixTask       FixKind = "task"
	FixDigest     FixKind = "digest" // a task like the others, but for the digest of the deal's owner alone
	FixOwner      FixKind = "owner"
	FixCloseDate  FixKind = "close-date"
	FixLossFields FixKind = "lost-reason-dropdown"
	FixRotting    FixKind = "rotting"           // of stages
	FixOdds       FixKind = "stage-probability" // of stages
	FixLossList   FixKind = "lost-reason-list"  // what is missing in the CRM's own list, typed by hand
	FixMove       FixKind = "stage"             // the stage that the deal has come to; a deal is won by a person alone
	FixAmount     FixKind = "amount"            // the sum of the line items
	FixRule       FixKind = "pipeline-rule"     // what the CRM is to forbid in a pipeline
	FixRename     FixKind = "rename"            // of a stage
	FixLossReason FixKind = "lost-reason"       // the option that a text means, or the option's own wording
)

// Fix is a change that would resolve a finding, as data. Which exact edits it takes is worked out when a plan is made:
// the plan gives every edit its key; a task (add-task) its subject, body and due time, and a changed owner (set, After
// without "owner") the owner to be. Where Before lacks a field of After, the policy does not know the text that the CRM
// stores, and the plan reads it from the live record; "" in Before means that the record is known to have none.
type Fix struct {
	Kind FixKind `json:"kind"`
	// Edits are the changes, without keys; what depends on the moment (a task's due time and texts) is left to the plan.
	Edits []crm.Edit `json:"edits"`
	Mode  Mode       `json:"mode"`
	// Manual are steps that only a person can do, in order, as text keys of internal/text.
	Manual []string `json:"manual,omitempty"`
}

// Finding is one policy's word on one record.
type Finding struct {
	ID       string   `json:"id"`
	Policy   string   `json:"policy"`
	Severity Severity `json:"severity"`
	Subject  crm.Ref  `json:"subject"`
	Key      string   `json:"key,omitempty"` // tells several findings of one policy on one record apart
	Facts    Facts    `json:"facts"`
	// Settings are those of the check that found it. All findings of a check share one map, which nobody changes.
	Settings Settings  `json:"settings,omitempty"`
	Value    crm.Money `json:"value"` // at stake
	// Since is the moment at which the data became wrong, where the data tells; else the first run that saw it.
	Since crm.Instant `json:"since"`
	Fix   *Fix        `json:"fix"`

	Family Family  `json:"family"`
	Case   string  `json:"case"` // one per deal and family
	Lead   bool    `json:"lead"` // leads its case
	Waived *Waiver `json:"waived"`

	// Names as of the run, so that reports need no snapshot.
	Name         string `json:"name,omitempty"`
	URL          string `json:"url,omitempty"`
	Pipeline     string `json:"pipeline"` // id
	Stage        string `json:"stage"`    // id
	Owner        string `json:"owner"`    // id
	PipelineName string `json:"pipeline_name,omitempty"`
	StageName    string `json:"stage_name,omitempty"`
	OwnerName    string `json:"owner_name,omitempty"`
}

// Waiver is an accepted finding.
type Waiver struct {
	Finding string      `json:"finding,omitempty"` // id
	Reason  string      `json:"reason"`
	Author  string      `json:"author"`
	Until   crm.Instant `json:"until"`
}

// FindingID is the first 16 hex digits of SHA-256(portal NUL policy NUL kind NUL id NUL key).
func FindingID(policy string, subject crm.Ref, key string) string {
	sum := sha256.Sum256([]byte(subject.Portal + "\x00" + policy + "\x00" + string(subject.Kind) + "\x00" + subject.ID + "\x00" + key))
	return hex.EncodeToString(sum[:8])
}

// Unknown is a record that a policy could not judge.
type Unknown struct {
	Policy  string  `json:"policy"`
	Subject crm.Ref `json:"subject"`
	Need    Need    `json:"need"`
	Why     string  `json:"why"`
}
