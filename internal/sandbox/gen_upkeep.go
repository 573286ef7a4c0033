package sandbox

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// plantedInUpkeep are the problems of how a set-up is kept: whether it begins too early, is looked at again, used, fed with what the
// team does, and what moves deals through it.
func plantedInUpkeep() []string {
	return []string{startsTooEarly, reviewOverdue, unusedPipeline, singleChannelOutreach, activityNotCaptured, manualStageMoves, movesBounce, skippingAllowed}
}

// choosePlanOfUpkeep draws by numbers of its own.
func (g *maker) choosePlanOfUpkeep() {
	g.upkeep = rand.New(rand.NewPCG(g.opts.Seed, 0x75706b656570))
	for _, p := range plantedInUpkeep() {
		chosen := g.upkeep.Float64() < 0.3
		if g.opts.Plant != nil {
			chosen = slices.Contains(g.opts.Plant, p)
		}
		g.plan[p] = chosen && !g.opts.Healthy
	}
}

// caretaker looks after a finished account, or neglects it where that is planted. It needs nothing but the account and numbers of its own.
type caretaker struct {
	w    *World
	rng  *rand.Rand
	plan map[string]bool
	at   map[string]corner // by stage id
	of   map[string][]*Deal
}

// corner is where a stage stands: in which pipeline, and at which place of it.
type corner struct {
	pipeline, index int
	probability     float64
}

func (c corner) open() bool { return c.probability > 0 && c.probability < 1 }

// keepUp dates the set-up of an account, switches its rules on, and plants what can be wrong with how it is kept. It comes last: what
// is not captured takes other problems out of sight.
func keepUp(w *World, rng *rand.Rand, plan map[string]bool) {
	c := &caretaker{w: w, rng: rng, plan: plan, at: map[string]corner{}, of: map[string][]*Deal{}}
	for i, p := range w.Pipelines {
		for k, s := range p.Stages {
			c.at[s.ID] = corner{i, k, s.Probability}
		}
	}
	for i := range w.Deals {
		c.of[w.Deals[i].Pipeline] = append(c.of[w.Deals[i].Pipeline], &w.Deals[i])
	}
	c.startEarly()
	c.age()
	bouncing := c.bounce()
	c.byHand(bouncing)
	c.forbid()
	c.review()
	c.phone()
	c.capture()
	w.plant(exitCriteriaUndefined, "portal", w.Account)
}

func (c *caretaker) between(lo, hi float64) float64 { return lo + (hi-lo)*c.rng.Float64() }

func (c *caretaker) ago(at time.Time) float64 { return float64(c.w.Now.Sub(at)) / float64(day) }

// pipelines are the places of all pipelines in an order drawn, but for the first, whose id on HubSpot is a word: planted problems have
// the same ids on every CRM.
func (c *caretaker) pipelines() []int {
	var out []int
	for _, i := range c.rng.Perm(len(c.w.Pipelines)) {
		if i > 0 {
			out = append(out, i)
		}
	}
	return out
}

// startEarly plants pipelines that begin before the buyer has shown that it wants to buy: one by its name, in a board of its own, and
// one by its losses. Where activity is not captured, losses show nothing. In all others most of the lost deals had a meeting once.
func (c *caretaker) startEarly() {
	silent := -1
	if c.plan[startsTooEarly] {
		c.inbound()
		for _, i := range c.pipelines() {
			if !c.plan[activityNotCaptured] && min(len(c.lostEarly(i, 0, 365)), len(c.lostEarly(i, 7, 372))) >= 26 {
				silent = i
			}
		}
	}
	for i := range c.w.Pipelines {
		for k, d := range c.lostEarly(i, 0, 380) {
			switch {
			case i == silent:
				unheard(d)
			case k%4 > 0:
				meetOnce(d)
			}
		}
	}
	if silent >= 0 {
		c.w.plant(startsTooEarly, "pipeline", c.w.Pipelines[silent].ID)
	}
}

// meetOnce makes a meeting of the first that the team did for a deal whose buyer was never heard of.
func meetOnce(d *Deal) {
	first := -1
	for i := len(d.Activities) - 1; i >= 0; i-- {
		switch a := &d.Activities[i]; {
		case a.Inbound, a.Done && a.Kind == "meeting":
			return
		case a.Done && outreach(a.Kind):
			first = i
		}
	}
	if first >= 0 {
		d.Activities[first].Kind = "meeting"
	}
}

// inbound adds a pipeline without deals whose first stage is one of leads.
func (c *caretaker) inbound() {
	id := 795_000_000
	p := Pipeline{ID: strconv.Itoa(id), Label: "Inbound", Created: c.w.Pipelines[0].Created}
	name := pick(c.rng, []string{"New lead", "Inbound lead", "New inquiry", "Neuer Lead"})
	for i, s := range []Stage{{Label: name, Probability: 0.1}, {Label: "Meeting booked", Probability: 0.4}, {Label: "Won", Probability: 1}, {Label: "Lost"}} {
		s.ID = strconv.Itoa(id + 10 + i)
		p.Stages = append(p.Stages, s)
		c.at[s.ID] = corner{len(c.w.Pipelines), i, s.Probability}
	}
	c.w.Pipelines = append(c.w.Pipelines, p)
	c.w.plant(startsTooEarly, "pipeline", p.ID)
}

// lostEarly are the deals that were lost from the first stage of a pipeline within some days. There are none in a pipeline that begins with
// anything but an open stage.
func (c *caretaker) lostEarly(pipeline int, from, to float64) []*Deal {
	var out []*Deal
	for _, d := range c.of[c.w.Pipelines[pipeline].ID] {
		n := len(d.Moves)
		if n < 2 || !c.lost(d) {
			continue
		}
		last := c.at[d.Moves[n-2].Stage]
		if age := c.ago(d.Moves[n-1].At); last.pipeline == pipeline && last.index == 0 && last.open() && age > from && age < to {
			out = append(out, d)
		}
	}
	return out
}

// unheard takes out of a deal what was heard of the buyer; the team did as much as before.
func unheard(d *Deal) {
	for i := range d.Activities {
		switch a := &d.Activities[i]; {
		case a.Inbound:
			a.Kind, a.Inbound = "note", false
		case a.Kind == "meeting" && a.Done:
			a.Kind = "call"
		}
	}
}

// age makes pipelines without deals young, or leaves them as old as they are where they are to be found unused.
func (c *caretaker) age() {
	if c.plan[unusedPipeline] && !slices.ContainsFunc(c.w.Pipelines, func(p Pipeline) bool { return len(c.of[p.ID]) == 0 }) {
		id := 796_000_000
		p := Pipeline{ID: strconv.Itoa(id), Label: "Spare parts", Created: c.w.Pipelines[0].Created}
		for i, s := range []Stage{{Label: "Needs confirmed", Probability: 0.3}, {Label: "Proposal delivered", Probability: 0.6}, {Label: "Closed won", Probability: 1}, {Label: "Closed lost"}} {
			s.ID = strconv.Itoa(id + 10 + i)
			p.Stages = append(p.Stages, s)
		}
		c.w.Pipelines = append(c.w.Pipelines, p)
	}
	for i := range c.w.Pipelines {
		p := &c.w.Pipelines[i]
		switch {
		case len(c.of[p.ID]) > 0:
		case c.plan[unusedPipeline] && c.ago(p.Created) > 220:
			c.w.plant(unusedPipeline, "pipeline", p.ID)
		default:
			p.Created = c.w.Now.Add(-days(c.between(20, 130)))
		}
	}
}

// bounce lets two automations move a deal to and fro between two stages in which it has been, and returns the pipeline; -1 none.
func (c *caretaker) bounce() int {
	if !c.plan[movesBounce] {
		return -1
	}
	wrong := map[string]bool{}
	for _, p := range c.w.Truth {
		wrong[p.Subject.ID] = true
	}
	for _, i := range c.pipelines() {
		for _, d := range c.of[c.w.Pipelines[i].ID] {
			if !d.Archived && !wrong[d.ID] && c.lost(d) && c.shake(d) {
				c.w.plant(movesBounce, "pipeline", c.w.Pipelines[i].ID)
				return i
			}
		}
	}
	return -1
}

// shake adds two round trips to a deal that was lost lately, after a step from one open stage to the next and long before anything else.
func (c *caretaker) shake(d *Deal) bool {
	for k := 1; k+1 < len(d.Moves); k++ {
		from, to := c.at[d.Moves[k-1].Stage], c.at[d.Moves[k].Stage]
		age := c.ago(d.Moves[k].At)
		if age > 24 || age < 2 || from.pipeline != to.pipeline || from.index >= to.index || !from.open() || !to.open() || d.Moves[k+1].At.Sub(d.Moves[k].At) < 4*time.Hour {
			continue
		}
		var trips []Move
		for n := range 4 {
			stage := d.Moves[k-1].Stage
			if n%2 == 1 {
				stage = d.Moves[k].Stage
			}
			trips = append(trips, Move{Stage: stage, At: d.Moves[k].At.Add(time.Duration(n+1) * 20 * time.Minute), Source: "AUTOMATION_PLATFORM"})
		}
		d.Moves = slices.Insert(d.Moves, k+1, trips...)
		return true
	}
	return false
}

// byHand lets people make all moves of a pipeline.
func (c *caretaker) byHand(but int) {
	if !c.plan[manualStageMoves] {
		return
	}
	for _, i := range c.pipelines() {
		deals := c.of[c.w.Pipelines[i].ID]
		if i == but || min(c.made(deals, 0), c.made(deals, 7)) < 64 {
			continue
		}
		for _, d := range deals {
			for k := range d.Moves {
				if m := &d.Moves[k]; k > 0 && c.ago(m.At) < 110 && byProgram(m.Source) {
					m.Source = "CRM_UI"
				}
			}
		}
		c.w.plant(manualStageMoves, "pipeline", c.w.Pipelines[i].ID)
		return
	}
}

func byProgram(source string) bool {
	return source == "AUTOMATION_PLATFORM" || source == "INTEGRATION" || source == "API"
}

// made counts the moves within 90 days, as of some days ago, but for those that imports made.
func (c *caretaker) made(deals []*Deal, before float64) int {
	n := 0
	for _, d := range deals {
		for k, m := range d.Moves {
			if age := c.ago(m.At) - before; k > 0 && age > 0 && age < 90 && m.Source != "IMPORT" && m.Source != "MIGRATION" {
				n++
			}
		}
	}
	return n
}

// forbid switches the rules of all pipelines on, but for those of one in which deals left out stages or went back, where that is planted.
func (c *caretaker) forbid() {
	for i := range c.w.Pipelines {
		c.w.Pipelines[i].Rules = &Rules{NoSkip: true, NoBack: true}
	}
	if !c.plan[skippingAllowed] {
		return
	}
	for _, i := range c.pipelines() {
		skips, backs := c.astray(i)
		if skips+backs == 0 {
			continue
		}
		r := c.w.Pipelines[i].Rules
		r.NoSkip, r.NoBack = skips == 0, backs == 0
		c.w.plant(skippingAllowed, "pipeline", c.w.Pipelines[i].ID)
		return
	}
}

// astray counts the moves of 150 days that left out an open stage in which the deal had not been, and those that went back. What is
// lost leaves out nothing.
func (c *caretaker) astray(pipeline int) (skips, backs int) {
	for _, d := range c.of[c.w.Pipelines[pipeline].ID] {
		been := map[int]bool{}
		for k, m := range d.Moves {
			to := c.at[m.Stage]
			if k > 0 && to.pipeline == pipeline && c.at[d.Moves[k-1].Stage].pipeline == pipeline && c.ago(m.At) < 150 && !d.Archived && to.probability > 0 {
				from := c.at[d.Moves[k-1].Stage]
				for s := from.index + 1; s < to.index; s++ {
					if p := c.w.Pipelines[pipeline].Stages[s].Probability; !been[s] && p > 0 && p < 1 {
						skips++
						break
					}
				}
				if from.open() && to.open() && to.index < from.index {
					backs++
				}
			}
			if to.pipeline == pipeline {
				been[to.index] = true
			}
		}
	}
	return skips, backs
}

// review lets somebody have changed the stages of every pipeline lately. Planted are a pipeline whose stages are as they were made, and
// those that have been the same for long although something grave is wrong with them.
func (c *caretaker) review() {
	for i := range c.w.Pipelines {
		p := &c.w.Pipelines[i]
		if p.Changed = c.w.Now.Add(-days(c.between(20, 140))); p.Changed.Before(p.Created.Add(9 * day)) {
			p.Changed = p.Created // made lately, as those without deals and the only ones of tiny accounts
		}
	}
	if !c.plan[reviewOverdue] {
		return
	}
	for _, i := range c.pipelines() {
		if p := &c.w.Pipelines[i]; len(c.of[p.ID]) >= 24+len(c.of[p.ID])/50 {
			p.Changed = p.Created
			c.w.plant(reviewOverdue, "pipeline", p.ID)
			break
		}
	}
	for i := range c.w.Pipelines {
		p := &c.w.Pipelines[i]
		if i > 0 && p.Changed.After(p.Created) && c.ago(p.Created) > 420 && c.grave(p) {
			p.Changed = c.w.Now.Add(-days(c.between(225, 400)))
			c.w.plant(reviewOverdue, "pipeline", p.ID)
		}
	}
}

// grave reports whether something high or critical is planted in a pipeline or one of its stages.
func (c *caretaker) grave(p *Pipeline) bool {
	open := 0
	for _, s := range p.Stages {
		if s.Probability > 0 && s.Probability < 1 {
			open++
		}
	}
	return slices.ContainsFunc(c.w.Truth, func(t Planted) bool {
		mine := t.Subject.ID == p.ID || slices.ContainsFunc(p.Stages, func(s Stage) bool { return s.ID == t.Subject.ID && t.Subject.Kind == "stage" })
		return mine && (slices.Contains([]string{statusAsStage, stageLabelContradicts, closingStageMissing, movesBounce}, t.Policy) || t.Policy == tooManyStages && open > 10)
	})
}

// phone makes calls of nearly all that the team did lately; what was heard of the buyers stays, but of those who were lost
// later than at the first stage. Where meetings teach something, nothing is touched.
func (c *caretaker) phone() {
	if !c.plan[singleChannelOutreach] || c.plan[stageWithoutEvidence] {
		return
	}
	recent := func(a *Activity, within float64) bool {
		age := c.ago(a.At)
		return a.Done && !a.Inbound && age >= 0 && age < within && outreach(a.Kind)
	}
	heard := map[*Deal]bool{} // lost deals whose meeting is all that was heard of the buyer
	for i := range c.w.Pipelines {
		for _, d := range c.lostEarly(i, 0, 380) {
			heard[d] = true
		}
	}
	touches, kept := 0, 0
	for i := range c.w.Deals {
		d := &c.w.Deals[i]
		for k := range d.Activities {
			if a := &d.Activities[k]; recent(a, 90) {
				touches++
				if heard[d] && a.Kind == "meeting" {
					kept++
				}
			}
		}
	}
	if touches < 125 || kept*20 > touches {
		return
	}
	for i := range c.w.Deals {
		d := &c.w.Deals[i]
		for k := range d.Activities { // what is appended on the way is none of theirs
			a := &d.Activities[k]
			switch {
			case !recent(a, 100), heard[d] && a.Kind == "meeting":
				continue
			case a.Kind == "meeting" && !c.lost(d):
				d.Activities = append(d.Activities, Activity{Kind: "email", At: a.At, Owner: a.Owner, Subject: "Re: " + a.Subject, Inbound: true, Done: true})
			}
			d.Activities[k].Kind = "call"
		}
		slices.SortStableFunc(d.Activities, func(a, b Activity) int { return a.At.Compare(b.At) })
	}
	c.w.plant(singleChannelOutreach, "portal", c.w.Account)
}

// lost reports whether a deal was lost.
func (c *caretaker) lost(d *Deal) bool { return c.at[d.Stage].probability == 0 }

func outreach(kind string) bool { return kind == "call" || kind == "meeting" || kind == "email" }

// capture keeps what the team does from the record: all that was done for most deals won lately, or what one person did.
func (c *caretaker) capture() {
	if !c.plan[activityNotCaptured] {
		return
	}
	if c.rng.Float64() < 0.5 && c.disconnect() {
		return
	}
	c.newcomer()
}

// believed are the policies that take the absence of activity for a fact.
func believed() []string {
	return []string{noBuyerActivity, noNextActivity, followUpOverdue, slowFirstResponse, touchedInBulk, stageWithoutEvidence, gaveUpEarly}
}

// disconnect empties the records of most deals won lately, where there are enough of them. What rests on silence cannot be told any more.
func (c *caretaker) disconnect() bool {
	var won []*Deal
	now, before := 0, 0
	for i := range c.w.Deals {
		d := &c.w.Deals[i]
		if d.Archived || c.at[d.Stage].probability != 1 {
			continue
		}
		age := c.ago(d.Moves[len(d.Moves)-1].At)
		if age < 195 {
			won = append(won, d)
		}
		if age < 180 {
			now++
		}
		if age > 7 && age < 187 {
			before++
		}
	}
	if min(now, before) < 26 {
		return false
	}
	for i, d := range won {
		if i%6 > 0 {
			d.Activities = nil
		}
	}
	c.w.plant(activityNotCaptured, "portal", c.w.Account)
	c.w.Truth = slices.DeleteFunc(c.w.Truth, func(p Planted) bool { return slices.Contains(believed(), p.Policy) })
	return true
}

// newcomer gives a dozen deals with which nothing is wrong to somebody whose mailbox nobody connected.
func (c *caretaker) newcomer() {
	wrong := map[string]bool{}
	for _, p := range c.w.Truth {
		wrong[p.Subject.ID] = true
	}
	var deals []*Deal
	for _, i := range c.rng.Perm(len(c.w.Deals)) {
		if d := &c.w.Deals[i]; len(deals) < 13 && !d.Archived && !wrong[d.ID] && c.at[d.Stage].open() {
			deals = append(deals, d)
		}
	}
	if len(deals) < 13 {
		return
	}
	last := c.w.Owners[len(c.w.Owners)-1]
	id, _ := strconv.Atoi(last.ID)
	o := Owner{ID: strconv.Itoa(id + 7_001), First: "Noa", Last: "Newcomer", Email: "noa.newcomer@team.example", Active: true}
	c.w.Owners = append(c.w.Owners, o)
	for _, d := range deals {
		d.Owner = o.ID
		d.Activities = slices.DeleteFunc(d.Activities, func(a Activity) bool { return a.Done && c.ago(a.At) < 75 })
		for i := range d.Activities {
			d.Activities[i].Owner = o.ID
		}
	}
	c.w.plant(activityNotCaptured, "owner", o.ID)
}
