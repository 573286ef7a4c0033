package sandbox

import (
	"math"
	"slices"
	"time"
)

// certainty is how clearly a trend shows.
type certainty int

const (
	unclear certainty = iota
	surely
	surelyNot
)

// sign is what a trend rests on at one moment.
type sign struct {
	n, least int
	effect   float64 // by its limit
	z        float64 // in standard deviations, about
}

// tells says how clearly: n and the effect 15 to 20 % beyond the limit and no accident, or one of them as far below.
func (s sign) tells() certainty {
	switch {
	case float64(s.n) < 0.85*float64(s.least), s.effect < 0.85, s.z < 1.2:
		return surelyNot
	case float64(s.n) > 1.15*float64(s.least) && s.effect > 1.2 && s.z > 3.5:
		return surely
	default:
		return unclear
	}
}

// reading says how clearly a trend shows, today and a week ago: both must tell it, one suffices to tell that there is none. Where there are
// two signs, either will do.
func (g *maker) reading(policy string, at bend) certainty {
	now, before := g.signs(policy, at, g.opts.Now), g.signs(policy, at, g.opts.Now.Add(-7*day))
	out := surelyNot
	for i := range now {
		a, b := now[i].tells(), before[i].tells()
		switch {
		case a == surely && b == surely:
			return surely
		case a != surelyNot && b != surelyNot:
			out = unclear
		}
	}
	return out
}

func (g *maker) signs(policy string, at bend, now time.Time) []sign {
	p := g.pastOf(at.track, now)
	switch policy {
	case lowWinRate:
		a, b := p.wins(0, 90), p.wins(90, 455)
		return []sign{{min(a.n, b.n), 30, 0.6 * b.share() / max(a.share(), 1e-9), fewer(a, b)}}
	case slowingCycle:
		a, b := p.cycles(0, 90), p.cycles(90, 455)
		return []sign{{min(len(a), len(b)), 20, (middle(a)/max(middle(b), 1e-9) - 1) / 0.25, longer(a, b)}}
	case cycleUneven:
		c := p.cycles(0, 365)
		if len(c) == 0 {
			return []sign{{}}
		}
		slow := 0
		for _, days := range c {
			if days > 4*middle(c) {
				slow++
			}
		}
		n := float64(len(c))
		return []sign{{len(c), 50, c[int(math.Ceil(0.9*n))-1] / (4 * middle(c)), (float64(slow) - 0.1*n) / math.Sqrt(0.09*n)}}
	case mixedProcesses:
		a, b := p.cyclesOf(dealTypes()[0]), p.cyclesOf(dealTypes()[1])
		return []sign{{min(len(a), len(b)), 20, middle(a) / max(2*middle(b), 1e-9), longer(a, b)}}
	case noNewDeals:
		n, mean := float64(p.born(0, 30)), float64(p.born(30, 210))/6
		return []sign{{int(6 * mean), 60, 0.5 * mean / max(n, 0.1), (mean - n) / math.Sqrt(max(mean, 1))}}
	case bottleneckStage:
		var others []float64
		for s := range at.track.steps {
			if m, n := p.stays(s); n > 0 && s != at.stage {
				others = append(others, m)
			}
		}
		slices.Sort(others)
		stay, n := p.stays(at.stage)
		return []sign{{n, 30, stay / max(2*middle(others), 1e-9), 9}}
	default:
		return p.leaks(at.stage)
	}
}

// pastOf is the past of a pipeline's deals as of a moment.
type pastOf struct {
	track  *track
	now    time.Time
	all    []*draft
	stayed map[int]stayed // by stage, once they were asked for
	went   map[int]part   // by stage: the conversion of a year
}

type stayed struct {
	median float64
	n      int
}

func (g *maker) pastOf(t *track, now time.Time) *pastOf {
	for _, p := range g.pasts {
		if p.track == t && p.now.Equal(now) {
			return p
		}
	}
	out := &pastOf{track: t, now: now, stayed: map[int]stayed{}, went: map[int]part{}}
	g.pasts = append(g.pasts, out)
	for _, d := range slices.Concat(g.closed, g.open) {
		if d.track == t && !d.created().After(now) {
			out.all = append(out.all, d)
		}
	}
	return out
}

func (p *pastOf) age(t time.Time) float64 { return float64(p.now.Sub(t)) / float64(day) }

// within reports whether a moment lies in a window of days before now.
func (p *pastOf) within(t time.Time, from, to float64) bool {
	a := p.age(t)
	return a >= from && a < to
}

// part is k of n.
type part struct{ k, n int }

func (r part) share() float64 {
	if r.n == 0 {
		return 0
	}
	return float64(r.k) / float64(r.n)
}

// fewer is by how many standard deviations the share of a lies under that of b.
func fewer(a, b part) float64 {
	n := float64(a.n + b.n)
	all := float64(a.k+b.k) / max(n, 1)
	spread := math.Sqrt(all * (1 - all) * (1/float64(max(a.n, 1)) + 1/float64(max(b.n, 1))))
	return (b.share() - a.share()) / max(spread, 1e-9)
}

// longer is by how many standard deviations the values of a lie above those of b, by their ranks.
func longer(a, b []float64) float64 {
	above := 0.0
	for _, x := range a {
		at, _ := slices.BinarySearch(b, x)
		above += float64(at)
	}
	na, nb := float64(len(a)), float64(len(b))
	return (above - na*nb/2) / max(math.Sqrt(na*nb*(na+nb+1)/12), 1e-9)
}

func middle(sorted []float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)+1)/2-1]
}

func (p *pastOf) wins(from, to float64) part {
	var out part
	for _, d := range p.all {
		if d.outcome != stillOpen && p.within(d.ended(), from, to) {
			out.n++
			if d.outcome == isWon {
				out.k++
			}
		}
	}
	return out
}

func (p *pastOf) cycles(from, to float64) []float64 {
	var out []float64
	for _, d := range p.all {
		if d.outcome == isWon && len(d.moves) > 1 && p.within(d.ended(), from, to) {
			out = append(out, float64(d.ended().Sub(d.created()))/float64(day))
		}
	}
	slices.Sort(out)
	return out
}

// cyclesOf are the cycles of a year of the deals of one type.
func (p *pastOf) cyclesOf(kind string) []float64 {
	one := &pastOf{track: p.track, now: p.now}
	for _, d := range p.all {
		if d.kind == kind {
			one.all = append(one.all, d)
		}
	}
	return one.cycles(0, 365)
}

func (p *pastOf) born(from, to float64) int {
	n := 0
	for _, d := range p.all {
		if d.source != "IMPORT" && p.within(d.created(), from, to) {
			n++
		}
	}
	return n
}

// stays are the median of the stays in a stage that began within a year, by Kaplan and Meier, and how many there are. Where half of
// them have not ended it is as long as the longest that did.
func (p *pastOf) stays(stage int) (median float64, n int) {
	out, ok := p.stayed[stage]
	if !ok {
		out.median, out.n = p.readStays(stage)
		p.stayed[stage] = out
	}
	return out.median, out.n
}

func (p *pastOf) readStays(stage int) (median float64, n int) {
	type stay struct {
		days float64
		over bool
	}
	var list []stay
	for _, d := range p.all {
		for i, m := range d.moves {
			if m.stage != stage || m.away != nil || m.at.After(p.now) || p.age(m.at) >= 365 {
				continue
			}
			s := stay{p.age(m.at), false}
			if i+1 < len(d.moves) && !d.moves[i+1].at.After(p.now) {
				s = stay{float64(d.moves[i+1].at.Sub(m.at)) / float64(day), true}
			}
			if s.days*24*60 >= 10 {
				list = append(list, s)
			}
		}
	}
	slices.SortFunc(list, func(a, b stay) int {
		if a.days < b.days {
			return -1
		}
		return 1
	})
	left := 1.0
	for i, s := range list {
		if s.over {
			left *= 1 - 1/float64(len(list)-i)
			median = s.days
		}
		if left <= 0.5 {
			break
		}
	}
	return median, len(list)
}

// conversion is, of the deals that left a stage for good within a window, how many went on.
func (p *pastOf) conversion(stage int, from, to float64) part {
	var out part
	for _, d := range p.all {
		left, on, ended := time.Time{}, false, false
		for i, m := range d.moves {
			if m.at.After(p.now) {
				break
			}
			switch {
			case m.away != nil || left.IsZero() && m.stage != stage:
			case m.stage == stage:
				left = p.now.Add(day) // not yet
				if i+1 < len(d.moves) {
					left = d.moves[i+1].at
				}
			case m.stage == d.track.lost():
				ended = ended || i == len(d.moves)-1
			case m.stage > stage:
				on = true
			}
		}
		if !left.IsZero() && (on || ended) && p.within(left, from, to) {
			out.n++
			if on {
				out.k++
			}
		}
	}
	return out
}

// ofYear is the conversion of 365 days.
func (p *pastOf) ofYear(stage int) part {
	out, ok := p.went[stage]
	if !ok {
		out = p.conversion(stage, 0, 365)
		p.went[stage] = out
	}
	return out
}

// leaks are the two signs of a leaking stage: against the year before, and against the pipeline's other stages.
func (p *pastOf) leaks(stage int) []sign {
	a, b := p.conversion(stage, 0, 90), p.conversion(stage, 90, 455)
	own := p.ofYear(stage)
	list := []part{own}
	for s := range p.track.steps {
		if c := p.ofYear(s); s != stage && c.n >= 50 {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b part) int {
		if a.share() < b.share() {
			return -1
		}
		return 1
	})
	usual := list[(len(list)-1)/2]
	if len(list) == 2 {
		usual = list[1]
	}
	return []sign{
		{min(a.n, b.n), 50, (b.share() - a.share()) / 0.15, fewer(a, b)},
		{own.n, 50, (usual.share() - own.share()) / 0.15, fewer(own, usual)},
	}
}

// binomialTail is the chance of k or more in n.
func binomialTail(k, n int, p float64) float64 {
	sum := 0.0
	for x := k; x <= n; x++ {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(x + 1))
		c, _ := math.Lgamma(float64(n - x + 1))
		sum += math.Exp(a - b - c + float64(x)*math.Log(p) + float64(n-x)*math.Log(1-p))
	}
	return sum
}
