package crm

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Builder makes a [Snapshot] of rows. Deals may be added in any order; of two with one id the later added wins.
type Builder struct {
	meta       Snapshot
	deals      map[string]int
	rows       []Deal
	stageIndex map[string]int32
}

// NewBuilder starts a snapshot of a portal with a schema. Pipelines and stages are sorted by their order and numbered from 0.
func NewBuilder(portal, crmName string, schema Schema) *Builder {
	b := &Builder{meta: Snapshot{Portal: portal, CRM: crmName, Schema: schema}, deals: map[string]int{}, stageIndex: map[string]int32{}}
	sch := &b.meta.Schema
	sch.Pipelines = slices.Clone(sch.Pipelines)
	slices.SortStableFunc(sch.Pipelines, func(a, b Pipeline) int { return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.ID, b.ID)) })
	sch.Users = slices.Clone(sch.Users)
	for i := range sch.Pipelines {
		p := &sch.Pipelines[i]
		p.Order = i
		p.Stages = slices.Clone(p.Stages)
		slices.SortStableFunc(p.Stages, func(a, b Stage) int { return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.ID, b.ID)) })
		for j := range p.Stages {
			p.Stages[j].Order = j
			b.stageIndex[p.ID+"\x00"+p.Stages[j].ID] = int32(len(b.stageIndex))
		}
	}
	return b
}

// Add adds a deal. It fails for a deal whose stage the schema does not have.
func (b *Builder) Add(d Deal) error {
	if d.ID == "" {
		return fmt.Errorf("a deal without id")
	}
	if _, ok := b.stageIndex[d.Pipeline+"\x00"+d.Stage]; !ok {
		return fmt.Errorf("deal %s: stage %q of pipeline %q is not in the portal's set-up", d.ID, d.Stage, d.Pipeline)
	}
	if i, ok := b.deals[d.ID]; ok {
		b.rows[i] = d
		return nil
	}
	b.deals[d.ID] = len(b.rows)
	b.rows = append(b.rows, d)
	return nil
}

// Remove takes a deal out again.
func (b *Builder) Remove(id string) {
	i, ok := b.deals[id]
	if !ok {
		return
	}
	last := len(b.rows) - 1
	b.rows[i] = b.rows[last]
	b.deals[b.rows[i].ID] = i
	b.rows = b.rows[:last]
	delete(b.deals, id)
}

// Has reports whether a deal with the id was added.
func (b *Builder) Has(id string) bool { _, ok := b.deals[id]; return ok }

// Get returns the deal with an id.
func (b *Builder) Get(id string) (Deal, bool) {
	i, ok := b.deals[id]
	if !ok {
		return Deal{}, false
	}
	return b.rows[i], true
}

// Len is the number of deals added.
func (b *Builder) Len() int { return len(b.rows) }

// Build makes the snapshot. Taken is the moment that it shows; asked the facts that were asked for.
func (b *Builder) Build(taken Instant, asked Fact, c Completeness) *Snapshot {
	slices.SortFunc(b.rows, func(x, y Deal) int { return cmp.Compare(x.ID, y.ID) })
	for i := range b.rows {
		b.deals[b.rows[i].ID] = i
	}
	t := &tables{texts: map[string]TextID{"": 0}, list: []string{""}, currencies: map[string]int32{}, users: map[string]int32{}}
	for i, u := range b.meta.Schema.Users {
		t.users[u.ID] = int32(i)
	}
	var cols Columns
	for i := range b.rows {
		b.append(&cols, t, &b.rows[i])
	}
	cols.Texts, cols.Currencies = t.list, t.currencyList
	b.meta.Schema.Users = append(b.meta.Schema.Users, t.unlisted...)
	meta := b.meta
	meta.Taken, meta.Asked, meta.Completeness = taken, asked, c
	return Assemble(meta, cols)
}

// tables number the distinct texts, currencies and owners of a snapshot.
type tables struct {
	texts        map[string]TextID
	list         []string
	currencies   map[string]int32
	currencyList []string
	users        map[string]int32
	unlisted     []User
}

func (t *tables) text(s string) TextID {
	if id, ok := t.texts[s]; ok {
		return id
	}
	id := TextID(len(t.list))
	t.list = append(t.list, s)
	t.texts[s] = id
	return id
}

func (t *tables) currency(c string) int32 {
	i, ok := t.currencies[c]
	if !ok {
		i = int32(len(t.currencyList))
		t.currencies[c] = i
		t.currencyList = append(t.currencyList, c)
	}
	return i
}

// owner gives owners that the schema does not list a place behind those it does, as inactive users without a name.
func (t *tables) owner(id string) int32 {
	if id == "" {
		return None
	}
	i, ok := t.users[id]
	if !ok {
		i = int32(len(t.users))
		t.users[id] = i
		t.unlisted = append(t.unlisted, User{ID: id})
	}
	return i
}

func (b *Builder) append(c *Columns, t *tables, d *Deal) {
	pipe := d.Pipeline + "\x00"
	stage := b.stageIndex[pipe+d.Stage]
	moves := slices.Clone(d.Moves)
	slices.SortStableFunc(moves, func(x, y StageMove) int { return cmp.Compare(x.At, y.At) })
	for _, m := range moves {
		at, ok := b.stageIndex[pipe+m.Stage]
		if !ok {
			at = b.anyStage(m.Stage)
		}
		c.Moves = append(c.Moves, Move{At: m.At, Stage: at, Origin: m.Origin})
	}
	c.MoveEnd = append(c.MoveEnd, uint32(len(c.Moves)))
	status := b.kind(stage)
	if d.Status != nil {
		status = *d.Status
	}
	c.ID = append(c.ID, t.text(d.ID))
	c.Name = append(c.Name, t.text(d.Name))
	c.Company = append(c.Company, t.text(d.Company))
	c.LossReason = append(c.LossReason, t.text(d.LossReason))
	c.LossText = append(c.LossText, t.text(d.LossText))
	c.LossDetail = append(c.LossDetail, t.text(d.LossDetail))
	c.Merged = append(c.Merged, t.text(strings.Join(d.Merged, ";")))
	c.Stage = append(c.Stage, stage)
	c.Owner = append(c.Owner, t.owner(d.Owner))
	c.Currency = append(c.Currency, t.currency(d.Currency))
	c.Status = append(c.Status, status)
	c.Origin = append(c.Origin, d.Origin)
	c.Archived = append(c.Archived, d.Archived)
	c.Known = append(c.Known, d.Known)
	c.Amount = append(c.Amount, d.Amount)
	c.Created = append(c.Created, d.Created)
	c.Modified = append(c.Modified, d.Modified)
	c.Closed = append(c.Closed, d.Closed)
	c.StageEntry = append(c.StageEntry, d.StageEntry)
	c.CloseDate = append(c.CloseDate, d.CloseDate)
	c.Touch = append(c.Touch, d.Touch)
	c.Buyer = append(c.Buyer, d.Buyer)
	c.Planned = append(c.Planned, d.Planned)
	c.appendMore(t, d)
}

// anyStage finds a stage by id in any pipeline: a deal's history may lead through another pipeline.
func (b *Builder) anyStage(id string) int32 {
	for _, p := range b.meta.Schema.Pipelines {
		if i, ok := b.stageIndex[p.ID+"\x00"+id]; ok {
			return i
		}
	}
	return None
}

func (b *Builder) kind(stage int32) Status {
	n := int(stage)
	for _, p := range b.meta.Schema.Pipelines {
		if n < len(p.Stages) {
			return p.Stages[n].Kind
		}
		n -= len(p.Stages)
	}
	return Open
}

func splitIDs(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ";")
}
