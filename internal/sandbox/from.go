package sandbox

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// The first ids that a world made of rows gives out, one range per kind of record.
const (
	fromAccount  = "60000001"
	fromPipeline = 600_000_000
	fromOwner    = 61_000_000
	fromCompany  = 6_200_000_000
	fromDeal     = 10_000_000_000
)

// FromDeals makes a world of neutral rows as a CSV file gives them, ending now.
//
// Every record gets an id of digits, ascending in the order in which the rows and the set-up name it; a deal keeps the id of
// its row in Deal.External, pipelines, stages, owners and companies keep their names. Owners and companies that only deals
// name become records; where the list of owners is not known, all are active. What is not known of a deal stays absent: no
// amount, no close date, no moves; only a missing creation date becomes that of the first move, and without moves the
// present moment. The last touch, the buyer's last activity and what is planned become one activity each.
func FromDeals(schema crm.Schema, deals []crm.Deal, now time.Time) *World {
	l := &loader{
		schema: schema, now: now.UTC(), stages: map[[2]string]string{}, kinds: map[string]crm.Status{}, lines: map[string]int{},
		owners: map[string]string{}, companies: map[string]string{},
		world: &World{Account: fromAccount, Currency: "USD", Zone: "UTC", Now: now.UTC()},
	}
	l.setUp()
	for i := range deals {
		l.add(&deals[i])
	}
	begin := l.now
	for i := range l.world.Deals {
		if c := l.world.Deals[i].Created; c.Before(begin) {
			begin = c
		}
	}
	for i := range l.world.Pipelines {
		if p := &l.world.Pipelines[i]; p.Created.IsZero() {
			p.Created = begin
		}
	}
	return l.world
}

// loader is a world in the making, with the ids that it gave to the rows' own.
type loader struct {
	schema    crm.Schema
	now       time.Time
	world     *World
	stages    map[[2]string]string  // by the rows' pipeline and stage
	kinds     map[string]crm.Status // by our stage id
	lines     map[string]int        // place in World.Pipelines by the rows' pipeline
	owners    map[string]string
	companies map[string]string
}

func (l *loader) setUp() {
	w, s := l.world, l.schema
	if _, err := strconv.ParseUint(s.Account, 10, 63); err == nil {
		w.Account = s.Account
	}
	if s.Currency != "" {
		w.Currency = s.Currency
	}
	if s.Zone != "" {
		w.Zone = s.Zone
	}
	lines := slices.Clone(s.Pipelines)
	slices.SortStableFunc(lines, func(a, b crm.Pipeline) int { return a.Order - b.Order })
	for _, p := range lines {
		l.addPipeline(p)
	}
	for _, u := range s.Users {
		l.addOwner(u, u.Active || !s.UsersKnown)
	}
	if s.LossReason.Kind == crm.LossOptions {
		w.LossProperty = &LossProperty{Name: "loss_reason", Label: "Loss reason"}
		for _, o := range s.LossReason.Options {
			w.LossProperty.Options = append(w.LossProperty.Options, LossOption{o.Value, o.Label})
		}
	}
}

func (l *loader) addPipeline(p crm.Pipeline) {
	w := l.world
	n := len(w.Pipelines)
	id := fromPipeline + n*1000
	line := Pipeline{ID: pipelineID(n, id), Label: p.Name, Created: p.Created.Time()}
	stages := slices.Clone(p.Stages)
	slices.SortStableFunc(stages, func(a, b crm.Stage) int { return a.Order - b.Order })
	open := 0
	for _, s := range stages {
		if s.Kind == crm.Open {
			open++
		}
	}
	at := 0
	for i, s := range stages {
		st := Stage{ID: strconv.Itoa(id + 1 + i), Label: s.Name}
		switch s.Kind {
		case crm.Won:
			st.Probability = 1
		case crm.Lost:
			st.Probability = 0
		default:
			st.Probability = openProbability(s.Probability, at, open)
			at++
		}
		line.Stages = append(line.Stages, st)
		l.stages[[2]string{p.ID, s.ID}], l.kinds[st.ID] = st.ID, s.Kind
	}
	l.lines[p.ID] = n
	w.Pipelines = append(w.Pipelines, line)
}

// openProbability keeps a stage open: neither 0 nor 1. Where none is given it rises along the pipeline.
func openProbability(given *float64, at, of int) float64 {
	if given != nil {
		return min(max(*given, 0.05), 0.95)
	}
	return math.Round(10*(0.1+0.8*float64(at)/float64(of))) / 10
}

func (l *loader) addOwner(u crm.User, active bool) string {
	id := strconv.Itoa(fromOwner + len(l.world.Owners))
	name := strings.TrimSpace(u.Name)
	if name == "" {
		name = u.ID
	}
	first, last, _ := strings.Cut(name, " ")
	o := Owner{ID: id, First: first, Last: last, Email: u.Email, Active: active, Queue: u.Queue}
	if o.Email == "" {
		o.Email = "owner" + id + "@team.example"
	}
	l.world.Owners = append(l.world.Owners, o)
	l.owners[u.ID] = id
	return id
}

// owner gives an owner whom the set-up does not list a record; where the list was known, that owner is gone.
func (l *loader) owner(id string) string {
	if id == "" {
		return ""
	}
	if known, ok := l.owners[id]; ok {
		return known
	}
	return l.addOwner(crm.User{ID: id, Name: id}, !l.schema.UsersKnown)
}

func (l *loader) company(name string) string {
	if name == "" {
		return ""
	}
	id, ok := l.companies[name]
	if !ok {
		id = strconv.Itoa(fromCompany + len(l.companies))
		l.companies[name] = id
		l.world.Companies = append(l.world.Companies, Company{ID: id, Name: name})
	}
	return id
}

// stage finds our stage of a row's pipeline, or of another one: a deal's history may lead through several.
func (l *loader) stage(pipeline, stage string) (string, bool) {
	if id, ok := l.stages[[2]string{pipeline, stage}]; ok {
		return id, true
	}
	for _, p := range l.schema.Pipelines {
		if id, ok := l.stages[[2]string{p.ID, stage}]; ok {
			return id, true
		}
	}
	return "", false
}

// closing finds the won or lost stage of a pipeline, for rows whose status overrules their stage, and adds one where there is none.
func (l *loader) closing(line *Pipeline, kind crm.Status) string {
	for _, s := range line.Stages {
		if l.kinds[s.ID] == kind {
			return s.ID
		}
	}
	last, _ := strconv.Atoi(line.Stages[len(line.Stages)-1].ID)
	s := Stage{ID: strconv.Itoa(last + 1), Label: "Closed " + kind.String()}
	if kind == crm.Won {
		s.Probability = 1
	}
	line.Stages = append(line.Stages, s)
	l.kinds[s.ID] = kind
	return s.ID
}

// add makes a deal of a row. A row whose stage the set-up does not have is left out.
func (l *loader) add(row *crm.Deal) {
	place, ok := l.lines[row.Pipeline]
	stage, found := l.stages[[2]string{row.Pipeline, row.Stage}]
	if !ok || !found {
		return
	}
	line := &l.world.Pipelines[place]
	if row.Status != nil && *row.Status != l.kinds[stage] && *row.Status != crm.Open {
		stage = l.closing(line, *row.Status)
	}
	d := Deal{
		ID: strconv.Itoa(fromDeal + len(l.world.Deals)), Name: row.Name, Pipeline: line.ID, Stage: stage, Owner: l.owner(row.Owner),
		Company: l.company(row.Company), Currency: row.Currency, Source: source(row.Origin), Archived: row.Archived, External: row.ID,
	}
	if d.Name == "" {
		d.Name = row.ID
	}
	if row.Amount != 0 {
		d.Amount = row.Amount.String()
	}
	l.times(row, &d)
	l.reason(row, &d)
	l.activities(row, &d)
	l.world.Deals = append(l.world.Deals, d)
}

// times fills in when things happened. The close date of a closed deal is its closing time, as CRMs keep it.
func (l *loader) times(row *crm.Deal, d *Deal) {
	if row.Known.Has(crm.FactHistory) {
		l.moves(row, d)
	}
	d.Created = row.Created.Time()
	if d.Created.IsZero() {
		d.Created = l.now
		if len(d.Moves) > 0 {
			d.Created = d.Moves[0].At
		}
	}
	d.CloseDate, d.StageEntered = row.CloseDate.Time(), row.StageEntry.Time()
	if l.kinds[d.Stage] != crm.Open {
		d.CloseDate = row.Closed.Time()
		if d.StageEntered.IsZero() {
			d.StageEntered = d.CloseDate
		}
	}
	if len(d.Moves) > 0 {
		d.StageEntered = time.Time{}
	}
}

// moves copies a row's history; where it does not lead into the present stage, the entry into that is added.
func (l *loader) moves(row *crm.Deal, d *Deal) {
	for _, m := range row.Moves {
		id, ok := l.stage(row.Pipeline, m.Stage)
		if n := len(d.Moves); !ok || n > 0 && d.Moves[n-1].Stage == id {
			continue
		}
		d.Moves = append(d.Moves, Move{Stage: id, At: m.At.Time(), Source: source(m.Origin)})
	}
	slices.SortStableFunc(d.Moves, func(a, b Move) int { return a.At.Compare(b.At) })
	n := len(d.Moves)
	if n == 0 || d.Moves[n-1].Stage == d.Stage {
		return
	}
	at := max(row.StageEntry, row.Closed, crm.At(d.Moves[n-1].At).Add(time.Second)).Time()
	d.Moves = append(d.Moves, Move{Stage: d.Stage, At: at})
}

// reason fills in why a deal was lost: an option and a text where the rows have a list, else a text.
func (l *loader) reason(row *crm.Deal, d *Deal) {
	p := l.world.LossProperty
	if p == nil {
		d.LossReason = row.LossReason
		if d.LossReason == "" {
			d.LossReason = row.LossText
		}
		return
	}
	d.LossOption, d.LossReason = row.LossReason, row.LossText
	listed := slices.ContainsFunc(p.Options, func(o LossOption) bool { return o.Value == row.LossReason })
	if row.LossReason != "" && !listed {
		p.Options = append(p.Options, LossOption{row.LossReason, row.LossReason})
	}
}

func (l *loader) activities(row *crm.Deal, d *Deal) {
	for _, a := range []struct {
		at crm.Instant
		Activity
	}{
		{row.Touch, Activity{Kind: "call", Subject: "Last contact", Done: true}},
		{row.Buyer, Activity{Kind: "email", Subject: "Reply of the buyer", Inbound: true, Done: true}},
		{row.Planned, Activity{Kind: "task", Subject: "Next step"}},
	} {
		if at := a.at.Time(); !at.IsZero() && (!a.Done || !at.After(l.now)) {
			a.At, a.Owner = at, d.Owner
			d.Activities = append(d.Activities, a.Activity)
		}
	}
}

// source names an origin as faces know it; one that is not known has no name.
func source(o crm.Origin) string {
	switch o {
	case crm.OriginPerson:
		return "CRM_UI"
	case crm.OriginAutomation:
		return "AUTOMATION_PLATFORM"
	case crm.OriginIntegration, crm.OriginPlumbline:
		return "INTEGRATION"
	case crm.OriginImport:
		return "IMPORT"
	default:
		return ""
	}
}
