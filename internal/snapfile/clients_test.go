package snapfile

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/plumbline/plumbline/internal/crm"
)

// missing skips a test for want of something outside, which in CI must be there.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// TestArrowClient has the tables of an archive read by another implementation of Arrow, that of the npm package apache-arrow.
func TestArrowClient(t *testing.T) {
	clients := filepath.Join("testdata", "clients")
	if _, err := os.Stat(filepath.Join(clients, "node_modules", "apache-arrow")); err != nil {
		missing(t, "the npm package apache-arrow is not installed: run make setup")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node is not installed")
	}
	s := some(t)
	dir := t.TempDir()
	for name, b := range parts(t, archive(t, s)) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := json.Marshal(expected(s))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "want.json"), want, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, "--test", "--test-reporter=tap", "arrow.test.mjs")
	cmd.Dir, cmd.Env = clients, append(os.Environ(), "DIR="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// some is a bulk snapshot of which the first deal has everything and the second one nothing.
func some(t *testing.T) *crm.Snapshot {
	t.Helper()
	plain := bulk(t, 300)
	b := crm.NewBuilder("acme", "hubspot", portal())
	for i := range int32(plain.Len()) {
		d := plain.Export(i)
		switch i {
		case 0:
			d.Name, d.Amount, d.LossDetail = "Größe 预算 🙂", -12_3456, "too late"
			d.Contacts, d.Touches, d.Merged = 3, 0, []string{"51", "52"}
			d.Dates = []crm.DateChange{{At: d.Created, To: d.CloseDate, Origin: crm.OriginPerson}, {At: d.Created + 7}}
		case 1:
			d = crm.Deal{ID: d.ID, Pipeline: d.Pipeline, Stage: d.Stage}
		}
		if err := b.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	return b.Build(plain.Taken, crm.AllFacts, crm.Completeness{})
}

type row map[string]any

// table is what is expected of a table: its columns by name, in the words of apache-arrow, and the cells of some rows.
type table struct {
	Rows    int               `json:"rows"`
	Columns map[string]string `json:"columns"`
	Values  map[int]row       `json:"values"`
}

const (
	wordsType  = "Utf8"
	momentType = "Timestamp<MICROSECOND, UTC>"
	moneyType  = "Decimal[19e+4]"
)

func expected(s *crm.Snapshot) map[string]table {
	micros := func(i crm.Instant) any {
		if i.IsZero() {
			return nil
		}
		return fmt.Sprint(int64(i))
	}
	deal := func(i int32) row {
		d, r := s.Export(i), s.Deal(i)
		out := row{
			"id": d.ID, "name": d.Name, "pipeline_id": d.Pipeline, "pipeline": "Sales", "stage_id": d.Stage, "stage": s.Stage(r.Stage).Name, "status": r.Status.String(),
			"owner_id": nil, "owner": nil, "currency": d.Currency, "amount": nil, "created": micros(d.Created), "closed": micros(d.Closed), "known": uint32(d.Known),
		}
		if d.Owner != "" {
			out["owner_id"], out["owner"] = d.Owner, s.Schema.Users[r.Owner].Name
		}
		if d.Amount != 0 {
			out["amount"] = fmt.Sprintf("%.4f", d.Amount.Float())
		}
		return out
	}
	full := deal(0)
	full["amount"], full["contacts"], full["touches"], full["merged"], full["archived"], full["origin"] = "-12.3456", 3, 0, "51;52", false, "person"
	empty := row{"name": nil, "currency": nil, "created": nil, "contacts": nil, "touches": nil, "known": 0, "origin": "unknown", "status": s.Deal(1).Status.String()}
	first, last := s.Moves(0)[0], s.Moves(299)[4]
	dealColumns := map[string]string{"known": "Uint32", "archived": "Bool", "contacts": "Int32", "touches": "Int32", "amount": moneyType, "line_total": moneyType}
	for _, name := range []string{"id", "name", "pipeline_id", "pipeline", "stage_id", "stage", "status", "owner_id", "owner", "company", "currency",
		"loss_reason", "loss_text", "loss_detail", "type", "source", "editor", "closer", "origin", "merged"} {
		dealColumns[name] = wordsType
	}
	for _, name := range []string{"created", "closed", "stage_entry", "close_date", "last_touch", "last_buyer_activity", "next_planned", "next_due", "modified", "updated",
		"first_touch", "first_meeting", "first_mail", "quote_published", "quote_expires", "quote_signed", "quote_paid"} {
		dealColumns[name] = momentType
	}
	return map[string]table{
		"deals.arrow": {300, dealColumns, map[int]row{0: full, 1: empty, 2: deal(2), 150: deal(150), 299: deal(299)}},
		"moves.arrow": {len(s.Columns().Moves), map[string]string{"deal_id": wordsType, "at": momentType, "pipeline_id": wordsType, "pipeline": wordsType,
			"stage_id": wordsType, "stage": wordsType, "origin": wordsType}, map[int]row{
			0:                          {"deal_id": s.ID(0), "at": micros(first.At), "stage_id": "new", "stage": "New", "pipeline_id": "sales", "pipeline": "Sales", "origin": "person"},
			len(s.Columns().Moves) - 1: {"deal_id": s.ID(299), "at": micros(last.At)},
		}},
		"close_dates.arrow": {2, map[string]string{"deal_id": wordsType, "at": momentType, "close_date": momentType, "origin": wordsType}, map[int]row{
			0: {"deal_id": s.ID(0), "at": micros(s.Deal(0).Created), "close_date": micros(s.Deal(0).CloseDate), "origin": "person"},
			1: {"at": micros(s.Deal(0).Created + 7), "close_date": nil, "origin": "unknown"},
		}},
	}
}
