package sandbox

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"testing"
	"time"
)

// judge is a second reading of the policies, over a world as it stands and with nothing of the generator's. It lists
// what is wrong, and every fact that lies within 20 % of a threshold.
type judge struct {
	w      *World
	zone   *time.Location
	stages map[string]place
	active map[string]bool
	found  []Planted
	near   []string
}

type place struct {
	pipeline, index int
	kind            outcome
}

// past is what a deal's history says. own cuts off what happened in another pipeline.
type past struct {
	deal  *Deal
	at    place
	path  []int // indexes of the stages, in order of entry
	times []time.Time
	pipes []int // the pipelines that the stages are of
}

func judgeWorld(t *testing.T, w *World) *judge {
	t.Helper()
	zone, err := time.LoadLocation(w.Zone)
	if err != nil {
		t.Fatal(err)
	}
	j := &judge{w: w, zone: zone, stages: map[string]place{}, active: map[string]bool{}}
	for _, o := range w.Owners {
		j.active[o.ID] = o.Active
	}
	for p, pl := range w.Pipelines {
		for i, s := range pl.Stages {
			kind := stillOpen
			switch s.Probability {
			case 1:
				kind = isWon
			case 0:
				kind = isLost
			}
			if _, twice := j.stages[s.ID]; twice {
				t.Fatalf("stage id %s twice", s.ID)
			}
			j.stages[s.ID] = place{p, i, kind}
		}
	}
	var all []past
	for i := range w.Deals {
		all = append(all, j.read(&w.Deals[i]))
	}
	j.portal(all)
	j.losses(all)
	j.odds(all)
	j.names()
	j.dates(all)
	j.bulk(all)
	j.trends(all)
	for p := range w.Pipelines {
		mine := slices.DeleteFunc(slices.Clone(all), func(d past) bool { return d.at.pipeline != p || d.deal.Archived })
		var own []past
		for _, d := range mine {
			own = append(own, d.own())
		}
		j.paths(own, j.design(p, own))
		j.ages(p, all, mine)
		j.learned(p, own)
	}
	for _, d := range all {
		if !d.deal.Archived && d.at.kind == stillOpen {
			j.openDeal(d)
		}
	}
	j.upkeep(all)
	return j
}

func (j *judge) read(d *Deal) past {
	out := past{deal: d, at: j.stages[d.Stage]}
	for _, m := range d.Moves {
		at := j.stages[m.Stage]
		out.path, out.times, out.pipes = append(out.path, at.index), append(out.times, m.At), append(out.pipes, at.pipeline)
	}
	return out
}

func (j *judge) report(policy, kind, id string) {
	j.found = append(j.found, Planted{policy, Subject{kind, id}})
}

// against compares a fact with a threshold and notes when it is near.
func (j *judge) against(fact, threshold float64, what string, args ...any) bool {
	if fact > 0.8*threshold && fact < 1.2*threshold {
		j.near = append(j.near, fmt.Sprintf(what, args...)+fmt.Sprintf(": %.2f against %.2f", fact, threshold))
	}
	return fact > threshold
}

func (j *judge) days(from time.Time) float64 { return j.w.Now.Sub(from).Hours() / 24 }

func (p past) own() past {
	for len(p.path) > 1 && p.pipes[0] != p.at.pipeline {
		p.path, p.times, p.pipes = p.path[1:], p.times[1:], p.pipes[1:]
		moves := *p.deal
		moves.Moves = moves.Moves[1:]
		p.deal = &moves
	}
	return p
}

func (p past) closed() time.Time { return p.times[len(p.times)-1] }

func (j *judge) portal(all []past) {
	lost, filled := 0, 0
	for _, d := range all {
		if d.at.kind != isLost || d.deal.Archived {
			continue
		}
		age := j.days(d.closed())
		if age <= 180 {
			lost++
			if d.deal.LossOption != "" {
				filled++
			}
		}
		if d.deal.LossOption == "" && d.deal.LossReason == "" && j.against(-age, -365, "age of loss without reason, deal %s", d.deal.ID) {
			j.report("lost-reason-missing", "deal", d.deal.ID)
		}
	}
	if lost >= 10 && (j.w.LossProperty == nil || !j.against(float64(filled)/float64(lost), 0.5, "share of losses with an option")) {
		j.report("lost-reason-free-text", "portal", j.w.Account)
	}
	if lost >= 8 && lost < 10 && j.w.LossProperty == nil {
		j.near = append(j.near, "few losses, no property")
	}
}

var statusWords = regexp.MustCompile(`(?i)hold|paus|nurtur|no response|stalled|attente|beklemede`)

// design judges a pipeline's stages and returns those that are unused or often skipped.
func (j *judge) design(p int, mine []past) map[int]bool {
	pl, flagged := j.w.Pipelines[p], map[int]bool{}
	open := 0
	for i, s := range pl.Stages {
		if s.Probability == 0 || s.Probability == 1 {
			continue
		}
		open++
		if statusWords.MatchString(s.Label) {
			j.report("status-as-stage", "stage", s.ID)
		}
		now, week := j.w.Now, j.w.Now.AddDate(0, 0, -7)
		window := max(90, 2*median(j.cycles(mine)))
		passed, _, entered := j.flow(mine, i, now, window)
		passedBefore, _, enteredBefore := j.flow(mine, i, week, window)
		if entered == 0 || enteredBefore == 0 {
			j.against(float64(passed), 20, "deals past the unused stage %s", s.Label)
			j.against(float64(passedBefore), 20, "deals past the unused stage %s a week ago", s.Label)
		}
		if passed >= 20 && entered == 0 {
			j.report("unused-stage", "stage", s.ID)
			flagged[i] = true
			continue
		}
		passed, skipped, _ := j.flow(mine, i, now, 180)
		often := passed >= 20 && j.against(lower(skipped, passed), 0.25, "skip rate of %s", s.Label)
		passed, skipped, _ = j.flow(mine, i, week, 180)
		if before := passed >= 20 && j.against(lower(skipped, passed), 0.25, "skip rate of %s a week ago", s.Label); before != often {
			j.near = append(j.near, "skip rate of "+s.Label+" changed within a week")
		}
		if often {
			j.report("often-skipped-stage", "stage", s.ID)
			flagged[i] = true
		}
	}
	if j.against(float64(open), 7, "stages of %s", pl.Label) {
		j.report("too-many-stages", "pipeline", pl.ID)
	}
	return flagged
}

// flow counts deals that got past a stage in a window, how many of them without a visit, and the entries into it.
func (j *judge) flow(mine []past, stage int, now time.Time, window float64) (passed, skipped, entered int) {
	in := func(t time.Time) bool { return !t.After(now) && now.Sub(t).Hours()/24 < window }
	for _, d := range mine {
		if d.deal.Source == "IMPORT" {
			continue
		}
		first, visited := -1, slices.Contains(d.path, stage)
		for i, s := range d.path {
			if s == stage && in(d.times[i]) {
				entered++
			}
			kind := j.stages[d.deal.Moves[i].Stage].kind
			if first < 0 && s > stage && kind != isLost {
				first = i
			}
		}
		if first > 0 && d.path[0] < stage && in(d.times[first]) {
			passed++
			if !visited {
				skipped++
			}
		}
	}
	return passed, skipped, entered
}

func (j *judge) cycles(mine []past) []float64 {
	var out []float64
	for _, d := range mine {
		if d.at.kind == isWon && len(d.path) > 1 && j.days(d.closed()) <= 365 {
			out = append(out, d.closed().Sub(d.deal.Created).Hours()/24)
		}
	}
	slices.Sort(out)
	return out
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	return v[(len(v)+1)/2-1]
}

// lower is Wilson's lower bound, found by bisection of the score equation.
func lower(k, n int) float64 {
	p := float64(k) / float64(n)
	lo, hi := 0.0, p
	for range 60 {
		m := (lo + hi) / 2
		if p-m > 1.959964*math.Sqrt(m*(1-m)/float64(n)) {
			lo = m
		} else {
			hi = m
		}
	}
	return hi
}

// paths judges skips and moves back.
func (j *judge) paths(mine []past, flagged map[int]bool) {
	for _, d := range mine {
		age := 0.0
		if d.at.kind != stillOpen {
			age = j.days(d.closed())
		}
		visited, top, back, reopened := map[int]bool{}, 0, false, false
		for i, s := range d.path {
			kind := j.stages[d.deal.Moves[i].Stage].kind
			if kind == isLost {
				reopened = reopened || i < len(d.path)-1
				continue
			}
			visited[s] = true
			top = max(top, s)
			if i > 0 && s < d.path[i-1] && j.stages[d.deal.Moves[i-1].Stage].kind == stillOpen {
				back = true
			}
		}
		var missed []int
		for s := d.path[0]; s < top; s++ {
			if !visited[s] && j.w.Pipelines[d.at.pipeline].Stages[s].Probability > 0 {
				missed = append(missed, s)
			}
		}
		uncovered := slices.ContainsFunc(missed, func(s int) bool { return !flagged[s] })
		if uncovered && j.against(-age, -30, "age of the closed deal %s that skipped", d.deal.ID) {
			j.report("stage-skipped", "deal", d.deal.ID)
		}
		if back && d.at.kind == stillOpen {
			j.report("stage-regressed", "deal", d.deal.ID)
		}
		if (back || reopened) && d.at.kind != stillOpen && age < 36 {
			j.near = append(j.near, "a young deal moved back or was reopened")
		}
	}
}

// ages judges how long open deals are in their stage and open.
func (j *judge) ages(p int, all, mine []past) {
	stays := map[int][]float64{}
	for _, d := range all {
		if d.at.kind != isWon {
			continue
		}
		for i := 1; i < len(d.path); i++ {
			if s := d.times[i].Sub(d.times[i-1]); d.pipes[i-1] == p && s >= 10*time.Minute && j.days(d.times[i]) <= 365 {
				stays[d.path[i-1]] = append(stays[d.path[i-1]], s.Hours()/24)
			} else if s > 8*time.Minute && s < 12*time.Minute {
				j.near = append(j.near, "a stay of about ten minutes")
			}
		}
	}
	long, cycles := 180.0, j.cycles(mine)
	if n := len(cycles); n >= 20 {
		sum := 0.0
		for _, c := range cycles {
			sum += c
		}
		long = math.Max(30, 2*sum/float64(n))
	}
	for _, d := range mine {
		if d.at.kind != stillOpen {
			continue
		}
		limit, v := 30.0, stays[d.at.index]
		slices.Sort(v)
		if n := len(v); n >= 30 {
			limit = math.Min(180, math.Max(7, v[int(math.Ceil(0.9*float64(n)))-1]))
		}
		if j.against(j.days(d.closed()), limit, "stay of %s in stage %d of pipeline %d", d.deal.ID, d.at.index, p) {
			j.report("stale-in-stage", "deal", d.deal.ID)
		}
		if j.against(j.days(d.deal.Created), long, "age of %s in pipeline %d", d.deal.ID, p) {
			j.report("open-too-long", "deal", d.deal.ID)
		}
	}
}

// openDeal judges the fields and activities of an open deal.
func (j *judge) openDeal(d past) {
	id, deal := d.deal.ID, d.deal
	local := j.w.Now.In(j.zone)
	today := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, j.zone)
	switch late := today.Sub(deal.CloseDate).Hours() / 24; {
	case deal.CloseDate.IsZero() && d.at.index > 0:
		j.report("close-date-missing", "deal", id)
	case deal.CloseDate.IsZero():
	case late > 0:
		j.report("close-date-past", "deal", id)
		if late < 1.2 || late > 11.2 && late < 16.8 || deal.CloseDate.Before(deal.Created) {
			j.near = append(j.near, fmt.Sprintf("close date %.1f days past", late))
		}
	case late > -2:
		j.near = append(j.near, "a close date of today or tomorrow")
	}
	if d.at.index > 0 && (deal.Amount == "" || deal.Amount == "0") {
		j.report("amount-missing", "deal", id)
	}
	if deal.Owner == "" {
		j.report("owner-missing", "deal", id)
	} else if !j.active[deal.Owner] {
		j.report("owner-inactive", "deal", id)
	}
	if j.activity(d) {
		return
	}
	fresh := deal.Created
	for _, a := range deal.Activities {
		if a.Kind == "note" || a.Kind == "task" && a.Done {
			continue
		}
		if !a.Done {
			if ahead := a.At.Sub(j.w.Now).Hours() / 24; ahead < 1.2 || ahead > 13 {
				j.near = append(j.near, "a plan that is overdue, due today or far off")
			}
			return
		}
		if a.At.After(fresh) {
			fresh = a.At
		}
	}
	if j.against(j.workingDays(fresh), 3, "working days without touch of %s", id) {
		j.report("no-next-activity", "deal", id)
	}
}

func (j *judge) workingDays(from time.Time) float64 {
	n := 0.0
	for t := from.In(j.zone); t.Before(j.w.Now); t = t.Add(time.Hour) {
		if wd := t.Weekday(); wd != time.Saturday && wd != time.Sunday {
			n += 1.0 / 24
		}
		if n > 10 {
			break
		}
	}
	return n
}
