package csvfile

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/internal/crm"
)

var update = flag.Bool("update", false, "write the golden files anew")

// read parses a text with options that name no file.
func read(t *testing.T, text string, o Options) *File {
	t.Helper()
	f, err := Parse([]byte(text), nil, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// golden is what a file was understood as, in a form that people can read.
type golden struct {
	Layout     string
	Pipelines  map[string][]string
	Closed     bool `json:"closed_stages"`
	Deals      []map[string]any
	Unreadable []string
	Notes      []string
	Unknown    []string
}

var factNames = []string{"name", "created", "closed", "owner", "amount", "close_date", "stage_entry", "history", "touch", "buyer", "planned", "loss_reason", "loss_detail", "company", "origin", "modified"}

func names(f crm.Fact) (out []string) {
	for i, n := range factNames {
		if f.Has(1 << i) {
			out = append(out, n)
		}
	}
	if f != crm.AllFacts && f.Has(crm.FactRules) {
		out = append(out, "rules")
	}
	return out
}

func describe(f *File) golden {
	g := golden{Layout: f.Layout, Pipelines: map[string][]string{}, Closed: f.schema.ClosedStages, Notes: f.Notes}
	for _, p := range f.schema.Pipelines {
		for _, s := range p.Stages {
			g.Pipelines[p.ID] = append(g.Pipelines[p.ID], s.Name+"="+s.Kind.String())
		}
	}
	for _, m := range f.schema.Unknown {
		g.Unknown = append(g.Unknown, strings.Join(names(m.Fact), ",")+": "+m.Cure)
	}
	for _, r := range f.Unreadable {
		g.Unreadable = append(g.Unreadable, r.String())
	}
	for _, d := range f.deals {
		row := map[string]any{"id": d.ID, "stage": d.Pipeline + "/" + d.Stage, "known": strings.Join(names(d.Known), " ")}
		for k, v := range map[string]string{"name": d.Name, "owner": d.Owner, "company": d.Company, "currency": d.Currency, "lost_reason": d.LossReason} {
			if v != "" {
				row[k] = v
			}
		}
		for k, v := range map[string]crm.Instant{"created": d.Created, "closed": d.Closed, "entered": d.StageEntry, "expected": d.CloseDate, "touch": d.Touch, "buyer": d.Buyer, "planned": d.Planned, "modified": d.Modified} {
			if !v.IsZero() {
				row[k] = v.String()
			}
		}
		if d.Amount != 0 {
			row["amount"] = d.Amount.String()
		}
		if d.Status != nil {
			row["status"] = d.Status.String()
		}
		if d.Archived {
			row["archived"] = true
		}
		for _, m := range d.Moves {
			row["moves"] = strings.TrimSpace(strings.Join([]string{asString(row["moves"]), m.Stage + "@" + m.At.String()}, " "))
		}
		g.Deals = append(g.Deals, row)
	}
	return g
}

func asString(v any) string { s, _ := v.(string); return s }

// TestGolden reads every file of testdata. NAME.csv may have NAME.history.csv beside it.
func TestGolden(t *testing.T) {
	options := map[string]Options{
		"plain":     {Zone: mustZone(t, "Europe/Paris")},
		"mapped":    {Map: `id=Opportunity,owner="Sales, agent",stage=Deal stage,closed=When,expected_close=When,lost_reason=`, Stages: "Lead,Offer,Won=won,Lost=lost"},
		"hubspot":   {},
		"pipedrive": {Zone: mustZone(t, "America/Sao_Paulo")},
		"broken":    {},
	}
	files, err := filepath.Glob("testdata/*.csv")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range files {
		base := strings.TrimSuffix(filepath.Base(name), ".csv")
		o, ok := options[base]
		if !ok {
			continue
		}
		seen++
		t.Run(base, func(t *testing.T) {
			o.File = name
			if history := "testdata/" + base + ".history.csv"; exists(history) {
				o.History = history
			}
			f, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(describe(f), "", " ")
			if err != nil {
				t.Fatal(err)
			}
			want := "testdata/" + base + ".golden"
			if *update {
				if err := os.WriteFile(want, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			b, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimSpace(string(b)), string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			accounts(t, f)
		})
	}
	if seen != len(options) {
		t.Errorf("read %d files, there are options for %d", seen, len(options))
	}
}

func exists(name string) bool { _, err := os.Stat(name); return err == nil }

func mustZone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// accounts checks that every line became a deal, a deleted deal or an unreadable row, that the walk yields them all, and
// that a snapshot can be built of them.
func accounts(t *testing.T, f *File) {
	t.Helper()
	n, err := f.Count(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	bad := int64(0)
	for _, r := range f.Unreadable {
		if r.File == f.Portal {
			bad++
		}
	}
	for _, d := range f.deals {
		if d.Archived {
			n++
		}
	}
	if n != int64(len(f.deals))+bad {
		t.Errorf("%d lines, but %d deals and %d unreadable rows", n, len(f.deals), bad)
	}
	schema, err := f.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := crm.NewBuilder(f.Portal, Name, schema)
	failed, last := 0, false
	for page, err := range f.Deals(t.Context(), schema, crm.Work{}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page.Deals {
			if err := b.Add(d); err != nil {
				t.Error(err)
			}
		}
		failed += len(page.Failed)
		last = page.Last
	}
	if !last || b.Len() != len(f.deals) || failed != len(f.Unreadable) {
		t.Errorf("the walk gave %d deals and %d failures, last %v; the file has %d and %d", b.Len(), failed, last, len(f.deals), len(f.Unreadable))
	}
}

// maven returns the folder of the Maven set.
func maven(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(os.Getenv("PLUMBLINE_TESTDATA"), "maven")
	if !exists(filepath.Join(dir, "sales_pipeline.csv")) || os.Getenv("PLUMBLINE_TESTDATA") == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("PLUMBLINE_TESTDATA does not name the folder with the Maven set")
		}
		t.Skip("PLUMBLINE_TESTDATA does not name the folder with the Maven set")
	}
	return dir
}

const mavenMap = "id=opportunity_id,owner=sales_agent,company=account,stage=deal_stage,created=engage_date,closed=close_date,expected_close=close_date,amount=close_value"

func TestMaven(t *testing.T) {
	file := filepath.Join(maven(t), "sales_pipeline.csv")
	stages := "Prospecting,Engaging,Won=won,Lost=lost"
	f, err := Open(Options{File: file, Map: mavenMap + ",lost_reason=", Stages: stages})
	if err != nil {
		t.Fatal(err)
	}
	accounts(t, f)
	if f.Portal != "sales_pipeline.csv" || len(f.deals) != 8800 || len(f.Unreadable) != 0 || len(f.Notes) != 0 {
		t.Fatalf("portal %q, %d deals, unreadable %v, notes %v", f.Portal, len(f.deals), f.Unreadable, f.Notes)
	}
	kind := map[string]crm.Status{}
	for _, s := range f.schema.Pipelines[0].Stages {
		kind[s.ID] = s.Kind
	}
	count := map[string]int{}
	for _, d := range f.deals {
		k := kind[d.Stage]
		count[k.String()]++
		if !d.Known.Has(crm.FactCreated) {
			count[d.Stage+" without creation"]++
		}
		if k == crm.Open && d.Known.Has(crm.FactAmount|crm.FactCloseDate) && d.Amount == 0 && d.CloseDate == 0 {
			count[d.Stage+" without amount and date"]++
		}
		if k == crm.Lost && d.Known.Has(crm.FactLossReason|crm.FactClosed) && d.LossReason == "" && d.Closed != 0 {
			count["lost without reason"]++
		}
		if d.Known&(crm.FactStageEntry|crm.FactHistory|crm.FactTouch|crm.FactPlanned|crm.FactName) != 0 {
			t.Fatalf("%s: known %v", d.ID, names(d.Known))
		}
	}
	want := map[string]int{"open": 2089, "won": 4238, "lost": 2473, "Prospecting without creation": 500, "lost without reason": 2473,
		"Prospecting without amount and date": 500, "Engaging without amount and date": 1589}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(f.schema.Users) != 30 || f.schema.UsersKnown {
		t.Errorf("%d users, known %v", len(f.schema.Users), f.schema.UsersKnown)
	}
	g, err := Open(Options{File: file, Map: mavenMap, Stages: stages})
	if err != nil {
		t.Fatal(err)
	}
	if g.deals[0].Known.Has(crm.FactLossReason) || g.schema.LossReason.Kind != "" {
		t.Error("without lost_reason= the reasons are not known")
	}
}

// TestMavenHistory makes the history that the data allow: engaged, then closed.
func TestMavenHistory(t *testing.T) {
	file := filepath.Join(maven(t), "sales_pipeline.csv")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	history := "deal,stage,entered\n"
	for _, rec := range split(decode(b), ',')[1:] {
		if rec.cells[5] != "" {
			history += rec.cells[0] + ",Engaging," + rec.cells[5] + "\n"
		}
		if rec.cells[6] != "" {
			history += rec.cells[0] + "," + rec.cells[4] + "," + rec.cells[6] + "\n"
		}
	}
	f, err := Parse(b, []byte(history), Options{File: file, History: "history.csv", Map: mavenMap, Stages: "Prospecting,Engaging,Won=won,Lost=lost"})
	if err != nil {
		t.Fatal(err)
	}
	accounts(t, f)
	count := map[string]int{}
	for _, d := range f.deals {
		if d.Known.Has(crm.FactHistory | crm.FactStageEntry) {
			count[d.Stage]++
		}
	}
	if diff := cmp.Diff(map[string]int{"Engaging": 1589, "Won": 4238, "Lost": 2473}, count); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(f.Notes) != 0 || len(f.Unreadable) != 0 {
		t.Errorf("notes %v, unreadable %v", f.Notes, f.Unreadable)
	}
}

// TestExportTitles checks that the deal columns of both CRMs' own exports are recognised in every language that is known.
func TestExportTitles(t *testing.T) {
	dir := filepath.Dir(maven(t))
	ours := map[string]column{
		"hs_object_id": colID, "dealname": colName, "amount": colAmount, "dealstage": colStage, "pipeline": colPipeline, "closedate": colExpectedClose,
		"hubspot_owner_id": colOwner, "notes_last_contacted": colLastActivity, "notes_next_activity_date": colNextActivity,
		"closed_lost_reason": colLostReason, "deal_currency_code": colCurrency, "hs_latest_meeting_activity": colMeeting, "hs_sales_email_last_replied": colReply,
		"id": colID, "title": colName, "value": colAmount, "stage_id": colStage, "status": colStatus, "user_id/owner_id": colOwner, "org_id": colCompany, "add_time": colCreated,
		"currency": colCurrency, "stage_change_time": colEnteredStage, "next_activity_date": colNextActivity, "last_activity_date": colLastActivity, "won_time": colWon, "lost_time": colLost,
		"close_time": colClosed, "lost_reason": colLostReason, "expected_close_date": colExpectedClose, "update_time": colUpdated, "archive_time": colArchivedAt,
	}
	checked := 0
	for _, name := range []string{"hubspot_deals_export_headers.tsv", "pipedrive_deals_export_headers.tsv"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n")[1:] {
			c := strings.Split(line, "\t")
			col, ok := ours[c[2]]
			if !ok || strings.HasSuffix(c[0], " ID") && c[2] == "org_id" {
				continue
			}
			checked++
			cols, _ := recognise([]string{c[0]}, "")
			if cols.at[col] != 0 {
				t.Errorf("%s: the title %q is not recognised as %s", name, c[0], col)
			}
		}
	}
	if checked < 60 {
		t.Errorf("only %d titles were checked", checked)
	}
}

func TestEncodings(t *testing.T) {
	text := "id;name;stage;amount\r\n1;Müller & Søn;Offen;1.054,50\r\n"
	utf16le := []byte{0xFF, 0xFE}
	for _, r := range text {
		utf16le = append(utf16le, byte(r), byte(r>>8))
	}
	var latin1 []byte
	for _, r := range text {
		latin1 = append(latin1, byte(r))
	}
	for name, b := range map[string][]byte{
		"utf-8": []byte(text), "bom": append([]byte{0xEF, 0xBB, 0xBF}, text...), "utf-16": utf16le, "utf-16 without mark": utf16le[2:], "latin-1": latin1,
		"sep": []byte("sep=;\r\n" + text), "tabs": []byte(strings.ReplaceAll(text, ";", "\t")),
	} {
		f, err := Parse(b, nil, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(f.deals) != 1 || f.deals[0].Name != "Müller & Søn" || f.deals[0].Amount.String() != "1054.50" {
			t.Errorf("%s: %+v, unreadable %v", name, f.deals, f.Unreadable)
		}
	}
}

func TestOptionErrors(t *testing.T) {
	for _, c := range []struct {
		text, history string
		o             Options
		want          string
	}{
		{"", "", Options{}, "no line of titles"},
		{"id,phase\n", "", Options{}, "no title is known to be the deals' stage"},
		{"id,stage\n", "", Options{Map: "amonut=x"}, `no column "amonut"`},
		{"id,stage\n", "", Options{Map: "amount=x"}, `no title "x"`},
		{"id,stage\n", "", Options{Map: "amount"}, "not of the form"},
		{"id,stage\n", "", Options{Map: "amount=,amount=id"}, "given twice"},
		{"id,stage\n", "", Options{Stages: "A,B=gone"}, `the outcome of "B" is "gone"`},
		{"id,stage\n", "", Options{Map: "amount=\"x"}, "never closed"},
		{"id,stage\n", "", Options{Stages: "A,a"}, "given twice"},
		{"id,stage\n", "deal,entered\n", Options{History: "h.csv"}, `h.csv: no title "stage"`},
	} {
		_, err := Parse([]byte(c.text), []byte(c.history), c.o)
		var oe *OptionError
		if !errors.As(err, &oe) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
	_, err := Parse([]byte("id,stage\n"), nil, Options{Map: "x=1,y=2", Stages: "A=z"})
	var oe *OptionError
	if !errors.As(err, &oe) || len(oe.Problems) != 3 {
		t.Errorf("want three problems at once, got %v", err)
	}
}

func TestList(t *testing.T) {
	for in, want := range map[string][]string{
		" ": nil, "a, b,,c ": {"a", "b", "c"}, `"a,b"=won,c`: {"a,b=won", "c"}, `x="a,b",y=c`: {"x=a,b", "y=c"},
		`x=Date entered "A (B)"`: {`x=Date entered "A (B)"`}, `x="say ""hi"""`: {`x=say "hi"`},
	} {
		got, err := list(in)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v %s", in, err, diff)
		}
	}
}

func TestWalkResumes(t *testing.T) {
	var b strings.Builder
	b.WriteString("id,stage\n")
	for i := range 2*pageSize + 1 {
		b.WriteString(time.Duration(i).String() + ",A\n")
	}
	f := read(t, b.String(), Options{})
	var sizes []int
	var second crm.Cursor
	for page, err := range f.Deals(t.Context(), f.schema, crm.Work{}) {
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(page.Deals))
		if len(sizes) == 1 {
			second = page.Next
		}
	}
	if diff := cmp.Diff([]int{pageSize, pageSize, 1}, sizes); diff != "" {
		t.Fatal(diff)
	}
	n := 0
	for page, err := range f.Deals(t.Context(), f.schema, crm.Work{From: second}) {
		if err != nil {
			t.Fatal(err)
		}
		n += len(page.Deals)
	}
	if n != pageSize+1 {
		t.Errorf("resumed walk gave %d deals", n)
	}
}

func TestTitlesThatStandThereTwice(t *testing.T) {
	file, err := Parse([]byte("id,stage,amount,Amount,note,note\n1,New,5,7,x,y\n"), nil, Options{File: "deals.csv"})
	if err != nil {
		t.Fatal(err)
	}
	if got := file.Rows()[0].Amount.String(); got != "5.00" {
		t.Errorf("amount %s, want that of the first title", got)
	}
	if want := `the file has more than one title "amount"; the first one is read`; !slices.Contains(file.Notes, want) {
		t.Errorf("notes %q, want %q", file.Notes, want)
	}
}

func TestCountLeavesOutArchivedAndDeletedDeals(t *testing.T) {
	file, err := Parse([]byte("Deal - ID,Deal - Stage,Deal - Status,Deal - Archive time\n1,A,open,\n2,A,won,2026-01-01 10:00:00\n3,A,deleted,\n4,A,,\n5,A,odd,\n"), nil,
		Options{File: "deals.csv"})
	if err != nil {
		t.Fatal(err)
	}
	n, err := file.Count(t.Context(), 0)
	if err != nil || n != 3 || len(file.Rows()) != 3 || len(file.Unreadable) != 1 {
		t.Errorf("%d deals, %d read, %d unreadable, %v; want 3 of which one is unreadable, and an archived one beside them", n, len(file.Rows()), len(file.Unreadable), err)
	}
}
