package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// finish turns the drafts into deals, numbers them in the order of their creation and completes the truth.
func (g *maker) finish() *World {
	w := g.world
	drafts := slices.Concat(g.closed, g.open)
	slices.SortStableFunc(drafts, func(a, b *draft) int { return a.created().Compare(b.created()) })
	begin := g.opts.Now
	if len(drafts) > 0 {
		begin = drafts[0].created()
	}
	for _, t := range g.tracks {
		t.pipeline.Created = begin.Add(-30 * day)
		w.Pipelines = append(w.Pipelines, t.pipeline)
	}
	g.makeBoards(begin.Add(-30 * day))
	f := g.filler(len(g.open))
	id := 20_000_000_000 + g.rng.IntN(1_000_000_000)
	for _, d := range drafts {
		id += 1 + g.rng.IntN(20_000)
		deal := f.deal(d)
		deal.ID = strconv.Itoa(id)
		w.Deals = append(w.Deals, deal)
		for _, policy := range d.wrong {
			w.plant(policy, "deal", deal.ID)
		}
	}
	for range g.opts.Deals / 100 {
		id += 1 + g.rng.IntN(20_000)
		w.Deals = append(w.Deals, f.archived(strconv.Itoa(id)))
	}
	w.plant(noStageTimeLimit, "portal", w.Account)
	enliven(w, g.deeds, g.plan)
	misdate(w, g.dates, g.plan)
	g.finishTrends()
	keepUp(w, g.upkeep, g.plan)
	w.sortTruth()
	return w
}

// filler fills drafts with everything that is not their path.
type filler struct {
	g              *maker
	active, gone   []Owner
	queue          Owner
	fresh          []int // companies for open deals, each once as long as they last
	contacts       map[string][]string
	products, subj []string
}

func (g *maker) filler(open int) *filler {
	f := &filler{g: g, contacts: map[string][]string{}, products: products(), subj: subjects()}
	for _, o := range g.world.Owners {
		switch {
		case o.Queue:
			f.queue = o
		case o.Active:
			f.active = append(f.active, o)
		default:
			f.gone = append(f.gone, o)
		}
	}
	for _, c := range g.world.Contacts {
		f.contacts[c.Company] = append(f.contacts[c.Company], c.ID)
	}
	f.fresh = g.rng.Perm(len(g.world.Companies))
	return f
}

func (f *filler) deal(d *draft) Deal {
	g := f.g
	at := g.rng.IntN(len(g.world.Companies))
	if d.outcome == stillOpen && len(f.fresh) > 0 {
		at, f.fresh = f.fresh[0], f.fresh[1:]
	}
	company := g.world.Companies[at]
	out := Deal{
		Name:     fmt.Sprintf("%s - %s Q%d %d", company.Name, pick(g.rng, f.products), (int(d.created().Month())+2)/3, d.created().Year()),
		Pipeline: d.track.pipeline.ID, Stage: d.track.pipeline.Stages[d.stage()].ID, Owner: pick(g.rng, f.active).ID, Company: company.ID,
		Contacts: f.contacts[company.ID], Amount: f.amount(), Currency: g.world.Currency, Created: d.created(), Source: d.source,
	}
	if g.rng.Float64() < 0.08 {
		out.Currency = pick(g.rng, []string{"EUR", "USD", "GBP"})
	}
	if out.Type = d.kind; out.Type == "" && !d.track.mixed {
		out.Type = pick(g.trends, dealTypes())
	}
	for i, m := range d.moves {
		source := d.source
		if i > 0 && g.rng.Float64() < 0.2 {
			source = d.track.source
		}
		at := Move{At: m.at, Source: source}
		if m.away != nil {
			at.Stage = m.away.pipeline.Stages[0].ID
		} else {
			at.Stage = d.track.pipeline.Stages[m.stage].ID
		}
		out.Moves = append(out.Moves, at)
	}
	if d.outcome == stillOpen {
		f.fillOpen(d, &out)
	} else {
		f.fillClosed(d, &out)
	}
	slices.SortStableFunc(out.Activities, func(a, b Activity) int { return a.At.Compare(b.At) })
	return out
}

// amount draws a log-normal amount in steps of fifty.
func (f *filler) amount() string {
	v := f.g.stay(step{median: 9_000, sigma: 0.8})
	return strconv.Itoa(max(500, int(v/50)*50))
}

func (f *filler) fillClosed(d *draft, out *Deal) {
	g := f.g
	out.CloseDate = d.ended()
	age := g.ago(d.ended())
	switch q := g.rng.Float64(); {
	case age > 120 && q < 0.12:
		out.Owner = pick(g.rng, f.gone).ID
	case age > 120 && q < 0.13:
		out.Owner = ""
	}
	f.past(d.created(), d.ended(), 2+g.rng.IntN(4), out)
	if d.outcome == isLost && !d.noReason {
		f.explain(d, out)
	}
}

func (f *filler) fillOpen(d *draft, out *Deal) {
	g := f.g
	first := d.stage() == 0 && !d.pathPlanted
	switch {
	case d.noAmount:
		out.Amount = pick(g.rng, []string{"", "0"})
	case first && g.rng.Float64() < 0.4:
		out.Amount = ""
	}
	switch {
	case d.pastClose:
		out.CloseDate = g.opts.Now.Add(-days(f.overdue(g.ago(out.Created))))
	case d.noClose, first && g.rng.Float64() < 0.4:
	default:
		out.CloseDate = g.working(g.opts.Now.Add(days(g.between(6, 75))))
	}
	switch {
	case d.noOwner:
		out.Owner = ""
	case d.inactiveOwner:
		out.Owner = pick(g.rng, f.gone).ID
	case g.rng.Float64() < 0.03:
		out.Owner = f.queue.ID
	}
	f.nextSteps(d, out)
}

// overdue draws how many days a close date is past: clear of 1 and of 14 days, and after the deal's creation.
func (f *filler) overdue(age float64) float64 {
	if age > 19.5 && f.g.rng.Float64() < 0.5 {
		return f.g.between(18.5, min(age-0.5, 60))
	}
	return f.g.between(3.5, min(age-0.5, 10.5))
}

// nextSteps gives an open deal its activities: something planned or a fresh touch, or neither where that is planted.
func (f *filler) nextSteps(d *draft, out *Deal) {
	g, now := f.g, f.g.opts.Now
	owner := out.Owner
	if d.noNext {
		f.past(out.Created, now.Add(-8*day), g.rng.IntN(4), out)
		if g.rng.Float64() < 0.5 { // no touch
			out.Activities = append(out.Activities, Activity{Kind: pick(g.rng, []string{"note", "task"}), At: now.Add(-days(g.between(0.2, 5))), Owner: owner, Subject: "Sum up where this stands", Done: true})
		}
		return
	}
	f.past(out.Created, now.Add(-time.Hour), 1+g.rng.IntN(4), out)
	if g.ago(out.Created) < 1.3 && g.rng.Float64() < 0.3 {
		return // new
	}
	if g.rng.Float64() < 0.75 {
		out.Activities = append(out.Activities, Activity{Kind: pick(g.rng, []string{"task", "call", "meeting"}), At: g.soon(), Owner: owner, Subject: pick(g.rng, f.subj)})
		return
	}
	latest := days(min(1.3, g.ago(out.Created)))
	out.Activities = append(out.Activities, Activity{
		Kind: pick(g.rng, []string{"call", "meeting", "email"}), At: now.Add(-max(time.Minute, time.Duration(g.rng.Int64N(int64(latest))))).Truncate(time.Millisecond),
		Owner: owner, Subject: pick(g.rng, f.subj), Done: true,
	})
}

// soon is a working moment from four to twelve days ahead.
func (g *maker) soon() time.Time { return g.working(g.opts.Now.Add(days(g.between(4, 12)))) }

// past adds n done activities between two moments; none where there is no time between them.
func (f *filler) past(from, to time.Time, n int, out *Deal) {
	span := to.Sub(from)
	if span < time.Hour {
		return
	}
	for range n {
		a := Activity{Kind: pick(f.g.rng, []string{"email", "email", "call", "meeting", "note"}), Owner: out.Owner, Subject: pick(f.g.rng, f.subj), Done: true}
		a.At = from.Add(time.Duration(f.g.rng.Int64N(int64(span)))).Truncate(time.Millisecond)
		a.Inbound = a.Kind == "email" && f.g.rng.Float64() < 0.5
		out.Activities = append(out.Activities, a)
	}
}

// archived is a deal that has everything wrong with it and that nobody may report, because it is archived.
func (f *filler) archived(id string) Deal {
	g := f.g
	t := pick(g.rng, g.tracks)
	made := g.opts.Now.Add(-days(g.between(200, 500)))
	stage := t.pipeline.Stages[0].ID
	return Deal{
		ID: id, Name: "Test " + id, Pipeline: t.pipeline.ID, Stage: stage, Currency: g.world.Currency, Created: made, Source: "CRM_UI", Archived: true,
		CloseDate: made.Add(30 * day), Moves: []Move{{Stage: stage, At: made, Source: "CRM_UI"}},
	}
}
