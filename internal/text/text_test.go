package text

import (
	"encoding/json"
	"testing"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

type always struct{}

func (always) Check(*audit.Pass) {}

func words(t *testing.T, message string) *Words {
	t.Helper()
	w, err := English([]*audit.Policy{audit.Define(audit.Meta{ID: "p", Title: "Stuck in its stage", Message: message}, always{})})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestSentence(t *testing.T) {
	w := words(t, `In {{.stage}} since {{date .entered_at}}, limit {{days .limit_days}}, {{pct .share_rate}} of {{count .n_count}}: {{join .stages}}`)
	facts := audit.Facts{"stage": "Demo", "entered_at": "2026-03-02T10:00:00Z", "limit_days": 30.0, "share_rate": 0.254, "n_count": 8800.0, "stages": []string{"A", "B"}}
	want := "In Demo since 2 Mar 2026, limit 30 days, 25 % of 8,800: A, B"
	if got := w.Sentence(audit.Finding{Policy: "p", Facts: facts}); got != want {
		t.Errorf("fresh facts: %q, want %q", got, want)
	}
	b, err := json.Marshal(facts)
	if err != nil {
		t.Fatal(err)
	}
	var stored audit.Facts
	if err := json.Unmarshal(b, &stored); err != nil {
		t.Fatal(err)
	}
	if got := w.Sentence(audit.Finding{Policy: "p", Facts: stored}); got != want {
		t.Errorf("stored facts: %q, want %q", got, want)
	}
}

func TestSentenceWithoutAFactSaysSo(t *testing.T) {
	w := words(t, `limit {{days .limit_days}}`)
	if got := w.Sentence(audit.Finding{Policy: "p"}); got != "limit ?" {
		t.Errorf("got %q", got)
	}
}

func TestEnglishRefusesABrokenTemplate(t *testing.T) {
	if _, err := English([]*audit.Policy{audit.Define(audit.Meta{ID: "p", Message: "{{"}, always{})}); err == nil {
		t.Error("a broken template was accepted")
	}
}

func TestSummary(t *testing.T) {
	w := words(t, "x")
	f := audit.Finding{Policy: "p", Name: "Big deal", Subject: crm.Ref{Kind: crm.KindDeal, ID: "7"}}
	for _, c := range []struct {
		edit crm.Edit
		want string
	}{
		{crm.Edit{Op: crm.OpAddTask, Target: crm.Ref{Kind: crm.KindTask}}, "Create a task for the owner of Big deal"},
		{crm.Edit{Op: crm.OpSet, Target: crm.Ref{Kind: crm.KindDeal, ID: "7"}, After: crm.Fields{crm.FieldCloseDate: "2026-12-01"}}, `Set close date to "2026-12-01" of Big deal`},
		{crm.Edit{Op: crm.OpSet, Target: crm.Ref{Kind: crm.KindDeal, ID: "8"}, After: crm.Fields{"property.plumbline_lost_reason": "budget"}}, `Set lost reason to "budget" of deal 8`},
		{crm.Edit{Op: crm.OpAddProperty, After: crm.Fields{crm.FieldLabel: "Loss reason"}}, `Create the deal property "Loss reason"`},
	} {
		if got := w.Summary(f, c.edit); got != c.want {
			t.Errorf("%s: %q, want %q", c.edit.Op, got, c.want)
		}
	}
}

func TestMoney(t *testing.T) {
	for _, c := range []struct {
		m    crm.Money
		want string
	}{
		{crm.Money{Amount: 12_500_4999, Currency: "EUR"}, "12,500 EUR"},
		{crm.Money{Amount: 12_500_5000, Currency: "EUR"}, "12,501 EUR"},
		{crm.Money{Amount: -15_000}, "-2"},
		{crm.Money{}, ""},
	} {
		if got := Money(c.m); got != c.want {
			t.Errorf("%+v: %q, want %q", c.m, got, c.want)
		}
	}
}

func TestAdviceSpeaksOfWhatItIsAbout(t *testing.T) {
	w := words(t, "x")
	for kind, want := range map[crm.Kind]string{
		crm.KindDeal:     "Talk it over with the deal's owner (see policies explain p)",
		crm.KindStage:    "Change the set-up by hand (see policies explain p)",
		crm.KindPipeline: "Change the set-up by hand (see policies explain p)",
		crm.KindPortal:   "Change the set-up by hand (see policies explain p)",
	} {
		f := audit.Finding{Policy: "p", Subject: crm.Ref{Kind: kind, ID: "7"}, Fix: &audit.Fix{Kind: audit.FixAdvice}}
		if got := w.Fix(f); got != want {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
}

func TestDateIsTheDayOfItsOwnOffset(t *testing.T) {
	for in, want := range map[string]string{
		"2026-03-03T00:00:00+01:00": "3 Mar 2026", "2026-03-02T23:00:00Z": "2 Mar 2026", "2026-03-03": "3 Mar 2026", "soon": "soon", "": "?",
	} {
		if got := date(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
