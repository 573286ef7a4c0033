package deals

import (
	_ "embed"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/vocabulary"
)

//go:embed behind-its-evidence.md
var behindItsEvidenceDoc string

type behindItsEvidence struct {
	ProposalStage string `yaml:"proposal_stage" desc:"id or name of the stage in which the buyer has the proposal; empty: the first one whose name says so"`
}

// BehindItsEvidence finds open deals of which a quote says that they have come further than their stage.
func BehindItsEvidence() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "behind-its-evidence", Title: "Behind its evidence", Doc: behindItsEvidenceDoc,
		Group: audit.Deals, Family: audit.FamilyPath, Rank: 6, Severity: audit.High,
		Needs: []audit.Need{audit.NeedQuotes, audit.NeedLanguage}, Sources: "S1 S2 S3", Fix: audit.FixMove, Subject: crm.KindDeal,
		Facts: crm.FactQuotes,
		Message: `Its quote was {{.quote}} on {{date .quote_at}}, and the deal is still ` +
			`{{if index . "won"}}open in "{{.stage}}"{{else}}in "{{.stage}}", before "{{.to_stage}}"{{end}}`,
	}, behindItsEvidence{})
}

func (s behindItsEvidence) Check(p *audit.Pass) {
	stages := map[int32]int32{}
	for r := range p.Open() {
		if _, seen := stages[r.Pipeline]; !seen {
			stages[r.Pipeline] = s.proposal(p, r.Pipeline)
		}
		s.judge(p, r, stages[r.Pipeline])
	}
}

// unreadable stands for a pipeline in which no stage is known for that of the proposal, and the name of one cannot be read.
const unreadable = crm.None - 1

// proposal is the flat index of the pipeline's first open stage in which the buyer has the proposal, crm.None where there is none.
func (s behindItsEvidence) proposal(p *audit.Pass, pipeline int32) int32 {
	missing := int32(crm.None)
	for i, st := range p.Snap.Schema.Pipelines[pipeline].Stages {
		if st.Kind != crm.Open {
			continue
		}
		if s.ProposalStage != "" {
			if s.ProposalStage == st.ID || s.ProposalStage == st.Name {
				return p.Snap.StageIndex(pipeline, int32(i))
			}
			continue
		}
		switch name := vocabulary.Default().Read(st.Name); {
		case name.Is(vocabulary.Proposal):
			return p.Snap.StageIndex(pipeline, int32(i))
		case !name.Readable:
			missing = unreadable
		}
	}
	return missing
}

func (s behindItsEvidence) judge(p *audit.Pass, r crm.Row, proposal int32) {
	q := p.Snap.Quote(r.Index)
	done := func(at crm.Instant) bool { return !at.IsZero() && at <= p.Now }
	published := done(q.Published) && (q.Expires.IsZero() || q.Expires > p.Now)
	switch {
	case !r.Known.Has(crm.FactQuotes):
		p.Unknown(r, audit.NeedQuotes, "whether it has a quote is not known")
	case done(q.Paid):
		s.won(p, r, "paid", q.Paid, q.Signed)
	case done(q.Signed):
		s.won(p, r, "signed", q.Signed, 0)
	case !published:
		p.OK(r)
	case proposal == unreadable:
		p.Unknown(r, audit.NeedLanguage, "a stage's name is in a language that the vocabulary does not have")
	case proposal != crm.None && p.Snap.Stage(r.Stage).Order < p.Snap.Stage(proposal).Order:
		to := p.Snap.Stage(proposal).Name
		p.Found(r, audit.Found{
			Severity: audit.Medium, Since: q.Published,
			Facts: audit.Facts{"quote": "published", "quote_at": q.Published.String(), "stage": stageName(p, r), "to_stage": to},
			Fix:   &audit.Fix{Kind: audit.FixMove, Manual: []string{"move-to-stage:" + to}},
		})
	default:
		p.OK(r)
	}
}

// won reports an open deal whose quote says that it is won: since it was signed, if it was before it was paid. That it is won is
// for a person to say, whatever the mode: commissions, invoices and onboarding hang on it.
func (s behindItsEvidence) won(p *audit.Pass, r crm.Row, how string, at, earlier crm.Instant) {
	since := at
	if !earlier.IsZero() {
		since = min(at, earlier)
	}
	p.Found(r, audit.Found{
		Severity: audit.High, Since: since,
		Facts: audit.Facts{"quote": how, "quote_at": at.String(), "stage": stageName(p, r), "won": true},
		Fix:   &audit.Fix{Kind: audit.FixMove, Manual: []string{"close-as-won"}},
	})
}
