package people

import (
	_ "embed"
	"errors"
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed owner-overloaded.md
var ownerOverloadedDoc string

type ownerOverloaded struct {
	Limit  int     `yaml:"limit" desc:"open deals that one owner may have, whatever the team has"`
	Factor float64 `yaml:"factor" desc:"how many times the team's median of open deals one owner may have"`
}

// OwnerOverloaded finds owners with far more open deals than their colleagues.
func OwnerOverloaded() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "owner-overloaded", Title: "Too many open deals for one owner", Doc: ownerOverloadedDoc,
		Group: audit.People, Rank: 1, Severity: audit.Info,
		Needs: []audit.Need{audit.NeedOwners}, Sources: "S5", Fix: audit.FixAdvice, Subject: crm.KindOwner,
		Facts:   crm.FactOwner,
		Message: `{{count .open_count}} open deals; the team's median is {{count .median_count}}, and the limit {{count .limit_count}}`,
	}, ownerOverloaded{Limit: 50, Factor: 2})
}

func (s ownerOverloaded) Validate() error {
	if s.Limit < 1 || s.Factor < 1 {
		return errors.New("limit and factor must be at least 1")
	}
	return nil
}

func (s ownerOverloaded) Check(p *audit.Pass) {
	open := p.Stats.OpenByOwner()
	var loads []int
	for i, n := range open {
		if n > 0 && sells(p, i) {
			loads = append(loads, n)
		}
	}
	if len(loads) == 0 {
		return
	}
	slices.Sort(loads)
	median := loads[(len(loads)+1)/2-1]
	known := p.Snap.Schema.UsersKnown
	for i, n := range open {
		switch {
		case n == 0 || !sells(p, i):
		case !known:
			p.UnknownAt(crm.KindOwner, int32(i), audit.NeedOwners, "who still works there is not known")
		case n <= s.Limit || float64(n) <= s.Factor*float64(median):
			p.OKAt(crm.KindOwner, int32(i))
		default:
			p.FoundAt(crm.KindOwner, int32(i), audit.Found{
				Severity: audit.Info, Fix: &audit.Fix{Kind: audit.FixAdvice},
				Facts: audit.Facts{"open_count": float64(n), "median_count": float64(median), "limit_count": float64(s.Limit)},
			})
		}
	}
}

// sells reports whether a user is a person who is there. Where it cannot be known who is, everybody who owns deals counts.
func sells(p *audit.Pass, user int) bool {
	u := &p.Snap.Schema.Users[user]
	return !u.Queue && (u.Active || !p.Snap.Schema.UsersKnown)
}
