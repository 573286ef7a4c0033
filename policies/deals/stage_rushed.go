package deals

import (
	_ "embed"
	"errors"
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed stage-rushed.md
var stageRushedDoc string

type stageRushed struct {
	Stages int        `yaml:"stages" desc:"how many stages entered within the window make a finding"`
	Window audit.Days `yaml:"window" desc:"the time within which that many stages are clicked through, not worked"`
}

// StageRushed finds deals that went through several stages within minutes.
func StageRushed() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "stage-rushed", Title: "Clicked through stages", Doc: stageRushedDoc,
		Group: audit.Deals, Family: audit.FamilyPath, Rank: 3, Severity: audit.Info,
		Needs: []audit.Need{audit.NeedHistory}, Sources: "S3", Fix: audit.FixAdvice, Subject: crm.KindDeal,
		Facts:   crm.FactHistory | crm.FactStageEntry | crm.FactClosed,
		Message: `Went through {{join .stages}} within minutes on {{date .first_at}}`,
	}, stageRushed{Stages: 3, Window: aDay / (24 * 6)})
}

func (s stageRushed) Validate() error {
	switch {
	case s.Stages < 2:
		return errors.New("stages must be at least 2")
	case s.Window <= 0:
		return errors.New("window must be more than 0d")
	}
	return nil
}

// step is an entry into a stage, or into being won where that is no stage.
type step struct {
	name  string
	stage int32 // crm.None: won
	at    crm.Instant
}

func (s stageRushed) Check(p *audit.Pass) {
	var buf []step
	for r := range p.OpenOrJustClosed() {
		visits, ok := p.Visits(r)
		if !ok {
			p.Unknown(r, audit.NeedHistory, "its way through the stages is not known")
			continue
		}
		buf = clicked(p, r, visits, buf[:0])
		run := s.rush(buf)
		if run == nil {
			p.OK(r)
			continue
		}
		names := make([]string, len(run))
		for i, c := range run {
			names[i] = c.name
		}
		last := run[len(run)-1].at
		p.Found(r, audit.Found{
			Severity: audit.Info, Since: last, Fix: advice(),
			Facts: audit.Facts{"stages": names, "first_at": run[0].at.String(), "last_at": last.String()},
		})
	}
}

// clicked appends the steps that a person made, or perhaps did; losing a deal takes no stages.
func clicked(p *audit.Pass, r crm.Row, visits []audit.Visit, buf []step) []step {
	for _, v := range visits {
		if v.Stage == crm.None || v.Origin != crm.OriginPerson && v.Origin != crm.OriginUnknown {
			continue
		}
		if st := p.Snap.Stage(v.Stage); st.Kind != crm.Lost {
			buf = append(buf, step{st.Name, v.Stage, v.Entered})
		}
	}
	if r.Status == crm.Won && !p.Snap.Schema.ClosedStages && r.Known.Has(crm.FactClosed) && !r.Closed.IsZero() {
		buf = append(buf, step{"won", crm.None, r.Closed})
	}
	return buf
}

// rush is the first run of steps into enough different stages within the window; nil where there is none.
func (s stageRushed) rush(steps []step) []step {
	for i := range steps {
		for j, different := i, 0; j < len(steps) && steps[j].at.Sub(steps[i].at) <= s.Window.Duration(); j++ {
			if slices.ContainsFunc(steps[i:j], func(c step) bool { return c.stage == steps[j].stage }) {
				continue
			}
			if different++; different == s.Stages {
				return steps[i : j+1]
			}
		}
	}
	return nil
}
