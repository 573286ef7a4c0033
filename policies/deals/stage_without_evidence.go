package deals

import (
	_ "embed"
	"errors"
	"fmt"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/evidence"
)

//go:embed stage-without-evidence.md
var stageWithoutEvidenceDoc string

type stageWithoutEvidence struct {
	Evidence []string    `yaml:"evidence" desc:"what must be on record of a deal in the stage: meeting, mail, quote, amount, close_date, company, contact or owner"`
	Learn    bool        `yaml:"learn" desc:"whether what won deals had is asked for, too"`
	Share    audit.Share `yaml:"share" desc:"share of the won deals that must have had a kind of evidence for it to be asked for"`
	MinWon   int         `yaml:"min_won" desc:"how many won deals must have passed the stage to learn from them"`
}

// StageWithoutEvidence finds open deals that lack what their stage asks for, or what won deals had by then.
func StageWithoutEvidence() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "stage-without-evidence", Title: "In its stage without evidence", Doc: stageWithoutEvidenceDoc,
		Group: audit.Deals, Family: audit.FamilyPath, Rank: 5, Severity: audit.Medium,
		Needs: []audit.Need{audit.NeedEvidence, audit.NeedQuotes, audit.NeedHistoryN}, Sources: "S1 S3", Fix: audit.FixTask, Subject: crm.KindDeal,
		After: []string{notCaptured},
		Facts: crm.FactEvidence | crm.FactQuotes | crm.FactHistory | crm.FactClosed | crm.FactStageEntry | crm.FactAmount | crm.FactCloseDate | crm.FactCompany |
			crm.FactContacts | crm.FactOwner,
		Message: `In "{{.stage}}", and not on record: {{join .missing}}` +
			`{{if index . "n_count"}}: {{pct .won_rate}} of {{count .n_count}} won deals had it when they went past "{{.passed}}"{{end}}`,
	}, stageWithoutEvidence{Learn: true, Share: 0.7, MinWon: 20})
}

func (s stageWithoutEvidence) Validate() error {
	for _, name := range s.Evidence {
		if !validEvidence(name) {
			return fmt.Errorf("evidence %q is none of meeting, mail, quote, amount, close_date, company, contact, owner", name)
		}
	}
	if s.MinWon < 1 || s.Share <= 0 {
		return errors.New("min_won must be at least 1, share more than 0%")
	}
	return nil
}

func (s stageWithoutEvidence) Check(p *audit.Pass) {
	for r := range p.Open() {
		s.judge(p, r)
	}
}

// gap is what a deal lacks, or what nobody knows of it.
type gap struct {
	missing []string
	untold  audit.Need // "" where everything is known
}

func (g *gap) look(p *audit.Pass, r crm.Row, name string) {
	switch state, need := shows(p, r, name); state {
	case lacking:
		g.missing = append(g.missing, name)
	case untold:
		g.untold = need
	}
}

func (s stageWithoutEvidence) judge(p *audit.Pass, r crm.Row) {
	var asked gap
	for _, name := range s.Evidence {
		asked.look(p, r, name)
	}
	if len(asked.missing) > 0 {
		s.found(p, r, audit.Medium, audit.Facts{"missing": asked.missing})
		return
	}
	usual, facts, taught := gap{}, audit.Facts{}, true
	if s.Learn {
		usual, facts, taught = s.learnt(p, r)
	}
	switch {
	case len(usual.missing) > 0:
		facts["missing"] = usual.missing
		s.found(p, r, audit.Low, facts)
	case asked.untold != "":
		p.Unknown(r, asked.untold, "whether it has what the stage asks for is not known")
	case usual.untold != "":
		p.Unknown(r, usual.untold, "whether it has what won deals had is not known")
	case !taught && len(s.Evidence) == 0:
		p.Unknown(r, audit.NeedHistoryN, "too few won deals went this way, of which it is known what they had")
	default:
		p.OK(r)
	}
}

// found reports a deal. It is wrong since it entered its stage, where that is known.
func (s stageWithoutEvidence) found(p *audit.Pass, r crm.Row, severity audit.Severity, facts audit.Facts) {
	facts["stage"] = stageName(p, r)
	since, _ := p.EntryOf(r)
	p.Found(r, audit.Found{Severity: severity, Facts: facts, Since: since, Fix: task(p, r)})
}

// learnt is what a deal lacks of what won deals had when they went past the stage before its own, or past the last one before
// that which enough of them passed. taught is false where no kind of evidence could be learned from any.
func (s stageWithoutEvidence) learnt(p *audit.Pass, r crm.Row) (g gap, facts audit.Facts, taught bool) {
	facts = audit.Facts{}
	now, before := evidence.Lessons(p, 0), evidence.Lessons(p, evidence.Settled)
	first := p.Snap.StageIndex(r.Pipeline, 0)
	taught = position(p, r) == 1 // it has passed nothing yet
	for kind, name := range evidence.Names() {
		for stage := r.Stage - 1; stage >= first; stage-- {
			n := now[stage].Passed[kind]
			if p.Snap.Stage(stage).Kind != crm.Open || n < s.MinWon {
				continue
			}
			taught = true
			if now[stage].Usual(kind, s.MinWon, float64(s.Share)) && before[stage].Usual(kind, s.MinWon, float64(s.Share)) {
				was := len(g.missing)
				g.look(p, r, name)
				if rate := float64(now[stage].Had[kind]) / float64(n); len(g.missing) > was && (was == 0 || rate < facts["won_rate"].(float64)) {
					facts["won_rate"], facts["n_count"], facts["passed"] = rate, float64(n), p.Snap.Stage(stage).Name
				}
			}
			break
		}
	}
	return g, facts, taught
}
