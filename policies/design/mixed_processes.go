package design

import (
	"cmp"
	_ "embed"
	"errors"
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed mixed-processes.md
var mixedProcessesDoc string

type mixedProcesses struct {
	Factor float64    `yaml:"factor" desc:"how many times the median cycle of one type of deal that of another may be"`
	MinWon int        `yaml:"min_won" desc:"how many deals of either type must have been won in the window"`
	Window audit.Days `yaml:"window" desc:"time looked at"`
}

// MixedProcesses finds pipelines in which one type of deal takes far longer to be won than another.
func MixedProcesses() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "mixed-processes", Title: "Two processes in one pipeline", Doc: mixedProcessesDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 22, Severity: audit.Low,
		Needs: []audit.Need{audit.NeedType, audit.NeedClosed, audit.NeedCreated, audit.NeedHistoryN}, Sources: "S3 S5", Fix: audit.FixAdvice, Subject: crm.KindPipeline,
		Facts: closings | crm.FactType,
		Message: `Half of the {{count .slow_count}} won deals of type {{.slow_type}} took longer than {{days .slow_days}}, ` +
			`of the {{count .quick_count}} of type {{.quick_type}} than {{days .quick_days}}`,
	}, mixedProcesses{Factor: 2, MinWon: 20, Window: oneYear})
}

func (s mixedProcesses) Validate() error {
	if s.Factor < 1 {
		return errors.New("factor must be at least 1")
	}
	return sized(s.Window, s.MinWon, "min_won")
}

func (s mixedProcesses) Check(p *audit.Pass) {
	for i := range p.Pipelines() {
		s.judge(p, i)
	}
}

// typePair is two types of deals of a pipeline, the one that takes longer first.
type typePair struct{ slow, quick crm.TextID }

func (s mixedProcesses) judge(p *audit.Pass, pipeline int32) {
	now := s.cycles(p, p.Stats, pipeline)
	var types []crm.TextID
	for t := range now {
		types = append(types, crm.TextID(t))
	}
	slices.SortFunc(types, func(a, b crm.TextID) int { return cmp.Compare(p.Snap.Text(a), p.Snap.Text(b)) })
	pairs := s.pairs(types, now)
	switch {
	case len(pairs) > 0:
	case len(types) == 0 && p.Stats.Cycles(pipeline, audit.Last(s.Window.Float())).N() >= s.MinWon:
		p.UnknownAt(crm.KindPipeline, pipeline, audit.NeedType, "its deals have no type, or it is not known")
	case len(types) == 0:
		p.UnknownAt(crm.KindPipeline, pipeline, audit.NeedHistoryN, "there are too few to tell")
	default: // all of one type
		p.OKAt(crm.KindPipeline, pipeline)
	}
	for _, pair := range pairs {
		p.Compare(audit.Comparison{
			Kind: crm.KindPipeline, Index: pipeline,
			Weigh: func(st *audit.Stats) audit.Evidence { return s.weigh(s.cycles(p, st, pipeline), pair) },
			Tell:  func(audit.Evidence) audit.Found { return s.found(p, now, pair) },
		})
	}
}

// cycles are those of the deals won in the window, by type; deals without a type are left out.
func (s mixedProcesses) cycles(p *audit.Pass, st *audit.Stats, pipeline int32) map[int32]audit.Sample {
	known := p.Snap.Columns().Known
	return st.CyclesBy(pipeline, audit.Last(s.Window.Float()), func(deal int32) int32 {
		if t := p.Snap.Type(deal); known[deal].Has(crm.FactType) && t != 0 {
			return int32(t)
		}
		return -1
	})
}

// pairs are all pairs of types, those first whose cycles differ most.
func (s mixedProcesses) pairs(types []crm.TextID, now map[int32]audit.Sample) []typePair {
	median := func(t crm.TextID) float64 { return now[int32(t)].Quantile(0.5) }
	var out []typePair
	for i, a := range types {
		for _, b := range types[i+1:] {
			if median(a) < median(b) {
				out = append(out, typePair{b, a})
			} else {
				out = append(out, typePair{a, b})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b typePair) int {
		return cmp.Compare(median(b.slow)*median(a.quick), median(a.slow)*median(b.quick))
	})
	return out
}

// weigh compares the cycles of two types. Which of them takes longer is read off the data, so that p counts for both sides.
func (s mixedProcesses) weigh(by map[int32]audit.Sample, pair typePair) audit.Evidence {
	slow, quick := by[int32(pair.slow)], by[int32(pair.quick)]
	return audit.Evidence{
		N: min(slow.N(), quick.N()), Least: s.MinWon, P: min(1, 2*audit.LongerTimes(slow, quick)),
		Effect: slow.N() > 0 && quick.N() > 0 && slow.Quantile(0.5) >= s.Factor*quick.Quantile(0.5),
	}
}

func (s mixedProcesses) found(p *audit.Pass, by map[int32]audit.Sample, pair typePair) audit.Found {
	slow, quick := by[int32(pair.slow)], by[int32(pair.quick)]
	return audit.Found{
		Severity: audit.Low, Fix: advice(),
		Facts: audit.Facts{
			"slow_type": p.Snap.Text(pair.slow), "slow_count": float64(slow.N()), "slow_days": slow.Quantile(0.5),
			"quick_type": p.Snap.Text(pair.quick), "quick_count": float64(quick.N()), "quick_days": quick.Quantile(0.5),
		},
	}
}
