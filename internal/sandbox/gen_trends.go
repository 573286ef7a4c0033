package sandbox

import (
	"math/rand/v2"
	"slices"
	"time"
)

// plantedInTrends are the policies about how deals go over time, of which problems are planted in the paths of many deals.
func plantedInTrends() []string {
	return []string{bottleneckStage, leakyStage, lowWinRate, slowingCycle, cycleUneven, noNewDeals, mixedProcesses, singleChannel, ownerOverloaded}
}

// bends are those of them that bend a whole pipeline, with the deals that it takes; one to a pipeline.
func bends() []struct {
	policy string
	deals  int
} {
	return []struct {
		policy string
		deals  int
	}{{bottleneckStage, 200}, {leakyStage, 320}, {lowWinRate, 320}, {slowingCycle, 390}, {cycleUneven, 320}, {noNewDeals, 160}, {mixedProcesses, 300}}
}

// bend is a pipeline, or a stage of it, in which a trend is planted.
type bend struct {
	track *track
	stage int
}

// How far back deals are bent: those that the figures of 90 days rest on, today and a week ago; and how long no deal comes.
const (
	bentDays = 104
	dryDays  = 46
)

// choosePlanOfTrends draws by numbers of its own. What bends a pipeline is left out of a third of the accounts.
func (g *maker) choosePlanOfTrends(without map[string]bool) {
	plan := rand.New(rand.NewPCG(g.opts.Seed, 0x7472656e6473)) // the same however often the account is drawn
	g.trends, g.bent = rand.New(rand.NewPCG(g.opts.Seed, 0x62656e6473+g.opts.again)), map[string]bend{}
	quiet := plan.Float64() < 0.3
	for _, p := range plantedInTrends() {
		chosen := plan.Float64() < 0.6 && !quiet
		if g.opts.Plant != nil {
			chosen = slices.Contains(g.opts.Plant, p)
		}
		g.plan[p] = chosen && !g.opts.Healthy && !without[p] && g.opts.again < drawnAnew
	}
}

// bendTracks gives the planned bends a pipeline each, and shapes those whose problem lies in a stage.
func (g *maker) bendTracks() {
	list := bends()
	g.trends.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	taken := map[*track]bool{}
	for _, b := range list {
		fits := slices.DeleteFunc(slices.Clone(g.tracks), func(t *track) bool { return taken[t] || t.deals < b.deals || len(t.steps) > 5 })
		if !g.plan[b.policy] || len(fits) == 0 {
			continue
		}
		at := bend{track: pick(g.trends, fits)}
		at.stage = g.trends.IntN(len(at.track.steps))
		for at.track.flagged(at.stage) {
			at.stage = (at.stage + 1) % len(at.track.steps)
		}
		taken[at.track] = true
		g.bent[b.policy] = at
		switch b.policy {
		case bottleneckStage:
			longest := 0.0
			for s, step := range at.track.steps {
				if s != at.stage {
					longest = max(longest, step.median)
				}
			}
			at.track.steps[at.stage].median = 3 * longest
		case leakyStage:
			at.track.leak = at.stage
		case lowWinRate:
			at.stage = len(at.track.steps) - 1
			g.bent[b.policy] = at
		case noNewDeals:
			at.track.dry = true
		case mixedProcesses:
			at.track.mixed = true
		}
	}
}

// bendClosed bends the closed deals of pipelines.
func (g *maker) bendClosed() {
	slow, uneven, low := g.bent[slowingCycle].track, g.bent[cycleUneven].track, g.bent[lowWinRate]
	crawl := &deck{share: 0.25}
	for _, d := range g.closed {
		recent := g.ago(d.ended()) < bentDays
		switch {
		case d.track == slow && recent:
			d.stretch(2)
		case d.track == uneven && d.outcome == isWon && len(d.moves) > 1 && crawl.draw(g.trends):
			d.stretch(6.5)
		case d.track == low.track && recent && d.outcome == isWon && !d.pathPlanted && d.stage() == d.track.won() && g.trends.Float64() < 0.8:
			d.outcome = isLost // from the last stage that it was in
			d.moves[len(d.moves)-1].stage = d.track.lost()
		case d.track.mixed:
			if d.kind = pick(g.trends, dealTypes()); d.kind == dealTypes()[0] {
				d.stretch(2.8)
			}
		case d.track.dry && g.ago(d.created()) < dryDays && !d.pathPlanted:
			d.shift(days(dryDays + g.trends.Float64()*20 - g.ago(d.created())))
		}
	}
}

// stretch makes a deal's path longer without moving its end.
func (d *draft) stretch(factor float64) {
	end := d.ended()
	for i := range d.moves {
		d.moves[i].at = end.Add(-time.Duration(factor * float64(end.Sub(d.moves[i].at))).Truncate(time.Millisecond))
	}
}

// shift moves a deal's whole path into the past.
func (d *draft) shift(by time.Duration) {
	for i := range d.moves {
		d.moves[i].at = d.moves[i].at.Add(-by)
	}
}

// trendsTooFew plants what the deals bear out, and returns what they do not.
func (g *maker) trendsTooFew() (without []string) {
	for _, b := range bends() {
		if !g.plan[b.policy] {
			continue
		}
		at, ok := g.bent[b.policy]
		if !ok || g.reading(b.policy, at) != surely {
			without = append(without, b.policy)
		}
	}
	return without
}

// restless reports whether a trend shows that is not planted, or hardly does not: the account is drawn anew.
func (g *maker) restless() bool {
	for _, t := range g.tracks {
		for _, policy := range []string{lowWinRate, slowingCycle, cycleUneven, noNewDeals} {
			if !g.settled(policy, bend{track: t}, g.bent[policy].track == t) {
				return true
			}
		}
		if t.mixed && !g.settled(mixedProcesses, bend{track: t}, true) {
			return true
		}
		for s := range t.steps {
			at := bend{t, s}
			if !g.settled(bottleneckStage, at, g.bent[bottleneckStage] == at) || !g.settled(leakyStage, at, g.bent[leakyStage] == at || g.bent[lowWinRate] == at) {
				return true
			}
		}
	}
	return false
}

// settled reports whether a trend surely shows where it may, or surely does not. One that shows is part of the truth.
func (g *maker) settled(policy string, at bend, may bool) bool {
	switch g.reading(policy, at) {
	case surely:
		if !may {
			return false
		}
		if policy == bottleneckStage || policy == leakyStage {
			g.world.plant(policy, "stage", at.track.pipeline.Stages[at.stage].ID)
		} else {
			g.world.plant(policy, "pipeline", at.track.pipeline.ID)
		}
		return true
	case surelyNot:
		return true
	default:
		return false
	}
}

// finishTrends gives the finished deals channels, and one owner too many deals, where that is planned.
func (g *maker) finishTrends() {
	w := g.world
	open := map[string]bool{}
	for _, p := range w.Pipelines {
		for _, s := range p.Stages {
			open[s.ID] = s.Probability > 0 && s.Probability < 1
		}
	}
	g.giveChannels(open)
	if g.plan[ownerOverloaded] {
		g.overload(open)
	}
}

// giveChannels gives closed deals the channel that they came by; what open ones came by, their inbound work decides.
func (g *maker) giveChannels(open map[string]bool) {
	w, channels := g.world, []string{"REFERRALS", "PAID_SEARCH", "EMAIL_MARKETING", "DIRECT_TRAFFIC"}
	by, all, dark := map[string]int{}, 0, 0
	for i := range w.Deals {
		d := &w.Deals[i]
		if !open[d.Stage] {
			switch {
			case g.plan[singleChannel]:
				d.Channel = channels[0]
			case g.trends.Float64() < 0.8:
				d.Channel = pick(g.trends, channels)
			}
		}
		if d.Source != "IMPORT" && g.ago(d.Created) < 365 {
			by[d.Channel]++
			all++
		}
	}
	dark, most := by[""], by[channels[0]]
	if n := all - dark; g.plan[singleChannel] && n >= 40 && float64(dark) < 0.4*float64(all) && binomialTail(most, n, 0.8) < 0.001 {
		w.plant(singleChannel, "portal", w.Account)
		return
	}
	if g.plan[singleChannel] { // too few deals to show it: back to what is usual
		g.plan[singleChannel] = false
		g.giveChannels(open)
	}
}

// dealTypes are the CRM's own types of deals.
func dealTypes() []string { return []string{"newbusiness", "existingbusiness"} }

// overload gives one owner so many of the open deals that he has more than 50 and far more than his colleagues.
func (g *maker) overload(open map[string]bool) {
	w := g.world
	loads, active := map[string]int{}, map[string]bool{}
	for _, o := range w.Owners {
		active[o.ID] = o.Active && !o.Queue
	}
	var list []*Deal
	for i := range w.Deals {
		if d := &w.Deals[i]; open[d.Stage] && !d.Archived && active[d.Owner] {
			loads[d.Owner]++
			list = append(list, d)
		}
	}
	left := len(loads) - 1
	if left < 2 {
		return
	}
	heavy := max(64, 3*len(list)/(left+1))
	if float64(len(list)-heavy)/float64(left) > float64(heavy)/3 || len(list) < heavy+3*left {
		return
	}
	hero := list[g.trends.IntN(len(list))].Owner
	for _, i := range g.trends.Perm(len(list)) {
		if d := list[i]; loads[hero] < heavy && d.Owner != hero && loads[d.Owner] > 3 {
			loads[d.Owner]--
			loads[hero]++
			d.Owner = hero
		}
	}
	if loads[hero] == heavy {
		w.plant(ownerOverloaded, "owner", hero)
	}
}
