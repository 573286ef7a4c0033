package deals

import (
	_ "embed"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed created-late.md
var createdLateDoc string

type createdLate struct{}

// CreatedLate finds deals that were entered when much of the work was done already.
func CreatedLate() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "created-late", Title: "Created late", Doc: createdLateDoc,
		Group: audit.Deals, Family: audit.FamilyPath, Rank: 4, Severity: audit.Info,
		Needs: []audit.Need{audit.NeedHistory, audit.NeedOrigin}, Sources: "S3", Fix: audit.FixAdvice, Subject: crm.KindDeal,
		Facts: crm.FactHistory | crm.FactStageEntry | crm.FactOrigin | crm.FactCreated | crm.FactClosed,
		Message: `Created {{if eq .created_as "open"}}in "{{.stage}}" and not in "{{.first}}"{{else}}when it was {{.created_as}} already{{end}}` +
			` on {{date .entered_at}}`,
	}, createdLate{})
}

func (s createdLate) Check(p *audit.Pass) {
	for r := range p.OpenOrJustClosed() {
		visits, ok := p.Visits(r)
		if !ok || visits[0].Stage == crm.None {
			p.Unknown(r, audit.NeedHistory, "the stage in which it was created is not known")
			continue
		}
		entry, only := visits[0], len(visits) == 1
		first := firstOpen(p, p.Snap.PipelineOf(entry.Stage))
		as := p.Snap.Stage(entry.Stage).Kind
		if only && as == crm.Open && madeClosed(p, r) {
			as = r.Status
		}
		if as == crm.Open && (first == nil || p.Snap.Stage(entry.Stage).Order <= first.Order) {
			p.OK(r)
			continue
		}
		switch madeBy(r, entry) {
		case crm.OriginIntegration, crm.OriginImport, crm.OriginPlumbline: // a program copies what is already under way
		case crm.OriginUnknown:
			p.Unknown(r, audit.NeedOrigin, "who created it is not known")
		default:
			facts := audit.Facts{"created_as": as.String(), "stage": p.Snap.Stage(entry.Stage).Name, "entered_at": entry.Entered.String(), "first": ""}
			if first != nil {
				facts["first"] = first.Name
			}
			p.Found(r, audit.Found{Severity: audit.Info, Since: entry.Entered, Facts: facts, Fix: advice()})
		}
	}
}

// madeBy is how a deal was made: as the deal itself says, else as the entry into its first stage does.
func madeBy(r crm.Row, entry audit.Visit) crm.Origin {
	if r.Known.Has(crm.FactOrigin) && r.Origin != crm.OriginUnknown {
		return r.Origin
	}
	return entry.Origin
}

// atOnce is within how long a deal was closed that was created closed, where won and lost are no stages.
const atOnce = time.Minute

// madeClosed reports whether a deal that is closed by a status was so from the beginning.
func madeClosed(p *audit.Pass, r crm.Row) bool {
	if r.Status == crm.Open || p.Snap.Schema.ClosedStages || !r.Known.Has(crm.FactCreated|crm.FactClosed) || r.Closed.IsZero() {
		return false
	}
	return r.Closed >= r.Created && r.Closed.Sub(r.Created) < atOnce
}

// firstOpen is the first open stage of a pipeline; nil where it has none.
func firstOpen(p *audit.Pass, pipeline int32) *crm.Stage {
	stages := p.Snap.Schema.Pipelines[pipeline].Stages
	for i := range stages {
		if stages[i].Kind == crm.Open {
			return &stages[i]
		}
	}
	return nil
}
