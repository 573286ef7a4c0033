package deals

import (
	_ "embed"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/losses"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

//go:embed lost-other-without-detail.md
var lostOtherWithoutDetailDoc string

type lostOtherWithoutDetail struct{}

// LostOtherWithoutDetail finds losses for "other" reasons of which nobody said which.
func LostOtherWithoutDetail() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "lost-other-without-detail", Title: "Lost for \"other\", without a detail", Doc: lostOtherWithoutDetailDoc,
		Group: audit.Deals, Family: audit.FamilyLosses, Rank: 3, Severity: audit.Low,
		Needs: []audit.Need{audit.NeedLossReason}, Sources: "S1", Fix: audit.FixDigest, Subject: crm.KindDeal,
		Facts:   crm.FactLossReason | crm.FactLossDetail | crm.FactClosed | crm.FactOwner,
		Message: `Lost{{if index . "lost_at"}} on {{date .lost_at}}{{end}} for "{{.text}}", and nothing says which other reason it was`,
	}, lostOtherWithoutDetail{})
}

func (s lostOtherWithoutDetail) Check(p *audit.Pass) {
	book := losses.Of(p)
	for r := range p.Lost() {
		l := book.Loss(r)
		bare := l.Class == vocabulary.Other && (l.Chosen || book.SaysNothing(l.Text))
		switch {
		case !l.Known:
			p.Unknown(r, audit.NeedLossReason, "why it was lost is not known")
		case bare && !l.DetailKnown && book.SaysNothing(l.Detail):
			p.Unknown(r, audit.NeedLossReason, "what is said beside its reason is not known")
		case !bare, !book.SaysNothing(l.Detail):
			p.OK(r)
		default:
			s.found(p, r, l)
		}
	}
}

func (s lostOtherWithoutDetail) found(p *audit.Pass, r crm.Row, l losses.Loss) {
	f := audit.Found{
		Severity: audit.Low, Facts: audit.Facts{"text": l.Text},
		Fix: digest(p, r),
	}
	if r.Known.Has(crm.FactClosed) && !r.Closed.IsZero() {
		f.Facts["lost_at"] = r.Closed.String()
		f.Since = r.Closed
	}
	p.Found(r, f)
}
