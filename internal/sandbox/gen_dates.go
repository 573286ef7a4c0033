package sandbox

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// plantedInDates are the problems that lie in dates, amounts, paths and names of deals.
func plantedInDates() []string {
	return []string{
		wonIncomplete, datesImpossible, closeDateDefault, closeDateTooSoon, closeDatePushed, stageRushed, createdLate, reopened, amountSuspicious,
		duplicateDeal,
	}
}

// choosePlanOfDates draws by numbers of its own.
func (g *maker) choosePlanOfDates() {
	g.dates = rand.New(rand.NewPCG(g.opts.Seed, 0x6461746573))
	for _, p := range plantedInDates() {
		chosen := g.dates.Float64() < 0.4
		if g.opts.Plant != nil {
			chosen = slices.Contains(g.opts.Plant, p)
		}
		g.plan[p] = chosen && !g.opts.Healthy
	}
}

// What is surely judged by won deals, and what surely is not.
const (
	fewWon, manyWon       = 16, 24 // of 20, from one stage
	fewAmounts            = 24     // of 30, in one currency
	manyAmounts           = 36
	soonHealthy, soonest  = 1.25, 0.75 // of the time that won deals needed
	soonLeast, soonMost   = 1.35, 1.9  // of it, where a date is put right
	weekend               = 3          // days by which a date may be put back into working hours
	amountHealthy         = 0.8        // of the distance from which an amount is too far
	amountLeast, amounted = 1.45, 2
	muchOpen              = 60 // open deals per planted problem
)

// clerk goes over the dates, amounts, paths and names of a finished account: puts right what only happens to be wrong, and plants what
// is to be. It needs nothing but the account and numbers of its own.
type clerk struct {
	w      *World
	rng    *rand.Rand
	zone   *time.Location
	places map[string]ledge // by stage id
	busy   map[string]bool  // deals with any other problem, and stages
	open   []*Deal
	won    []*Deal
	closed []*Deal
	needed map[string][]float64 // by stage id: days that won deals of a year needed from there, the least first
	usual  spread
}

// ledge is where a stage stands.
type ledge struct {
	kind outcome
	lost string // the lost stage of its pipeline, "" none
}

// spread is what deals won within a year were worth, in the account's currency, as logarithms.
type spread struct {
	n             int
	median, usual float64
}

// misdate goes over an account.
func misdate(w *World, rng *rand.Rand, plan map[string]bool) {
	c := &clerk{w: w, rng: rng, places: map[string]ledge{}, busy: map[string]bool{}, needed: map[string][]float64{}}
	var err error
	if c.zone, err = time.LoadLocation(w.Zone); err != nil {
		c.zone = time.UTC
	}
	c.sortOut()
	c.measure()
	c.healthy()
	for _, p := range []struct {
		policy string
		from   []*Deal
		plant  func(*Deal) bool
	}{
		{wonIncomplete, c.won, c.emptied},
		{datesImpossible, c.closed, c.impossible},
		{closeDateDefault, c.open, c.byDefault},
		{closeDateTooSoon, c.open, c.tooSoon},
		{closeDatePushed, c.open, c.pushed},
		{stageRushed, c.open, c.rushed},
		{createdLate, c.open, c.late},
		{reopened, c.open, c.reopen},
		{amountSuspicious, c.open, c.worthless},
		{duplicateDeal, c.open, c.double},
	} {
		left := 1 + rng.IntN(1+len(c.open)/muchOpen)
		order := rng.Perm(len(p.from))
		for _, i := range order {
			d := p.from[i]
			if !plan[p.policy] || left == 0 {
				break
			}
			if !c.busy[d.ID] && p.plant(d) {
				c.plant(p.policy, d)
				left--
			}
		}
	}
}

func (c *clerk) plant(policy string, d *Deal) {
	c.busy[d.ID] = true
	c.w.plant(policy, "deal", d.ID)
}

func (c *clerk) sortOut() {
	for _, p := range c.w.Pipelines {
		lost := ""
		for _, s := range p.Stages {
			if s.Probability == 0 {
				lost = s.ID
			}
		}
		for _, s := range p.Stages {
			kind := stillOpen
			switch s.Probability {
			case 1:
				kind = isWon
			case 0:
				kind = isLost
			}
			c.places[s.ID] = ledge{kind, lost}
		}
	}
	for _, p := range c.w.Truth {
		c.busy[p.Subject.ID] = true
	}
	for i := range c.w.Deals {
		d := &c.w.Deals[i]
		if d.Archived {
			continue
		}
		switch c.places[d.Stage].kind {
		case stillOpen:
			c.open = append(c.open, d)
			continue
		case isWon:
			c.won = append(c.won, d)
		}
		c.closed = append(c.closed, d)
	}
}

func (c *clerk) age(t time.Time) float64 { return float64(c.w.Now.Sub(t)) / float64(day) }

// last is when a deal entered its present stage.
func last(d *Deal) time.Time { return d.Moves[len(d.Moves)-1].At }

// measure reads what deals won within a year needed from each stage, and were worth.
func (c *clerk) measure() {
	var worth []float64
	for _, d := range c.won {
		if c.age(last(d)) >= 365 {
			continue
		}
		if a, err := strconv.ParseFloat(d.Amount, 64); err == nil && a > 0 && d.Currency == c.w.Currency {
			worth = append(worth, math.Log(a))
		}
		seen := map[string]bool{}
		for _, m := range d.Moves {
			if c.places[m.Stage].kind == stillOpen && !seen[m.Stage] {
				seen[m.Stage] = true
				c.needed[m.Stage] = append(c.needed[m.Stage], float64(last(d).Sub(m.At))/float64(day))
			}
		}
	}
	for _, days := range c.needed {
		slices.Sort(days)
	}
	if len(worth) == 0 {
		return
	}
	c.usual.n, c.usual.median = len(worth), middling(worth)
	for i := range worth {
		worth[i] = math.Abs(worth[i] - c.usual.median)
	}
	c.usual.usual = 1.4826 * middling(worth)
}

// middling sorts values and gives their median.
func middling(v []float64) float64 {
	slices.Sort(v)
	return v[(len(v)+1)/2-1]
}

// least is what all but a tenth of the won deals needed from a stage, and of how many deals.
func (c *clerk) least(stage string) (days float64, n int) {
	v := c.needed[stage]
	if len(v) == 0 {
		return 0, 0
	}
	return v[int(math.Ceil(0.1*float64(len(v))-1e-9))-1], len(v)
}

// soon is the part of the needed time that a date leaves a deal from the entry into its stage; 1 for none where nothing is needed.
func (c *clerk) soon(d *Deal, date time.Time) (part float64, n int) {
	least, n := c.least(d.Stage)
	if least <= 0 {
		return math.Inf(1), n
	}
	y, m, dd := date.In(c.zone).Date()
	over := time.Date(y, m, dd+1, 0, 0, 0, 0, c.zone)
	return float64(over.Sub(last(d))) / float64(day) / least, n
}

// monthsEnd reports whether a date is the last day of the month in which a deal was created.
func (c *clerk) monthsEnd(d *Deal, date time.Time) bool {
	made, at := d.Created.In(c.zone), date.In(c.zone)
	return made.Year() == at.Year() && made.Month() == at.Month() && at.AddDate(0, 0, 1).Month() != at.Month()
}

// working moves a date off the weekend, to the Friday before.
func (c *clerk) working(t time.Time) time.Time {
	for t.In(c.zone).Weekday() == time.Saturday || t.In(c.zone).Weekday() == time.Sunday {
		t = t.Add(-day)
	}
	return t.Truncate(time.Millisecond)
}

// healthy puts right what only happens to be wrong, and gives some dates a history that is no problem.
func (c *clerk) healthy() {
	for _, d := range c.open {
		later, story, amount := c.between(soonLeast, soonMost), c.rng.Float64(), c.rng.Uint64()
		if d.CloseDate.After(c.w.Now) {
			if part, n := c.soon(d, d.CloseDate); part < soonHealthy && n > fewWon {
				least, _ := c.least(d.Stage)
				d.CloseDate = c.working(last(d).Add(days(later*least + weekend)))
			}
			if c.monthsEnd(d, d.CloseDate) {
				d.CloseDate = d.CloseDate.Add(day)
			}
			if story < 0.3 && !c.busy[d.ID] {
				c.retell(d, story < 0.1, rand.New(rand.NewPCG(amount, 0)))
			}
		}
		if a, err := strconv.ParseFloat(d.Amount, 64); err == nil && a > 0 && c.far(a) > amountHealthy {
			d.Amount = strconv.Itoa(int(math.Exp(c.usual.median)/50) * 50)
		}
	}
}

// far is how far an amount is from what is usual, where that is surely known: from 1 on it is too far.
func (c *clerk) far(amount float64) float64 {
	if c.usual.n < fewAmounts || c.usual.usual == 0 {
		return 0
	}
	return math.Abs(math.Log(amount)-c.usual.median) / (4 * c.usual.usual)
}

func (c *clerk) between(lo, hi float64) float64 { return lo + (hi-lo)*c.rng.Float64() }

// retell gives the close date of a deal a history: moved on by programs many times, or by a person once or twice.
func (c *clerk) retell(d *Deal, programs bool, rng *rand.Rand) {
	n, source := 1+rng.IntN(2), "CRM_UI"
	if programs {
		n, source = 5+rng.IntN(3), "INTEGRATION"
	}
	c.push(d, n, source, rng)
}

// push gives a deal's close date a history in which it was moved on n times, evenly since its creation. It reports whether there was
// time for that.
func (c *clerk) push(d *Deal, n int, source string, rng *rand.Rand) bool {
	step := c.w.Now.Sub(d.Created) / time.Duration(n+1)
	if step < time.Hour {
		return false
	}
	steps, total := make([]int, n), 0
	for i := range steps {
		steps[i] = 9 + rng.IntN(14)
		total += steps[i]
	}
	to := d.CloseDate.AddDate(0, 0, -total)
	list := []DateChange{{At: d.Created, To: to, Source: d.Source}}
	for i, s := range steps {
		to = to.AddDate(0, 0, s)
		list = append(list, DateChange{At: d.Created.Add(time.Duration(i+1) * step).Truncate(time.Millisecond), To: to, Source: source})
	}
	d.Dates = list
	return true
}

func (c *clerk) pushed(d *Deal) bool {
	return d.CloseDate.After(c.w.Now) && c.age(d.Created) > 2 && c.push(d, 5+c.rng.IntN(2), "CRM_UI", c.rng)
}

// emptied takes the amount of a deal won lately.
func (c *clerk) emptied(d *Deal) bool {
	if c.age(last(d)) > surelyYoung {
		return false
	}
	d.Amount = pick(c.rng, []string{"", "0"})
	return true
}

// impossible gives a deal closed long ago a close date before its creation, or to come.
func (c *clerk) impossible(d *Deal) bool {
	if c.age(last(d)) < surelyOld {
		return false
	}
	d.CloseDate = d.Created.Add(-days(c.between(2, 20)))
	if c.rng.Float64() < 0.3 {
		d.CloseDate = c.w.Now.Add(days(c.between(3, 40)))
	}
	return true
}

// byDefault gives a deal made this month the date that the CRM enters by itself. Where won deals took longer, it is too soon as well.
func (c *clerk) byDefault(d *Deal) bool {
	made := d.Created.In(c.zone)
	date := time.Date(made.Year(), made.Month()+1, 0, 17, 0, 0, 0, c.zone).UTC()
	part, n := c.soon(d, date)
	tooSoon := n >= manyWon && part <= soonest
	if d.CloseDate.IsZero() || d.Source != "CRM_UI" || date.Before(c.w.Now.Add(3*day)) || n > fewWon && !tooSoon && part < soonHealthy {
		return false
	}
	d.CloseDate, d.Dates = date, []DateChange{{At: d.Created, To: date, Source: "CRM_UI"}}
	if tooSoon {
		c.w.plant(closeDateTooSoon, "deal", d.ID)
	}
	return true
}

// tooSoon gives a deal a date that leaves it too little of the time that won deals needed.
func (c *clerk) tooSoon(d *Deal) bool {
	least, n := c.least(d.Stage)
	latest := last(d).Add(days(soonest*least - 1))
	earliest := c.w.Now.Add(3 * day)
	if n < manyWon || d.CloseDate.IsZero() || !latest.After(earliest) {
		return false
	}
	date := earliest.Add(time.Duration(c.rng.Int64N(int64(latest.Sub(earliest))))).Truncate(time.Millisecond)
	if c.monthsEnd(d, date) {
		return false
	}
	d.CloseDate, d.Dates = date, nil
	return true
}

// rushed lets a person click a deal through two stages in a few minutes before the next, or after the first.
func (c *clerk) rushed(d *Deal) bool {
	m := d.Moves
	if len(m) < 4 || d.Source != "CRM_UI" || m[3].At.Sub(m[0].At) < 12*secondStay {
		return false
	}
	begin := m[0].At
	if c.rng.Float64() < 0.5 {
		begin = m[3].At.Add(-9 * time.Minute)
	}
	m[1].At, m[2].At = begin.Add(3*time.Minute), begin.Add(6*time.Minute)
	for i := range 4 {
		m[i].Source = "CRM_UI"
	}
	return true
}

// late lets a person create a deal in its second stage. Its present stay is as long as it was.
func (c *clerk) late(d *Deal) bool {
	if len(d.Moves) < 3 || d.Source != "CRM_UI" || c.busy[d.Moves[1].Stage] {
		return false
	}
	d.Moves = slices.Clone(d.Moves[1:])
	d.Moves[0].At, d.Moves[0].Source = d.Created, "CRM_UI"
	return true
}

// reopen lets a deal be lost and open again between two of its stages, both well before a week ago.
func (c *clerk) reopen(d *Deal) bool {
	lost := c.places[d.Stage].lost
	for i := 1; i < len(d.Moves) && lost != ""; i++ {
		from, gap := d.Moves[i-1].At, d.Moves[i].At.Sub(d.Moves[i-1].At)
		again := from.Add(2 * gap / 3).Truncate(time.Millisecond)
		if gap < 3*secondStay || c.age(again) < 9 {
			continue
		}
		d.Moves = slices.Insert(slices.Clone(d.Moves), i,
			Move{Stage: lost, At: from.Add(gap / 3).Truncate(time.Millisecond), Source: "CRM_UI"}, Move{Stage: d.Moves[i-1].Stage, At: again, Source: "CRM_UI"})
		return true
	}
	return false
}

// worthless gives a deal an amount that was typed to fill the field, or by a slip.
func (c *clerk) worthless(d *Deal) bool {
	if a, err := strconv.ParseFloat(d.Amount, 64); err != nil || a <= 0 {
		return false
	}
	d.Amount = pick(c.rng, []string{"1", "0.01", "0.5"})
	if c.usual.n < manyAmounts || c.rng.Float64() < 0.3 {
		return true
	}
	d.Currency = c.w.Currency
	if c.rng.Float64() < 0.5 {
		d.Amount = pick(c.rng, []string{"9999", "1234", "12345", "7777", "4321", "99999"})
		return true
	}
	off := 4 * c.usual.usual * c.between(amountLeast, amounted)
	if c.rng.Float64() < 0.3 {
		off = -off
	}
	d.Amount = strconv.FormatFloat(max(2, math.Round(math.Exp(c.usual.median+off))), 'f', 0, 64)
	return true
}

// double makes a deal one more of another open one: of its company, and of its name but for how it is written.
func (c *clerk) double(d *Deal) bool {
	if d.Company == "" {
		return false
	}
	for _, other := range c.open {
		apart := math.Abs(float64(other.Created.Sub(d.Created))) / float64(day)
		if other == d || other.Company == "" || apart > 70 || c.busy[other.ID] {
			continue
		}
		other.Company = d.Company
		other.Name = pick(c.rng, []func(string) string{
			strings.ToUpper, func(s string) string { return strings.ReplaceAll(s, " - ", ": ") + "!" }, func(s string) string { return "  " + s },
			func(s string) string { return strings.ReplaceAll(s, "a", "á") },
		})(d.Name)
		c.plant(duplicateDeal, other)
		return true
	}
	return false
}
