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
