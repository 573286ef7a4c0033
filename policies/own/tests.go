package own

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// suite is a policy's tests.
type suite struct {
	def   *definition
	file  string
	cases []testCase
}

// testCase is a small portal and what the policy must say of its deals.
type testCase struct {
	name     string
	line     int
	now      crm.Instant
	settings any
	rows     []testRow
}

// testRow is one deal and what the policy must say of it.
type testRow struct {
	line  int
	want  string
	deal  crm.Deal
	owner *crm.User         // nil: none
	probe map[string]string // by fact, the value that a finding must have
}

// The words of the policy on a deal.
const (
	wantFound   = "found"
	wantOK      = "ok"
	wantUnknown = "unknown"
	wantOther   = "not judged"
)

// Outcome is what came of one test: a policy's words on one deal.
type Outcome struct {
	Policy string
	Name   string // of the test
	File   string
	Line   int
	Got    string // found, ok, unknown or not judged
	Want   string
	Why    string // why it could not be judged, or which fact is another one
	Failed bool
}

// Test runs the policies' own tests, one outcome per deal. Policies without tests have none.
func (set *Set) Test(ctx context.Context) ([]Outcome, error) {
	var out []Outcome
	for _, s := range set.tests {
		for i := range s.cases {
			list, err := s.run(ctx, &s.cases[i])
			if err != nil {
				return nil, fmt.Errorf("test %s: %w", s.def.id, err)
			}
			out = append(out, list...)
		}
	}
	return out, nil
}

// run runs one case with the very engine of an audit.
func (s *suite) run(ctx context.Context, c *testCase) ([]Outcome, error) {
	b := crm.NewBuilder("test", "test", c.schema())
	for i := range c.rows {
		if err := b.Add(c.rows[i].deal); err != nil {
			return nil, err
		}
	}
	judged := map[string]bool{}
	snap := b.Build(c.now, crm.AllFacts, crm.Completeness{})
	j := &judge{definition: s.def, settings: c.settings, params: celParams(c.settings), seen: func(r crm.Row) { judged[snap.ID(r.Index)] = true }}
	result, err := audit.Run(ctx, audit.Input{Snapshot: snap, Now: c.now, Checks: []audit.Check{{Policy: s.def.policy, Settings: j}}})
	if err != nil {
		return nil, err
	}
	var out []Outcome
	for i := range c.rows {
		row := &c.rows[i]
		o := Outcome{Policy: s.def.id, Name: c.name, File: s.file, Line: row.line, Got: wantOK, Want: row.want}
		if !judged[row.deal.ID] {
			o.Got, o.Why = wantOther, "the policy is about "+s.def.whom+" deals"
		}
		for _, u := range result.Unknown {
			if u.Subject.ID == row.deal.ID {
				o.Got, o.Why = wantUnknown, u.Why
			}
		}
		for k := range result.Findings {
			if f := &result.Findings[k]; f.Subject.ID == row.deal.ID {
				o.Got = wantFound
				o.Why = row.compare(f.Facts)
			}
		}
		o.Failed = o.Got != o.Want || o.Got == wantFound && o.Why != ""
		out = append(out, o)
	}
	return out, nil
}

// compare tells which fact of a finding is not what the test wants; "" where all are.
func (r *testRow) compare(facts audit.Facts) string {
	var wrong []string
	for name, want := range r.probe {
		got := "nothing"
		if v, ok := facts[name]; ok {
			got = audit.SettingText(v)
		}
		if got != want {
			wrong = append(wrong, fmt.Sprintf("the fact %s is %s, not %s", name, got, want))
		}
	}
	slices.Sort(wrong)
	return strings.Join(wrong, "; ")
}

// schema makes the set-up that the case's deals stand in: each pipeline has the stages that they name, in that order, then
// Won and Lost.
func (c *testCase) schema() crm.Schema {
	out := crm.Schema{Currency: "EUR", ClosedStages: true, UsersKnown: true}
	for i := range c.rows {
		d := &c.rows[i].deal
		at := slices.IndexFunc(out.Pipelines, func(p crm.Pipeline) bool { return p.ID == d.Pipeline })
		if at < 0 {
			at = len(out.Pipelines)
			out.Pipelines = append(out.Pipelines, crm.Pipeline{ID: d.Pipeline, Name: d.Pipeline, Order: at})
		}
		for _, m := range d.Moves {
			addStage(&out.Pipelines[at], m.Stage)
		}
		addStage(&out.Pipelines[at], d.Stage)
		if u := c.rows[i].owner; u != nil && !slices.ContainsFunc(out.Users, func(o crm.User) bool { return o.ID == u.ID }) {
			out.Users = append(out.Users, *u)
		}
	}
	for i := range out.Pipelines {
		p := &out.Pipelines[i]
		for name, kind := range map[string]crm.Status{stageWon: crm.Won, stageLost: crm.Lost} {
			p.Stages = append(p.Stages, crm.Stage{ID: name, Name: name, Order: len(c.rows)*100 + int(kind), Kind: kind})
		}
	}
	return out
}

// The closed stages of every pipeline of a test.
const (
	stageWon  = "Won"
	stageLost = "Lost"
)

func addStage(p *crm.Pipeline, name string) {
	if name != stageWon && name != stageLost && !slices.ContainsFunc(p.Stages, func(s crm.Stage) bool { return s.ID == name }) {
		p.Stages = append(p.Stages, crm.Stage{ID: name, Name: name, Order: len(p.Stages)})
	}
}

// suiteOf reads a policy's tests.
func (s *source) suiteOf(v value, d *definition) *suite {
	var out []testCase
	for i, item := range s.items(v) {
		f := s.fields(item, "name", "now", "params", "deals")
		line, _ := spot(item.node)
		c := testCase{name: first(s.textOf(f["name"]), strconv.Itoa(i+1)), line: line, settings: newSettings(d.params)()}
		c.now = crm.At(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
		if text, ok := s.scalar(f["now"]); ok {
			at, err := instant(text, c.now)
			if err != nil || at.IsZero() {
				s.wrong(f["now"], "%q is not a moment such as 2026-11-22", text)
			}
			c.now = at
		}
		s.testParams(f["params"], d, c.settings)
		rows := s.items(f["deals"])
		if len(rows) == 0 && item.node != nil {
			s.wrong(item, "needs deals")
		}
		for k, row := range rows {
			c.rows = append(c.rows, s.testRow(row, d, c.now, k))
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil
	}
	return &suite{def: d, file: s.file, cases: out}
}

func (s *source) testParams(v value, d *definition, settings any) {
	var names []string
	for _, p := range d.params {
		names = append(names, p.name)
	}
	for name, m := range s.fields(v, names...) {
		i := slices.Index(names, name)
		if d.params[i].kind == paramList {
			setList(settings, i, s.list(m))
		} else if text, ok := s.scalar(m); ok {
			if err := setParam(settings, i, text); err != nil {
				s.wrong(m, "%v", err)
			}
		}
	}
}

// testRow reads one deal of a test.
func (s *source) testRow(v value, d *definition, now crm.Instant, n int) testRow {
	line, _ := spot(v.node)
	row := testRow{line: line, deal: crm.Deal{ID: fmt.Sprintf("deal %05d", n+1), Pipeline: "Sales", Currency: "EUR"}, probe: map[string]string{}}
	keys := settable()
	allowed := []string{"want", "facts", "history"}
	for name := range keys {
		allowed = append(allowed, name)
	}
	f := s.fields(v, allowed...)
	row.want = s.oneOf(f["want"], []string{wantFound, wantOK, wantUnknown, wantOther})
	if f["want"].node == nil && v.node != nil {
		s.wrong(v, "needs want: found, ok, unknown or not judged")
	}
	for name, m := range f {
		set, ok := keys[name]
		if !ok {
			continue
		}
		text, single := s.scalar(m)
		if !single && m.node != nil {
			continue
		}
		if err := set(&row, text, now); err != nil {
			s.wrong(m, "%v", err)
		}
	}
	s.history(&row, f["history"], now)
	for _, m := range s.members(f["facts"]) {
		if !slices.ContainsFunc(d.facts, func(k *fact) bool { return k.name == m.name }) {
			s.wrong(value{m.key, m.path}, "there is no fact %q", m.name)
		}
		row.probe[m.name], _ = s.scalar(m.value)
	}
	row.settle()
	return row
}

// history reads the way that a deal took: [New -40d, Demo -10d].
func (s *source) history(row *testRow, v value, now crm.Instant) {
	for _, item := range s.items(v) {
		text, ok := s.scalar(item)
		cut := strings.LastIndexByte(text, ' ')
		if !ok {
			continue
		}
		at, err := instant(text[cut+1:], now)
		if cut < 1 || err != nil {
			s.wrong(item, "%q is not a stage and when it was entered, such as Demo -10d", text)
			continue
		}
		row.deal.Moves = append(row.deal.Moves, crm.StageMove{Stage: strings.TrimSpace(text[:cut]), At: at})
	}
	if v.node != nil {
		row.deal.Known |= crm.FactHistory
	}
}

// settle fills in what follows from the rest.
func (r *testRow) settle() {
	d := &r.deal
	if n := len(d.Moves); n > 0 {
		d.Stage = first(d.Stage, d.Moves[n-1].Stage)
		if !d.Known.Has(crm.FactCreated) {
			d.Created, d.Known = d.Moves[0].At, d.Known|crm.FactCreated
		}
	}
	if d.Stage == "" {
		d.Stage = "New"
		if d.Status != nil && *d.Status != crm.Open {
			d.Stage = map[crm.Status]string{crm.Won: stageWon, crm.Lost: stageLost}[*d.Status]
		}
	}
	if r.owner != nil {
		d.Owner = r.owner.ID
	}
}
