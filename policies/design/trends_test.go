package design

import (
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/audit/audittest"
)

// trends are the policies of this file's subject: those that rest on how deals went.
func trends() []*audit.Policy {
	return []*audit.Policy{
		BottleneckStage(), LeakyStage(), MixedProcesses(), LowWinRate(), SlowingCycle(), CycleOverTarget(), CycleUneven(), NoNewDeals(), PipelineStagnant(), SingleChannel(),
	}
}

func TestTrends(t *testing.T) {
	for _, p := range trends() {
		t.Run(p.ID, func(t *testing.T) { audittest.Run(t, p, "testdata/"+p.ID+".txtar", ActivityNotCaptured()) })
	}
}

func TestTrendsSettings(t *testing.T) {
	day := audit.Days(24 * time.Hour)
	for name, s := range map[string]interface{ Validate() error }{
		"bottleneck: no window":        bottleneckStage{Factor: 2, Growth: 1.25, MinStays: 30},
		"bottleneck: of nothing":       bottleneckStage{Factor: 2, Growth: 1.25, Window: day},
		"bottleneck: shorter":          bottleneckStage{Factor: 0.5, Growth: 1.25, MinStays: 30, Window: day},
		"bottleneck: shrinking":        bottleneckStage{Factor: 2, Growth: 0.5, MinStays: 30, Window: day},
		"leaky: no difference":         leakyStage{MinDeals: 50, Window: day, Year: day},
		"leaky: no year":               leakyStage{Points: 0.15, MinDeals: 50, Window: day},
		"leaky: of nothing":            leakyStage{Points: 0.15, Window: day, Year: day},
		"mixed: quicker":               mixedProcesses{Factor: 0.5, MinWon: 20, Window: day},
		"mixed: of nothing":            mixedProcesses{Factor: 2, Window: day},
		"win rate: of no part":         lowWinRate{MinClosed: 30, Window: day},
		"win rate: of nothing":         lowWinRate{Part: 0.6, Window: day},
		"slowing: quicker":             slowingCycle{Factor: 0.5, MinWon: 20, Window: day},
		"slowing: no window":           slowingCycle{Factor: 1.25, MinWon: 20},
		"target: before it begins":     cycleOverTarget{Target: -day, MinWon: 20, Window: day},
		"target: of nothing":           cycleOverTarget{Target: day, Window: day},
		"uneven: even":                 cycleUneven{Ratio: 0.5, MinWon: 50, Window: day},
		"uneven: of nothing":           cycleUneven{Ratio: 4, Window: day},
		"no new deals: of no part":     noNewDeals{MinMean: 10, Window: day},
		"no new deals: of nothing":     noNewDeals{Part: 0.5, Window: day},
		"stagnant: no limit":           pipelineStagnant{MinOpen: 20, Window: day},
		"stagnant: negative cycles":    pipelineStagnant{Limit: 0.2, MinOpen: 20, Window: day, Cycles: -1},
		"stagnant: of nothing":         pipelineStagnant{Limit: 0.2, Window: day},
		"single channel: of nothing":   singleChannel{Limit: 0.8, Window: day},
		"single channel: in no window": singleChannel{Limit: 0.8, MinDeals: 30},
	} {
		if s.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for _, p := range trends() {
		if err := p.Defaults().(interface{ Validate() error }).Validate(); err != nil {
			t.Errorf("%s refuses its own defaults: %v", p.ID, err)
		}
	}
}
