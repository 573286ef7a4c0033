package audittest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// recorder is a test that notes what goes wrong instead of failing.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

// sly looks at the touch without saying so.
type sly struct{}

func (sly) Check(p *audit.Pass) {
	for r := range p.Open() {
		if r.Known.Has(crm.FactTouch) {
			p.Found(r, audit.Found{Facts: audit.Facts{"n_count": 1.0}})
		} else {
			p.OK(r)
		}
	}
}

func TestPolicyIsHeldToItsWord(t *testing.T) {
	files := map[string][]byte{"portal.yaml": []byte("pipelines: {P: [New]}"), "deals.csv": []byte("id,stage,touch\n1,New,-3d\n")}
	for name, c := range map[string]struct {
		meta audit.Meta
		want []string
	}{
		"honest":           {audit.Meta{Facts: crm.FactTouch, Message: "{{count .n_count}}"}, nil},
		"undeclared fact":  {audit.Meta{Message: "{{.n_count}}"}, []string{"Meta.Facts lacks a fact"}},
		"misspelt fact":    {audit.Meta{Facts: crm.FactTouch, Message: "{{.n}}"}, []string{"the message does not fit"}},
		"unknown function": {audit.Meta{Facts: crm.FactTouch, Message: "{{shout .n_count}}"}, []string{"the message does not fit"}},
	} {
		c.meta.ID, c.meta.Subject, c.meta.Severity = "sly", crm.KindDeal, audit.Low
		r := &recorder{TB: t}
		if got := words(r, audit.Define(c.meta, sly{}), files, nil); got != "judged 1 passed 0 unknown 0\nlow deal 1 n_count=1\n" {
			t.Errorf("%s: %s", name, got)
		}
		if len(r.said) != len(c.want) || len(c.want) > 0 && !strings.Contains(r.said[0], c.want[0]) {
			t.Errorf("%s: complains %q, want %q", name, r.said, c.want)
		}
	}
}

func TestMistakesInCases(t *testing.T) {
	const portal = "pipelines: {P: [New, Won=won]}"
	for name, c := range map[string]struct{ portal, deals, want string }{
		"misspelt key":     {"pipeline: {P: [New]}", "", "pipeline"},
		"no pipelines":     {"now: 2026-01-01", "", "no pipelines"},
		"bad time":         {portal, "id,stage,created\n1,New,soon", "soon"},
		"unknown column":   {portal, "id,stage,colour\n1,New,red", "colour"},
		"unknown stage":    {portal, "id,stage\n1,Old", "Old"},
		"the same deal":    {portal, "id,stage\n1,New\n1,New", "twice"},
		"bad sum":          {portal, "repeat,id,stage,amount\n2,a,New,{i+}", "calculated"},
		"bad history":      {portal, "id,history\n1,New", "Stage@time"},
		"bad origin":       {portal, "id,history\n1,New@-3d@nobody", "nobody"},
		"bad status":       {portal, "id,stage,status\n1,New,gone", "gone"},
		"bad amount":       {portal, "id,stage,amount\n1,New,lots", "lots"},
		"bad dates":        {portal, "id,stage,dates\n1,New,+3d", "date@time"},
		"bad number":       {portal, "id,stage,contacts\n1,New,few", "contacts"},
		"no such pipeline": {portal + "\npipeline_facts: {Q: {created: now}}", "", "not there"},
		"no such stage":    {portal + "\nstage_facts: {P/Old: {shipped: New}}", "", "not there"},
		"bad rule":         {portal + "\npipeline_facts: {P: {rules: {never: true}}}", "", "never"},
		"repeat no number": {portal, "repeat,stage\nmany,New", "repeat"},
	} {
		set, err := readPortal(map[string][]byte{"portal.yaml": []byte(c.portal)})
		if err == nil {
			_, err = set.snapshot(map[string][]byte{"deals.csv": []byte(c.deals)}, crm.AllFacts)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v should say %q", name, err, c.want)
		}
	}
}

func TestDealsAreReadAsWritten(t *testing.T) {
	set, err := readPortal(map[string][]byte{
		"portal.yaml":  []byte("pipelines: {P: [New 10%, Won=won, Lost=lost]}\nzone: Europe/Paris\ncurrency: USD"),
		"portal.yaml+": []byte("currency: CHF"),
	})
	if err != nil {
		t.Fatal(err)
	}
	snap, err := set.snapshot(map[string][]byte{"deals.csv": []byte(`# the first one is whole, the second known to be little
id, stage, created,    owner, amount, expected_close, touch, lost_reason, history
1,  ,      ,           Ada,   12.5,   2026-12-24,     -12h,  ,            New@-30d;Won@-10d@automation
2,  New,   2026-11-01, ?,     ?,      ,               ?,     ?,
`)}, crm.AllFacts)
	if err != nil {
		t.Fatal(err)
	}
	paris, _ := time.LoadLocation("Europe/Paris")
	at := func(month time.Month, day, hour int) crm.Instant {
		return crm.At(time.Date(2026, month, day, hour, 0, 0, 0, paris))
	}
	now := at(11, 22, 0)
	days := func(n int) crm.Instant { return now.Add(-time.Duration(n) * 24 * time.Hour) }
	want := []crm.Deal{
		{ID: "1", Pipeline: "P", Stage: "Won", Owner: "Ada", Currency: "CHF", Amount: 12_5000, Created: days(30), Closed: days(10), StageEntry: days(10),
			CloseDate: at(12, 24, 0), Touch: at(11, 21, 12),
			Known: crm.FactHistory | crm.FactCreated | crm.FactStageEntry | crm.FactClosed | crm.FactOwner | crm.FactAmount | crm.FactCloseDate | crm.FactTouch | crm.FactLossReason,
			Moves: []crm.StageMove{{Stage: "New", At: days(30)}, {Stage: "Won", At: days(10), Origin: crm.OriginAutomation}}},
		{ID: "2", Pipeline: "P", Stage: "New", Currency: "CHF", Created: at(11, 1, 0), Known: crm.FactCreated | crm.FactCloseDate | crm.FactClosed},
	}
	for i := range want {
		if diff := cmp.Diff(want[i], snap.Export(int32(i))); diff != "" {
			t.Error(diff)
		}
	}
}

func TestRareColumnsAndThePortal(t *testing.T) {
	set, err := readPortal(map[string][]byte{"portal.yaml": []byte(`pipelines: {P: [New, Won=won]}
pipeline_facts: {P: {created: -300d, updated: -20d, changed: -90d, rules: {no_skip: true, since: -60d}}}
stage_facts: {P/Won: {required: [Amount], shipped: Closed won, created: -300d, updated: -90d}}
rules_available: true
required_known: true
shipped_sets: [[New, Old]]
outreach: {call: 9}
rots: true
probability_step: 0.1
probability_min: 0.1
probability_max: 0.9
`)})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"deals.csv": []byte(`id,history,updated,modified,type,source,contacts,touches,first_touch,first_meeting,first_mail,next_due,quote_published,quote_expires,quote_signed,quote_paid,line_total,editor,closer,dates
1,New@-9d,-1d,-2d,new,ADS,2,3,-8d,-7d,-6d,+2d,-5d,+5d,-4d,-3d,99.5,7,8,none@-9d;+4d@-2d@person
2,New@-9d,,?,,,,,,,,,,,,,,,,
3,New@-9d,,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?
`)}
	snap, err := set.snapshot(files, crm.AllFacts)
	if err != nil {
		t.Fatal(err)
	}
	day := func(n int) crm.Instant { return set.now.Add(time.Duration(n) * 24 * time.Hour) }
	const history = crm.FactHistory | crm.FactCreated | crm.FactStageEntry | crm.FactClosed
	const rare = crm.FactType | crm.FactSource | crm.FactContacts | crm.FactTouches | crm.FactFirstTouch | crm.FactEvidence | crm.FactNextDue |
		crm.FactQuotes | crm.FactLineItems | crm.FactEditor | crm.FactCloser
	plain := crm.Deal{Pipeline: "P", Stage: "New", Currency: "EUR", Created: day(-9), StageEntry: day(-9), Moves: []crm.StageMove{{Stage: "New", At: day(-9)}}}
	whole, empty, dark := plain, plain, plain
	whole.ID, whole.Known = "1", history|rare|crm.FactUpdated|crm.FactModified|crm.FactDates|crm.FactCloseDate
	whole.Updated, whole.Modified, whole.Type, whole.Source, whole.Contacts, whole.Touches = day(-1), day(-2), "new", "ADS", 2, 3
	whole.FirstTouch, whole.FirstMeeting, whole.FirstMail, whole.NextDue = day(-8), day(-7), day(-6), day(2)
	whole.Quote = crm.Quote{Published: day(-5), Expires: day(5), Signed: day(-4), Paid: day(-3)}
	whole.LineTotal, whole.Editor, whole.Closer, whole.CloseDate = 99_5000, "7", "8", day(4)
	whole.Dates = []crm.DateChange{{At: day(-9)}, {At: day(-2), To: day(4), Origin: crm.OriginPerson}}
	empty.ID, empty.Known = "2", history|rare
	dark.ID, dark.Known = "3", history
	for i, want := range []crm.Deal{whole, empty, dark} {
		if diff := cmp.Diff(want, snap.Export(int32(i))); diff != "" {
			t.Error(diff)
		}
	}
	wantSchema := crm.Schema{Account: "1", Currency: "EUR", Zone: "UTC", UsersKnown: true, ClosedStages: true,
		RulesAvailable: true, RequiredKnown: true, ShippedSets: [][]string{{"New", "Old"}}, Outreach: map[string]int{"call": 9}, OutreachKnown: true,
		Rots: true, ProbabilityStep: 0.1, ProbabilityMin: 0.1, ProbabilityMax: 0.9}
	got := snap.Schema
	p := got.Pipelines[0]
	got.Pipelines, got.Users, got.LossReason = nil, nil, crm.LossReason{}
	if diff := cmp.Diff(wantSchema, got); diff != "" {
		t.Error(diff)
	}
	if p.Created != day(-300) || p.Updated != day(-20) || p.Changed != day(-90) || *p.Rules != (crm.Rules{NoSkip: true, Since: day(-60)}) {
		t.Errorf("the pipeline is %+v", p)
	}
	if st := p.Stages[1]; st.Created != day(-300) || st.Updated != day(-90) || st.Shipped != "Closed won" || len(st.Required) != 1 {
		t.Errorf("the stage is %+v", st)
	}
	snap, err = set.snapshot(files, crm.AllFacts&^(crm.FactRules|crm.FactOutreach))
	if err != nil {
		t.Fatal(err)
	}
	if snap.Schema.Pipelines[0].Rules != nil || snap.Schema.OutreachKnown {
		t.Error("what was not asked for is known of the portal")
	}
}

func TestNewWantsStandBehindTheirCase(t *testing.T) {
	ar := txtar.Parse([]byte("-- portal.yaml --\n-- one/deals.csv --\n-- two/deals.csv --\n"))
	setFile(ar, "one/want", "1\n")
	setFile(ar, "two/want", "2\n")
	setFile(ar, "one/want", "3\n")
	if diff := cmp.Diff("-- portal.yaml --\n-- one/deals.csv --\n-- one/want --\n3\n-- two/deals.csv --\n-- two/want --\n2\n", string(txtar.Format(ar))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"one", "two"}, caseNames(ar)); diff != "" {
		t.Error(diff)
	}
}
