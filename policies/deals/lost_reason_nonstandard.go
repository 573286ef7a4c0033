package deals

import (
	_ "embed"
	"errors"
	"math"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/losses"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

//go:embed lost-reason-nonstandard.md
var lostReasonNonstandardDoc string

type lostReasonNonstandard struct {
	Confidence audit.Share `yaml:"confidence" desc:"how sure it must be what a text means"`
}

// LostReasonNonstandard finds losses whose reason was typed although the list has an option for it.
func LostReasonNonstandard() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "lost-reason-nonstandard", Title: "A loss reason beside the list", Doc: lostReasonNonstandardDoc,
		Group: audit.Deals, Family: audit.FamilyLosses, Rank: 2, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedLossReason}, Sources: "S1", Fix: audit.FixLossReason, Subject: crm.KindDeal,
		After: []string{freeTextReasons}, Facts: crm.FactLossReason | crm.FactLossDetail | crm.FactClosed,
		Message: `"{{.text}}" is no option of the list; it means {{.reason}}{{if index . "option"}}, which is the option "{{.option}}"{{end}}`,
	}, lostReasonNonstandard{Confidence: vocabulary.AnswerAt})
}

// freeTextReasons is the policy of the portal that covers single texts.
const freeTextReasons = "lost-reason-free-text"

func (s lostReasonNonstandard) Validate() error {
	if s.Confidence < vocabulary.AnswerAt {
		return errors.New("confidence must be at least 80%: below it no text is classified")
	}
	return nil
}

func (s lostReasonNonstandard) Check(p *audit.Pass) {
	switch kind := p.Snap.Schema.LossReason.Kind; {
	case kind == crm.LossText, p.Flagged(freeTextReasons, crm.KindPortal, 0):
		return // there is no list, or it is the portal's habit to type beside it
	case kind == "":
		for r := range p.Lost() {
			p.Unknown(r, audit.NeedLossReason, "where it keeps loss reasons is not known")
		}
		return
	}
	book := losses.Of(p)
	for r := range p.Lost() {
		l := book.Loss(r)
		switch {
		case !l.Known:
			p.Unknown(r, audit.NeedLossReason, "why it was lost is not known")
		case l.Chosen, l.Class == "", l.Class == vocabulary.Junk, l.Confidence < float64(s.Confidence):
			p.OK(r)
		default:
			s.found(p, book, r, l)
		}
	}
}

func (s lostReasonNonstandard) found(p *audit.Pass, book *losses.Book, r crm.Row, l losses.Loss) {
	f := audit.Found{
		Severity: audit.Medium,
		Facts:    audit.Facts{"text": l.Text, "reason": vocabulary.Label(l.Class), "confidence_rate": math.Round(100*l.Confidence) / 100},
		Fix:      &audit.Fix{Kind: audit.FixAdvice, Manual: []string{"choose-listed-reason"}},
	}
	if r.Known.Has(crm.FactClosed) && !r.Closed.IsZero() {
		f.Facts["lost_at"] = r.Closed.String()
		f.Since = r.Closed
	}
	if o, ok := book.Option(l.Class); ok {
		f.Facts["option"] = o.Label
		if e, ok := choose(p, r, l, o); ok {
			f.Fix = &audit.Fix{Kind: audit.FixLossReason, Edits: []crm.Edit{e}}
		}
	}
	p.Found(r, f)
}

// choose is the edit that writes the option that a text means. What was typed must stay somewhere: in the CRM's own text beside
// the list, or as the detail; ok is false where it cannot.
func choose(p *audit.Pass, r crm.Row, l losses.Loss, o crm.Option) (e crm.Edit, ok bool) {
	at := p.Snap.Schema.LossReason
	e = crm.Edit{
		Target: deal(p, r), Op: crm.OpSet,
		Before: crm.Fields{crm.FieldLossReason: p.Snap.Text(r.LossReason)}, After: crm.Fields{crm.FieldLossReason: o.Value},
	}
	kept := at.TextField != "" && vocabulary.Blank(p.Snap.Text(r.LossReason))
	if at.DetailField != "" && r.Known.Has(crm.FactLossDetail) && vocabulary.Blank(l.Detail) {
		e.Before[crm.FieldLossDetail], e.After[crm.FieldLossDetail] = p.Snap.Text(r.LossDetail), l.Text
		kept = true
	}
	return e, at.Writable && kept
}
