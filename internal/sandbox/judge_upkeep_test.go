package sandbox

import (
	"math"
	"slices"
	"strings"
	"time"
)

// upkeep is the second reading of the policies about how a set-up is kept.
func (j *judge) upkeep(all []past) {
	j.report("exit-criteria-undefined", "portal", j.w.Account)
	deaf, deafOwners := j.capture(all)
	j.outreach()
	last := make([]time.Time, len(j.w.Pipelines))
	deals := make([]int, len(j.w.Pipelines))
	for _, d := range all {
		for k, at := range d.times {
			if p := d.pipes[k]; at.After(last[p]) {
				last[p] = at
			}
		}
		if !d.deal.Archived {
			deals[d.at.pipeline]++
		}
	}
	newest := slices.MaxFunc(last, time.Time.Compare)
	for i, p := range j.w.Pipelines {
		if j.days(newest) < 180 && j.days(last[i]) > 180 && j.days(p.Created) > 180 {
			j.report("unused-pipeline", "pipeline", p.ID)
		}
		j.review(p, deals[i])
		j.bounces(i, p, all)
		j.rules(i, p, all)
		j.movers(i, p, all)
		name := strings.ToLower(p.Stages[0].Label)
		if strings.Contains(name, "lead") || strings.Contains(name, "inquiry") || !deaf && j.silentStart(i, all, 0) && j.silentStart(i, all, 7) {
			j.report("starts-too-early", "pipeline", p.ID)
		}
	}
	silenced := map[string]bool{}
	for _, d := range all {
		silenced[d.deal.ID] = deaf || deafOwners[d.deal.Owner]
	}
	believing := []string{"no-buyer-activity", "no-next-activity", "follow-up-overdue", "slow-first-response", "touched-in-bulk", "stage-without-evidence",
		"gave-up-early"}
	j.found = slices.DeleteFunc(j.found, func(p Planted) bool { return silenced[p.Subject.ID] && slices.Contains(believing, p.Policy) })
	bounced := slices.ContainsFunc(j.found, func(p Planted) bool { return p.Policy == "moves-bounce" })
	j.near = slices.DeleteFunc(j.near, func(near string) bool { // what is near a threshold that is not looked at
		id := strings.FieldsFunc(near, func(r rune) bool { return r < '0' || r > '9' })
		return len(id) > 0 && silenced[id[0]] || deaf && strings.HasPrefix(near, "meetings of won") || bounced && near == "a young deal moved back or was reopened"
	})
}

// tail is the chance of k or fewer in n at p each, by a table of all sums.
func tail(k, n int, p float64) float64 {
	row := []float64{1}
	for range n {
		next := make([]float64, len(row)+1)
		for i, v := range row {
			next[i] += v * (1 - p)
			next[i+1] += v * p
		}
		row = next
	}
	sum := 0.0
	for _, v := range row[:k+1] {
		sum += v
	}
	return sum
}

func logged(d *Deal, within float64, now time.Time) bool {
	return slices.ContainsFunc(d.Activities, func(a Activity) bool {
		age := now.Sub(a.At).Hours() / 24
		return a.Done && (a.Inbound || outreach(a.Kind)) && age >= 0 && age <= within
	})
}

// capture tells whether the account, and whose deals, show too little of what is done.
func (j *judge) capture(all []past) (deaf bool, owners map[string]bool) {
	owners = map[string]bool{}
	few := func(before float64) bool {
		k, n := 0, 0
		for _, d := range all {
			if age := j.days(d.closed()) - before; d.at.kind == isWon && !d.deal.Archived && age >= 0 && age < 180 {
				n++
				if logged(d.deal, math.Inf(1), j.w.Now) {
					k++
				}
			}
		}
		return n >= 20 && float64(k) < 0.6*float64(n) && tail(k, n, 0.6) < 0.05
	}
	if deaf = few(0) && few(7); deaf {
		j.report("activity-not-captured", "portal", j.w.Account)
	}
	for _, o := range j.w.Owners {
		open, heard := 0, false
		for _, d := range all {
			if d.deal.Owner == o.ID && !d.deal.Archived {
				heard = heard || logged(d.deal, 60, j.w.Now)
				if d.at.kind == stillOpen {
					open++
				}
			}
		}
		if o.Active && !o.Queue && open >= 10 && !heard {
			j.report("activity-not-captured", "owner", o.ID)
			owners[o.ID] = true
		}
	}
	return deaf, owners
}

func (j *judge) outreach() {
	kinds, n := map[string]int{}, 0
	for i := range j.w.Deals {
		for _, a := range j.w.Deals[i].Activities {
			if age := j.days(a.At); a.Done && !a.Inbound && outreach(a.Kind) && age >= 0 && age <= 90 {
				kinds[a.Kind]++
				n++
			}
		}
	}
	for _, k := range kinds {
		if n >= 100 && 10*k > 9*n {
			j.report("single-channel-outreach", "portal", j.w.Account)
		}
	}
}

func (j *judge) review(p Pipeline, deals int) {
	changed := p.Changed
	if changed.Before(p.Created) {
		changed = p.Created
	}
	grave, open := false, 0
	for _, s := range p.Stages {
		if s.Probability > 0 && s.Probability < 1 {
			open++
		}
	}
	for _, f := range j.found {
		switch f.Policy {
		case "status-as-stage", "stage-label-contradicts":
			grave = grave || slices.ContainsFunc(p.Stages, func(s Stage) bool { return s.ID == f.Subject.ID })
		case "closing-stage-missing", "moves-bounce":
			grave = grave || f.Subject.ID == p.ID
		}
	}
	never := changed.Sub(p.Created) <= 7*day && deals >= 20 && j.days(p.Created) > 60
	if never || (grave || open > 10) && j.days(changed) > 180 {
		j.report("review-overdue", "pipeline", p.ID)
	}
}

func (j *judge) bounces(pipeline int, p Pipeline, all []past) {
	for _, d := range all {
		trips := 0
		for k := 2; k < len(d.times); k++ {
			m := d.deal.Moves
			if d.pipes[k] == pipeline && m[k].Stage == m[k-2].Stage && d.times[k].Sub(d.times[k-1]) <= time.Hour && j.days(d.times[k]) < 30 &&
				(byProgram(m[k].Source) || byProgram(m[k-1].Source)) {
				trips++
				k++
			}
		}
		if trips >= 2 && !d.deal.Archived {
			j.report("moves-bounce", "pipeline", p.ID)
			return
		}
	}
}

func (j *judge) rules(pipeline int, p Pipeline, all []past) {
	for _, d := range all {
		if d.deal.Archived {
			continue
		}
		for k := 1; k < len(d.path); k++ {
			if d.pipes[k] != pipeline || d.pipes[k-1] != pipeline || j.days(d.times[k]) > 180 {
				continue
			}
			to, from := p.Stages[d.path[k]].Probability, p.Stages[d.path[k-1]].Probability
			skip := false
			for s := d.path[k-1] + 1; s < d.path[k] && to > 0; s++ {
				if q := p.Stages[s].Probability; q > 0 && q < 1 {
					been := false
					for i := range k {
						been = been || d.pipes[i] == pipeline && d.path[i] == s
					}
					skip = skip || !been
				}
			}
			back := d.path[k] < d.path[k-1] && to > 0 && to < 1 && from > 0 && from < 1
			if skip && !p.Rules.NoSkip || back && !p.Rules.NoBack {
				j.report("skipping-allowed", "pipeline", p.ID)
				return
			}
		}
	}
}

func (j *judge) movers(pipeline int, p Pipeline, all []past) {
	few := func(before float64) bool {
		k, n := 0, 0
		for _, d := range all {
			for i, m := range d.deal.Moves {
				if age := j.days(m.At) - before; i == 0 || d.at.pipeline != pipeline || age < 0 || age >= 90 || m.Source == "IMPORT" || m.Source == "MIGRATION" {
					continue
				}
				n++
				if byProgram(m.Source) {
					k++
				}
			}
		}
		// However many pipelines are compared, three of them are the most that have so many moves.
		return n >= 50 && 10*k < n && 3*tail(k, n, 0.1) < 0.05
	}
	if few(0) && few(7) {
		j.report("manual-stage-moves", "pipeline", p.ID)
	}
}

func (j *judge) silentStart(pipeline int, all []past, before float64) bool {
	k, n := 0, 0
	for _, d := range all {
		if d.at.kind != isLost || d.at.pipeline != pipeline || len(d.path) < 2 {
			continue
		}
		from := len(d.path) - 2
		if age := j.days(d.closed()) - before; d.path[from] != 0 || d.pipes[from] != pipeline || age < 0 || age >= 365 {
			continue
		}
		n++
		if !slices.ContainsFunc(d.deal.Activities, func(a Activity) bool { return a.Done && (a.Inbound || a.Kind == "meeting") }) {
			k++
		}
	}
	return n >= 20 && 10*k >= 4*n && 3*tail(n-k, n, 0.6) < 0.05
}
