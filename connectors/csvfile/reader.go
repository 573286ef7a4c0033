package csvfile

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/plumbline/plumbline/internal/crm"
)

// dateColumns are the columns that hold moments.
var dateColumns = []column{colCreated, colEnteredStage, colExpectedClose, colClosed, colLastActivity, colNextActivity,
	colUpdated, colReply, colMeeting, colMailOut, colWon, colLost, colArchivedAt}

// reader turns a table into deals.
type reader struct {
	opts    Options
	name    string
	table   table
	cols    columns
	dates   dates
	amounts amounts
	setup   setup
	entered []enteredColumn
	history map[string]*history // by deal; nil without a history file
	astray  int                 // deals whose moves do not lead to the stage that they are in
	seen    map[string]int      // line of each id
	owners  map[string]bool

	file  File
	drops []Row // of the history file
	rows  []placed
}

// placed is a deal whose stage has a place in the set-up that is still being learned.
type placed struct {
	deal  crm.Deal
	line  int
	pipe  *pipeline
	stage *stage
	moves []visit
}

// visit is one entry into a stage.
type visit struct {
	stage *stage
	at    crm.Instant
}

// newReader recognises the file's titles and checks the options against them.
func newReader(b []byte, o Options) (*reader, error) {
	r := &reader{opts: o, name: filepath.Base(o.File), seen: map[string]int{}, owners: map[string]bool{}}
	stages, problems := parseStages(o.Stages)
	t, ok := parseTable(b)
	if !ok {
		return nil, &OptionError{append(problems, fmt.Sprintf("%s: there is no line of titles to begin with", r.name))}
	}
	cols, more := recognise(t.titles, o.Map)
	if problems = append(problems, more...); len(problems) > 0 {
		return nil, &OptionError{problems}
	}
	r.table, r.cols, r.setup = t, cols, setup{listed: stages, hasStatus: cols.at[colStatus] >= 0}
	r.file.Portal, r.file.Layout, r.file.lines = r.name, cols.layout, int64(len(t.rows))
	r.dates.zone = o.Zone
	r.entered = enteredColumns(t.titles)
	r.learn()
	return r, nil
}

// learn looks over all rows for how the file writes dates and amounts, and which pipelines it has.
func (r *reader) learn() {
	places := map[int]bool{}
	for _, col := range dateColumns {
		if r.cols.at[col] >= 0 {
			places[r.cols.at[col]] = true
		}
	}
	for _, e := range r.entered {
		places[e.at] = true
	}
	for _, rec := range r.table.rows {
		for at := range places {
			if at < len(rec.cells) {
				r.dates.learn(rec.cells[at])
			}
		}
		if s, ok := r.cell(rec, colAmount); ok {
			r.amounts.learn(s)
		}
		if s, _ := r.cell(rec, colPipeline); s != "" {
			r.setup.pipeline(s)
		}
	}
	r.placeEntered()
}

// cell returns a record's cell of a column, trimmed; ok is false where the file does not say. A row may end before the last
// titles: what it lacks is not known. A column that was declared empty is known and empty.
func (r *reader) cell(rec record, col column) (s string, ok bool) {
	at := r.cols.at[col]
	switch {
	case at == declared:
		return "", true
	case at < 0 || at >= len(rec.cells):
		return "", false
	}
	return strings.TrimSpace(rec.cells[at]), true
}

// readRows reads every row of the deals.
func (r *reader) readRows() {
	for _, rec := range r.table.rows {
		p, why := r.row(rec)
		if why != "" {
			id, _ := r.cell(rec, colID)
			r.file.Unreadable = append(r.file.Unreadable, Row{File: r.name, Line: rec.line, ID: id, Why: why})
			continue
		}
		if p != nil {
			r.rows = append(r.rows, *p)
		}
	}
}

// row reads one deal; nil without a reason is a deal that the CRM deleted.
func (r *reader) row(rec record) (*placed, string) {
	if rec.bad != "" {
		return nil, rec.bad
	}
	for _, extra := range rec.cells[min(len(r.table.titles), len(rec.cells)):] {
		if strings.TrimSpace(extra) != "" {
			return nil, fmt.Sprintf("it has %d cells, but there are %d titles", len(rec.cells), len(r.table.titles))
		}
	}
	id, _ := r.cell(rec, colID)
	stageName, _ := r.cell(rec, colStage)
	pipeName, piped := r.cell(rec, colPipeline)
	switch {
	case id == "":
		return nil, "it has no id"
	case r.seen[id] != 0:
		return nil, fmt.Sprintf("the id %q is on line %d already", id, r.seen[id])
	case stageName == "":
		return nil, "it has no stage"
	case pipeName == "" && piped && r.cols.at[colPipeline] >= 0:
		return nil, "it has no pipeline"
	case pipeName == "":
		pipeName = soleName
	}
	r.seen[id] = rec.line
	p := &placed{line: rec.line, deal: crm.Deal{ID: id}}
	if why := r.status(rec, &p.deal); why == deletedDeal {
		r.file.gone = append(r.file.gone, crm.Gone{ID: id, Why: "deleted"})
		return nil, ""
	} else if why != "" {
		return nil, why
	}
	if why := r.facts(rec, &p.deal); why != "" {
		return nil, why
	}
	if why := r.closing(rec, &p.deal); why != "" {
		return nil, why
	}
	p.pipe = r.setup.pipeline(pipeName)
	p.stage = r.setup.stage(p.pipe, stageName)
	p.stage.deals++
	if p.deal.Status != nil {
		p.stage.statuses[*p.deal.Status]++
	}
	if s, ok := r.cell(rec, colProbability); ok {
		p.stage.probs[s]++
	}
	r.trace(rec, p)
	return p, ""
}

// deletedDeal is what status says of a deal that the CRM no longer has.
const deletedDeal = "deleted"

func (r *reader) status(rec record, d *crm.Deal) (why string) {
	s, told := r.cell(rec, colStatus)
	if !told && r.setup.hasStatus {
		return "it ends before its status"
	}
	if s == "" {
		return ""
	}
	if slices.Contains(deletedWords, fold(s)) {
		return deletedDeal
	}
	k, ok := outcomes[fold(s)]
	if !ok {
		return fmt.Sprintf("the status %q is none of open, won and lost", s)
	}
	d.Status = &k
	return ""
}

// facts reads what needs no other row. A moment that every deal has (its creation, the entry into its stage) is not known
// where its cell is empty; anything else is known to be empty there.
func (r *reader) facts(rec record, d *crm.Deal) (why string) {
	r.text(rec, d, colName, crm.FactName, &d.Name)
	r.text(rec, d, colOwner, crm.FactOwner, &d.Owner)
	r.text(rec, d, colCompany, crm.FactCompany, &d.Company)
	r.text(rec, d, colLostReason, crm.FactLossReason, &d.LossReason)
	if cur, _ := r.cell(rec, colCurrency); cur != "" {
		d.Currency = strings.ToUpper(cur)
	}
	if s, ok := r.cell(rec, colAmount); ok {
		amount, err := r.amounts.parse(s)
		if err != nil {
			return fmt.Sprintf("%s: %v", colAmount, err)
		}
		d.Amount, d.Known = amount, d.Known|crm.FactAmount
	}
	for _, f := range []struct {
		col    column
		fact   crm.Fact
		at     *crm.Instant
		always bool
	}{
		{colCreated, crm.FactCreated, &d.Created, true},
		{colUpdated, crm.FactModified, &d.Modified, true},
		{colEnteredStage, crm.FactStageEntry, &d.StageEntry, true},
		{colExpectedClose, crm.FactCloseDate, &d.CloseDate, false},
		{colLastActivity, crm.FactTouch, &d.Touch, false},
		{colNextActivity, crm.FactPlanned, &d.Planned, false},
	} {
		at, ok, why := r.moment(rec, f.col)
		if why != "" {
			return why
		}
		if ok && (!f.always || !at.IsZero()) {
			*f.at, d.Known = at, d.Known|f.fact
		}
	}
	if d.Owner != "" {
		r.owners[d.Owner] = true
	}
	return r.contact(rec, d)
}

// contact reads what only the CRMs' own exports tell. The buyer's activity is known where both mail and meetings are.
func (r *reader) contact(rec record, d *crm.Deal) (why string) {
	var at [numColumns]crm.Instant
	for _, col := range []column{colReply, colMeeting, colMailOut, colArchivedAt} {
		if at[col], _, why = r.moment(rec, col); why != "" {
			return why
		}
	}
	if d.Known.Has(crm.FactTouch) {
		d.Touch = max(d.Touch, at[colMailOut])
	}
	if _, ok := r.cell(rec, colMeeting); ok && r.cols.known(colReply) {
		d.Buyer, d.Known = max(at[colReply], at[colMeeting]), d.Known|crm.FactBuyer
	}
	d.Archived = !at[colArchivedAt].IsZero()
	if s, ok := r.cell(rec, colSource); ok {
		d.Origin, d.Known = origin(s), d.Known|crm.FactOrigin
	}
	return ""
}

// closing reads the closing time: of the column, else of those that Pipedrive keeps per outcome.
func (r *reader) closing(rec record, d *crm.Deal) (why string) {
	for _, col := range []column{colClosed, colWon, colLost} {
		wrong := d.Status != nil && (col == colWon && *d.Status != crm.Won || col == colLost && *d.Status != crm.Lost)
		at, ok, why := r.moment(rec, col)
		if why != "" {
			return why
		}
		if ok && !wrong && d.Closed.IsZero() {
			d.Closed, d.Known = at, d.Known|crm.FactClosed
		}
	}
	return ""
}

func (r *reader) text(rec record, d *crm.Deal, col column, fact crm.Fact, to *string) {
	if s, ok := r.cell(rec, col); ok {
		*to, d.Known = s, d.Known|fact
	}
}

func (r *reader) moment(rec record, col column) (at crm.Instant, ok bool, why string) {
	s, ok := r.cell(rec, col)
	at, err := r.dates.parse(s)
	if err != nil {
		return 0, false, fmt.Sprintf("%s: %v", col, err)
	}
	return at, ok, ""
}

// origin reads how a deal was made from HubSpot's record source or Pipedrive's source origin.
func origin(s string) crm.Origin {
	switch f := fold(s); {
	case strings.Contains(f, "import"), strings.Contains(f, "migration"):
		return crm.OriginImport
	case strings.Contains(f, "integration"), strings.Contains(f, "api"):
		return crm.OriginIntegration
	case strings.Contains(f, "automation"), strings.Contains(f, "workflow"):
		return crm.OriginAutomation
	case strings.Contains(f, "crm ui"), strings.Contains(f, "manual"), strings.Contains(f, "mobile"):
		return crm.OriginPerson
	}
	return crm.OriginUnknown
}

// parseProbability reads 0.2, 20% or 20 as a share.
func parseProbability(s string) (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(s, "%")), 64)
	if strings.HasSuffix(s, "%") || v > 1 {
		v /= 100
	}
	return v, err == nil && v >= 0 && v <= 1
}

// finish gives the deals their stages' ids and closing times, and makes the schema.
func (r *reader) finish() *File {
	f := &r.file
	pipelines, notes := r.setup.build()
	if twice := r.cols.ambiguous(); len(twice) > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("the file has more than one title %s; the first one is read", quoteAll(twice)))
	}
	f.Notes = append(f.Notes, notes...)
	kinds := map[string]crm.Status{}
	for _, p := range pipelines {
		for _, st := range p.Stages {
			kinds[p.ID+"\x00"+st.ID] = st.Kind
			f.schema.ClosedStages = f.schema.ClosedStages || st.Kind != crm.Open
		}
	}
	for i := range r.rows {
		p := &r.rows[i]
		d := &p.deal
		d.Pipeline, d.Stage = p.pipe.name, p.stage.name
		if p.pipe.name == soleName {
			d.Pipeline = soleID
		}
		kind := kinds[d.Pipeline+"\x00"+d.Stage]
		for _, m := range p.moves {
			d.Moves = append(d.Moves, crm.StageMove{Stage: m.stage.name, At: m.at})
		}
		settle(d, kind)
		f.deals = append(f.deals, *d)
	}
	f.schema.ClosedStages = f.schema.ClosedStages || !r.setup.hasStatus
	f.schema.StagesOfDeals = len(r.setup.listed) == 0 || len(pipelines) > 1
	f.schema.Pipelines, f.schema.Zone = pipelines, r.opts.Zone.String()
	for name := range r.owners {
		f.schema.Users = append(f.schema.Users, crm.User{ID: name, Name: name, Active: true})
	}
	slices.SortFunc(f.schema.Users, func(a, b crm.User) int { return cmp.Compare(a.ID, b.ID) })
	r.describe()
	f.Notes = append(f.Notes, r.historyNotes()...)
	f.Unreadable = append(f.Unreadable, r.drops...)
	return f
}

// settle decides what rests on whether a deal is closed: a closing time belongs to closed deals alone, is the last entry
// into the closed stage where the history is known, and is not known where nothing tells it.
func settle(d *crm.Deal, kind crm.Status) {
	closedByStage := kind != crm.Open
	if d.Status != nil {
		kind = *d.Status
	}
	if kind == crm.Open {
		d.Closed = 0
		return
	}
	if closedByStage && d.Known.Has(crm.FactHistory) {
		d.Closed, d.Known = d.StageEntry, d.Known|crm.FactClosed
	}
	if d.Closed.IsZero() {
		d.Known &^= crm.FactClosed
	}
}

// describe says in the schema which facts the file cannot give, and where it keeps loss reasons.
func (r *reader) describe() {
	sch := &r.file.schema
	if r.cols.known(colLostReason) {
		sch.LossReason = crm.LossReason{Kind: crm.LossText, Field: cmp.Or(r.cols.title(colLostReason), colLostReason.String())}
	}
	for _, m := range []struct {
		fact  crm.Fact
		cols  []column
		cure  string
		given bool
	}{
		{crm.FactName, []column{colName}, "", false},
		{crm.FactCreated, []column{colCreated}, "", false},
		{crm.FactClosed, []column{colClosed, colWon, colLost}, "", false},
		{crm.FactOwner, []column{colOwner}, "", false},
		{crm.FactAmount, []column{colAmount}, "", false},
		{crm.FactCloseDate, []column{colExpectedClose}, "", false},
		{crm.FactStageEntry, []column{colEnteredStage}, "", r.history != nil || len(r.entered) > 0},
		{crm.FactHistory, nil, "give --history FILE with the columns deal, stage and entered", r.history != nil || len(r.entered) > 0},
		{crm.FactTouch, []column{colLastActivity}, "", false},
		{crm.FactBuyer, []column{colMeeting}, "audit the portal itself: a file does not tell when the buyer last answered or met", false},
		{crm.FactPlanned, []column{colNextActivity}, "", false},
		{crm.FactLossReason, []column{colLostReason}, "add the column lost_reason, name one by --map lost_reason=TITLE, or say --map lost_reason= if the CRM keeps none", false},
		{crm.FactCompany, []column{colCompany}, "", false},
		{crm.FactOrigin, []column{colSource}, "audit the portal itself: a file does not tell how deals were made", false},
		{crm.FactRules, nil, "audit the portal itself: a file does not tell what the CRM forbids", false},
	} {
		told := r.cols.known
		if m.fact == crm.FactCreated || m.fact == crm.FactStageEntry { // every deal has them, so to declare them empty tells nothing
			told = func(c column) bool { return r.cols.at[c] >= 0 }
		}
		if m.given || slices.ContainsFunc(m.cols, told) {
			continue
		}
		miss := crm.MissingFact{Fact: m.fact, Why: "the file does not have it", Cure: m.cure}
		if m.cure == "" {
			miss.Cure = fmt.Sprintf("add the column %s, or name one by --map %s=TITLE", m.cols[0], m.cols[0])
		}
		sch.Unknown = append(sch.Unknown, miss)
	}
}
