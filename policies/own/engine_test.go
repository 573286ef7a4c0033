package own

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

func silent(string, []string) string { return "" }

func testNow() crm.Instant { return crm.At(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)) }

// one is a portal with the deals that a test gives, in a stage of its own.
func one(t testing.TB, deals ...crm.Deal) *crm.Snapshot {
	t.Helper()
	half := 0.5
	b := crm.NewBuilder("acme", "test", crm.Schema{Currency: "EUR", Zone: "Pacific/Auckland", UsersKnown: true, Users: []crm.User{{ID: "u", Name: "Ada", Email: "ada@example.com", Active: true}},
		Pipelines: []crm.Pipeline{{ID: "p", Name: "Sales", Stages: []crm.Stage{{ID: "s", Name: "New", Probability: &half}, {ID: "t", Name: "Demo", Order: 1}, {ID: "w", Name: "Won", Order: 2, Kind: crm.Won}}}}})
	for i, d := range deals {
		d.ID, d.Pipeline = fmt.Sprintf("%05d", i), "p"
		if d.Stage == "" {
			d.Stage = "s"
		}
		if err := b.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	return b.Build(testNow(), crm.AllFacts, crm.Completeness{})
}

// look is a policy that hands out what a check sees.
type look struct{ at func(p *audit.Pass) }

func (l look) Check(p *audit.Pass) { l.at(p) }

// with evaluates on the first deal of a snapshot.
func with(t testing.TB, snap *crm.Snapshot, params []param, do func(w *world, r *record)) {
	t.Helper()
	w, err := newWorld(params)
	if err != nil {
		t.Fatal(err)
	}
	policy := audit.Define(audit.Meta{ID: "look", Subject: crm.KindDeal}, look{func(p *audit.Pass) {
		r := newRecord(p, celParams(newSettings(params)()))
		r.row = p.Snap.Deal(0)
		do(w, r)
	}})
	if _, err := audit.Run(t.Context(), audit.Input{Snapshot: snap, Now: testNow(), Checks: []audit.Check{{Policy: policy}}}); err != nil {
		t.Fatal(err)
	}
}

// TestEvaluation: what is not known makes no difference where the answer does not depend on it, and no answer where it does.
func TestEvaluation(t *testing.T) {
	params := []param{{name: "least", kind: paramNumber, value: 50.0}, {name: "limit", kind: paramDuration, value: audit.Days(36 * time.Hour)},
		{name: "part", kind: paramShare, value: audit.Share(0.25)}, {name: "names", kind: paramList, value: []string{"New", "Demo"}}, {name: "word", kind: paramText, value: "Foo"}}
	deal := crm.Deal{Name: "Foo Ltd", Amount: 100_0000, Currency: "EUR", Stage: "s", CloseDate: crm.At(time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC)),
		Known: crm.FactName | crm.FactAmount | crm.FactTouch | crm.FactCloseDate | crm.FactContacts, Contacts: 2}
	with(t, one(t, deal), params, func(w *world, r *record) {
		for source, want := range map[string]string{
			"deal.amount >= params.least":                                       "true",
			"deal.amount / 2.0 == 50.0 && deal.contacts + 1 == 3":               "true",
			"params.limit == 1.5 && params.part < 0.3":                          "true",
			"deal.stage in params.names && deal.name.contains(params.word)":     "true",
			"lower(deal.name).startsWith('foo') && deal.name.matches('^F.. L')": "true",
			"deal.stage == 'Demo' && deal.days_in_stage > 5":                    "false",
			"deal.stage == 'New' && deal.days_in_stage > 5":                     "its stage entry is not known",
			"deal.days_in_stage > 5 || deal.amount > 1":                         "true",
			"known(deal.stage_entered) && deal.days_in_stage > 5":               "false",
			"known(deal.amount) && !known(deal.owner)":                          "true",
			"has(deal.owner)":      "its owner is not known",
			"has(deal.last_touch)": "false",
			"has(deal.amount) && has(deal.name) && has(deal.probability)":           "true",
			"deal.days_since_touch > 3":                                             "it has no last touch, and the expression does not say what then: has(deal.days_since_touch) asks",
			"!has(deal.last_touch) || deal.days_since_touch > 3":                    "true",
			"deal.last_touch < now && deal.stage == 'Demo'":                         "false",
			"deal.days_to_close == 1.0":                                             "true", // the 24th in Auckland's zone, where today is the 23rd
			"deal.contacts / (deal.contacts - 2) == 1":                              "the expression fails on it: division by zero",
			"deal.owner == 'x' && deal.company == 'y'":                              "its owner is not known",
			"days(now - timestamp('2026-11-20T00:00:00Z')) == 2.5":                  "true",
			"today < now && portal.name == 'acme' && portal.timezone != ''":         "true",
			"deal.status == 'open' && deal.stage_kind == 'open'":                    "true",
			"deal.stage_position == 1 && deal.stage_count == 2":                     "true",
			"deal.probability == 0.5 && deal.pipeline == 'Sales'":                   "true",
			"[1, 2].exists(n, n == deal.contacts) && [1, 2].map(n, n * 2) == [2,4]": "true",
		} {
			e, bad := w.compile(source, silent)
			if bad != nil {
				t.Errorf("%s: %v", source, bad)
				continue
			}
			is, ok, why := e.holds(r)
			got := why.why
			if ok {
				got = fmt.Sprint(is)
			}
			if got != want {
				t.Errorf("%s: %s, want %s", source, got, want)
			}
		}
	})
}

// TestUsesAreAll: whatever an expression can see of a deal is among what must be read and what it needs.
func TestUsesAreAll(t *testing.T) {
	w, err := newWorld(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range w.deal {
		for _, form := range []string{"[deal.%s].size() > 0", "has(deal.%s)", "known(deal.%s)"} {
			e, bad := w.compile(fmt.Sprintf(form, f.name), silent)
			if bad != nil {
				t.Fatalf("%s: %v", f.name, bad)
			}
			if e.facts() != f.fact || f.need != "" && !slices.Equal(e.needs(), []audit.Need{f.need}) {
				t.Errorf("%s of %s: facts %b, needs %v; want %b, %s", form, f.name, e.facts(), e.needs(), f.fact, f.need)
			}
			if moves := len(e.moving) > 0; moves != (f.moves && form[0] == '[') {
				t.Errorf("%s of %s: moves is %v", form, f.name, moves)
			}
		}
		if f.doc == "" || f.noun == "" || (f.fact != 0) != (f.need != "") {
			t.Errorf("%s is not described", f.name)
		}
	}
}

// TestFieldsOfNothing: every field of a deal of which nothing is known is not known, and none panics on a deal that has nothing.
func TestFieldsOfNothing(t *testing.T) {
	for name, d := range map[string]crm.Deal{"nothing known": {}, "known to have nothing": {Known: crm.AllFacts, Moves: []crm.StageMove{{Stage: "s", At: testNow()}}}} {
		with(t, one(t, d), nil, func(w *world, r *record) {
			for i := range w.deal {
				f := &w.deal[i]
				e, bad := w.compile("[deal."+f.name+"].size() == 1", silent)
				if bad != nil {
					t.Fatal(bad)
				}
				_, ok, why := e.holds(r)
				if d.Known == 0 && (f.fact != 0) == ok {
					t.Errorf("%s: %s: ok=%v %s", name, f.name, ok, why.why)
				}
				if d.Known != 0 && !ok && !f.lacking() {
					t.Errorf("%s: %s should have a value: %s", name, f.name, why.why)
				}
			}
		})
	}
}

// TestCostAtRunTime: an uncommonly long text makes a deal unknown, and takes no time.
func TestCostAtRunTime(t *testing.T) {
	set := Load([]File{{Path: "a.yaml", Text: []byte("policies: [{id: own-a, title: A, when: \"[1,2,3,4,5,6,7,8,9].exists(n, deal.name.contains('nowhere'))\"}]")}}, Options{})
	if len(set.Problems) > 0 {
		t.Fatal(set.Problems)
	}
	snap := one(t, crm.Deal{Known: crm.FactName, Name: strings.Repeat("x", 1_000_000)}, crm.Deal{Known: crm.FactName, Name: "short"})
	r, err := audit.Run(t.Context(), audit.Input{Snapshot: snap, Now: testNow(), Checks: []audit.Check{{Policy: set.Policies[0]}}})
	if err != nil {
		t.Fatal(err)
	}
	want := audit.Judged{Judged: 1, Passed: 1, Unknown: 1}
	if diff := cmp.Diff(want, r.Judged["own-a"]); diff != "" || len(r.Unknown) != 1 || r.Unknown[0].Why != "the expression takes more than 100000 steps on it" {
		t.Errorf("%s %+v", diff, r.Unknown)
	}
}

// TestFindingsOfOwn: facts, settings, moment and fix of a finding, by the settings of its check.
func TestFindingsOfOwn(t *testing.T) {
	text := `
policies:
  - id: own-a
    title: "A {title}"
    when: deal.amount > params.least
    since: deal.created + duration("24h")
    params: {least: {type: number, default: 1000000, doc: how much}}
    facts: {created_on: deal.created, created_at: deal.created, part_rate: deal.probability, of_money: deal.amount, owned: has(deal.owner), who: deal.owner, way: deal.stages_skipped, waited_days: deal.stage_entered - deal.created}
    fix: owner
`
	set := Load([]File{{Path: "a.yaml", Text: []byte(text)}}, Options{})
	if len(set.Problems) > 0 {
		t.Fatal(set.Problems)
	}
	p := set.Policies[0]
	settings := p.NewSettings()
	if err := setParam(settings, 0, "99"); err != nil {
		t.Fatal(err)
	}
	checker, err := p.Checker(settings)
	if err != nil {
		t.Fatal(err)
	}
	created := crm.At(time.Date(2026, 11, 1, 20, 0, 0, 0, time.UTC))
	snap := one(t, crm.Deal{Known: crm.AllFacts &^ crm.FactHistory, Amount: 100_0000, Currency: "EUR", Owner: "u", Created: created, StageEntry: created.Add(36 * time.Hour)})
	r, err := audit.Run(t.Context(), audit.Input{Snapshot: snap, Now: testNow(), Checks: []audit.Check{{Policy: p, Settings: checker, Origin: map[string]string{"least": "policies"}, Mode: audit.ModeAuto}}})
	if err != nil || len(r.Findings) != 1 {
		t.Fatalf("%v %+v", err, r)
	}
	f := r.Findings[0]
	if diff := cmp.Diff(audit.Facts{"created_on": "2026-11-02", "created_at": "2026-11-02T09:00:00+13:00", "part_rate": 0.5, "of_money": "100.00 EUR", "owned": true, "who": "Ada", "waited_days": 1.5}, f.Facts); diff != "" {
		t.Errorf("facts: %s", diff)
	}
	if diff := cmp.Diff(audit.Settings{"least": {Value: "99", From: "policies"}}, f.Settings); diff != "" {
		t.Errorf("settings: %s", diff)
	}
	if f.Since != created.Add(24*time.Hour) || f.Severity != audit.Medium || f.Fix.Kind != audit.FixOwner || f.Fix.Edits[0].Before[crm.FieldOwner] != "u" || f.Fix.Mode != audit.ModeAuto {
		t.Errorf("%+v", f)
	}
	if p.Defaults().(*judge).params[0].Value() != 1e6 || p.Message != "A (title)" || p.Facts&crm.FactOwner == 0 {
		t.Errorf("the defaults moved, or the message is %q", p.Message)
	}
}

// TestLocate finds every character of a text again, however YAML wraps it.
func TestLocate(t *testing.T) {
	for _, text := range []string{
		"k: |\n  ab c\n   de\n  f", "k: >\n  ab\n  c\n\n  de f", "k: ab c\n   de f", `k: "ab \"c\u00e9\" \n d"`, `k: 'ab ''c'' d'`, "k: {x: abc de}", "# ä\nk:   äb c",
	} {
		s := &source{lines: strings.Split(text, "\n"), meant: silent}
		v := value{}
		for _, m := range s.members(value{s.tree([]byte(text)), ""}) {
			v = m.value
			if inner := s.members(m.value); len(inner) > 0 {
				v = inner[0].value
			}
		}
		s.problems = nil
		got, _ := s.scalar(v)
		for i, r := range []rune(got) {
			line, column := s.locate(v, i)
			runes := []rune(s.lines[line-1])
			if r == ' ' || r == '\n' || runes[column-1] == '\\' {
				continue
			}
			if runes[column-1] != r {
				t.Errorf("%q: %q of %q is said to be at %d:%d, where %q is", text, r, got, line, column, runes[column-1])
			}
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, seed := range []string{"policies: []", "policies:\n  - id: own-a\n    title: A\n    when: deal.amount > 5\n    facts: {of_money: deal.amount}\n    message: \"{of_money}\"\n    tests: [{deals: [{amount: 6, want: found}]}]",
		"policies: [{id: own-a, title: a, when: 'deal.name.matches(deal.stage)', params: {a: {type: list, default: [x]}}}]", "policies: [{when: >\n  x\n}]", "{", "\t", "policies: &a [*a]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set := Load([]File{{Path: "fuzz.yaml", Text: []byte(text)}}, Options{})
		for _, p := range set.Problems {
			if p.Text == "" || p.Line < 0 || p.Column < 0 {
				t.Errorf("%+v", p)
			}
		}
		if len(set.Problems) > 0 {
			return
		}
		if _, err := set.Test(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// FuzzExpression: whatever is written, it compiles or says why, and evaluation ends without a panic.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{"deal.amount > 5", "has(deal.x)", "deal", "1/0", "deal.name + deal.name", "[[1]].map(x, x.map(y, y + 1))", "'a' in {'a': 1}", "timestamp('x')", "deal.name.matches('(a*)*')", "deal.created + duration('9999999h') > now"} {
		f.Add(seed)
	}
	snap := one(f, crm.Deal{Known: crm.AllFacts, Name: "Foo", Created: testNow(), Amount: 1, Moves: []crm.StageMove{{Stage: "s", At: testNow()}}}, crm.Deal{})
	f.Fuzz(func(t *testing.T, source string) {
		with(t, snap, nil, func(w *world, r *record) {
			e, bad := w.compile(source, silent)
			for _, b := range bad {
				if b.text == "" || b.at < 0 || b.at > len([]rune(source)) {
					t.Errorf("%q: %+v", source, b)
				}
			}
			if e != nil {
				for i := range int32(2) {
					r.row = r.pass.Snap.Deal(i)
					if v, why := e.eval(r); v == nil && why.why == "" {
						t.Error("neither an answer nor a reason")
					}
				}
			}
		})
	})
}

// BenchmarkJudge is what a policy costs per deal.
func BenchmarkJudge(b *testing.B) {
	for _, source := range []string{
		"deal.amount > params.least",
		"deal.status == 'open' && deal.days_in_stage > 30 && !has(deal.next_activity)",
		"deal.name.contains('renewal')",
	} {
		b.Run(source, func(b *testing.B) {
			params := []param{{name: "least", kind: paramNumber, value: 50.0}}
			deal := crm.Deal{Known: crm.AllFacts, Name: "A name of a usual length", Amount: 100_0000, StageEntry: testNow().Add(-40 * 24 * time.Hour), Created: testNow().Add(-40 * 24 * time.Hour),
				Moves: []crm.StageMove{{Stage: "s", At: testNow().Add(-40 * 24 * time.Hour)}}}
			with(b, one(b, deal), params, func(w *world, r *record) {
				e, bad := w.compile(source, silent)
				if bad != nil {
					b.Fatal(bad)
				}
				b.ReportAllocs()
				for b.Loop() {
					e.holds(r)
				}
			})
		})
	}
}

// TestPortalsShareAPolicy: audits of several portals run at once, with one policy and the settings of each.
func TestPortalsShareAPolicy(t *testing.T) {
	set := Load([]File{{Path: "a.yaml", Text: []byte("policies: [{id: own-a, title: A, params: {least: {type: number, default: 5}}, when: deal.amount >= params.least && deal.days_since_touch > 1, facts: {of_money: deal.amount}}]")}}, Options{})
	if len(set.Problems) > 0 {
		t.Fatal(set.Problems)
	}
	policy := set.Policies[0]
	var deals []crm.Deal
	for i := range 50 {
		d := crm.Deal{Known: crm.FactAmount | crm.FactTouch, Amount: crm.Amount(i * 10_000)}
		if i%2 == 0 {
			d.Touch = testNow().Add(-72 * time.Hour)
		}
		deals = append(deals, d)
	}
	snap := one(t, deals...)
	for least := range 10 {
		t.Run(fmt.Sprint(least), func(t *testing.T) {
			t.Parallel()
			settings := policy.NewSettings()
			if err := setParam(settings, 0, fmt.Sprint(least*5)); err != nil {
				t.Fatal(err)
			}
			checker, err := policy.Checker(settings)
			if err != nil {
				t.Fatal(err)
			}
			r, err := audit.Run(t.Context(), audit.Input{Snapshot: snap, Now: testNow(), Checks: []audit.Check{{Policy: policy, Settings: checker}}})
			if err != nil {
				t.Fatal(err)
			}
			found, unknown := 0, 0
			for i := least * 5; i < 50; i++ {
				if i%2 == 0 {
					found++
				} else {
					unknown++
				}
			}
			if len(r.Findings) != found || len(r.Unknown) != unknown {
				t.Errorf("%d findings and %d unknown, want %d and %d", len(r.Findings), len(r.Unknown), found, unknown)
			}
		})
	}
}
