package audit

import (
	"cmp"
	"slices"

	"github.com/plumbline/plumbline/internal/crm"
)

// Interval is one time in which a finding held, from the audit that saw it first to the first that no longer did.
type Interval struct {
	Finding  string // id
	Policy   string
	Opened   crm.Instant
	Resolved crm.Instant // none while it holds
	Again    bool        // it had held before, and been resolved
	Waived   bool        // it holds and somebody has accepted it
}

// Trend tells what became of a portal's findings between two moments, by what held at the first and what held at the second:
// what holds now is still open, reopened, new or waived; what is resolved held then and does not now.
type Trend struct {
	Portal string      `json:"portal"`
	Since  crm.Instant `json:"since"`
	AsOf   crm.Instant `json:"as_of"`
	TrendCounts
	// Age is how long ago the findings that hold and are not waived were first seen, ResolveTime how long those that were resolved
	// had held. Both count from the audit that saw them first: what was wrong before the first audit is older than that.
	Age         Spread        `json:"age"`
	ResolveTime Spread        `json:"time_to_resolve"`
	Policies    []PolicyTrend `json:"policies"` // with anything to tell, by id
	Score       *ScoreChange  `json:"score"`    // nil where the two cannot be compared
}

// TrendCounts are findings by what became of them.
type TrendCounts struct {
	New       int `json:"new"`        // holds now and never held before
	Reopened  int `json:"reopened"`   // holds now after it had been resolved once
	StillOpen int `json:"still_open"` // has held all the time
	Waived    int `json:"waived"`     // holds now, and is accepted: in none of the three above
	Resolved  int `json:"resolved"`   // held at the first moment and does not now
	Passing   int `json:"passing"`    // came and went in between
}

// Open is how many findings hold that are not waived.
func (c TrendCounts) Open() int { return c.New + c.Reopened + c.StillOpen }

// PolicyTrend is the trend of one policy's findings.
type PolicyTrend struct {
	Policy string `json:"policy"`
	TrendCounts
}

// Spread are quantiles of durations in days, nil where n is 0.
type Spread struct {
	N          int      `json:"n"`
	MedianDays *float64 `json:"median_days"`
	P90Days    *float64 `json:"p90_days"`
	MaxDays    *float64 `json:"max_days"`
}

// ScoreChange compares two scores over the families that were judged at both moments.
type ScoreChange struct {
	At       crm.Instant `json:"at"` // of the earlier audit
	Before   float64     `json:"before"`
	Now      float64     `json:"now"`
	Families []Family    `json:"families"` // that were judged at both
}

// NewTrend works a trend out of a portal's intervals: all those that hold at asOf or were resolved after since. An interval that
// holds up to its resolution no longer holds at it.
func NewTrend(portal string, list []Interval, since, asOf crm.Instant) *Trend {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Interval) int {
		return cmp.Or(cmp.Compare(a.Finding, b.Finding), cmp.Compare(a.Opened, b.Opened))
	})
	t := &Trend{Portal: portal, Since: since, AsOf: asOf, Policies: []PolicyTrend{}}
	byPolicy := map[string]*TrendCounts{}
	var ages, times []float64
	for i, j := 0, 0; i < len(list); i = j {
		for j = i + 1; j < len(list) && list[j].Finding == list[i].Finding; j++ { // all of one finding
		}
		c := fate(list[i:j], since)
		last := list[j-1]
		switch {
		case c.Open() > 0:
			ages = append(ages, asOf.Days(last.Opened))
		case c.Resolved > 0 || c.Passing > 0:
			times = append(times, last.Resolved.Days(last.Opened))
		}
		of := byPolicy[last.Policy]
		if of == nil {
			of = &TrendCounts{}
			byPolicy[last.Policy] = of
		}
		of.add(c)
		t.add(c)
	}
	t.Age, t.ResolveTime = spread(ages), spread(times)
	for id, c := range byPolicy {
		t.Policies = append(t.Policies, PolicyTrend{id, *c})
	}
	slices.SortFunc(t.Policies, func(a, b PolicyTrend) int { return cmp.Compare(a.Policy, b.Policy) })
	return t
}

// fate tells what became of one finding by its intervals, oldest first.
func fate(of []Interval, since crm.Instant) TrendCounts {
	first, last := of[0], of[len(of)-1]
	switch {
	case last.Resolved.IsZero() && last.Waived:
		return TrendCounts{Waived: 1}
	case last.Resolved.IsZero() && last.Opened <= since:
		return TrendCounts{StillOpen: 1}
	case last.Resolved.IsZero() && (last.Again || len(of) > 1):
		return TrendCounts{Reopened: 1}
	case last.Resolved.IsZero():
		return TrendCounts{New: 1}
	case first.Opened <= since:
		return TrendCounts{Resolved: 1}
	default:
		return TrendCounts{Passing: 1}
	}
}

func (c *TrendCounts) add(d TrendCounts) {
	c.New += d.New
	c.Reopened += d.Reopened
	c.StillOpen += d.StillOpen
	c.Waived += d.Waived
	c.Resolved += d.Resolved
	c.Passing += d.Passing
}

func spread(days []float64) Spread {
	out := Spread{N: len(days)}
	if len(days) == 0 {
		return out
	}
	slices.Sort(days)
	at := func(p float64) *float64 { return &days[rank(p, len(days))-1] }
	out.MedianDays, out.P90Days, out.MaxDays = at(0.5), at(0.9), at(1)
	return out
}

// CompareScores compares the scores of two audits over the families that both judged, so that a family which can be judged anew
// is no rise or fall. nil where one has no score, or they have no family in common.
func CompareScores(before, now *Result) *ScoreChange {
	if before == nil || now == nil || before.Score == nil || now.Score == nil {
		return nil
	}
	var then, since []ScorePart
	out := &ScoreChange{At: before.AsOf}
	for _, p := range now.ScoreParts {
		if i := slices.IndexFunc(before.ScoreParts, func(q ScorePart) bool { return q.Family == p.Family }); i >= 0 {
			then, since = append(then, before.ScoreParts[i]), append(since, p)
			out.Families = append(out.Families, p.Family)
		}
	}
	if len(then) == 0 {
		return nil
	}
	out.Before, _ = total(then)
	out.Now, _ = total(since)
	return out
}
