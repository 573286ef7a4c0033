package daemon

import (
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// verdict is a policy that is as sure of the portal's first pipeline as the test says.
type verdict struct{ P, Effect *float64 }

func (v verdict) Check(p *audit.Pass) {
	p.Compare(audit.Comparison{
		Kind: crm.KindPipeline,
		Weigh: func(*audit.Stats) audit.Evidence {
			return audit.Evidence{N: 50, Least: 20, Effect: *v.Effect > 1, P: *v.P}
		},
		Tell: func(audit.Evidence) audit.Found { return audit.Found{Severity: audit.Medium} },
	})
	for i := range p.Pipelines() {
		if i > 0 {
			p.OKAt(crm.KindPipeline, i)
		}
	}
}

// A finding that rests on a statistic stays open within its bounds from one audit to the next, and closes when the effect is gone.
func TestFindingsThatStayOpen(t *testing.T) {
	inBubble(t, 60, func(t *testing.T, b *bench) {
		chance, effect := 0.5, 2.0
		policy := audit.Define(audit.Meta{ID: "slower", Title: "Slower", Group: audit.Design, Severity: audit.Medium, Subject: crm.KindPipeline, Message: "slower"}, verdict{&chance, &effect})
		p, c := b.portal("acme", ""), b.cycle(b.db, "a test")
		p.Checks = []audit.Check{{Policy: policy}}
		if _, err := c.Sync(t.Context(), p, Pull{}); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			chance, effect float64
			findings       int
		}{{0.5, 2, 0}, {0.001, 2, 1}, {0.5, 2, 1}, {0.5, 0.9, 0}, {0.5, 2, 0}} {
			b.server.SetClock(b.server.Now().Add(time.Hour))
			chance, effect = step.chance, step.effect
			r, err := c.Audit(t.Context(), p, 0)
			if err != nil || len(r.Findings) != step.findings {
				t.Errorf("with p %v and effect %v: %d findings, %v; want %d", chance, effect, len(r.Findings), err, step.findings)
			}
		}
	})
}
