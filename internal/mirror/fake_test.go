package mirror

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

var start = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)

// fakePortal is a CRM in memory whose deals change while they are walked. Its own clock is hours off ours.
type fakePortal struct {
	now     crm.Instant
	schema  crm.Schema
	deals   map[string]*crm.Deal
	history bool          // tells stage histories
	late    bool          // histories do not show the last move yet
	lag     time.Duration // by which the search for changes is late
	size    int           // of a page
	next    int           // number of the next new deal

	during    func(page int)       // runs after a page was made
	fail      func(page int) error // breaks the walk off before a page
	uncounted error                // why it does not count its deals
	broken    map[string]bool      // deals that come and cannot be read
	calls     map[string]int
	asked     []crm.Work
}

func newPortal(deals int) *fakePortal {
	p := &fakePortal{
		now: crm.At(start.Add(-7 * time.Hour)), deals: map[string]*crm.Deal{}, history: true, size: 3, broken: map[string]bool{}, calls: map[string]int{},
		schema: crm.Schema{Currency: "EUR", UsersKnown: true, Users: []crm.User{{ID: "u1", Name: "Ada", Active: true}},
			Pipelines: []crm.Pipeline{{ID: "sales", Name: "Sales", Stages: []crm.Stage{
				{ID: "a", Name: "A"}, {ID: "b", Name: "B", Order: 1}, {ID: "won", Name: "Won", Order: 2, Kind: crm.Won}}}}},
	}
	for range deals {
		p.create()
	}
	return p
}

func (p *fakePortal) tick() crm.Instant {
	p.now = p.now.Add(time.Minute)
	return p.now
}

func (p *fakePortal) create() string {
	p.next++
	id, at := fmt.Sprintf("d%04d", p.next), p.tick()
	p.deals[id] = &crm.Deal{ID: id, Name: "Deal " + id, Pipeline: "sales", Stage: "a", Owner: "u1", Currency: "EUR", Created: at, Modified: at,
		StageEntry: at, Moves: []crm.StageMove{{Stage: "a", At: at}}}
	return id
}

func (p *fakePortal) rename(id, name string) {
	d := p.deals[id]
	d.Name, d.Modified = name, p.tick()
}

func (p *fakePortal) move(id, stage string) {
	d := p.deals[id]
	if d.Stage == stage {
		return
	}
	at := p.tick()
	d.Stage, d.Modified, d.StageEntry = stage, at, at
	d.Moves = append(slices.Clone(d.Moves), crm.StageMove{Stage: stage, At: at})
}

// merge makes one deal of two, under a new id.
func (p *fakePortal) merge(a, b string) string {
	id := p.create()
	d := p.deals[id]
	d.Merged = append(append(slices.Clone(p.deals[a].Merged), p.deals[b].Merged...), a, b)
	delete(p.deals, a)
	delete(p.deals, b)
	return id
}

func (p *fakePortal) ids() []string { return slices.Sorted(maps.Keys(p.deals)) }

// shown is a deal as the CRM tells it.
func (p *fakePortal) shown(id string, facts crm.Fact) crm.Deal {
	d := *p.deals[id]
	d.Known = facts &^ crm.FactHistory
	switch {
	case !p.history || !facts.Has(crm.FactHistory):
		d.Moves, d.Known = nil, d.Known&^crm.FactStageEntry
		d.StageEntry = 0
	case p.late && len(d.Moves) > 1:
		d.Moves, d.Known = slices.Clone(d.Moves[:len(d.Moves)-1]), d.Known|crm.FactHistory
		d.StageEntry = d.Moves[len(d.Moves)-1].At
	default:
		d.Moves, d.Known = slices.Clone(d.Moves), d.Known|crm.FactHistory
	}
	return d
}

func (p *fakePortal) Schema(context.Context) (crm.Schema, error) {
	p.calls["schema"]++
	return p.schema, nil
}

func (p *fakePortal) Refresh(_ context.Context, s crm.Schema) (crm.Schema, error) {
	p.calls["refresh"]++
	s.Pipelines = p.schema.Pipelines
	return s, nil
}

func (p *fakePortal) Count(context.Context, crm.Instant) (int64, error) {
	p.calls["count"]++
	return int64(len(p.deals)), p.uncounted
}

func (p *fakePortal) Deals(ctx context.Context, _ crm.Schema, work crm.Work) iter.Seq2[crm.Page, error] {
	p.asked = append(p.asked, work)
	return func(yield func(crm.Page, error) bool) {
		cursor := work.From
		for n := 0; ; n++ {
			if p.fail != nil {
				if err := p.fail(n); err != nil {
					yield(crm.Page{}, err)
					return
				}
			}
			page := p.page(work, &cursor)
			p.calls["pages"]++
			if p.during != nil {
				p.during(n)
			}
			if !yield(page, ctx.Err()) || page.Last {
				return
			}
		}
	}
}

// page lists deals in the order of ids, or of modification times for a walk over the changes.
func (p *fakePortal) page(work crm.Work, cursor *crm.Cursor) crm.Page {
	var page crm.Page
	var ids []string
	for _, id := range p.ids() {
		if work.Since.IsZero() && id > cursor.After || !work.Since.IsZero() && p.changed(id, work, *cursor) {
			ids = append(ids, id)
		}
	}
	if !work.Since.IsZero() {
		slices.SortStableFunc(ids, func(a, b string) int { return cmp.Compare(p.deals[a].Modified, p.deals[b].Modified) })
	}
	page.Last = len(ids) <= p.size
	ids = ids[:min(p.size, len(ids))]
	for _, id := range ids {
		cursor.After, cursor.Since = id, p.deals[id].Modified
		if p.broken[id] {
			page.Failed = append(page.Failed, id+": the amount is not a number")
		} else if work.Known == nil || !work.Known(id, p.deals[id].Modified) {
			page.Deals = append(page.Deals, p.shown(id, work.Facts))
		}
	}
	page.Next = *cursor
	return page
}

func (p *fakePortal) changed(id string, work crm.Work, cursor crm.Cursor) bool {
	at := p.deals[id].Modified
	return at >= work.Since && at > cursor.Since && at <= p.now.Add(-p.lag)
}

// sweepingPortal can tell what it no longer lists.
type sweepingPortal struct{ *fakePortal }

func (p sweepingPortal) Gone(_ context.Context, known []string) ([]crm.Gone, error) {
	p.calls["gone"]++
	var gone []crm.Gone
	for _, id := range known {
		if p.deals[id] == nil {
			gone = append(gone, crm.Gone{ID: id, Why: "deleted"})
		}
	}
	return gone, nil
}

var (
	_ connectors.Counter   = &fakePortal{}
	_ connectors.Refresher = &fakePortal{}
	_ connectors.Sweeper   = sweepingPortal{}
)

// fakeStore keeps everything in memory.
type fakeStore struct {
	snap     *crm.Snapshot
	last     *crm.Sync
	open     *crm.Sync
	parts    []*crm.Snapshot
	saved    int         // parts ever saved
	reshaped crm.Instant // when we last made a property
	own      map[string][]crm.Instant
}

func (s *fakeStore) LoadSnapshot(context.Context, string) (*crm.Snapshot, error) { return s.snap, nil }
func (s *fakeStore) LastEnded(context.Context, string) (*crm.Sync, error)        { return s.last, nil }
func (s *fakeStore) OpenSync(context.Context, string) (*crm.Sync, []*crm.Snapshot, error) {
	return s.open, s.parts, nil
}

func (s *fakeStore) SavePart(_ context.Context, sync crm.Sync, part *crm.Snapshot) error {
	if s.open == nil || s.open.ID != sync.ID {
		s.parts = nil
	}
	s.open, s.parts, s.saved = &sync, append(s.parts, part), s.saved+1
	return nil
}

func (s *fakeStore) SaveSync(_ context.Context, sync crm.Sync, snap *crm.Snapshot) error {
	if sync.Ended.IsZero() {
		s.open = &sync
	} else {
		s.open, s.parts = nil, nil
		if sync.Error == "" {
			s.last = &sync
		}
	}
	if snap != nil {
		s.snap = snap
	}
	return nil
}

func (s *fakeStore) Reshaped(_ context.Context, _ string, since crm.Instant) (bool, error) {
	return !s.reshaped.IsZero() && s.reshaped >= since, nil
}

func (s *fakeStore) OwnTasks(context.Context, string) (map[string][]crm.Instant, error) {
	return s.own, nil
}
