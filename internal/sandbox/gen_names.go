package sandbox

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// plantedInBoards are the problems of stages that lie in their names and flags alone. They are planted in pipelines of their own,
// without deals, so that the rest of the account does not depend on them.
func plantedInBoards() []string {
	return []string{
		tooFewStages, severalClosedStages, subjectiveStageName, unclearStageName, defaultStagesUntouched, stageLabelContradicts, stageAfterWon,
		closingStageMissing,
	}
}

// choosePlanOfBoards draws by numbers of its own.
func (g *maker) choosePlanOfBoards() {
	g.names = rand.New(rand.NewPCG(g.opts.Seed, 0x6e616d6573))
	for _, p := range append(plantedInBoards(), sellerSideStageName) {
		chosen := g.names.Float64() < 0.3 && p != sellerSideStageName // which is off by default
		if g.opts.Plant != nil {
			chosen = slices.Contains(g.opts.Plant, p)
		}
		g.plan[p] = chosen && !g.opts.Healthy
	}
}

// board is a pipeline without deals in the making.
type board struct {
	g  *maker
	id int
	p  Pipeline
}

func (g *maker) newBoard(label string, created time.Time) *board {
	id := 790_000_000 + 1_000*len(g.world.Pipelines)
	return &board{g: g, id: id, p: Pipeline{ID: strconv.Itoa(id), Label: label, Created: created}}
}

// add appends a stage and returns its id.
func (b *board) add(label string, probability float64) string {
	id := strconv.Itoa(b.id + 10 + len(b.p.Stages))
	b.p.Stages = append(b.p.Stages, Stage{ID: id, Label: label, Probability: probability})
	return id
}

// wrong appends an open stage that a policy must report, if it is to be planted.
func (b *board) wrong(policy, label string, probability float64) {
	if b.g.plan[policy] {
		b.g.world.plant(policy, "stage", b.add(label, probability))
	}
}

// makeBoards adds the pipelines in which problems of names and flags are planted; none where none is to be.
func (g *maker) makeBoards(created time.Time) {
	if g.plan[tooFewStages] {
		b := g.newBoard("Walk-ins", created)
		b.add("Order requested", 0.5)
		b.add("Won", 1)
		b.add("Lost", 0)
		g.world.plant(tooFewStages, "pipeline", b.p.ID)
		g.world.Pipelines = append(g.world.Pipelines, b.p)
	}
	if g.plan[defaultStagesUntouched] {
		b := g.newBoard("Sales Pipeline", created)
		for i, label := range []string{"Appointment Scheduled", "Qualified To Buy", "Presentation Scheduled", "Decision Maker Bought-In", "Contract Sent"} {
			b.add(label, []float64{0.2, 0.4, 0.6, 0.8, 0.9}[i])
		}
		b.add("Closed Won", 1)
		b.add("Closed Lost", 0)
		g.world.plant(defaultStagesUntouched, "pipeline", b.p.ID)
		g.world.Pipelines = append(g.world.Pipelines, b.p)
	}
	mixed := []string{severalClosedStages, subjectiveStageName, unclearStageName, sellerSideStageName, stageLabelContradicts, stageAfterWon, closingStageMissing}
	if slices.ContainsFunc(mixed, func(p string) bool { return g.plan[p] }) {
		g.makeMixedBoard(created)
	}
}

// makeMixedBoard makes a pipeline of three to seven open stages with what is wrong in names and flags.
func (g *maker) makeMixedBoard(created time.Time) {
	b := g.newBoard("Events", created)
	b.add("Meeting booked", 0.1)
	b.add("Proposal delivered", 0.3)
	b.wrong(subjectiveStageName, pick(g.names, opinionNames()), 0.4)
	b.wrong(unclearStageName, pick(g.names, []string{"2. MEETING BOOKED!", "QA", "Méeting-Booked (10 %)", "🔥", strings.Repeat("Waiting until the board decides ", 2)}), 0.5)
	b.wrong(sellerSideStageName, pick(g.names, []string{"Send contract", "Follow up", "Vertrag senden"}), 0.6)
	b.wrong(stageLabelContradicts, pick(g.names, []string{"Perdu", "Gewonnen", "Deal won", "Lost deal", "Kaybedildi", "赢单"}), 0.7)
	if len(b.p.Stages) == 2 {
		b.add("Contract delivered", 0.8)
	}
	b.add("Closed won", 1)
	if g.plan[severalClosedStages] {
		b.add("Signature received", 1)
		g.world.plant(severalClosedStages, "pipeline", b.p.ID)
	}
	if g.plan[closingStageMissing] {
		g.world.plant(closingStageMissing, "pipeline", b.p.ID)
	} else {
		b.add("Closed lost", 0)
	}
	b.wrong(stageAfterWon, pick(g.names, []string{"Onboarding", "Installation", "Livraison"}), 0.9)
	g.world.Pipelines = append(g.world.Pipelines, b.p)
}

// opinionNames are names of open stages that are the seller's opinion.
func opinionNames() []string {
	return []string{"Hot", "Very interested", "🔥 HOT (60 %)", "Promising", "Wahrscheinlich", "Très intéressé", "Muy interesado", "Sıcak", "意向强烈"}
}
