package sandbox

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Far enough on either side of what refutes a probability: by 10 points, by deals of which there are 30, and by no accident.
const (
	nearPoints, farPoints = 0.08, 0.12
	fewEnded, manyEnded   = 24, 36
	mereChance, noChance  = 0.1, 0.01
	leastOdds, mostOdds   = 0.05, 0.95
)

// choosePlanOfOdds draws what is wrong with stages, by numbers of its own, so that the rest of the account does not depend on it.
func (g *maker) choosePlanOfOdds(without map[string]bool) {
	g.odds = rand.New(rand.NewPCG(g.opts.Seed, 0x6f646473))
	for _, p := range []string{probabilityUnset, probabilityNotRising, probabilityMiscalibrated} {
		chosen := g.odds.Float64() < 0.6
		if g.opts.Plant != nil {
			chosen = slices.Contains(g.opts.Plant, p)
		}
		g.plan[p] = chosen && !g.opts.Healthy && !without[p]
	}
}

// ended is how the deals that visited a stage ended, as of a day.
type ended struct {
	won, all int
	rate     float64 // drawn to the pipeline's own by ten deals
}

// readings are an account's stages today and a week ago.
type readings struct {
	now, before map[*track][]ended
	judged      int // stages with enough deals, about
	fine        map[stageOf][]float64
}

// calibrate gives the open stages probabilities that history bears out, but for what is planted. It returns what could not be.
func (g *maker) calibrate() (without []string) {
	r := readings{now: g.endings(g.opts.Now), before: g.endings(g.opts.Now.Add(-7 * day)), fine: map[stageOf][]float64{}}
	for _, t := range g.tracks {
		for _, e := range r.now[t] {
			if e.all >= fewEnded {
				r.judged++
			}
		}
	}
	for _, t := range g.tracks {
		t.odds = r.sound(t)
	}
	var taken []*track
	for _, p := range []struct {
		policy string
		plant  func(*readings, []*track) *track
	}{{probabilityUnset, g.plantUnset}, {probabilityNotRising, g.plantFall}, {probabilityMiscalibrated, g.plantMiscalibrated}} {
		if !g.plan[p.policy] {
			continue
		}
		t := p.plant(&r, taken)
		if t == nil {
			without = append(without, p.policy)
			continue
		}
		taken = append(taken, t)
	}
	for _, t := range g.tracks {
		for i, p := range t.odds {
			t.pipeline.Stages[i].Probability = p
		}
	}
	return without
}

// endings reads the closed deals, and the open ones that are presumed lost, as of a moment.
func (g *maker) endings(now time.Time) map[*track][]ended {
	out := map[*track][]ended{}
	totals := map[*track]*ended{}
	cycles := map[*track][]float64{}
	for _, t := range g.tracks {
		out[t], totals[t] = make([]ended, len(t.steps)), &ended{}
	}
	count := func(d *draft, upTo time.Time) {
		totals[d.track].all++
		if d.outcome == isWon {
			totals[d.track].won++
		}
		for e := range visited(d, upTo) {
			out[e.track][e.stage].all++
			if d.outcome == isWon {
				out[e.track][e.stage].won++
			}
		}
	}
	for _, d := range g.closed {
		if age := now.Sub(d.ended()); age < 0 || age >= 365*day {
			continue
		}
		count(d, now)
		if d.outcome == isWon && len(d.moves) > 1 {
			cycles[d.track] = append(cycles[d.track], float64(d.ended().Sub(d.created()))/float64(day))
		}
	}
	for _, d := range g.open {
		c := cycles[d.track]
		if len(c) > 0 && float64(now.Sub(d.created()))/float64(day) > hopeless(c) {
			count(d, now)
		}
	}
	for t, list := range out {
		for i := range list {
			if all := totals[t].all; all > 0 {
				list[i].rate = (float64(list[i].won) + 10*float64(totals[t].won)/float64(all)) / (float64(list[i].all) + 10)
			}
		}
	}
	return out
}

// stageOf is an open stage of a track.
type stageOf struct {
	track *track
	stage int
}

// visited are the open stages that a deal was in up to a moment.
func visited(d *draft, upTo time.Time) map[stageOf]bool {
	out := map[stageOf]bool{}
	for _, m := range d.moves {
		switch {
		case m.at.After(upTo):
		case m.away != nil:
			out[stageOf{m.away, 0}] = true
		case m.stage < len(d.track.steps):
			out[stageOf{d.track, m.stage}] = true
		}
	}
	return out
}

// hopeless is the age from which an open deal is presumed lost.
func hopeless(cycles []float64) float64 {
	slices.Sort(cycles)
	sum := 0.0
	for _, c := range cycles {
		sum += c
	}
	return max(2*sum/float64(len(cycles)), cycles[int(math.Ceil(0.99*float64(len(cycles))-1e-9))-1])
}

// sound are probabilities that history does not refute, that never fall and are not all the same. Where too few deals tell, they
// lie between those of the neighbours.
func (r *readings) sound(t *track) []float64 {
	n := len(t.steps)
	usual := make([]float64, n)
	var told []int
	for i := range n {
		usual[i] = math.Round(10*(0.1+0.8*float64(i)/float64(n))) / 10
		if r.now[t][i].all > fewEnded {
			told = append(told, i)
		}
	}
	if len(told) == 0 {
		return usual
	}
	out := make([]float64, n)
	for k, i := range told { // the largest over beginnings of the smallest over ends of the means between never falls
		best := 0.0
		for from := range k + 1 {
			least := 1.0
			for to := k; to < len(told); to++ {
				least = min(least, r.mean(t, told[from:to+1]))
			}
			best = max(best, least)
		}
		out[i] = min(max(math.Round(20*best)/20, leastOdds), mostOdds)
	}
	for i := range n {
		if !slices.Contains(told, i) {
			if out[i] = out[told[0]]; i > told[0] {
				out[i] = out[i-1]
			}
		}
	}
	if slices.Max(out) == slices.Min(out) {
		out[0] = max(leastOdds, out[0]-0.03)
		out[n-1] = min(mostOdds, out[n-1]+0.03)
	}
	return out
}

// mean is what several stages show together.
func (r *readings) mean(t *track, stages []int) float64 {
	sum, weight := 0.0, 0.0
	for _, i := range stages {
		e := r.now[t][i]
		sum, weight = sum+e.rate*float64(e.all+10), weight+float64(e.all+10)
	}
	return sum / weight
}

// right reports whether history surely does not refute p for a stage.
func (r *readings) right(t *track, stage int, p float64) bool {
	e := r.now[t][stage]
	return e.all <= fewEnded || math.Abs(p-e.rate) <= nearPoints || e.chance(p) >= mereChance
}

// refuted reports whether history surely refutes p for a stage, today and a week ago.
func (r *readings) refuted(t *track, stage int, p float64) bool {
	for _, e := range []ended{r.now[t][stage], r.before[t][stage]} {
		if e.all < manyEnded || math.Abs(p-e.rate) < farPoints || e.chance(p) > noChance/float64(r.judged) {
			return false
		}
	}
	return (r.now[t][stage].rate < p) == (r.before[t][stage].rate < p)
}

// chance is that of an outcome at least as far from p, on the same side, or what it is less than where it is next to none.
func (e ended) chance(p float64) float64 {
	k, n := e.won, e.all
	if off := p - float64(k)/float64(n); (e.rate < p) == (off > 0) && math.Exp(-2*float64(n)*off*off) < 1e-9 {
		return 1e-9 // Hoeffding's bound
	}
	if e.rate > p {
		k, p = n-k, 1-p
	}
	term, sum := math.Pow(1-p, float64(n)), 0.0
	if term == 0 { // by logarithms where there are many
		return e.byLogarithms(k, p)
	}
	for i := range k + 1 {
		sum += term
		term *= float64(n-i) / float64(i+1) * p / (1 - p)
	}
	return min(1, sum)
}

func (e ended) byLogarithms(k int, p float64) float64 {
	n, logs, sum := e.all, 0.0, 0.0
	for i := range k + 1 {
		sum += math.Exp(logs + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
		logs += math.Log(float64(n-i)) - math.Log(float64(i+1))
	}
	return min(1, sum)
}

// hundredths are the steps within which probabilities are looked for.
func hundredths(yield func(float64) bool) {
	for i := int(leastOdds * 100); i <= int(mostOdds*100); i++ {
		if !yield(float64(i) / 100) {
			return
		}
	}
}

// others are the pipelines but the first, whose id on HubSpot is a word, and those that are taken: planted problems have the same
// ids on every CRM.
func (g *maker) others(taken []*track) []*track {
	list := slices.DeleteFunc(slices.Clone(g.tracks[1:]), func(t *track) bool { return slices.Contains(taken, t) })
	g.odds.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// plantUnset gives all stages of a pipeline one probability. Where that is far from what history shows of one of them, history
// refutes it, too.
func (g *maker) plantUnset(r *readings, taken []*track) *track {
	for _, t := range g.others(taken) {
		best, fewest := 0.0, len(t.steps)+1
		for p := range hundredths {
			wrong := 0
			for s := range t.steps {
				switch {
				case r.right(t, s, p):
				case r.refuted(t, s, p):
					wrong++
				default:
					wrong = len(t.steps) + 1
				}
			}
			if wrong < fewest || wrong == fewest && math.Abs(p-0.5) < math.Abs(best-0.5) {
				best, fewest = p, wrong
			}
		}
		if fewest > len(t.steps) {
			continue
		}
		g.world.plant(probabilityUnset, "pipeline", t.pipeline.ID)
		for s := range t.steps {
			t.odds[s] = best
			if !r.right(t, s, best) {
				g.world.plant(probabilityMiscalibrated, "stage", t.pipeline.Stages[s].ID)
			}
		}
		return t
	}
	return nil
}

// plantFall gives two neighbours probabilities that fall, both of which history bears out.
func (g *maker) plantFall(r *readings, taken []*track) *track {
	for _, t := range g.others(taken) {
		for _, s := range g.odds.Perm(len(t.steps) - 1) {
			high, low, least := 0.0, 0.0, math.Inf(1)
			for _, a := range r.allowed(t, s) {
				for _, b := range r.allowed(t, s+1) {
					if moved := math.Abs(a-t.odds[s]) + math.Abs(b-t.odds[s+1]); a > b+0.015 && moved < least {
						high, low, least = a, b, moved
					}
				}
			}
			if high == 0 {
				continue
			}
			t.odds[s], t.odds[s+1] = high, low
			g.world.plant(probabilityNotRising, "pipeline", t.pipeline.ID)
			return t
		}
	}
	return nil
}

// allowed are the probabilities that history bears out for a stage, upwards.
func (r *readings) allowed(t *track, stage int) []float64 {
	at := stageOf{t, stage}
	if out, ok := r.fine[at]; ok {
		return out
	}
	var out []float64
	for p := range hundredths {
		if r.right(t, stage, p) {
			out = append(out, p)
		}
	}
	r.fine[at] = out
	return out
}

// plantMiscalibrated gives a stage a probability that history refutes, as far off as its neighbours allow without falling behind.
func (g *maker) plantMiscalibrated(r *readings, taken []*track) *track {
	type choice struct {
		t     *track
		stage int
		odds  []float64
	}
	var choices []choice
	for _, t := range g.tracks {
		if slices.Contains(taken, t) {
			continue
		}
		for s := range t.steps {
			high, low := mostOdds, leastOdds
			for later := s + 1; later < len(t.steps); later++ {
				high = min(high, slices.Max(append(r.allowed(t, later), leastOdds)))
			}
			for earlier := range s {
				low = max(low, slices.Min(append(r.allowed(t, earlier), mostOdds)))
			}
			for _, p := range []float64{high, low} {
				odds := slices.Clone(t.odds)
				for i := range odds {
					if i < s {
						odds[i] = min(odds[i], p)
					} else if i > s {
						odds[i] = max(odds[i], p)
					}
				}
				odds[s] = p
				if r.refuted(t, s, p) && r.bearsOut(t, s, odds) {
					choices = append(choices, choice{t, s, odds})
				}
			}
		}
	}
	if len(choices) == 0 {
		return nil
	}
	c := pick(g.odds, choices)
	c.t.odds = c.odds
	g.world.plant(probabilityMiscalibrated, "stage", c.t.pipeline.Stages[c.stage].ID)
	return c.t
}

// bearsOut reports whether all stages but one are right, do not fall and are not all the same.
func (r *readings) bearsOut(t *track, but int, odds []float64) bool {
	for s, p := range odds {
		if s != but && !r.right(t, s, p) {
			return false
		}
	}
	return slices.IsSorted(odds) && odds[0] != odds[len(odds)-1]
}
