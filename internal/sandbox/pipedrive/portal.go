package pipedrive

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// portal is the state of one account. Whoever uses it holds mu.
type portal struct {
	mu         sync.Mutex
	world      *sandbox.World
	limits     *limits
	ids        idMap
	zone       *time.Location
	company    int64
	users      []*user
	me         *user
	pipelines  []*pipeline
	stages     []*stage
	fields     []*field
	deals      *table[*deal]
	activities *table[*activity]
	notes      *table[*note]
	persons    *table[*person]
	orgs       *table[*org]
	products   *table[*product]
	hooks      *table[*webhook]
	lastID     int64 // of records that the face numbers itself
	lastChange int64
	now        time.Time // of the request being served
	actor      int64     // who makes changes now; 0: the deal's owner
	set        traits    // during a request
}

// table holds the records of one kind in the order of their ids.
type table[T keyed] struct {
	byID  map[int64]T
	order []T
}

func newTable[T keyed]() *table[T] { return &table[T]{byID: map[int64]T{}} }

func (t *table[T]) add(it T) {
	id := it.key()
	t.byID[id] = it
	if n := len(t.order); n == 0 || t.order[n-1].key() < id {
		t.order = append(t.order, it)
		return
	}
	at, _ := slices.BinarySearchFunc(t.order, id, func(x T, id int64) int { return cmp.Compare(x.key(), id) })
	t.order = slices.Insert(t.order, at, it)
}

func (t *table[T]) remove(gone func(T) bool) {
	t.order = slices.DeleteFunc(t.order, func(it T) bool {
		if gone(it) {
			delete(t.byID, it.key())
			return true
		}
		return false
	})
}

// The first ids that the face gives out itself: above those of most worlds, still exact in every client's numbers.
const (
	firstActivityID = 1_000_000
	firstNewID      = 100_000_000_000
)

// born is when the account's set-up was made, where the world does not say.
func born() time.Time { return time.Date(2021, 3, 1, 9, 0, 0, 0, time.UTC) }

// newPortal fills a portal from a world, which it does not change.
func newPortal(world *sandbox.World, tier string, now time.Time) *portal {
	p := &portal{world: world, ids: newIDMap(world), zone: time.UTC, lastID: firstNewID,
		deals: newTable[*deal](), activities: newTable[*activity](), notes: newTable[*note](), persons: newTable[*person](),
		orgs: newTable[*org](), products: newTable[*product](), hooks: newTable[*webhook]()}
	if zone, err := time.LoadLocation(world.Zone); err == nil {
		p.zone = zone
	}
	p.company, _ = strconv.ParseInt(world.Account, 10, 64) // 0 for a world without an account
	p.loadUsers()
	active := 0
	for _, u := range p.users {
		if u.active {
			active++
		}
	}
	p.limits = newLimits(tier, active)
	p.loadPipelines()
	p.fields = p.loadFields()
	p.loadContacts()
	p.loadDeals(now)
	return p
}

// newID is greater than every id of the portal, in all kinds.
func (p *portal) newID() int64 {
	p.lastID++
	return p.lastID
}

// purge forgets what was deleted more than thirty days ago.
func (p *portal) purge(now time.Time) {
	p.deals.remove(func(d *deal) bool { return d.deleted && now.After(d.deletedAt.Add(keepDeleted)) })
	p.activities.remove(func(a *activity) bool { return a.deleted && now.After(a.updated.Add(keepDeleted)) })
}

// keepDeleted is how long a deleted record can still be listed.
const keepDeleted = 30 * 24 * time.Hour

// loadPipelines makes the pipelines with their open stages: won and lost are no stages on Pipedrive.
func (p *portal) loadPipelines() {
	for i, w := range p.world.Pipelines {
		at := w.Created.Truncate(time.Second)
		if at.IsZero() {
			at = born()
		}
		line := &pipeline{id: p.ids.pipelines.byText[w.ID], name: w.Label, order: i, probabilities: true, added: at, updated: at}
		p.pipelines = append(p.pipelines, line)
		changed := w.Changed.Truncate(time.Second)
		if changed.IsZero() {
			changed = at
		}
		for _, s := range w.Stages {
			if open(s) {
				p.addStage(line, p.ids.stages.byText[s.ID], s.Label, s.Probability, changed)
			}
		}
		if len(line.stages) == 0 {
			p.addStage(line, p.ids.stages.next(), "Open", 1, changed)
		}
	}
}

// open reports whether a world's stage is one of Pipedrive's.
func open(s sandbox.Stage) bool { return s.Probability > 0 && s.Probability < 1 }

func (p *portal) addStage(line *pipeline, id int64, name string, probability float64, changed time.Time) {
	added := line.added
	if changed.Before(added) {
		added = changed
	}
	s := &stage{id: id, name: name, order: len(line.stages), line: line, probability: int64(math.Round(probability * 100)), added: added, updated: changed}
	line.stages = append(line.stages, s)
	p.stages = append(p.stages, s)
}

func (p *portal) pipeline(id int64) *pipeline {
	for _, l := range p.pipelines {
		if l.id == id {
			return l
		}
	}
	return nil
}

func (p *portal) stage(id int64) *stage {
	for _, s := range p.stages {
		if s.id == id {
			return s
		}
	}
	return nil
}

func (p *portal) loadContacts() {
	for _, c := range p.world.Companies {
		p.orgs.add(&org{id: p.ids.orgs.byText[c.ID], name: c.Name, owner: p.me.id, added: born(), updated: born()})
	}
	for _, c := range p.world.Contacts {
		p.persons.add(&person{id: p.ids.persons.byText[c.ID], first: c.First, last: c.Last, email: c.Email,
			org: p.ids.orgs.byText[c.Company], owner: p.me.id, added: born(), updated: born()})
	}
}

func (p *portal) loadDeals(now time.Time) {
	l := loader{p: p, now: now, next: firstActivityID, kinds: map[string]kindOfStage{}}
	for _, line := range p.world.Pipelines {
		for _, s := range line.Stages {
			k := kindOfStage{id: p.ids.stages.byText[s.ID], line: p.ids.pipelines.byText[line.ID], status: statusOpen}
			switch {
			case s.Probability >= 1:
				k.status = statusWon
			case s.Probability <= 0:
				k.status = statusLost
			}
			l.kinds[s.ID] = k
		}
	}
	if lp := p.world.LossProperty; lp != nil {
		l.reasons = make(map[string]string, len(lp.Options))
		for _, o := range lp.Options {
			l.reasons[o.Value] = o.Label
		}
	}
	channels := p.channels()
	for i := range p.world.Deals {
		l.deal(&p.world.Deals[i])
		l.sales(&p.world.Deals[i], channels)
	}
}
