package remedy_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
)

// memory is a store in memory, which keeps steps as JSON like the real one.
type memory struct {
	docs    map[string][]byte
	revs    map[string]int
	plans   []remedy.Plan
	entries []remedy.Entry
	// fail is asked before each Record (done false) and after it (done true); an error stands for a process that dies there.
	fail func(done bool) error
}

func newMemory() *memory { return &memory{docs: map[string][]byte{}, revs: map[string]int{}} }

func (m *memory) Steps(_ context.Context, f remedy.Filter) ([]remedy.Step, error) {
	var out []remedy.Step
	for id, doc := range m.docs {
		var s remedy.Step
		if err := json.Unmarshal(doc, &s); err != nil {
			return nil, err
		}
		s.Rev = m.revs[id]
		ok := (f.Portal == "" || s.Portal == f.Portal) && (f.Policy == "" || s.Policy == f.Policy) && (f.Run == "" || s.Outcome.Run == f.Run) &&
			(len(f.IDs) == 0 || slices.Contains(f.IDs, id)) && (len(f.States) == 0 || slices.Contains(f.States, s.State)) &&
			(len(f.Undoes) == 0 || slices.Contains(f.Undoes, s.Undoes)) && (!f.Living || s.Ended.IsZero() || s.Ended >= f.Since)
		if ok {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b remedy.Step) int { return cmp.Or(cmp.Compare(a.Made, b.Made), cmp.Compare(a.ID, b.ID)) })
	return out, nil
}

func (m *memory) Episodes(context.Context, string) (map[string]int, error) {
	out := map[string]int{}
	steps, err := m.Steps(context.Background(), remedy.Filter{})
	for _, s := range steps {
		out[s.Base]++
	}
	return out, err
}

func (m *memory) SavePlan(_ context.Context, p remedy.Plan) error {
	m.plans = append(m.plans, p)
	return nil
}

func (m *memory) Record(_ context.Context, changes []remedy.Change) error {
	if m.fail != nil {
		if err := m.fail(false); err != nil {
			return err
		}
	}
	for _, c := range changes {
		if c.Step.Rev != m.revs[c.Step.ID] {
			return fmt.Errorf("step %s: %w", c.Step.ID, remedy.ErrConflict)
		}
	}
	for _, c := range changes {
		doc, err := json.Marshal(c.Step)
		if err != nil {
			return err
		}
		m.docs[c.Step.ID] = doc
		m.revs[c.Step.ID]++
		if c.Entry != nil {
			prev := ""
			if n := len(m.entries); n > 0 {
				prev = m.entries[n-1].Hash
			}
			m.entries = append(m.entries, remedy.Seal(*c.Entry, int64(len(m.entries)+1), prev))
		}
	}
	if m.fail != nil {
		if err := m.fail(true); err != nil {
			return err
		}
	}
	for _, c := range changes {
		c.Step.Rev++
	}
	return nil
}

// journalled reports whether the journal's last row about a step is the given event.
func (m *memory) journalled(step, event string) bool {
	for _, e := range slices.Backward(m.entries) {
		if e.Step == step {
			return e.Event == event
		}
	}
	return false
}

func (m *memory) damage(t failer) []remedy.Damage {
	head := remedy.Head{}
	if n := len(m.entries); n > 0 {
		head = remedy.Head{Seq: m.entries[n-1].Seq, Hash: m.entries[n-1].Hash}
	}
	damage, err := remedy.Verify(func(yield func(remedy.Entry, error) bool) {
		for _, e := range m.entries {
			if !yield(e, nil) {
				return
			}
		}
	}, head)
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	return damage
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// How the simulated CRM treats an edit that is sent to it.
type treatment int

const (
	accept    treatment = iota
	reject              // refused, nothing happens
	busy                // refused for now, nothing happens
	lostReply           // done, but the answer is lost
	lost                // the request is lost, and so is the answer
	late                // the answer is lost, and it is done a little later
	ignore              // accepted, and one field is not stored
)

// portal is a CRM in memory that can misbehave. Close dates are stored as instants, as HubSpot does.
type portal struct {
	records map[crm.Ref]crm.Fields
	keys    map[crm.Ref]string // that created records carry
	next    int
	treat   func(e crm.Edit) treatment
	// sent is told of each edit that reaches the wire.
	sent    func(e crm.Edit)
	pending []crm.Edit
	reads   int
	calls   int
	made    map[string]int // records ever made, by key
	verdict func(e crm.Edit) connectors.Verdict
	broken  error // of reads
}

func newPortal() *portal {
	return &portal{records: map[crm.Ref]crm.Fields{}, keys: map[crm.Ref]string{}, made: map[string]int{}}
}

func deal(id string) crm.Ref { return crm.Ref{Portal: "acme", Kind: crm.KindDeal, ID: id} }

func (p *portal) Schema(context.Context) (crm.Schema, error) { return crm.Schema{}, nil }

func (p *portal) Feasible(_ context.Context, _ crm.Schema, edits []crm.Edit) ([]connectors.Verdict, error) {
	out := make([]connectors.Verdict, len(edits))
	for i, e := range edits {
		out[i] = connectors.Verdict{Key: e.Key, Feasible: connectors.FeasibleOK}
		if p.verdict != nil {
			out[i] = p.verdict(e)
		}
	}
	return out, nil
}

func (p *portal) Read(_ context.Context, _ crm.Schema, refs []crm.Ref, fields ...string) (map[crm.Ref]crm.Fields, error) {
	p.reads++
	if p.broken != nil {
		return nil, p.broken
	}
	out := map[crm.Ref]crm.Fields{}
	for _, r := range refs {
		if rec, ok := p.records[r]; ok {
			f := crm.Fields{}
			for _, name := range fields {
				f[name] = rec[name]
			}
			out[r] = f
		}
	}
	return out, nil
}

func (p *portal) Lookup(_ context.Context, _ crm.Schema, edits []crm.Edit) (map[string]string, error) {
	if p.broken != nil {
		return nil, p.broken
	}
	out := map[string]string{}
	for _, e := range edits {
		for ref, key := range p.keys {
			if key == e.Key {
				out[key] = ref.ID
			}
		}
	}
	return out, nil
}

func (p *portal) Same(field, a, b string) bool {
	return a == b || field == crm.FieldCloseDate && a != "" && b != "" && stored(field, a) == stored(field, b)
}

func stored(field, v string) string {
	if field == crm.FieldCloseDate && len(v) == len(time.DateOnly) {
		return v + "T00:00:00.000Z"
	}
	return v
}

func (p *portal) Apply(_ context.Context, _ crm.Schema, edits []crm.Edit) []crm.Receipt {
	p.calls++
	out := make([]crm.Receipt, len(edits))
	for i, e := range edits {
		if p.sent != nil {
			p.sent(e)
		}
		how := accept
		if p.treat != nil {
			how = p.treat(e)
		}
		out[i] = crm.Receipt{Key: e.Key, Outcome: crm.OutcomeUnknown, Why: "the connection broke", RequestID: fmt.Sprint("req-", p.calls)}
		switch how {
		case reject:
			out[i].Outcome, out[i].Why = crm.OutcomeRejected, "not valid"
		case busy:
			out[i].Outcome, out[i].Why, out[i].Again = crm.OutcomeRejected, "too many requests", true
		case lostReply:
			p.do(e, "")
		case late:
			p.pending = append(p.pending, e)
		case accept, ignore:
			skip := ""
			if how == ignore && len(e.After) > 0 {
				skip = slices.Min(slices.Collect(maps.Keys(e.After)))
			}
			out[i].ID, out[i].Outcome, out[i].Why = p.do(e, skip), crm.OutcomeApplied, ""
		}
	}
	return out
}

// do carries out an edit, but for one field, and returns the record's id.
func (p *portal) do(e crm.Edit, skip string) string {
	ref := e.Target
	switch e.Op {
	case crm.OpSet:
		rec, ok := p.records[ref]
		if !ok {
			return ref.ID
		}
		for f, v := range e.After {
			if f != skip {
				rec[f] = stored(f, v)
			}
		}
	case crm.OpAddTask, crm.OpAddProperty:
		p.next++
		ref.ID = fmt.Sprint("new-", p.next)
		if e.Op == crm.OpAddProperty {
			ref.ID = e.After[crm.FieldName]
		}
		p.records[ref] = maps.Clone(e.After)
		p.keys[ref] = e.Key
		p.made[e.Key]++
	case crm.OpRemove:
		delete(p.records, ref)
		delete(p.keys, ref)
	}
	return ref.ID
}

// land carries out what was still on its way.
func (p *portal) land() {
	for _, e := range p.pending {
		p.do(e, "")
	}
	p.pending = nil
}

// copied returns the records as they are now.
func (p *portal) copied() map[crm.Ref]crm.Fields {
	out := map[crm.Ref]crm.Fields{}
	for r, f := range p.records {
		out[r] = maps.Clone(f)
	}
	return out
}

var errDied = errors.New("the process died")

// words are plain texts.
type words struct{}

func (words) Task(f audit.Finding) (subject, body string) {
	return f.Policy + " " + f.Subject.ID, "please look"
}

func (words) Summary(f audit.Finding, e crm.Edit) string {
	return string(e.Op) + " for " + f.Policy + " " + f.Subject.ID
}

func (words) Manual(key string) string { return "by hand: " + key }

// testNow is a Friday.
var testNow = time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)

// clock is a clock that tests set.
type clock struct{ t time.Time }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

func setEdit(id string, before, after crm.Fields) crm.Edit {
	return crm.Edit{Target: deal(id), Op: crm.OpSet, Before: before, After: after}
}

// give stores steps as approved, with the edits' keys set to the ids.
func give(t failer, m *memory, steps ...*remedy.Step) {
	t.Helper()
	var changes []remedy.Change
	for i, s := range steps {
		if s.ID == "" {
			s.ID = fmt.Sprintf("step-%d-%d", len(m.docs), i)
		}
		s.Base, s.Portal, s.Version, s.State = s.ID, "acme", 1, remedy.Approved
		s.Edit.Key, s.Edit.Target.Portal = s.ID, "acme"
		s.Made = crm.At(testNow) + crm.Instant(len(m.docs)+i)
		changes = append(changes, remedy.Change{Step: s})
	}
	if err := m.Record(context.Background(), changes); err != nil {
		t.Fatalf("store the steps: %v", err)
	}
}

func app(m *memory, p *portal, c *clock, run string) remedy.Application {
	return remedy.Application{Portal: "acme", Editor: p, Store: m, Now: c.now, Run: run, Who: "ann"}
}

func states(t failer, m *memory) map[string]remedy.State {
	t.Helper()
	steps, err := m.Steps(context.Background(), remedy.Filter{})
	if err != nil {
		t.Fatalf("read the steps: %v", err)
	}
	out := map[string]remedy.State{}
	for _, s := range steps {
		out[s.ID] = s.State
	}
	return out
}

// line puts a result into one line per step.
func line(r *remedy.Result) string {
	var b strings.Builder
	for _, s := range r.Steps {
		fmt.Fprintf(&b, "%s %s", s.ID, s.State)
		if s.Why != "" {
			fmt.Fprintf(&b, ": %s", s.Why)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func applied(t *testing.T, a remedy.Application) *remedy.Result {
	t.Helper()
	r, err := remedy.Apply(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
