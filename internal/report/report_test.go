package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/text"
)

type always struct{}

func (always) Check(*audit.Pass) {}

func english(t *testing.T) *text.Words {
	t.Helper()
	w, err := text.English([]*audit.Policy{audit.Define(audit.Meta{ID: "stale-in-stage", Title: "Too long in a stage", Message: `limit {{days .limit_days}}`}, always{})})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func result() *audit.Result {
	score, expected := 71.4, int64(3)
	return &audit.Result{
		Portal: "acme", CRM: "hubspot", AsOf: 1_800_000_000_000_000, Complete: true, Score: &score, Grade: "C",
		Read:   map[string]crm.Count{"deals": {Expected: &expected, Read: 3}},
		Judged: map[string]audit.Judged{"stale-in-stage": {Judged: 2, Passed: 1, Unknown: 1}, "owner-missing": {Unknown: 3}},
		Findings: []audit.Finding{{
			ID: "00ff", Policy: "stale-in-stage", Severity: audit.High, Subject: crm.Ref{Portal: "acme", Kind: crm.KindDeal, ID: "7"}, Name: "=cmd|x", URL: "https://crm/7",
			Facts: audit.Facts{"limit_days": 30.0}, Value: crm.Money{Amount: 12_500_0000, Currency: "EUR"}, Family: audit.FamilyActivity, Case: "c1", Lead: true,
			Fix: &audit.Fix{Kind: audit.FixTask, Mode: audit.ModeReport, Edits: []crm.Edit{{Target: crm.Ref{Kind: crm.KindTask}, Op: crm.OpAddTask, After: crm.Fields{"deal": "7"}}}},
		}},
		Unknown:      []audit.Unknown{{Policy: "stale-in-stage", Subject: crm.Ref{Kind: crm.KindDeal, ID: "9"}, Need: audit.NeedHistory, Why: "no history"}},
		MissingNeeds: []audit.MissingNeed{{Need: audit.NeedHistory, Policies: []string{"stale-in-stage"}, Records: 1, Why: "the file has none", Cure: "give --history"}},
	}
}

func TestJSONHasThePublishedShape(t *testing.T) {
	var b bytes.Buffer
	if err := Audits(&b, JSON, english(t), Style{}, result()); err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"portal", "crm", "as_of", "complete", "incomplete", "read", "score", "grade", "score_parts", "value_at_risk", "judged", "missing_needs", "findings", "unknown", "pipelines", "unclassified_losses", "loss_classifier"} {
		if v, ok := doc[key]; !ok || v == nil {
			t.Errorf("key %q is missing or null", key)
		}
	}
	f := doc["findings"].([]any)[0].(map[string]any)
	for _, key := range []string{"id", "policy", "severity", "subject", "family", "case", "lead", "pipeline", "stage", "owner", "message", "facts", "value", "since", "waived", "fix"} {
		if _, ok := f[key]; !ok {
			t.Errorf("a finding lacks %q", key)
		}
	}
	subject := f["subject"].(map[string]any)
	if subject["name"] != "=cmd|x" || subject["url"] != "https://crm/7" || subject["kind"] != "deal" {
		t.Errorf("subject %v", subject)
	}
	if f["message"] != "limit 30 days" || f["severity"] != "high" || f["waived"] != nil {
		t.Errorf("finding %v", f)
	}
	edit := f["fix"].(map[string]any)["edits"].([]any)[0].(map[string]any)
	if edit["op"] != "add-task" || edit["kind"] != "task" || edit["before"] == nil {
		t.Errorf("edit %v", edit)
	}
}

func TestSeveralPortalsAreAnArray(t *testing.T) {
	var b bytes.Buffer
	if err := Audits(&b, JSON, english(t), Style{}, result(), result()); err != nil {
		t.Fatal(err)
	}
	var docs []map[string]any
	if err := json.Unmarshal(b.Bytes(), &docs); err != nil || len(docs) != 2 {
		t.Errorf("%d documents, %v", len(docs), err)
	}
}

func TestCSVCannotCarryAFormula(t *testing.T) {
	var b bytes.Buffer
	if err := Audits(&b, CSV, english(t), Style{}, result()); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if got := rows[1][slices.Index(rows[0], "name")]; got != "'=cmd|x" {
		t.Errorf("name %q", got)
	}
	if got := rows[1][slices.Index(rows[0], "value")]; got != "12500.00" {
		t.Errorf("value %q", got)
	}
}

func TestJUnitSkipsWhatCannotBeJudged(t *testing.T) {
	r := result()
	r.Complete, r.Incomplete = false, []crm.Gap{{Object: "deals", Why: "429"}}
	var b bytes.Buffer
	if err := Audits(&b, JUnit, english(t), Style{}, r); err != nil {
		t.Fatal(err)
	}
	var doc junitSuites
	if err := xml.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	s := doc.Suites[0]
	if s.Failures != 1 || s.Skipped != 1 || s.Errors != 1 || s.Tests != 3 {
		t.Errorf("suite %+v", s)
	}
}

func TestTableSaysWhatIsMissing(t *testing.T) {
	r := result()
	r.Complete, r.Score, r.Incomplete = false, nil, []crm.Gap{{Object: "deals", Why: "the CRM answered 429"}}
	var b bytes.Buffer
	if err := Audits(&b, Table, english(t), Style{}, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"INCOMPLETE", "the CRM answered 429", "Score: none (the data is incomplete)", "Cannot judge without stage history: stale-in-stage for 1 record", "limit 30 days", "12,500 EUR"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, b.String())
		}
	}
}

func TestMarkdownEscapes(t *testing.T) {
	var b bytes.Buffer
	if err := Audits(&b, Markdown, english(t), Style{}, result()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `[=cmd\|x](https://crm/7)`) {
		t.Errorf("got\n%s", b.String())
	}
}

func TestFindingsCSVCannotCarryAFormula(t *testing.T) {
	f := result().Findings[0]
	f.Subject.ID, f.Subject.Portal, f.StageName, f.OwnerName = "=1+1", "@deals.csv", " =2", "\n-3"
	var b bytes.Buffer
	if err := Findings(&b, CSV, english(t), Style{}, []Kept{{Finding: f, State: "open"}}); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for title, want := range map[string]string{"id": "'=1+1", "portal": "'@deals.csv", "stage": "' =2", "owner": "'\n-3", "name": "'=cmd|x", "state": "open"} {
		if got := rows[1][slices.Index(rows[0], title)]; got != want {
			t.Errorf("%s: %q, want %q", title, got, want)
		}
	}
}

func TestTableKeepsTextsToTheirCell(t *testing.T) {
	r := result()
	r.Findings[0].Name, r.Findings[0].OwnerName = "two\r\nlines", "red\x1b[31m\u009b31m"
	var b bytes.Buffer
	if err := Audits(&b, Table, english(t), Style{}, r); err != nil {
		t.Fatal(err)
	}
	if out := b.String(); strings.ContainsAny(out, "\x1b\r\u009b") || !strings.Contains(out, "two  lines") {
		t.Errorf("table:\n%q", out)
	}
}

func TestMarkdownKeepsTextsToTheirCell(t *testing.T) {
	for in, want := range map[string]string{
		`a|b`: `a\|b`, `a\|b`: `a\\\|b`, "two\r\nlines\x1b[0m": `two  lines \[0m`, "<b>*x*": `&lt;b>\*x\*`, "[x](y)": `\[x](y)`, "Größe": "Größe",
	} {
		if got := escape(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestUnclassifiedLossesAreNamed(t *testing.T) {
	r := result()
	for i := range 7 {
		r.UnclassifiedLosses = append(r.UnclassifiedLosses, audit.TextCount{Text: strings.Repeat("blue giraffes ", 1+9*(i/6)) + strconv.Itoa(i), Deals: 7 - i})
	}
	for _, f := range []Format{Table, Markdown} {
		var b bytes.Buffer
		if err := Audits(&b, f, english(t), Style{}, r); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"blue giraffes 0" (7 deals)`, "2 more", "loss_reasons"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s lacks %q:\n%s", f, want, b.String())
			}
		}
	}
	r.UnclassifiedLosses = r.UnclassifiedLosses[6:]
	if told := unclassified(r); len([]rune(told)) > 80 || !strings.Contains(told, "…") {
		t.Errorf("a long text is told as %s", told)
	}
}
