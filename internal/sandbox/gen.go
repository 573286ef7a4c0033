package sandbox

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// GenOptions say what account [Generate] makes. The same options give the same world, byte for byte.
type GenOptions struct {
	// Deals is the number of deals that the account lists; 0: 2,000. One archived deal per hundred comes on top.
	Deals int
	// Seed chooses among accounts of one size.
	Seed uint64
	// Now is the moment at which the history ends; zero: 18 November 2026, 10:00 UTC.
	Now time.Time
	// Healthy leaves every problem out.
	Healthy bool
	// Plant names the policies of which problems are planted; nil: a selection by the seed. A policy that rests on a statistic
	// for which the account is too small is left out: Truth says what is there.
	Plant []string

	again uint64 // how often an account was drawn in vain
}

// Generate makes an account with the sales history of about two years. It is healthy but for what World.Truth lists: whatever
// is not planted stays at least 20 % clear of every policy's default threshold, and whatever is clears it by at least 20 %.
func Generate(opts GenOptions) *World {
	if opts.Deals <= 0 {
		opts.Deals = 2000
	}
	if opts.Now.IsZero() {
		opts.Now = time.Date(2026, 11, 18, 10, 0, 0, 0, time.UTC)
	}
	opts.Now = opts.Now.UTC().Truncate(time.Millisecond)
	without := map[string]bool{}
	for {
		g := newMaker(opts, without)
		g.setUp()
		g.makeClosed()
		g.bendClosed()
		g.measure()
		g.makeOpen()
		if tooFew := slices.Concat(g.unsupported(), g.trendsTooFew(), g.calibrate(), g.explainLosses()); len(tooFew) > 0 {
			for _, p := range tooFew {
				without[p] = true
			}
			continue
		}
		if g.restless() && opts.again < 2*drawnAnew {
			opts.again++
			continue
		}
		return g.finish()
	}
}

// maker is one attempt at a world.
type maker struct {
	opts   GenOptions
	rng    *rand.Rand
	world  *World
	plan   map[string]bool // policies to plant
	offset time.Duration   // of the account's zone, about
	tracks []*track
	closed []*draft
	open   []*draft
	odds   *rand.Rand // for what is planted in probabilities
	trends *rand.Rand // for what is planted in how deals go over time
	bent   map[string]bend
	pasts  []*pastOf  // of the pipelines, once they were asked for
	names  *rand.Rand // for what is planted in names and flags of stages
	whys   *rand.Rand // for what is planted in losses
	upkeep *rand.Rand // for what is planted in how the set-up is kept
	dates  *rand.Rand // for what is planted in dates, amounts, paths and names of deals
	deeds  *rand.Rand // for the work on open deals, and what is planted in it
}

func newMaker(opts GenOptions, without map[string]bool) *maker {
	g := &maker{opts: opts, rng: rand.New(rand.NewPCG(opts.Seed, 0x706c756d626c696e+opts.again)), plan: map[string]bool{}}
	g.world = &World{Now: opts.Now}
	g.choosePlan(without)
	g.choosePlanOfOdds(without)
	g.choosePlanOfLosses(without)
	g.choosePlanOfBoards()
	g.choosePlanOfActivity()
	g.choosePlanOfDates()
	g.choosePlanOfUpkeep()
	g.choosePlanOfTrends(without)
	return g
}

// choosePlan draws for every policy even where the options decide, so that one seed gives one base account.
func (g *maker) choosePlan(without map[string]bool) {
	all := plantedByChance()
	last := all[g.rng.IntN(len(all))]
	for _, p := range all {
		chosen := g.rng.Float64() < 0.6 || p == last
		if g.opts.Plant != nil {
			chosen = slices.Contains(g.opts.Plant, p)
		}
		g.plan[p] = chosen && !g.opts.Healthy && !without[p]
	}
}

// track is a pipeline in the making.
type track struct {
	pipeline   Pipeline
	steps      []step // the open stages
	deals      int    // to be made, open and closed
	winRate    float64
	unused     int // index of the open stage that nobody enters, -1 none
	skipped    int // index of the open stage that most deals skip, -1 none
	skippers   *deck
	longLimit  band
	source     string // of moves made by others than people
	staleLimit []band
	odds       []float64 // the open stages' probabilities
	leak       int       // index of the open stage that most losses come from, -1 none
	dry        bool      // no deal was created lately
	mixed      bool      // deals of one type take longer
}

// step is an open stage's usual stay: log-normal, in days.
type step struct{ median, sigma float64 }

// won and lost are the indexes of the closed stages behind the open ones.
func (t *track) won() int  { return len(t.steps) }
func (t *track) lost() int { return len(t.steps) + 1 }

// flagged reports whether an open stage is planted as unused or often skipped.
func (t *track) flagged(stage int) bool { return stage == t.unused || stage == t.skipped }

// band is a limit whose value may be read in two ways where a sample is about as large as the statistic needs: everything
// healthy keeps below lo, everything planted above hi.
type band struct{ lo, hi float64 }

// outcome is how a deal stands.
type outcome int

const (
	stillOpen outcome = iota
	isWon
	isLost
)

// draft is a deal in the making.
type draft struct {
	track   *track
	outcome outcome
	visits  []visit // while the path is planned
	began   *track  // another pipeline, in whose first stage the deal was created; nil: in its own
	moves   []entry // once it has times
	source  string
	kind    string   // the type of deal; "": drawn when it is finished
	wrong   []string // policies that must report it
	why     why      // it was lost

	stale, long            bool
	noClose, pastClose     bool
	noAmount, noNext       bool
	noOwner, inactiveOwner bool
	noReason, pathPlanted  bool
}

// visit is a planned stay.
type visit struct {
	stage int
	days  float64
}

// entry is a move with its time.
type entry struct {
	stage int
	at    time.Time
	away  *track // of the first stage of another pipeline, where the deal began; stage is -1 then
}

func (d *draft) created() time.Time { return d.moves[0].at }
func (d *draft) ended() time.Time   { return d.moves[len(d.moves)-1].at }
func (d *draft) stage() int {
	if len(d.moves) > 0 {
		return d.moves[len(d.moves)-1].stage
	}
	return d.visits[len(d.visits)-1].stage
}

// deck deals true and false in a fixed share, shuffled in blocks of ten, so that a rate holds in every window of time.
type deck struct {
	share float64
	cards []bool
}

func (k *deck) draw(rng *rand.Rand) bool {
	if len(k.cards) == 0 {
		yes := int(math.Floor(k.share*10 + rng.Float64()))
		for i := range 10 {
			k.cards = append(k.cards, i < yes)
		}
		rng.Shuffle(10, func(i, j int) { k.cards[i], k.cards[j] = k.cards[j], k.cards[i] })
	}
	c := k.cards[0]
	k.cards = k.cards[1:]
	return c
}

// drawnAnew is how often an account is drawn anew until what is planned shows and no other trend does by accident; then nothing
// is planned, and it is drawn as often again.
const drawnAnew = 20

const day = 24 * time.Hour

func days(d float64) time.Duration { return time.Duration(d * float64(day)).Truncate(time.Millisecond) }

// between draws evenly from [lo, hi).
func (g *maker) between(lo, hi float64) float64 { return lo + (hi-lo)*g.rng.Float64() }

// stay draws a log-normal length in days, its tails cut.
func (g *maker) stay(s step) float64 {
	z := min(max(g.rng.NormFloat64(), -2.2), 2.2)
	return s.median * math.Exp(s.sigma*z)
}

// ago is the age of t in days.
func (g *maker) ago(t time.Time) float64 { return float64(g.opts.Now.Sub(t)) / float64(day) }

// working moves a time into working hours: 8 to 18 of a working day in the account's zone, weekends into Friday's last hour.
// Order is kept.
func (g *maker) working(t time.Time) time.Time {
	local := t.Add(g.offset)
	start := local.Truncate(day)
	f := float64(local.Sub(start)) / float64(day)
	hour := 8 + 10*f
	switch start.Weekday() {
	case time.Friday:
		hour = 8 + 9.6*f
	case time.Saturday:
		start, hour = start.Add(-day), 17.6+0.2*f
	case time.Sunday:
		start, hour = start.Add(-2*day), 17.8+0.2*f
	}
	return start.Add(time.Duration(hour * float64(time.Hour)).Truncate(time.Millisecond)).Add(-g.offset)
}

func pick[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }
