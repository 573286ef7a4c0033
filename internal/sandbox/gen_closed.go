package sandbox

import (
	"math"
	"slices"
	"time"
)

// openShare is the share of deals that are open.
const openShare = 0.2

// growth bends the years so that more deals were closed lately than long ago.
const growth = 1.25

// settled is the age in days from which a closed deal may have skipped stages, moved back or been reopened: well past the 30
// days within which the path of a closed deal is judged.
const settled = 40

func (t *track) openDeals() int { return int(math.Round(float64(t.deals) * openShare)) }

// makeClosed makes the deals that were won or lost, over the whole history, and plants what can be wrong with them.
func (g *maker) makeClosed() {
	for _, t := range g.tracks {
		n := t.deals - t.openDeals()
		wins := &deck{share: t.winRate}
		for i := range n {
			age := 1 + (historyDays-1)*math.Pow(1-(float64(i)+g.rng.Float64())/float64(n), growth)
			d := &draft{track: t, outcome: isLost, source: "CRM_UI"}
			if wins.draw(g.rng) {
				d.outcome = isWon
			}
			g.walk(d, age)
			g.stamp(d, age)
			g.closed = append(g.closed, d)
		}
	}
	g.plantClosedSkips()
	g.plantMissingReasons()
	if g.plan[lostFreeText] {
		g.world.plant(lostFreeText, "portal", g.world.Account)
	}
}

// walk plans a closed deal's path.
func (g *maker) walk(d *draft, age float64) {
	t, old := d.track, age > settled
	first, reach := 0, len(t.steps)-1
	if d.outcome == isLost {
		reach = g.lostAt(t)
	}
	if old && reach > 1 && !t.flagged(1) && g.rng.Float64() < 0.03 {
		first = 1
	}
	if old && d.outcome == isWon && g.rng.Float64() < 0.01 {
		return // created won
	}
	d.visits = g.route(t, first, reach, d.outcome == isWon)
	for i := range d.visits {
		if d.outcome == isLost {
			d.visits[i].days *= 1.15
		}
	}
	if !old {
		return
	}
	g.quirks(d, age)
}

// lostAt draws the stage in which a deal is lost, the earlier the likelier.
func (g *maker) lostAt(t *track) int {
	k := len(t.steps)
	if t.leak >= 0 && g.rng.Float64() < 0.55 {
		return t.leak
	}
	for {
		s := g.rng.IntN(k)
		chance := 1 - 0.6*float64(s)/float64(k)
		if s == t.skipped { // fewer are there to be lost from it
			chance *= 1 - t.skippers.share
		}
		if s != t.unused && g.rng.Float64() < chance {
			return s
		}
	}
}

// route lists the stays from one stage to another, around the stages that are planted as unused or skipped.
func (g *maker) route(t *track, first, reach int, beyond bool) []visit {
	var v []visit
	for s := first; s <= reach; s++ {
		passes := s < reach || beyond
		if s == t.unused || s == t.skipped && s > first && passes && t.skippers.draw(g.rng) {
			continue
		}
		v = append(v, visit{s, g.stay(t.steps[s])})
	}
	return v
}

// quirks gives old deals what histories have: skips, moves back, stays of minutes, reopenings, imports, beginnings in another
// pipeline.
func (g *maker) quirks(d *draft, age float64) {
	if age > 300 && g.rng.Float64() < 0.04 {
		d.source = "IMPORT"
	}
	switch q := g.rng.Float64(); {
	case q < 0.08:
		g.skip(d)
	case q < 0.13:
		g.back(d)
	case q < 0.15:
		last := d.visits[len(d.visits)-1]
		d.visits = append(d.visits, visit{d.track.lost(), g.between(3, 20)}, visit{last.stage, g.between(2, 9)})
	case q < 0.17:
		d.visits[g.rng.IntN(len(d.visits))].days = 0
	case q < 0.19 && d.visits[0].stage == 0:
		if other := pick(g.rng, g.tracks); other != d.track {
			d.began = other
			d.visits = slices.Insert(d.visits, 0, visit{-1, g.stay(other.steps[0])})
		}
	}
}

// skip takes a middle stay out of a planned path; the stay before it takes its time. It reports whether there was one.
func (g *maker) skip(d *draft) bool {
	end := len(d.visits) - 1
	if d.outcome == isWon {
		end++
	}
	var can []int
	for i := 1; i < end; i++ {
		if s := d.visits[i].stage; !d.track.flagged(s) && s > d.visits[i-1].stage {
			can = append(can, i)
		}
	}
	if len(can) == 0 {
		return false
	}
	i := pick(g.rng, can)
	d.visits[i-1].days += d.visits[i].days
	d.visits = append(d.visits[:i], d.visits[i+1:]...)
	return true
}

// back lets a deal repeat the last step before its present stage. It reports whether there was one.
func (g *maker) back(d *draft) bool {
	i := len(d.visits) - 1
	if i < 1 || d.track.flagged(d.visits[i].stage) || d.track.flagged(d.visits[i-1].stage) {
		return false
	}
	a, b := d.visits[i-1], d.visits[i]
	half := a.days / 3
	d.visits[i-1].days = half
	d.visits = append(d.visits[:i], visit{b.stage, half}, visit{a.stage, half}, b)
	return true
}

// A stay is well past the ten minutes from which it counts, but for those planned without length, which are well below.
const (
	shortStay  = 3 * time.Minute
	secondStay = 20 * time.Minute
)

// stamp turns a closed deal's planned path into moves that end about age days ago.
func (g *maker) stamp(d *draft, age float64) {
	total := 0.0
	for _, v := range d.visits {
		total += v.days
	}
	t := g.opts.Now.Add(-days(age + total))
	var last time.Time
	least := time.Duration(0)
	add := func(stage int) {
		at := g.working(t)
		if early := last.Add(least); len(d.moves) > 0 && (at.Before(early) || least == shortStay) {
			at = early
		}
		e := entry{stage: stage, at: at}
		if stage < 0 {
			e.away = d.began
		}
		d.moves = append(d.moves, e)
		last = at
	}
	for _, v := range d.visits {
		add(v.stage)
		t = t.Add(days(v.days))
		least = secondStay
		if v.days == 0 {
			least = shortStay
		}
	}
	end := d.track.lost()
	if d.outcome == isWon {
		end = d.track.won()
	}
	add(end)
}

// count draws how many problems of one policy there are among n records.
func (g *maker) count(n int) int { return 1 + g.rng.IntN(max(1, n/25)) }

// choose draws up to n drafts of those that fit.
func (g *maker) choose(from []*draft, n int, fits func(*draft) bool) []*draft {
	var out []*draft
	for _, i := range g.rng.Perm(len(from)) {
		if len(out) == n {
			break
		}
		if fits(from[i]) {
			out = append(out, from[i])
		}
	}
	return out
}

// plantClosedSkips lets deals that were closed a short while ago skip a stage.
func (g *maker) plantClosedSkips() {
	if !g.plan[stageSkipped] {
		return
	}
	recent := func(d *draft) bool { a := g.ago(d.ended()); return a < 22 && len(d.visits) > 2 }
	for _, d := range g.choose(g.closed, g.rng.IntN(2+g.opts.Deals/500), recent) {
		age := g.ago(d.ended())
		if g.skip(d) {
			d.moves, d.pathPlanted = nil, true
			g.stamp(d, max(1, age))
			d.wrong = append(d.wrong, stageSkipped)
		}
	}
}

// plantMissingReasons empties the reasons of some losses, too few to touch the share of losses with a reason.
func (g *maker) plantMissingReasons() {
	if !g.plan[lostMissing] {
		return
	}
	recent := func(within float64) func(*draft) bool {
		return func(d *draft) bool { return d.outcome == isLost && g.ago(d.ended()) < within }
	}
	half := len(g.choose(g.closed, len(g.closed), recent(180)))
	for _, d := range g.choose(g.closed, min(g.count(len(g.closed)), 1+half/12), recent(285)) {
		d.noReason = true
		d.wrong = append(d.wrong, lostMissing)
	}
}
