package deals

import (
	_ "embed"
	"errors"
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/policies/evidence"
)

//go:embed single-threaded.md
var singleThreadedDoc string

type singleThreaded struct {
	Limit  int `yaml:"limit" desc:"how many contacts a deal past the middle of its pipeline needs"`
	Median int `yaml:"median" desc:"how many contacts the won deals of the pipeline must have in the median for it to be judged"`
	MinWon int `yaml:"min_won" desc:"how many won deals it takes to tell"`
}

// SingleThreaded finds deals far along that hang by one person, where won deals do not.
func SingleThreaded() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "single-threaded", Title: "Too few contacts", Doc: singleThreadedDoc,
		Group: audit.Deals, Family: audit.FamilyRecord, Rank: 4, Severity: audit.Low,
		Needs: []audit.Need{audit.NeedContacts, audit.NeedHistoryN}, Sources: "P S3", Fix: audit.FixTask, Subject: crm.KindDeal,
		Facts: crm.FactContacts | crm.FactClosed,
		Message: `In "{{.stage}}" with {{count .contacts_count}} of at least {{count .limit_count}} contacts; ` +
			`won deals have {{count .median_count}} in the median (n = {{count .n_count}})`,
	}, singleThreaded{Limit: 2, Median: 2, MinWon: 20})
}

func (s singleThreaded) Validate() error {
	if s.Limit < 1 || s.Median < 0 || s.MinWon < 1 {
		return errors.New("limit and min_won must be at least 1, median 0 or more")
	}
	return nil
}

func (s singleThreaded) Check(p *audit.Pass) {
	won := p.Once(wonContacts{}, func() any { return contactsOfWon(p) }).([][]int32)
	for r := range p.Open() {
		s.judge(p, r, won[r.Pipeline])
	}
}

func (s singleThreaded) judge(p *audit.Pass, r crm.Row, won []int32) {
	n, contacts := len(won), p.Snap.Contacts(r.Index)
	median := int32(0)
	if n > 0 {
		median = won[(n+1)/2-1]
	}
	switch {
	case n >= s.MinWon && int(median) < s.Median: // here one contact is the rule: not judged
	case !pastMiddle(p, r), r.Known.Has(crm.FactContacts) && int(contacts) >= s.Limit:
		p.OK(r)
	case !r.Known.Has(crm.FactContacts):
		p.Unknown(r, audit.NeedContacts, "how many contacts it has is not known")
	case n < s.MinWon:
		p.Unknown(r, audit.NeedHistoryN, "too few deals were won to tell how many contacts it takes")
	default:
		p.Found(r, audit.Found{
			Severity: audit.Low, Fix: task(p, r),
			Facts: audit.Facts{
				"stage": stageName(p, r), "contacts_count": float64(contacts), "limit_count": float64(s.Limit), "median_count": float64(median), "n_count": float64(n),
			},
		})
	}
}

// wonContacts is the key of what contactsOfWon gives.
type wonContacts struct{}

// contactsOfWon are the numbers of contacts of the deals won in the last 365 days, sorted, by pipeline.
func contactsOfWon(p *audit.Pass) [][]int32 {
	out := make([][]int32, len(p.Snap.Schema.Pipelines))
	for r := range evidence.WonLately(p.Stats) {
		if r.Known.Has(crm.FactContacts) {
			out[r.Pipeline] = append(out[r.Pipeline], p.Snap.Contacts(r.Index))
		}
	}
	for _, list := range out {
		slices.Sort(list)
	}
	return out
}

// pastMiddle reports whether a deal stands behind the middle of the open stages of its pipeline: in the 3rd of four, the 4th of five.
func pastMiddle(p *audit.Pass, r crm.Row) bool {
	open := 0
	for _, s := range p.Snap.Schema.Pipelines[r.Pipeline].Stages {
		if s.Kind == crm.Open {
			open++
		}
	}
	return 2*position(p, r) > open+1
}
