package deals

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed stage-regressed.md
var stageRegressedDoc string

type stageRegressed struct {
	Limit int `yaml:"limit" desc:"how many moves backward make a finding"`
	Low   int `yaml:"low_from" desc:"from this many moves backward on the severity is low, below it info"`
}

// StageRegressed finds open deals that moved backward.
func StageRegressed() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "stage-regressed", Title: "Moved backward", Doc: stageRegressedDoc,
		Group: audit.Deals, Family: audit.FamilyPath, Rank: 2, Severity: audit.Low,
		Needs: []audit.Need{audit.NeedHistory}, Sources: "P S3", Fix: audit.FixAdvice, Subject: crm.KindDeal,
		Facts:   crm.FactHistory,
		Message: `Moved back {{count .moves_count}} {{if eq .moves_count 1.0}}time{{else}}times{{end}}, last from "{{.from}}" to "{{.to}}" on {{date .moved_at}}`,
	}, stageRegressed{Limit: 1, Low: 2})
}

func (s stageRegressed) Validate() error {
	if s.Limit < 1 {
		return errors.New("limit must be at least 1")
	}
	return nil
}

// backMove is one move from an open stage to an earlier one of the same pipeline.
type backMove struct {
	from, to int32
	at       crm.Instant
}

func (s stageRegressed) Check(p *audit.Pass) {
	for r := range p.Open() {
		visits, ok := p.Visits(r)
		if !ok {
			p.Unknown(r, audit.NeedHistory, "its way through the stages is not known")
			continue
		}
		back := backMoves(p.Snap, visits)
		if len(back) < s.Limit {
			p.OK(r)
			continue
		}
		severity := audit.Info
		if len(back) >= s.Low {
			severity = audit.Low
		}
		last := back[len(back)-1]
		p.Found(r, audit.Found{
			Severity: severity, Since: back[s.Limit-1].at,
			Facts: audit.Facts{
				"moves_count": float64(len(back)), "moved_at": last.at.String(),
				"from": p.Snap.Stage(last.from).Name, "to": p.Snap.Stage(last.to).Name,
			},
			Fix: &audit.Fix{Kind: audit.FixAdvice},
		})
	}
}

// backMoves lists the moves backward; a deal that was closed and opened again did not move backward by that, and what we moved is
// none.
func backMoves(snap *crm.Snapshot, visits []audit.Visit) []backMove {
	var list []backMove
	for i := 1; i < len(visits); i++ {
		from, to := visits[i-1].Stage, visits[i].Stage
		if from == crm.None || to == crm.None || visits[i].Origin == crm.OriginPlumbline || snap.PipelineOf(from) != snap.PipelineOf(to) {
			continue
		}
		a, b := snap.Stage(from), snap.Stage(to)
		if a.Kind == crm.Open && b.Kind == crm.Open && b.Order < a.Order {
			list = append(list, backMove{from, to, visits[i].Entered})
		}
	}
	return list
}
