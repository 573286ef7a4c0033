package sandbox

import (
	"math"
	"slices"
	"sort"
	"time"
)

// trends is the second reading of the policies about how deals go over time: each effect, with enough deals behind it and too far from
// chance for it, today and a week ago.
func (j *judge) trends(all []past) {
	week := j.w.Now.AddDate(0, 0, -7)
	both := func(f func(now time.Time) bool) bool { return f(j.w.Now) && f(week) }
	for p, pl := range j.w.Pipelines {
		var mine []past
		for _, d := range all {
			if d.at.pipeline == p {
				mine = append(mine, d.own())
			}
		}
		for policy, f := range map[string]func(now time.Time) bool{
			"low-win-rate": func(now time.Time) bool { return j.lowWins(mine, now) }, "slowing-cycle": func(now time.Time) bool { return j.slows(mine, now) },
			"cycle-uneven": func(now time.Time) bool { return j.uneven(mine, now) }, "no-new-deals": func(now time.Time) bool { return j.dry(mine, now) },
		} {
			if both(f) {
				j.report(policy, "pipeline", pl.ID)
			}
		}
		if j.typesDiffer(mine) {
			j.report("mixed-processes", "pipeline", pl.ID)
		}
		for s, st := range pl.Stages {
			if st.Probability == 0 || st.Probability == 1 {
				continue
			}
			if both(func(now time.Time) bool { return j.bottleneck(p, s, mine, now) }) {
				j.report("bottleneck-stage", "stage", st.ID)
			}
			if both(func(now time.Time) bool { return j.fell(s, mine, now) }) || both(func(now time.Time) bool { return j.lowest(p, s, mine, now) }) {
				j.report("leaky-stage", "stage", st.ID)
			}
		}
	}
	j.channels()
	j.loads(all)
}

// beyondChance is by far enough for what the generator plants, which is 3.5, and for nothing that it does not, which is below 1.2.
const beyondChance = 2.4

// closedWithin lists the deals that were closed within a window of days before a moment.
func (j *judge) closedWithin(mine []past, now time.Time, from, to float64) []past {
	var out []past
	for _, d := range mine {
		if a := now.Sub(d.closed()).Hours() / 24; d.at.kind != stillOpen && a >= from && a < to {
			out = append(out, d)
		}
	}
	return out
}

// odd is how many standard deviations k hits of n are from a share.
func odd(k, n, share float64) float64 { return (k - n*share) / math.Sqrt(n*share*(1-share)+1e-9) }

func (j *judge) lowWins(mine []past, now time.Time) bool {
	won := func(list []past) float64 {
		n := 0.0
		for _, d := range list {
			if d.at.kind == isWon {
				n++
			}
		}
		return n
	}
	a, b := j.closedWithin(mine, now, 0, 90), j.closedWithin(mine, now, 90, 455)
	if len(a) < 30 || len(b) < 30 {
		return false
	}
	na, nb := float64(len(a)), float64(len(b))
	return won(a)/na < 0.6*won(b)/nb && odd(won(a), na, (won(a)+won(b))/(na+nb)) < -beyondChance*math.Sqrt(nb/(na+nb))
}

func (j *judge) lengths(mine []past, now time.Time, from, to float64) []float64 {
	var out []float64
	for _, d := range j.closedWithin(mine, now, from, to) {
		if d.at.kind == isWon && len(d.deal.Moves) > 1 {
			out = append(out, d.closed().Sub(d.deal.Created).Hours()/24)
		}
	}
	sort.Float64s(out)
	return out
}

func (j *judge) slows(mine []past, now time.Time) bool {
	a, b := j.lengths(mine, now, 0, 90), j.lengths(mine, now, 90, 455)
	if len(a) < 20 || len(b) < 20 || median(a) <= 1.25*median(b) {
		return false
	}
	over := 0.0 // of the later ones, those above the median of the earlier: half of them by chance
	for _, x := range a {
		if x > median(b) {
			over++
		}
	}
	return odd(over, float64(len(a)), 0.5) > 1.6
}

func (j *judge) uneven(mine []past, now time.Time) bool {
	c := j.lengths(mine, now, 0, 365)
	if len(c) < 50 {
		return false
	}
	over := 0.0
	for _, x := range c {
		if x > 4*median(c) {
			over++
		}
	}
	return odd(over, float64(len(c)), 0.1) > beyondChance
}

func (j *judge) dry(mine []past, now time.Time) bool {
	n, before := 0.0, 0.0
	for _, d := range mine {
		switch a := now.Sub(d.deal.Created).Hours() / 24; {
		case d.deal.Source == "IMPORT" || d.deal.Archived || a < 0:
		case a < 30:
			n++
		case a < 210:
			before++
		}
	}
	return before >= 60 && n < before/12
}

// typesDiffer reads the types of the deals won in a year.
func (j *judge) typesDiffer(mine []past) bool {
	by := map[string][]float64{}
	for _, d := range j.closedWithin(mine, j.w.Now, 0, 365) {
		if d.at.kind == isWon && len(d.deal.Moves) > 1 && d.deal.Type != "" {
			by[d.deal.Type] = append(by[d.deal.Type], d.closed().Sub(d.deal.Created).Hours()/24)
		}
	}
	a, b := by["newbusiness"], by["existingbusiness"]
	sort.Float64s(a)
	sort.Float64s(b)
	return len(a) >= 20 && len(b) >= 20 && math.Max(median(a), median(b)) >= 2*math.Min(median(a), median(b))
}

// typicalStay is the median stay in a stage by Kaplan and Meier, walked minute by minute of who is still there.
func (j *judge) typicalStay(stage int, mine []past, now time.Time) (float64, int) {
	var over, going []float64
	for _, d := range mine {
		for i, s := range d.path {
			began := now.Sub(d.times[i]).Hours() / 24
			if s != stage || d.times[i].After(now) || began >= 365 {
				continue
			}
			if i+1 < len(d.path) && !d.times[i+1].After(now) {
				over = append(over, d.times[i+1].Sub(d.times[i]).Hours()/24)
			} else {
				going = append(going, began)
			}
		}
	}
	short := func(v float64) bool { return v < 10.0/60/24 }
	over, going = slices.DeleteFunc(over, short), slices.DeleteFunc(going, short)
	sort.Float64s(over)
	left := 1.0
	for i, v := range over {
		there := len(over) - i
		for _, g := range going {
			if g >= v {
				there++
			}
		}
		if left *= 1 - 1/float64(there); left <= 0.5 {
			return v, len(over) + len(going)
		}
	}
	if len(over) == 0 {
		return 0, len(going)
	}
	return over[len(over)-1], len(over) + len(going)
}

func (j *judge) bottleneck(p, stage int, mine []past, now time.Time) bool {
	own, n := j.typicalStay(stage, mine, now)
	var rest []float64
	for s, st := range j.w.Pipelines[p].Stages {
		if st.Probability > 0 && st.Probability < 1 && s != stage {
			if v, n := j.typicalStay(s, mine, now); n > 0 {
				rest = append(rest, v)
			}
		}
	}
	sort.Float64s(rest)
	return n >= 30 && own > 2*median(rest)
}

// onward is, of the deals that left a stage for good, how many were seen in a later one, or won.
func (j *judge) onward(stage int, mine []past, now time.Time, from, to float64) (k, n float64) {
	for _, d := range mine {
		at, on, lost := -1, false, false
		for i, s := range d.path {
			if d.times[i].After(now) {
				break
			}
			kind := j.stages[d.deal.Moves[i].Stage].kind
			lost = kind == isLost && i == len(d.path)-1
			on = on || at >= 0 && kind != isLost && s > stage
			if s == stage {
				at = i
			}
		}
		if at < 0 || !on && !lost || at+1 >= len(d.path) || d.times[at+1].After(now) {
			continue
		}
		if a := now.Sub(d.times[at+1]).Hours() / 24; a >= from && a < to {
			n++
			if on {
				k++
			}
		}
	}
	return k, n
}

func (j *judge) fell(stage int, mine []past, now time.Time) bool {
	ka, na := j.onward(stage, mine, now, 0, 90)
	kb, nb := j.onward(stage, mine, now, 90, 455)
	return na >= 50 && nb >= 50 && kb/nb-ka/na >= 0.15 && odd(ka, na, (ka+kb)/(na+nb)) < -beyondChance*math.Sqrt(nb/(na+nb))
}

func (j *judge) lowest(p, stage int, mine []past, now time.Time) bool {
	k, n := j.onward(stage, mine, now, 0, 365)
	if n < 50 {
		return false
	}
	type rate struct{ k, n float64 }
	list := []rate{{k, n}}
	for s, st := range j.w.Pipelines[p].Stages {
		if st.Probability > 0 && st.Probability < 1 && s != stage {
			if k, n := j.onward(s, mine, now, 0, 365); n >= 50 {
				list = append(list, rate{k, n})
			}
		}
	}
	sort.Slice(list, func(a, b int) bool { return list[a].k/list[a].n < list[b].k/list[b].n })
	if len(list) < 2 || list[0] != (rate{k, n}) {
		return false
	}
	m := list[(len(list)-1)/2]
	if len(list) == 2 {
		m = list[1]
	}
	return m.k/m.n-k/n >= 0.15 && odd(k, n, (k+m.k)/(n+m.n)) < -beyondChance*math.Sqrt(m.n/(n+m.n))
}

func (j *judge) channels() {
	by, all, some := map[string]float64{}, 0.0, 0.0
	for i := range j.w.Deals {
		d := &j.w.Deals[i]
		if d.Source == "IMPORT" || j.days(d.Created) >= 365 {
			continue
		}
		all++
		if d.Channel != "" {
			some++
			by[d.Channel]++
		}
	}
	for _, n := range by {
		if some >= 30 && some >= all/2 && odd(n, some, 0.8) > beyondChance {
			j.report("single-channel", "portal", j.w.Account)
		}
	}
}

func (j *judge) loads(all []past) {
	queue := map[string]bool{}
	for _, o := range j.w.Owners {
		queue[o.ID] = o.Queue
	}
	loads := map[string]int{}
	for _, d := range all {
		if o := d.deal.Owner; d.at.kind == stillOpen && !d.deal.Archived && j.active[o] && !queue[o] {
			loads[o]++
		}
	}
	var sorted []float64
	for _, n := range loads {
		sorted = append(sorted, float64(n))
	}
	sort.Float64s(sorted)
	for o, n := range loads {
		if n > 50 && float64(n) > 2*median(sorted) {
			j.report("owner-overloaded", "owner", o)
		}
	}
}
