package sandbox

import (
	"math"
	"slices"
	"time"
)

// tallied is how the deals of a year ended that were in one stage.
type tallied struct{ won, n int }

// odds is the second reading of the policies about probabilities.
func (j *judge) odds(all []past) {
	j.report("no-stage-time-limit", "portal", j.w.Account)
	now, rates := j.tally(all, j.w.Now)
	before, old := j.tally(all, j.w.Now.AddDate(0, 0, -7))
	compared := 0
	for _, t := range now {
		if t.n >= 30 {
			compared++
		}
	}
	for p, pl := range j.w.Pipelines {
		var said []float64
		falls := false
		for _, s := range pl.Stages {
			if s.Probability == 0 || s.Probability == 1 {
				continue
			}
			falls = falls || len(said) > 0 && s.Probability < slices.Max(said)
			said = append(said, s.Probability)
			wrong, near := j.refuted(s.Probability, now[s.ID], rates[p], compared)
			earlier, nearThen := j.refuted(s.Probability, before[s.ID], old[p], compared)
			if near && earlier || wrong && nearThen || wrong != earlier && wrong {
				j.near = append(j.near, "the probability of "+s.Label)
			}
			if wrong && earlier {
				j.report("probability-miscalibrated", "stage", s.ID)
			}
		}
		if falls {
			j.report("probability-not-rising", "pipeline", pl.ID)
		}
		if len(said) > 1 && slices.Min(said) == slices.Max(said) {
			j.report("probability-unset", "pipeline", pl.ID)
		}
	}
}

// refuted holds a probability against a stage's deals; near is set where one condition alone decides, and hardly.
func (j *judge) refuted(p float64, t tallied, rate float64, compared int) (wrong, near bool) {
	if t.n < 24 {
		return false, false
	}
	seen := (float64(t.won) + 10*rate) / (float64(t.n) + 10)
	off := math.Abs(seen - p)
	few := t.won // or more, or fewer
	side := func(k int) bool { return k <= few }
	if seen > p {
		side = func(k int) bool { return k >= few }
	}
	chance, each := 0.0, make([]float64, t.n+1)
	for k := range each {
		each[k] = binomial(t.n, k) + float64(k)*math.Log(p) + float64(t.n-k)*math.Log(1-p)
		if side(k) {
			chance += math.Exp(each[k])
		}
	}
	share := float64(t.won) / float64(t.n)
	outside := math.Abs(share-p) > 1.959964*math.Sqrt(p*(1-p)/float64(t.n)) // Wilson's interval holds p where its own spread reaches the share
	wrong = t.n >= 30 && off >= 0.1 && outside && chance*float64(compared) < 0.05
	surelyNot := off < 0.085 || chance > 0.06
	surely := t.n >= 36 && off > 0.115 && outside && chance*float64(compared) < 0.04
	return wrong, !surely && !surelyNot
}

// binomial is the logarithm of n over k.
func binomial(n, k int) float64 {
	sum := 0.0
	for i := 1; i <= k; i++ {
		sum += math.Log(float64(n-k+i)) - math.Log(float64(i))
	}
	return sum
}

// tally counts, per stage, the deals that ended in the year up to a day, and per pipeline the share won.
func (j *judge) tally(all []past, day time.Time) (map[string]tallied, []float64) {
	stages := map[string]tallied{}
	won, ends := make([]float64, len(j.w.Pipelines)), make([]float64, len(j.w.Pipelines))
	count := func(d past, add int) {
		ends[d.at.pipeline]++
		won[d.at.pipeline] += float64(add)
		seen := map[string]bool{}
		for i, m := range d.deal.Moves {
			if j.stages[m.Stage].kind == stillOpen && !seen[m.Stage] && !d.times[i].After(day) {
				seen[m.Stage] = true
				t := stages[m.Stage]
				stages[m.Stage] = tallied{t.won + add, t.n + 1}
			}
		}
	}
	cycles := make([][]float64, len(j.w.Pipelines))
	for _, d := range all {
		age := day.Sub(d.closed()).Hours() / 24
		if d.at.kind == stillOpen || age < 0 || age >= 365 {
			continue
		}
		if d.at.kind == isLost {
			count(d, 0)
			continue
		}
		count(d, 1)
		if len(d.path) > 1 {
			cycles[d.at.pipeline] = append(cycles[d.at.pipeline], d.closed().Sub(d.deal.Created).Hours()/24)
		}
	}
	for _, d := range all {
		c := cycles[d.at.pipeline]
		if d.at.kind != stillOpen || d.deal.Archived || len(c) == 0 {
			continue
		}
		slices.Sort(c)
		sum := 0.0
		for _, x := range c {
			sum += x
		}
		if age := day.Sub(d.deal.Created).Hours() / 24; age > 2*sum/float64(len(c)) && age > c[int(math.Ceil(0.99*float64(len(c)))-1)] {
			count(d, 0)
		}
	}
	for p := range won {
		won[p] /= math.Max(1, ends[p])
	}
	return stages, won
}
