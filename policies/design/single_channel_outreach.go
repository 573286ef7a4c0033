package design

import (
	_ "embed"
	"errors"
	"maps"
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed single-channel-outreach.md
var singleChannelOutreachDoc string

type singleChannelOutreach struct {
	Limit      audit.Share `yaml:"limit" desc:"share of the touches that may be of one kind"`
	MinTouches int         `yaml:"min_touches" desc:"how many touches it takes to tell"`
}

// SingleChannelOutreach finds teams that reach out to buyers in one way alone.
func SingleChannelOutreach() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "single-channel-outreach", Title: "Outreach by one channel alone", Doc: singleChannelOutreachDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 33, Severity: audit.Info,
		Needs: []audit.Need{audit.NeedOutreach, audit.NeedHistoryN}, Sources: "S4", Fix: audit.FixAdvice, Subject: crm.KindPortal,
		Facts:   crm.FactOutreach,
		Message: `{{count .kind_count}} of {{count .touches_count}} touches in 90 days ({{pct .kind_rate}}) were {{.kind}}; the limit is {{pct .limit_rate}}`,
	}, singleChannelOutreach{Limit: 0.9, MinTouches: 100})
}

func (s singleChannelOutreach) Validate() error {
	switch {
	case s.Limit <= 0 || s.Limit >= 1:
		return errors.New("limit must be more than 0% and less than 100%")
	case s.MinTouches < 1:
		return errors.New("min_touches must be at least 1")
	}
	return nil
}

func (s singleChannelOutreach) Check(p *audit.Pass) {
	all, most, kind := 0, 0, ""
	for _, k := range slices.Sorted(maps.Keys(p.Snap.Schema.Outreach)) {
		n := p.Snap.Schema.Outreach[k]
		if all += n; n > most {
			most, kind = n, k
		}
	}
	switch {
	case !p.Snap.Schema.OutreachKnown:
		p.UnknownAt(crm.KindPortal, 0, audit.NeedOutreach, "how many touches there were of each kind is not known")
	case all < s.MinTouches:
		p.UnknownAt(crm.KindPortal, 0, audit.NeedHistoryN, "there were too few touches lately to tell")
	case float64(most) <= float64(s.Limit)*float64(all), audit.ShareAbove(audit.Rate{K: most, N: all}, float64(s.Limit)) >= significant:
		p.OKAt(crm.KindPortal, 0)
	default:
		p.FoundAt(crm.KindPortal, 0, audit.Found{Severity: audit.Info, Fix: advice(), Facts: audit.Facts{
			"kind": touchesOf(kind), "kind_count": float64(most), "touches_count": float64(all),
			"kind_rate": float64(most) / float64(all), "limit_rate": float64(s.Limit),
		}})
	}
}

// touchesOf names touches of a kind.
func touchesOf(kind string) string {
	if kind == "email" {
		return "e-mails"
	}
	return kind + "s"
}
