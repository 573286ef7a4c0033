package deals

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/losses"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

//go:embed gave-up-early.md
var gaveUpEarlyDoc string

type gaveUpEarly struct {
	Touches    int         `yaml:"touches" desc:"how many touches it takes before a buyer may be called unresponsive"`
	Confidence audit.Share `yaml:"confidence" desc:"how sure it must be that a text means unresponsive"`
}

// GaveUpEarly finds deals that were given up as unresponsive after too few touches.
func GaveUpEarly() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "gave-up-early", Title: "Given up too early", Doc: gaveUpEarlyDoc,
		Group: audit.Deals, Family: audit.FamilyLosses, Rank: 4, Severity: audit.Low,
		Needs: []audit.Need{audit.NeedLossReason, audit.NeedTouches, audit.NeedActivity}, Sources: "S4", Fix: audit.FixAdvice, Subject: crm.KindDeal,
		After:   []string{notCaptured},
		Facts:   crm.FactLossReason | crm.FactLossDetail | crm.FactClosed | crm.FactTouches | crm.FactOwner,
		Message: `Lost as unresponsive after {{count .touches_count}} touches; {{count .limit_count}} are the least`,
	}, gaveUpEarly{Touches: 4, Confidence: vocabulary.AnswerAt})
}

func (s gaveUpEarly) Validate() error {
	switch {
	case s.Touches < 1:
		return errors.New("touches must be at least 1")
	case s.Confidence < vocabulary.AnswerAt:
		return errors.New("confidence must be at least 80%: below it no text is classified")
	}
	return nil
}

func (s gaveUpEarly) Check(p *audit.Pass) {
	book := losses.Of(p)
	for r := range p.Lost() {
		l := book.Loss(r)
		touches := int(p.Snap.Engagement(r.Index).Touches)
		switch {
		case !l.Known:
			p.Unknown(r, audit.NeedLossReason, "why it was lost is not known")
		case l.Class != vocabulary.Unresponsive || l.Confidence < float64(s.Confidence):
			p.OK(r)
		case !r.Known.Has(crm.FactTouches):
			p.Unknown(r, audit.NeedTouches, "how often it was touched is not known")
		case touches >= s.Touches:
			p.OK(r)
		case uncaptured(p, r):
			p.Unknown(r, audit.NeedActivity, silence)
		default:
			f := audit.Found{Severity: audit.Low, Facts: audit.Facts{"touches_count": float64(touches), "limit_count": float64(s.Touches), "reason": l.Text}, Fix: &audit.Fix{Kind: audit.FixAdvice}}
			if r.Known.Has(crm.FactClosed) && !r.Closed.IsZero() {
				f.Since = r.Closed
			}
			p.Found(r, f)
		}
	}
}
