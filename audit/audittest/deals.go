package audittest

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"go/token"
	"go/types"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/plumbline/plumbline/internal/crm"
)

// snapshot builds the case's portal, with only the given facts known.
func (s *setup) snapshot(files map[string][]byte, facts crm.Fact) (*crm.Snapshot, error) {
	schema, err := s.schema()
	if err != nil {
		return nil, err
	}
	if !facts.Has(crm.FactOutreach) {
		schema.Outreach, schema.OutreachKnown = nil, false
	}
	for i := range schema.Pipelines {
		if !facts.Has(crm.FactRules) {
			schema.Pipelines[i].Rules = nil
		}
	}
	b := crm.NewBuilder(s.Portal, s.CRM, schema)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !strings.HasSuffix(name, ".csv") {
			continue
		}
		if err := s.table(b, schema, files[name], facts); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return b.Build(s.now, facts, crm.Completeness{}), nil
}

// snapshotAmounts returns the amounts of the case's deals by id, for telling a finding's value from the deal's own.
func (s *setup) snapshotAmounts(t testing.TB, files map[string][]byte) map[string]crm.Money {
	t.Helper()
	snap, err := s.snapshot(files, crm.AllFacts)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]crm.Money{}
	for i := range int32(snap.Len()) {
		out[snap.ID(i)] = snap.Money(snap.Deal(i))
	}
	return out
}

// table adds the deals of one file.
func (s *setup) table(b *crm.Builder, schema crm.Schema, text []byte, facts crm.Fact) error {
	rd := csv.NewReader(bytes.NewReader(text))
	rd.Comment, rd.TrimLeadingSpace, rd.FieldsPerRecord = '#', true, -1
	titles, err := rd.Read()
	if errors.Is(err, io.EOF) {
		return nil
	}
	for err == nil {
		var cells []string
		if cells, err = rd.Read(); err != nil {
			break
		}
		line, _ := rd.FieldPos(0)
		if err := s.row(b, schema, titles, cells, facts); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// row adds the deals of one row: one, or as many as repeat says.
func (s *setup) row(b *crm.Builder, schema crm.Schema, titles, cells []string, facts crm.Fact) error {
	raw := map[string]string{}
	for i, title := range titles {
		if i < len(cells) {
			raw[strings.TrimSpace(title)] = strings.TrimSpace(cells[i])
		} else {
			raw[strings.TrimSpace(title)] = ""
		}
	}
	times := 1
	if n := raw["repeat"]; n != "" {
		var err error
		if times, err = strconv.Atoi(n); err != nil {
			return fmt.Errorf("repeat: %w", err)
		}
		if raw["id"] == "" {
			raw["id"] = "deal" + strconv.Itoa(b.Len()) + "-"
		}
		if !strings.Contains(raw["id"], "{") {
			raw["id"] += "{i}"
		}
	}
	delete(raw, "repeat")
	for i := 1; i <= times; i++ {
		values := map[string]string{}
		for title, v := range raw {
			var bad error
			values[title] = placeholder.ReplaceAllStringFunc(v, func(expr string) string {
				out, err := calculate(expr[1:len(expr)-1], i)
				bad = errors.Join(bad, err)
				return out
			})
			if bad != nil {
				return bad
			}
		}
		d, err := s.deal(schema, values)
		if err != nil {
			return err
		}
		if b.Has(d.ID) {
			return fmt.Errorf("deal %q is there twice", d.ID)
		}
		d.Known &= facts
		if err := b.Add(d); err != nil {
			return err
		}
	}
	return nil
}

var loop = regexp.MustCompile(`\bi\b`)

// calculate works out an expression over i, by the rules of Go's constants.
func calculate(expr string, i int) (string, error) {
	v, err := types.Eval(token.NewFileSet(), nil, token.NoPos, loop.ReplaceAllString(expr, strconv.Itoa(i)))
	if err != nil || v.Value == nil {
		return "", fmt.Errorf("{%s} cannot be calculated: %w", expr, err)
	}
	return v.Value.ExactString(), nil
}

// column is how one column's cell gets into a deal.
type column struct {
	fact crm.Fact
	text func(d *crm.Deal) *string
	time func(d *crm.Deal) *crm.Instant
	n    func(d *crm.Deal) *int32
	sum  func(d *crm.Deal) *crm.Amount
	must bool // every deal has it, so that an empty cell is not known
}

func columns() map[string]column {
	all := map[string]column{
		"name":           {fact: crm.FactName, text: func(d *crm.Deal) *string { return &d.Name }},
		"owner":          {fact: crm.FactOwner, text: func(d *crm.Deal) *string { return &d.Owner }},
		"company":        {fact: crm.FactCompany, text: func(d *crm.Deal) *string { return &d.Company }},
		"lost_reason":    {fact: crm.FactLossReason, text: func(d *crm.Deal) *string { return &d.LossReason }},
		"lost_text":      {text: func(d *crm.Deal) *string { return &d.LossText }},
		"lost_detail":    {fact: crm.FactLossDetail, text: func(d *crm.Deal) *string { return &d.LossDetail }},
		"created":        {fact: crm.FactCreated, time: func(d *crm.Deal) *crm.Instant { return &d.Created }, must: true},
		"closed":         {fact: crm.FactClosed, time: func(d *crm.Deal) *crm.Instant { return &d.Closed }, must: true},
		"entered_stage":  {fact: crm.FactStageEntry, time: func(d *crm.Deal) *crm.Instant { return &d.StageEntry }, must: true},
		"expected_close": {fact: crm.FactCloseDate, time: func(d *crm.Deal) *crm.Instant { return &d.CloseDate }},
		"touch":          {fact: crm.FactTouch, time: func(d *crm.Deal) *crm.Instant { return &d.Touch }},
		"buyer":          {fact: crm.FactBuyer, time: func(d *crm.Deal) *crm.Instant { return &d.Buyer }},
		"planned":        {fact: crm.FactPlanned, time: func(d *crm.Deal) *crm.Instant { return &d.Planned }},
	}
	maps.Copy(all, rareColumns())
	return all
}

// deal reads one deal of its cells.
func (s *setup) deal(schema crm.Schema, cells map[string]string) (crm.Deal, error) {
	d := crm.Deal{ID: cells["id"], Pipeline: schema.Pipelines[0].ID, Stage: cells["stage"], Currency: s.Currency}
	if p := cells["pipeline"]; p != "" {
		d.Pipeline = p
	}
	if c := cells["currency"]; c != "" {
		d.Currency = c
	}
	if err := s.history(&d, cells["history"]); err != nil {
		return d, err
	}
	if dates, ok := cells["dates"]; ok {
		if err := s.dates(&d, dates); err != nil {
			return d, err
		}
	}
	if err := s.plain(&d, cells); err != nil {
		return d, err
	}
	all := columns()
	for title, cell := range cells {
		c, ok := all[title]
		if !ok {
			switch title {
			case "id", "pipeline", "stage", "currency", "history", "dates", "status", "amount", "origin", "archived":
				continue
			}
			return d, fmt.Errorf("there is no column %q", title)
		}
		if err := s.fill(&d, c, cell); err != nil {
			return d, fmt.Errorf("%s: %w", title, err)
		}
	}
	s.derive(&d, schema)
	return d, nil
}

// fill writes one cell into a deal.
func (s *setup) fill(d *crm.Deal, c column, cell string) error {
	if cell == "?" || cell == "" && c.must {
		return nil
	}
	d.Known |= c.fact
	var err error
	switch {
	case c.text != nil:
		*c.text(d) = cell
	case c.n != nil && cell != "":
		var n int64
		n, err = strconv.ParseInt(cell, 10, 32)
		*c.n(d) = int32(n)
	case c.sum != nil && cell != "":
		*c.sum(d), err = crm.ParseAmount(cell)
	case c.time != nil:
		*c.time(d), err = s.instant(cell)
	}
	return err
}

// plain reads the columns that are neither texts nor times.
func (s *setup) plain(d *crm.Deal, cells map[string]string) error {
	if v, ok := cells["amount"]; ok && v != "?" {
		d.Known |= crm.FactAmount
		if v != "" {
			var err error
			if d.Amount, err = crm.ParseAmount(v); err != nil {
				return err
			}
		}
	}
	if v := cells["status"]; v != "" {
		i := slices.Index([]string{"open", "won", "lost"}, v)
		if i < 0 {
			return fmt.Errorf("status %q is not open, won or lost", v)
		}
		status := crm.Status(i)
		d.Status = &status
	}
	if v := cells["origin"]; v != "" {
		var err error
		d.Known |= crm.FactOrigin
		if d.Origin, err = origin(v); err != nil {
			return err
		}
	}
	d.Archived = cells["archived"] == "true" || cells["archived"] == "yes"
	return nil
}

func origin(name string) (crm.Origin, error) {
	i := slices.Index([]string{"unknown", "person", "automation", "integration", "import", "plumbline"}, name)
	if i < 0 {
		return 0, fmt.Errorf("origin %q is not unknown, person, automation, integration, import or plumbline", name)
	}
	return crm.Origin(i), nil
}

// history reads "New@-40d;Demo@-10d@import".
func (s *setup) history(d *crm.Deal, text string) error {
	if text == "" || text == "?" {
		return nil
	}
	d.Known |= crm.FactHistory
	for _, entry := range strings.Split(text, ";") {
		parts := strings.Split(strings.TrimSpace(entry), "@")
		if len(parts) < 2 || len(parts) > 3 {
			return fmt.Errorf("history %q is not Stage@time;Stage@time", text)
		}
		at, err := s.instant(parts[1])
		if err != nil {
			return err
		}
		m := crm.StageMove{Stage: parts[0], At: at}
		if len(parts) == 3 {
			if m.Origin, err = origin(parts[2]); err != nil {
				return err
			}
		}
		d.Moves = append(d.Moves, m)
	}
	return nil
}

// derive takes from the history what no column gives.
func (s *setup) derive(d *crm.Deal, schema crm.Schema) {
	var kind crm.Status
	if n := len(d.Dates); n > 0 && !d.Known.Has(crm.FactCloseDate) {
		d.CloseDate, d.Known = d.Dates[n-1].To, d.Known|crm.FactCloseDate
	}
	if n := len(d.Moves); n > 0 {
		if d.Stage == "" {
			d.Stage = d.Moves[n-1].Stage
		}
		if d.Created.IsZero() {
			d.Created, d.Known = d.Moves[0].At, d.Known|crm.FactCreated
		}
		if d.StageEntry.IsZero() {
			d.StageEntry, d.Known = d.Moves[n-1].At, d.Known|crm.FactStageEntry
		}
	}
	for _, p := range schema.Pipelines {
		for _, st := range p.Stages {
			if p.ID == d.Pipeline && st.ID == d.Stage {
				kind = st.Kind
			}
		}
	}
	if kind != crm.Open && len(d.Moves) > 0 && d.Closed.IsZero() {
		d.Closed, d.Known = d.StageEntry, d.Known|crm.FactClosed
	}
	if kind == crm.Open && d.Status == nil {
		d.Known |= crm.FactClosed // open: known to have none
	}
}
