package sandbox

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// historyDays is how far back deals were closed.
const historyDays = 640

func (g *maker) setUp() {
	w := g.world
	z := pick(g.rng, zones())
	w.Zone, w.Currency, g.offset = z.name, z.currency, z.offset
	w.Account = strconv.Itoa(20_000_000 + g.rng.IntN(30_000_000))
	g.makeOwners()
	g.makeCompanies()
	g.makeTracks()
	g.plantDesign()
	g.bendTracks()
	p := pick(g.rng, []LossProperty{{Name: "loss_reason", Label: "Loss reason"}, {Name: "lost_reason_list", Label: "Lost reason"}, {Name: "deal_loss_reason", Label: "Deal loss reason"}})
	if !g.plan[lostFreeText] {
		p.Options = lossOptions()
		w.LossProperty = &p
	}
}

func (g *maker) makeOwners() {
	active := min(max(4, g.opts.Deals/120), 40)
	id := 40_000_000 + g.rng.IntN(10_000_000)
	first, last := firstNames(), lastNames()
	for i := range active + 3 {
		id += 1 + g.rng.IntN(9_000)
		o := Owner{ID: strconv.Itoa(id), First: first[(i*7+int(g.opts.Seed%31))%len(first)], Last: last[(i*5)%len(last)], Active: i < active}
		o.Email = address(o.First, o.Last, i, "team.example")
		g.world.Owners = append(g.world.Owners, o)
	}
	id += 1 + g.rng.IntN(9_000)
	g.world.Owners = append(g.world.Owners, Owner{ID: strconv.Itoa(id), First: "Inbound", Last: "queue", Email: "queue@team.example", Active: true, Queue: true})
}

// address makes an e-mail address of letters that every program accepts.
func address(first, last string, n int, host string) string {
	fold := strings.NewReplacer("é", "e", "è", "e", "ü", "u", "ö", "o", "ş", "s", "ı", "i", "ğ", "g", "ç", "c", "ñ", "n", "á", "a", "í", "i", " ", "")
	return fmt.Sprintf("%s.%s%d@%s", fold.Replace(strings.ToLower(first)), fold.Replace(strings.ToLower(last)), n, host)
}

func (g *maker) makeCompanies() {
	w := g.world
	n := max(3, g.opts.Deals/3)
	heads, tails := companyHeads(), companyTails()
	id, contact := 9_000_000_000+g.rng.IntN(1_000_000), 51_000_000+g.rng.IntN(1_000_000)
	for i := range n {
		id += 1 + g.rng.IntN(5_000)
		c := Company{ID: strconv.Itoa(id), Name: heads[i%len(heads)] + " " + tails[(i/len(heads)+i)%len(tails)]}
		if round := i / (len(heads) * len(tails)); round > 0 {
			c.Name += " " + strconv.Itoa(round+1)
		}
		w.Companies = append(w.Companies, c)
		for k := range 1 + g.rng.IntN(2) {
			contact += 1 + g.rng.IntN(900)
			p := Contact{ID: strconv.Itoa(contact), First: pick(g.rng, firstNames()), Last: pick(g.rng, lastNames()), Company: c.ID}
			p.Email = address(p.First, p.Last, k, fmt.Sprintf("customer%d.example", i))
			w.Contacts = append(w.Contacts, p)
		}
	}
}

// makeTracks sets up the pipelines: new business, renewals and partners, in the languages of the seed.
func (g *maker) makeTracks() {
	sets := stageNames()
	kinds := []struct {
		label        string
		share, won   float64
		stages       int
		least, most  float64 // days, the sum of the stages' medians
		auto, source string
	}{
		{label: "New Business", share: 0.55, won: 0.4, stages: 5, least: 28, most: 45, source: "AUTOMATION_PLATFORM"},
		{label: "Renewals", share: 0.27, won: 0.7, stages: 3 + g.rng.IntN(2), least: 22, most: 50, source: "INTEGRATION"},
		{label: "Partners", share: 0.18, won: 0.5, stages: 4, least: 36, most: 64, source: "AUTOMATION_PLATFORM"},
	}
	wide, hard := -1, g.rng.Float64() < 0.4
	if at := g.rng.IntN(len(kinds)); g.plan[tooManyStages] {
		wide = max(at, 1) // never the first, whose id on HubSpot is a word: planted problems have the same ids on every CRM
	}
	left, id := g.opts.Deals, 700_000_000+g.rng.IntN(1_000_000)
	for i, k := range kinds {
		t := &track{unused: -1, skipped: -1, leak: -1, winRate: k.won * g.between(0.9, 1.1), source: k.source}
		t.deals = min(int(math.Ceil(float64(g.opts.Deals)*k.share)), left)
		left -= t.deals
		names := pick(g.rng, sets)
		if i == wide {
			k.stages, names = 9, sets[0]
			if hard {
				k.stages = 13
			}
			g.world.plant(tooManyStages, "pipeline", pipelineID(i, id))
		}
		t.pipeline = Pipeline{ID: pipelineID(i, id), Label: k.label}
		g.addStages(t, names, k.stages, id, g.between(k.least, k.most))
		id += 1_000
		g.tracks = append(g.tracks, t)
	}
}

func pipelineID(i, id int) string {
	if i == 0 {
		return "default"
	}
	return strconv.Itoa(id)
}

// addStages gives a track its stages; their medians add up to about total days.
func (g *maker) addStages(t *track, names stageSet, n, id int, total float64) {
	weights, sum := make([]float64, n), 0.0
	for i := range weights {
		weights[i] = g.between(0.8, 1.2)
		sum += weights[i]
	}
	for i := range n {
		t.steps = append(t.steps, step{median: total * weights[i] / sum, sigma: g.between(0.45, 0.65)})
		p := math.Round(10*(0.1+0.8*float64(i)/float64(n))) / 10
		t.pipeline.Stages = append(t.pipeline.Stages, Stage{ID: strconv.Itoa(id + 10 + i), Label: names.open[i], Probability: p})
	}
	won, lost := strconv.Itoa(id+50), strconv.Itoa(id+51)
	if t.pipeline.ID == "default" {
		won, lost = "closedwon", "closedlost"
	}
	t.pipeline.Stages = append(t.pipeline.Stages, Stage{ID: won, Label: names.won, Probability: 1}, Stage{ID: lost, Label: names.lost, Probability: 0})
}

// plantDesign chooses the stages that are unused, skipped or no stages at all.
func (g *maker) plantDesign() {
	if g.plan[unusedStage] {
		if t, s := g.freeStage(); t != nil {
			t.unused = s
			g.world.plant(unusedStage, "stage", t.pipeline.Stages[s].ID)
		}
	}
	var around *track
	if g.plan[oftenSkippedStage] {
		if t, s := g.freeStage(); t != nil {
			t.skipped, t.skippers, around = s, &deck{share: 0.7}, t
			g.world.plant(oftenSkippedStage, "stage", t.pipeline.Stages[s].ID)
		}
	}
	if !g.plan[statusAsStage] {
		return
	}
	t := pick(g.rng, g.tracks)
	s := 1 + g.rng.IntN(len(t.steps)-1)
	for t.flagged(s) {
		s = (s + 1) % len(t.steps)
	}
	if around != nil && g.rng.Float64() < 0.5 {
		t, s = around, around.skipped
	}
	stage := &t.pipeline.Stages[s]
	stage.Label = pick(g.rng, statusNames())
	g.world.plant(statusAsStage, "stage", stage.ID)
}

// freeStage chooses a middle stage of a pipeline that is large enough for the statistics of the design policies.
func (g *maker) freeStage() (*track, int) {
	large := slices.DeleteFunc(slices.Clone(g.tracks), func(t *track) bool {
		return t != g.tracks[0] && (t.deals < 300 || len(t.steps) < 4)
	})
	t := pick(g.rng, large)
	var free []int
	for s := 1; s < len(t.steps)-1; s++ {
		if !t.flagged(s) {
			free = append(free, s)
		}
	}
	if len(free) == 0 {
		return nil, 0
	}
	return t, pick(g.rng, free)
}

// zone is a place where accounts are.
type zone struct {
	name, currency string
	offset         time.Duration // standard time, enough for plausible working hours
}
