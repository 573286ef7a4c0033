package audittest_test

import (
	"testing"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/audit/audittest"
	"github.com/plumbline/plumbline/internal/crm"
)

// tooLong finds stays in a stage beyond a limit.
type tooLong struct {
	Limit audit.Days  `yaml:"limit"`
	Share audit.Share `yaml:"share"`
}

func (s tooLong) Check(p *audit.Pass) {
	for r := range p.Open() {
		entry, ok := p.EntryOf(r)
		switch {
		case !ok:
			p.Unknown(r, audit.NeedStageEntry, "its stage entry is not known")
		case p.Now.Days(entry) > s.Limit.Float():
			p.Found(r, audit.Found{
				Facts: audit.Facts{"entered_at": entry.String(), "limit_days": s.Limit.Float(), "stages": []string{p.Snap.Stage(r.Stage).Name, "x"}},
				Since: entry.Add(s.Limit.Duration()),
				Fix: &audit.Fix{Kind: audit.FixTask, Edits: []crm.Edit{{Op: crm.OpAddTask, Target: crm.Ref{Kind: crm.KindTask},
					After: crm.Fields{crm.FieldDeal: p.Snap.ID(r.Index)}}}},
			})
		default:
			p.OK(r)
		}
	}
}

func TestRun(t *testing.T) {
	policy := audit.Define(audit.Meta{ID: "too-long", Subject: crm.KindDeal, Severity: audit.High,
		Facts: crm.FactHistory | crm.FactStageEntry | crm.FactAmount, Message: "In {{.limit_days | days}} since {{date .entered_at}}"},
		tooLong{Limit: audit.Days(30 * 24 * 3600e9)})
	audittest.Run(t, policy, "testdata")
}
