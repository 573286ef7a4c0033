package remedy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/plumbline/plumbline/internal/crm"
)

// The events of the journal that are no state of a step. The others are named like the state that a step came to.
const (
	EventRevised = "revised" // the edit changed after it was approved: it waits for approval again
	EventRetry   = "retry"   // the request of an earlier run had no effect: the step is approved as before
)

// Entry is one row of the journal, which is only ever appended to. The hash covers the row and the hash of the row before
// it, so that no row can be altered, removed or moved without a trace.
type Entry struct {
	Seq       int64       `json:"seq"` // from 1, without gaps
	At        crm.Instant `json:"at"`
	Portal    string      `json:"portal"`
	Run       string      `json:"run"`
	Step      string      `json:"step"`
	Version   int         `json:"version"`
	Event     string      `json:"event"`
	Before    crm.Fields  `json:"before"` // the text that the record showed, as read
	After     crm.Fields  `json:"after"`
	Who       string      `json:"who"`
	RequestID string      `json:"request_id"` // the CRM's own
	Why       string      `json:"why"`
	Plan      string      `json:"plan"`
	Policy    string      `json:"policy"`
	Finding   string      `json:"finding"`
	Target    crm.Ref     `json:"target"` // the record written
	Op        crm.Op      `json:"op"`
	Prev      string      `json:"prev"` // the hash of the row before; "" for the first
	Hash      string      `json:"hash"`
}

// Seal gives an entry its place behind the row with the number seq-1 and the hash prev.
func Seal(e Entry, seq int64, prev string) Entry {
	e.Seq, e.Prev = seq, prev
	e.Before, e.After = orNone(e.Before), orNone(e.After)
	e = e.stored()
	e.Hash = e.sum()
	return e
}

// stored returns the entry as it reads back from JSON: bytes that are no text come back as U+FFFD, and the hash must
// cover what will be read.
func (e Entry) stored() Entry {
	var back Entry
	b, err := json.Marshal(e)
	if err != nil || json.Unmarshal(b, &back) != nil { // an entry holds texts and numbers only
		return e
	}
	return back
}

// sum is the hex SHA-256 over the row's JSON without its hash. The JSON is canonical: the order of keys is that of the
// type, maps are sorted, times are RFC 3339 in UTC.
func (e Entry) sum() string {
	e.Hash = ""
	b, err := json.Marshal(e)
	if err != nil { // an entry holds texts and numbers only
		return "cannot be hashed: " + err.Error()
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Head is the journal's last row, kept apart from the rows so that a journal cut short shows.
type Head struct {
	Seq  int64
	Hash string
}

// Damage is one place at which the journal is not what was written.
type Damage struct {
	Seq int64  `json:"seq"`
	Why string `json:"why"`
}

// Verify walks over the whole journal, oldest row first, and returns every place at which a row was altered, removed or
// moved. It fails only when the rows cannot be read.
func Verify(rows iter.Seq2[Entry, error], head Head) ([]Damage, error) {
	var damage []Damage
	last := Head{}
	for e, err := range rows {
		if err != nil {
			return damage, fmt.Errorf("verify the journal: %w", err)
		}
		switch {
		case e.Seq == last.Seq+2:
			damage = append(damage, Damage{last.Seq + 1, "the row is missing"})
		case e.Seq > last.Seq+1:
			damage = append(damage, Damage{last.Seq + 1, fmt.Sprintf("the rows %d to %d are missing", last.Seq+1, e.Seq-1)})
		case e.Seq <= last.Seq:
			damage = append(damage, Damage{e.Seq, fmt.Sprintf("the row stands behind row %d", last.Seq)})
		case e.Prev != last.Hash:
			damage = append(damage, Damage{e.Seq, "the row does not follow from the one before it"})
		}
		if e.sum() != e.Hash {
			damage = append(damage, Damage{e.Seq, "the row was altered"})
		}
		last = Head{e.Seq, e.Hash}
	}
	switch {
	case last.Seq < head.Seq:
		damage = append(damage, Damage{head.Seq, fmt.Sprintf("the journal ends at row %d", last.Seq)})
	case last != head:
		damage = append(damage, Damage{last.Seq, "the last row is not the one that was written last"})
	}
	return damage, nil
}

// entry is the journal's row about a step that has just come to its present state, or to an event.
func (s *Step) entry(event, who string, at crm.Instant) *Entry {
	e := &Entry{
		At: at, Portal: s.Portal, Run: s.Outcome.Run, Step: s.ID, Version: s.Version, Event: event,
		Before: s.Edit.Before, After: s.Edit.After, Who: who, Why: s.Why,
		Plan: s.Plan, Policy: s.Policy, Finding: s.Finding, Target: s.Edit.Target, Op: s.Edit.Op,
	}
	switch State(event) {
	case Applying:
		e.Before = s.Outcome.Before
	case Applied, Failed, Stale:
		e.Before, e.RequestID = s.Outcome.Before, s.Outcome.Receipt.RequestID
		if s.Outcome.After != nil {
			e.After = s.Outcome.After
		}
		if s.Outcome.Receipt.ID != "" {
			e.Target.ID = s.Outcome.Receipt.ID
		}
	}
	return e
}
