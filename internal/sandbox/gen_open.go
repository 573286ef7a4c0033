package sandbox

import (
	"slices"
	"time"
)

// How far open deals keep from a limit: as planned, and as moved into working hours.
const (
	calm, calmMost     = 0.70, 0.78
	beyond, beyondMost = 1.35, 1.25
	leastPrior         = 0.1 // days that each stay before the present one lasts at least
)

// makeOpen makes the open deals and plants what can be wrong with them.
func (g *maker) makeOpen() {
	for _, t := range g.tracks {
		for range t.openDeals() {
			d := &draft{track: t, source: "CRM_UI"}
			d.visits = g.route(t, 0, g.openAt(t), false)
			g.open = append(g.open, d)
		}
	}
	g.plantAges()
	for _, d := range g.open {
		g.age(d)
	}
	g.plantPaths()
	for _, d := range g.open {
		g.stampOpen(d)
	}
	g.plantFields()
}

// openAt draws the stage of an open deal: long stages hold more deals, late ones fewer.
func (g *maker) openAt(t *track) int {
	sum, most := 0.0, 0.0
	for _, s := range t.steps {
		sum += s.median
		most = max(most, s.median)
	}
	for {
		s := g.rng.IntN(len(t.steps))
		seen := float64(s) / float64(len(t.steps))
		if s != t.unused && (s > 0 || !t.dry) && g.rng.Float64() < (1-0.6*seen)*(0.3+0.7*t.steps[s].median/most) {
			return s
		}
	}
}

func (g *maker) plantAges() {
	every := func(*draft) bool { return true }
	if g.plan[staleInStage] {
		for _, d := range g.choose(g.open, g.count(len(g.open)), every) {
			d.stale = true
		}
	}
	if g.plan[openTooLong] {
		for _, d := range g.choose(g.open, g.count(len(g.open)), every) {
			d.long = true
			if len(d.visits) == 1 || g.rng.Float64() < 0.5 {
				d.stale = true
			}
		}
	}
}

// age sets how long an open deal has been in its stages, on the planned side of both limits.
func (g *maker) age(d *draft) {
	last := len(d.visits) - 1
	stale, long := d.track.staleLimit[d.stage()], d.track.longLimit
	prior := 0.0
	for i := range last {
		prior += d.visits[i].days
	}
	least := leastPrior * float64(last)
	stay := g.between(0.05, calm) * stale.lo
	if d.stale {
		stay = g.between(beyond, 2.2) * stale.hi
		if stay+least > calm*long.lo {
			d.long = true
		}
	} else if !d.long {
		stay = min(stay, 0.8*calm*long.lo)
	}
	total := min(stay+prior, calm*long.lo)
	if d.long {
		total = max(g.between(beyond, 2.1)*long.hi, stay+least)
	}
	if d.track.dry {
		total = max(total, min(calm*long.lo, g.between(dryDays, dryDays+8)))
	}
	if last == 0 {
		stay = total
	}
	d.visits[last].days = stay
	for i := range last {
		d.visits[i].days = leastPrior + d.visits[i].days/prior*max(0, total-stay-least)
	}
}

// plantPaths lets open deals skip a stage or move back.
func (g *maker) plantPaths() {
	if g.plan[stageSkipped] {
		for _, d := range g.choose(g.open, g.count(len(g.open)), func(d *draft) bool { return g.skip(d) }) {
			d.pathPlanted = true
			d.wrong = append(d.wrong, stageSkipped)
		}
	}
	if !g.plan[stageRegressed] {
		return
	}
	for _, d := range g.choose(g.open, g.count(len(g.open)), func(d *draft) bool { return !d.pathPlanted && g.regress(d) }) {
		d.pathPlanted = true
		d.wrong = append(d.wrong, stageRegressed)
	}
}

// regress lets an open deal come back: from the step after its present one, or twice through the last steps.
func (g *maker) regress(d *draft) bool {
	t, last := d.track, len(d.visits)-1
	here := d.visits[last]
	ahead := here.stage + 1
	if g.rng.Float64() < 0.5 && ahead < len(t.steps) && !t.flagged(ahead) && !t.flagged(here.stage) {
		d.visits = slices.Insert(d.visits, last, visit{here.stage, g.between(0.1, 0.4)}, visit{ahead, g.between(0.1, 0.4)})
		return true
	}
	if !g.back(d) {
		return false
	}
	if g.rng.Float64() < 0.3 {
		g.back(d)
	}
	return true
}

// stampOpen gives an open deal's path its times: in working hours where that leaves its ages on their side of the limits.
func (g *maker) stampOpen(d *draft) {
	at := g.opts.Now
	times := make([]time.Time, len(d.visits))
	for i := len(d.visits) - 1; i >= 0; i-- {
		at = at.Add(-max(days(d.visits[i].days), secondStay))
		times[i] = at
	}
	neat := make([]time.Time, len(times))
	for i, t := range times {
		neat[i] = g.working(t)
	}
	if g.fits(d, neat) {
		times = neat
	}
	for i, v := range d.visits {
		d.moves = append(d.moves, entry{stage: v.stage, at: times[i]})
	}
}

// fits reports whether times keep their order and their distance from the limits.
func (g *maker) fits(d *draft, times []time.Time) bool {
	for i, t := range times {
		next := g.opts.Now
		if i+1 < len(times) {
			next = times[i+1]
		}
		if next.Sub(t) < secondStay {
			return false
		}
	}
	side := func(age float64, limit band, over bool) bool {
		if over {
			return age >= beyondMost*limit.hi
		}
		return age <= calmMost*limit.lo
	}
	return side(g.ago(times[len(times)-1]), d.track.staleLimit[d.stage()], d.stale) && side(g.ago(times[0]), d.track.longLimit, d.long)
}

// plantFields plants what is missing or out of date on open deals. Their paths have their times by now.
func (g *maker) plantFields() {
	every := func(*draft) bool { return true }
	later := func(d *draft) bool { return d.stage() > 0 }
	plants := []struct {
		policy string
		fits   func(*draft) bool
		set    func(*draft)
	}{
		{closeDateMissing, later, func(d *draft) { d.noClose = true }},
		{closeDatePast, func(d *draft) bool { return !d.noClose && g.ago(d.created()) > 5 }, func(d *draft) { d.pastClose = true }},
		{amountMissing, later, func(d *draft) { d.noAmount = true }},
		{ownerMissing, every, func(d *draft) { d.noOwner = true }},
		{ownerInactive, func(d *draft) bool { return !d.noOwner }, func(d *draft) { d.inactiveOwner = true }},
		{noNextActivity, func(d *draft) bool { return g.ago(d.created()) > 8.5 }, func(d *draft) { d.noNext = true }},
	}
	for _, p := range plants {
		if !g.plan[p.policy] {
			continue
		}
		for _, d := range g.choose(g.open, g.count(len(g.open)), p.fits) {
			p.set(d)
			d.wrong = append(d.wrong, p.policy)
		}
	}
	for _, d := range g.open {
		if d.stale {
			d.wrong = append(d.wrong, staleInStage)
		}
		if d.long {
			d.wrong = append(d.wrong, openTooLong)
		}
	}
}
