package deals

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed reopened.md
var reopenedDoc string

type reopened struct {
	Limit int `yaml:"limit" desc:"how many times reopened make a finding"`
}

// Reopened finds deals that were closed and then open again.
func Reopened() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "reopened", Title: "Reopened", Doc: reopenedDoc,
		Group: audit.Deals, Family: audit.FamilyPath, Rank: 7, Severity: audit.Info,
		Needs: []audit.Need{audit.NeedHistory, audit.NeedReopenings}, Sources: "P", Fix: audit.FixAdvice, Subject: crm.KindDeal,
		Facts: crm.FactHistory | crm.FactStageEntry | crm.FactClosed,
		Message: `Opened again on {{date .reopened_at}} after it had been {{.closed_as}}` +
			`{{if gt .times_count 1.0}}, {{count .times_count}} times in all{{end}}`,
	}, reopened{Limit: 1})
}

func (s reopened) Validate() error {
	if s.Limit < 1 {
		return errors.New("limit must be at least 1")
	}
	return nil
}

func (s reopened) Check(p *audit.Pass) {
	for r := range p.OpenOrJustClosed() {
		visits, ok := p.Visits(r)
		if !ok {
			p.Unknown(r, audit.NeedHistory, "its way through the stages is not known")
			continue
		}
		n, since, last := 0, crm.Instant(0), -1
		for i := 1; i < len(visits); i++ {
			if !opensAgain(p.Snap, visits[i-1], visits[i]) {
				continue
			}
			last = i
			if n++; n == s.Limit {
				since = visits[i].Entered
			}
		}
		switch {
		case n >= s.Limit:
			p.Found(r, audit.Found{
				Severity: audit.Info, Since: since,
				Facts: audit.Facts{
					"times_count": float64(n), "reopened_at": visits[last].Entered.String(), "closed_as": p.Snap.Stage(visits[last-1].Stage).Kind.String(),
				},
				Fix: advice(),
			})
		case !p.Snap.Schema.ClosedStages:
			p.Unknown(r, audit.NeedReopenings, "whether it was closed before is not known")
		default:
			p.OK(r)
		}
	}
}

// opensAgain reports whether a move leads from a closed stage into an open one. What we closed, or opened again as we took that back,
// does not count.
func opensAgain(snap *crm.Snapshot, from, to audit.Visit) bool {
	if from.Stage == crm.None || to.Stage == crm.None || from.Origin == crm.OriginPlumbline || to.Origin == crm.OriginPlumbline {
		return false
	}
	return snap.Stage(from.Stage).Kind != crm.Open && snap.Stage(to.Stage).Kind == crm.Open
}
