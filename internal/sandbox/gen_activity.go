package sandbox

import (
	"math/rand/v2"
	"slices"
	"time"
)

// plantedInActivity are the problems that lie in what was done for open deals, who belongs to them, and what is on record of them.
func plantedInActivity() []string {
	return []string{
		noBuyerActivity, nextActivityOverdue, followUpOverdue, slowFirstResponse, touchedInBulk, contactMissing, singleThreaded, stageWithoutEvidence,
		behindItsEvidence,
	}
}

// choosePlanOfActivity draws by numbers of its own.
func (g *maker) choosePlanOfActivity() {
	g.deeds = rand.New(rand.NewPCG(g.opts.Seed, 0x6465656473))
	for _, p := range plantedInActivity() {
		chosen := g.deeds.Float64() < 0.5
		if g.opts.Plant != nil {
			chosen = slices.Contains(g.opts.Plant, p)
		}
		g.plan[p] = chosen && !g.opts.Healthy
	}
}

// Ages in days of what keeps an open deal in order, and of what does not: well clear of 21 and 30 days, and of five working days.
const (
	heardWithin = 14.0 // of every buyer
	heardLong   = 26.5 // of a silent one
	followed    = 11.0 // five working days are eight days at most
	stillFresh  = 16.3
	untouched   = 37.0
	enoughWon   = 24 // deals that a statistic of 20 surely has
)

// office is a finished account in which the work on the deals is done, or left undone where that is planted. It needs nothing but the
// account and numbers of its own.
type office struct {
	w      *World
	rng    *rand.Rand
	plan   map[string]bool
	places map[string]spot // by stage id
	open   []*Deal
	won    map[string][]*Deal // by pipeline, the earliest closed first
	closed []*Deal
	idle   map[*Deal]bool // deals without a next activity, by plan
	taken  map[*Deal]bool // deals whose activities have a meaning
	quiet  map[*Deal]bool // of them those whose buyers are not heard of
	// The pipelines in which won deals have two contacts, and in which they had a meeting at once; "" none.
	paired, met string
	bare        map[*Deal]bool // deals without that meeting
	anchor      *Deal          // was moved by the bulk edit
}

// spot is where a stage stands among the open ones of its pipeline.
type spot struct {
	index, stages int
	open, won     bool
	proposal      int // index of the pipeline's first open stage of a proposal, -1 none
}

// enliven does the work of an account's deals, and plants what can be wrong with it.
func enliven(w *World, rng *rand.Rand, plan map[string]bool) {
	o := &office{w: w, rng: rng, plan: plan, places: map[string]spot{}, won: map[string][]*Deal{}, idle: map[*Deal]bool{}, taken: map[*Deal]bool{}, quiet: map[*Deal]bool{}, bare: map[*Deal]bool{}}
	o.sortOut()
	o.contacts()
	o.meetings()
	o.idlers()
	for _, d := range o.open {
		o.visited(d)
	}
	o.neglect()
	o.bulkEdit()
	for _, d := range o.open {
		o.answer(d)
	}
	o.quotes()
	for _, d := range o.open {
		if o.proven(d) && !o.bare[d] {
			o.meet(d)
		}
		slices.SortStableFunc(d.Activities, func(a, b Activity) int { return a.At.Compare(b.At) })
	}
}

// neglect plants what is wrong with the work on deals, one kind per deal.
func (o *office) neglect() {
	for _, p := range []struct {
		policy string
		fits   func(*Deal) bool
		plant  func(*Deal)
	}{
		{touchedInBulk, func(d *Deal) bool { return o.lying(d) || o.pushed(d) }, o.leave},
		{noBuyerActivity, func(d *Deal) bool { return o.age(d.Created) > heardLong+1 }, o.silence},
		{followUpOverdue, func(d *Deal) bool { return o.age(d.Created) > followed+1.5 }, o.wait},
		{nextActivityOverdue, func(d *Deal) bool { return o.age(d.Created) > 6 }, o.delay},
		{slowFirstResponse, func(d *Deal) bool { return o.age(d.Created) > 8 && !o.proven(d) }, o.dawdle},
	} {
		if !o.plan[p.policy] || p.policy == touchedInBulk && len(o.settled()) < 26 {
			continue
		}
		o.each(1+o.rng.IntN(max(1, len(o.open)/40)), func(d *Deal) bool { return !o.taken[d] && p.fits(d) }, func(d *Deal) {
			o.taken[d], o.quiet[d] = true, p.policy != slowFirstResponse
			p.plant(d)
			o.wrong(p.policy, d)
		})
	}
}

func (o *office) wrong(policy string, d *Deal) { o.w.plant(policy, "deal", d.ID) }

func (o *office) age(at time.Time) float64 { return float64(o.w.Now.Sub(at)) / float64(day) }

func (o *office) between(lo, hi float64) float64 { return lo + (hi-lo)*o.rng.Float64() }

func (o *office) ago(lo, hi float64) time.Time { return o.w.Now.Add(-days(o.between(lo, hi))) }

// choose draws up to n open deals of those that fit.
func (o *office) choose(n int, fits func(*Deal) bool) []*Deal {
	var out []*Deal
	o.each(n, fits, func(d *Deal) { out = append(out, d) })
	return out
}

// each does something to up to n open deals that fit, one after the other.
func (o *office) each(n int, fits func(*Deal) bool, do func(*Deal)) {
	for _, i := range o.rng.Perm(len(o.open)) {
		if d := o.open[i]; n > 0 && fits(d) {
			do(d)
			n--
		}
	}
}

// sortOut tells the account's deals apart.
func (o *office) sortOut() {
	for _, p := range o.w.Pipelines {
		at := spot{proposal: -1}
		for i, s := range p.Stages {
			if s.Probability > 0 && s.Probability < 1 {
				at.stages++
				if at.proposal < 0 && slices.Contains(proposalNames(), s.Label) {
					at.proposal = i
				}
			}
		}
		for i, s := range p.Stages {
			at.index, at.open, at.won = i, s.Probability > 0 && s.Probability < 1, s.Probability == 1
			o.places[s.ID] = at
		}
	}
	for i := range o.w.Deals {
		d := &o.w.Deals[i]
		switch at := o.places[d.Stage]; {
		case d.Archived || len(d.Moves) == 0:
		case at.open:
			o.open = append(o.open, d)
		default:
			o.closed = append(o.closed, d)
			if at.won {
				o.won[d.Pipeline] = append(o.won[d.Pipeline], d)
			}
		}
	}
	for _, list := range o.won {
		slices.SortStableFunc(list, func(a, b *Deal) int { return a.Moves[len(a.Moves)-1].At.Compare(b.Moves[len(b.Moves)-1].At) })
	}
	planned := map[string]bool{}
	for _, p := range o.w.Truth {
		if p.Policy == noNextActivity {
			planned[p.Subject.ID] = true
		}
	}
	for _, d := range o.open {
		o.idle[d], o.taken[d], o.quiet[d] = planned[d.ID], planned[d.ID], planned[d.ID]
	}
}

// proposalNames are the labels of stages in which the buyer has the proposal.
func proposalNames() []string {
	return []string{"Proposal delivered", "Angebot übermittelt", "Devis envoyé", "Propuesta enviada", "Teklif sunuldu"}
}

// taught chooses a pipeline of which enough deals were won in the last year, today and a week ago, to learn from them; "" none.
func (o *office) taught(counts func(*Deal) bool) string {
	var large []string
	for _, p := range o.w.Pipelines {
		now, before := 0, 0
		for _, d := range o.won[p.ID] {
			if age := o.age(d.Moves[len(d.Moves)-1].At); counts(d) {
				if age < 365 {
					now++
				}
				if age > 7 && age < 372 {
					before++
				}
			}
		}
		if min(now, before) >= enoughWon {
			large = append(large, p.ID)
		}
	}
	if len(large) == 0 {
		return ""
	}
	return pick(o.rng, large)
}

// late reports whether a deal is past the middle of its pipeline.
func (o *office) late(d *Deal) bool {
	at := o.places[d.Stage]
	return 2*(at.index+1) > at.stages+1
}

// contacts sees to it that one contact is the rule, but for the pipeline in which won deals have two; there, and for deals that
// have none at all, it plants.
func (o *office) contacts() {
	if o.plan[singleThreaded] {
		o.paired = o.taught(func(*Deal) bool { return true })
	}
	for _, p := range o.w.Pipelines {
		for i, d := range o.won[p.ID] {
			switch {
			case p.ID == o.paired:
				o.pair(d)
			case i%3 > 0 && len(d.Contacts) > 1:
				d.Contacts = d.Contacts[:1:1]
			}
		}
	}
	if o.paired != "" {
		for _, d := range o.open {
			if d.Pipeline == o.paired && o.late(d) {
				o.pair(d)
			}
		}
		for _, d := range o.choose(1+o.rng.IntN(3), func(d *Deal) bool { return d.Pipeline == o.paired && o.late(d) }) {
			d.Contacts = d.Contacts[:1:1]
			o.wrong(singleThreaded, d)
		}
	}
	if o.plan[contactMissing] {
		for _, d := range o.choose(1+o.rng.IntN(max(1, len(o.open)/25)), func(d *Deal) bool { return d.Pipeline != o.paired || !o.late(d) }) {
			d.Contacts, d.Company = nil, ""
			o.wrong(contactMissing, d)
		}
	}
}

// pair gives a deal a second contact.
func (o *office) pair(d *Deal) {
	for len(d.Contacts) < 2 {
		c := pick(o.rng, o.w.Contacts).ID
		if !slices.Contains(d.Contacts, c) {
			d.Contacts = append(slices.Clip(d.Contacts), c)
		}
	}
}

// meetings sees to it that few won deals had a meeting or a mail of the team early, but for the pipeline in which all had a meeting
// at once; there some open deals are to have none.
func (o *office) meetings() {
	if o.plan[stageWithoutEvidence] {
		o.met = o.taught(func(d *Deal) bool {
			return len(d.Moves) > 1 && o.places[d.Moves[0].Stage].index == 0 && o.places[d.Moves[0].Stage].open
		})
	}
	for _, p := range o.w.Pipelines {
		for i, d := range o.won[p.ID] {
			if i%3 > 0 {
				quieten(d, "meeting", "email")
			}
			if p.ID == o.met && len(d.Moves) > 1 {
				o.meet(d)
				slices.SortStableFunc(d.Activities, func(a, b Activity) int { return a.At.Compare(b.At) })
			}
		}
	}
	if o.met == "" {
		return
	}
	for _, d := range o.choose(1+o.rng.IntN(3), o.proven) {
		quieten(d, "meeting")
		o.bare[d] = true
		o.wrong(stageWithoutEvidence, d)
	}
}

// proven reports whether a deal is to have had a meeting.
func (o *office) proven(d *Deal) bool { return d.Pipeline == o.met && o.places[d.Stage].index > 0 }

// quieten makes calls of what the team did of some kinds.
func quieten(d *Deal, kinds ...string) {
	for i := range d.Activities {
		if a := &d.Activities[i]; a.Done && !a.Inbound && slices.Contains(kinds, a.Kind) {
			a.Kind = "call"
		}
	}
}

// meet adds a meeting held soon after a deal's creation, before it left its first stage.
func (o *office) meet(d *Deal) {
	next := o.w.Now
	if len(d.Moves) > 1 {
		next = d.Moves[1].At
	}
	d.Activities = append(d.Activities, Activity{Kind: "meeting", At: soonAfter(d.Created, next), Owner: d.Owner, Subject: "Getting to know each other", Done: true})
}

// soonAfter is two hours after a moment, or half way to another one that is nearer than that.
func soonAfter(at, next time.Time) time.Time {
	return at.Add(min(2*time.Hour, next.Sub(at)/2)).Truncate(time.Millisecond)
}

// bulkEdit lets one person edit deals that were left alone together with many closed ones, within a minute.
func (o *office) bulkEdit() {
	at := o.ago(3, 20)
	if o.anchor != nil {
		at = o.anchor.Moves[len(o.anchor.Moves)-1].At
	}
	var group []*Deal
	for _, d := range o.open {
		if d.Editor != "" {
			group = append(group, d)
		}
	}
	if len(group) == 0 {
		return
	}
	settled := o.settled()
	for _, i := range o.rng.Perm(len(settled))[:26] {
		group = append(group, settled[i])
	}
	for i, d := range group {
		d.Editor, d.Edited = group[0].Editor, at.Add(time.Duration(i)*time.Second)
	}
}

// lying reports whether a deal has been where it is for so long that nothing but an edit is left to tell of.
func (o *office) lying(d *Deal) bool { return o.age(d.Moves[len(d.Moves)-1].At) > untouched+0.5 }

// pushed reports whether a deal could have been moved where it is by the bulk edit itself. There is one such deal at most.
func (o *office) pushed(d *Deal) bool {
	n := len(d.Moves) - 1
	moved := o.age(d.Moves[n].At)
	return o.anchor == nil && n > 0 && moved > 3 && moved < 20 && o.age(d.Moves[n-1].At) > untouched+0.5
}

// settled are the deals closed before any bulk edit.
func (o *office) settled() []*Deal {
	return slices.DeleteFunc(slices.Clone(o.closed), func(d *Deal) bool { return o.age(d.Moves[len(d.Moves)-1].At) < 22 })
}

// leave lets a deal lie, with nothing but a plan.
func (o *office) leave(d *Deal) {
	if !o.lying(d) {
		o.anchor = d
	}
	o.forget(d, untouched)
	d.Activities = slices.DeleteFunc(d.Activities, func(a Activity) bool { return o.age(a.At) <= untouched }) // a note is a change of the deal, too
	o.task(d, o.ago(-12, -4))
	d.Editor = o.w.Owners[0].ID
}

// silence lets a deal's buyer be silent, whether or not the team tries.
func (o *office) silence(d *Deal) {
	o.forget(d, heardLong)
	if o.rng.Float64() < 0.5 {
		o.write(d, o.ago(0.05, 1.3), false)
		return
	}
	o.wrong(noNextActivity, d)
}

// wait lets a deal's last mail go unanswered and be followed by none.
func (o *office) wait(d *Deal) {
	age := o.age(d.Created)
	o.forget(d, min(stillFresh+0.2, age))
	last := o.between(followed, min(15, age-0.3))
	if age > stillFresh {
		o.write(d, o.ago(last+0.1, stillFresh-0.1), true)
	}
	o.write(d, o.w.Now.Add(-days(last)), false)
	o.wrong(noNextActivity, d)
}

// delay lets a deal's only plan be overdue, or far off.
func (o *office) delay(d *Deal) {
	o.forget(d, 1.3)
	o.write(d, o.ago(0.1, 1.2), true)
	if o.rng.Float64() < 0.4 {
		o.task(d, o.ago(-200, -112))
		return
	}
	o.task(d, o.ago(4, min(20, o.age(d.Created)-1)))
}

// dawdle lets an inbound deal wait for its first touch.
func (o *office) dawdle(d *Deal) {
	d.Channel = o.channel()
	d.Activities = slices.DeleteFunc(d.Activities, func(a Activity) bool { return a.Done && a.At.Before(d.Created.Add(5*day)) })
}

// idlers gives the deals without a next activity a last touch that was answered.
func (o *office) idlers() {
	for _, d := range o.open {
		if !o.idle[d] {
			continue
		}
		age := o.age(d.Created)
		o.forget(d, min(stillFresh+0.5, age))
		heard := o.between(8.1, min(15, age-0.2))
		if age > stillFresh+0.5 {
			o.write(d, o.ago(heard+0.2, stillFresh), false)
		}
		o.write(d, o.w.Now.Add(-days(heard)), true)
	}
}

// forget takes away what is planned for a deal, and what was done but notes, tasks and the first answer since some days.
func (o *office) forget(d *Deal, since float64) {
	d.Activities = slices.DeleteFunc(d.Activities, func(a Activity) bool {
		return !a.Done || o.age(a.At) <= since && a.At.Sub(d.Created) > 3*time.Hour && a.Kind != "note" && a.Kind != "task"
	})
}

func (o *office) write(d *Deal, at time.Time, inbound bool) {
	d.Activities = append(d.Activities, Activity{Kind: "email", At: at.Truncate(time.Millisecond), Owner: d.Owner, Subject: pick(o.rng, subjects()), Inbound: inbound, Done: true})
}

func (o *office) task(d *Deal, at time.Time) {
	d.Activities = append(d.Activities, Activity{Kind: "task", At: at.Truncate(time.Millisecond), Owner: d.Owner, Subject: pick(o.rng, subjects())})
}

// visited lets some deals be inbound, and answers them at once.
func (o *office) visited(d *Deal) {
	if o.rng.Float64() < 0.3 && o.age(d.Created) > 0.2 {
		d.Channel = o.channel()
		o.write(d, soonAfter(d.Created, o.w.Now), false)
	}
}

func (o *office) channel() string {
	return pick(o.rng, []string{"ORGANIC_SEARCH", "PAID_SEARCH", "DIRECT_TRAFFIC", "REFERRALS", "SOCIAL_MEDIA"})
}

// answer lets the buyers of deals in order be heard of.
func (o *office) answer(d *Deal) {
	heard := o.age(d.Created) < heardWithin || o.quiet[d]
	for _, a := range d.Activities {
		heard = heard || a.Done && (a.Inbound || a.Kind == "meeting") && o.age(a.At) < heardWithin
	}
	if !heard {
		o.write(d, o.ago(0.3, heardWithin-0.5), true)
	}
}

// quotes gives quotes to deals that have come so far, expired ones to others, and further ones than their stage where that is planted.
func (o *office) quotes() {
	for _, d := range o.open {
		switch at := o.places[d.Stage]; {
		case o.age(d.Created) < 0.5:
		case at.proposal >= 0 && at.index >= at.proposal && o.rng.Float64() < 0.4:
			o.quote(d, 0, 30)
		case o.age(d.Created) > 45 && o.rng.Float64() < 0.3:
			o.quote(d, 20, -3)
		}
	}
	if !o.plan[behindItsEvidence] {
		return
	}
	for _, d := range o.choose(1+o.rng.IntN(3), func(d *Deal) bool { return !o.taken[d] && o.age(d.Created) > 3 }) {
		at := o.places[d.Stage]
		d.Quotes = nil
		o.quote(d, 0, 30)
		q := &d.Quotes[0]
		if at.proposal < 0 || at.index >= at.proposal || o.rng.Float64() < 0.3 {
			q.Signed = o.w.Now.Add(-days(o.age(q.Published) / 2))
			if o.rng.Float64() < 0.4 {
				q.Paid = o.w.Now.Add(-days(o.age(q.Published) / 4))
			}
		}
		o.wrong(behindItsEvidence, d)
	}
}

// quote publishes a quote of a deal some days ago at least, valid until some days from now.
func (o *office) quote(d *Deal, least, valid float64) {
	at := o.ago(least+0.1, min(least+20, o.age(d.Created)-0.05)).Truncate(time.Millisecond)
	d.Quotes = append(d.Quotes, Quote{Title: d.Name, Created: at, Published: at, Expires: o.w.Now.Add(days(valid))})
}
