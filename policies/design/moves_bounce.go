package design

import (
	"cmp"
	_ "embed"
	"errors"
	"slices"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed moves-bounce.md
var movesBounceDoc string

type movesBounce struct {
	Window   audit.Days `yaml:"window" desc:"time looked at"`
	Within   audit.Days `yaml:"within" desc:"how soon a deal must be back for it to be a round trip"`
	PerDeal  int        `yaml:"per_deal" desc:"how many round trips of one deal make a finding"`
	MinDeals int        `yaml:"min_deals" desc:"how many deals with a round trip between the same two stages make a finding"`
	Ongoing  audit.Days `yaml:"ongoing" desc:"a round trip this recent is still going on: critical"`
}

// MovesBounce finds pairs of stages between which deals are moved to and fro by something that is no person.
func MovesBounce() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "moves-bounce", Title: "Deals bounce between two stages", Doc: movesBounceDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 36, Severity: audit.Critical,
		Needs: []audit.Need{audit.NeedHistory}, Sources: "P", Fix: audit.FixAdvice, Subject: crm.KindPipeline,
		Facts: crm.FactHistory,
		Message: `{{count .trips_count}} round trips of {{count .deals_count}} deals between "{{.stage}}" and "{{.other_stage}}" within {{days .window_days}}, there by {{.there}}, back by {{.back}}` +
			`; deals {{join .deals}}`,
	}, movesBounce{Window: 30 * aDay, Within: audit.Days(time.Hour), PerDeal: 2, MinDeals: 3, Ongoing: aDay})
}

func (s movesBounce) Validate() error {
	switch {
	case s.Window <= 0 || s.Within <= 0:
		return errors.New("window and within must be more than 0d")
	case s.PerDeal < 1 || s.MinDeals < 1:
		return errors.New("per_deal and min_deals must be at least 1")
	}
	return nil
}

// between are two stages, the earlier one first.
type between struct{ a, b int32 }

// trips are the round trips between two stages.
type trips struct {
	n, most     int     // in all, and of one deal
	deals       []int32 // each once, in the snapshot's order
	last        crm.Instant
	there, back [crm.OriginPlumbline + 1]int
}

func (s movesBounce) Check(p *audit.Pass) {
	since := p.Now.Add(-s.Window.Duration())
	found, told, mute := s.count(p, since)
	for pipeline := range p.Pipelines() {
		wrong := false
		for _, pair := range sortedPairs(found) {
			if t := found[pair]; p.Snap.PipelineOf(pair.a) == pipeline && (t.most >= s.PerDeal || len(t.deals) >= s.MinDeals) {
				wrong = true
				s.report(p, pipeline, pair, t)
			}
		}
		switch {
		case wrong:
		case unseen(p, pipeline, since):
			p.UnknownAt(crm.KindPipeline, pipeline, audit.NeedHistory, wayNotKnown)
		case mute[pipeline] > 0 && told[pipeline] == 0:
			p.UnknownAt(crm.KindPipeline, pipeline, audit.NeedHistory, "who or what moves its deals is not known")
		default:
			p.OKAt(crm.KindPipeline, pipeline)
		}
	}
}

// maxExamples is how many deals a finding names.
const maxExamples = 5

func (s movesBounce) report(p *audit.Pass, pipeline int32, pair between, t *trips) {
	a, b := p.Snap.Stage(pair.a), p.Snap.Stage(pair.b)
	severity := audit.High
	if t.last > p.Now.Add(-s.Ongoing.Duration()) {
		severity = audit.Critical
	}
	var names []string
	for _, deal := range t.deals[:min(len(t.deals), maxExamples)] {
		names = append(names, p.Snap.ID(deal))
	}
	p.FoundAt(crm.KindPipeline, pipeline, audit.Found{
		Severity: severity, Key: a.ID + " " + b.ID, Fix: advice(),
		Facts: audit.Facts{
			"stage": a.Name, "other_stage": b.Name, "trips_count": float64(t.n), "deals_count": float64(len(t.deals)), "window_days": s.Window.Float(),
			"there": usualMover(t.there), "back": usualMover(t.back), "deals": names,
		},
	})
}

// usualMover names who made the most of some moves.
func usualMover(by [crm.OriginPlumbline + 1]int) string {
	best := 0
	for origin, n := range by {
		if n > by[best] {
			best = origin
		}
	}
	return movers()[best]
}

// count finds the round trips since a moment, and by pipeline the moves of which is known who made them, and of which it is not.
func (s movesBounce) count(p *audit.Pass, since crm.Instant) (found map[between]*trips, told, mute []int) {
	found, told, mute = map[between]*trips{}, make([]int, len(p.Snap.Schema.Pipelines)), make([]int, len(p.Snap.Schema.Pipelines))
	for r := range movedSince(p, since) {
		visits, ok := p.Visits(r)
		if !ok {
			continue
		}
		for _, v := range visits[1:] {
			switch {
			case v.Entered <= since:
			case v.Origin == crm.OriginUnknown:
				mute[r.Pipeline]++
			default:
				told[r.Pipeline]++
			}
		}
		s.follow(r.Index, visits, since, found)
	}
	return found, told, mute
}

// follow adds the round trips of one deal: from a stage to another and back, one after the other.
func (s movesBounce) follow(deal int32, visits []audit.Visit, since crm.Instant, found map[between]*trips) {
	of := map[between]int{}
	for i := 0; i+2 < len(visits); i++ {
		from, there, back := visits[i], visits[i+1], visits[i+2]
		if from.Stage != back.Stage || from.Stage == crm.None || there.Stage == crm.None || back.Entered <= since ||
			back.Entered.Sub(there.Entered) > s.Within.Duration() || !byProgram(there.Origin) && !byProgram(back.Origin) {
			continue
		}
		pair := between{min(from.Stage, there.Stage), max(from.Stage, there.Stage)}
		t := found[pair]
		if t == nil {
			t = &trips{}
			found[pair] = t
		}
		if of[pair] == 0 {
			t.deals = append(t.deals, deal)
		}
		of[pair]++
		t.n, t.most, t.last = t.n+1, max(t.most, of[pair]), max(t.last, back.Entered)
		t.there[there.Origin]++
		t.back[back.Origin]++
		i++ // the next one begins where this one ended
	}
}

// byProgram reports whether a move was made by an automation or by another program.
func byProgram(o crm.Origin) bool { return o == crm.OriginAutomation || o == crm.OriginIntegration }

func sortedPairs(found map[between]*trips) []between {
	var out []between
	for pair := range found {
		out = append(out, pair)
	}
	slices.SortFunc(out, func(x, y between) int { return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b)) })
	return out
}
