package design

import (
	_ "embed"
	"errors"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed activity-not-captured.md
var activityNotCapturedDoc string

// notCaptured is the id by which other policies ask whether the absence of activity says anything.
const notCaptured = "activity-not-captured"

type activityNotCaptured struct {
	Limit       audit.Share `yaml:"limit" desc:"share of the won deals that must carry a logged e-mail, call or meeting"`
	MinWon      int         `yaml:"min_won" desc:"how many won deals it takes to tell"`
	Window      audit.Days  `yaml:"window" desc:"how far back won deals are looked at"`
	OwnerDeals  int         `yaml:"owner_deals" desc:"how many open deals an owner must have to be judged"`
	OwnerWindow audit.Days  `yaml:"owner_window" desc:"for how long none of an owner's deals may carry any activity"`
}

// ActivityNotCaptured finds portals, and single owners, whose e-mails, calls and meetings do not reach the CRM.
func ActivityNotCaptured() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: notCaptured, Title: "Activities do not reach the CRM", Doc: activityNotCapturedDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 34, Severity: audit.High,
		Needs: []audit.Need{audit.NeedActivity, audit.NeedClosed, audit.NeedHistoryN}, Sources: "S4 P", Fix: audit.FixAdvice, Subject: crm.KindPortal,
		Facts: crm.FactTouch | crm.FactBuyer | crm.FactClosed | crm.FactOwner,
		Message: `{{if index . "won_count"}}{{count .carry_count}} of {{count .won_count}} deals won within {{days .window_days}} ({{pct .carry_rate}}) carry a logged e-mail, call or meeting; at least {{pct .limit_rate}} should` +
			`{{else}}None of the deals of {{.name}}, who has {{count .open_count}} open ones, carries an e-mail, a call or a meeting of the last {{days .window_days}}{{end}}` +
			`: what is not logged cannot be judged`,
	}, activityNotCaptured{Limit: 0.6, MinWon: 20, Window: 180 * aDay, OwnerDeals: 10, OwnerWindow: 60 * aDay})
}

func (s activityNotCaptured) Validate() error {
	switch {
	case s.Window <= 0 || s.OwnerWindow <= 0:
		return errors.New("window and owner_window must be more than 0d")
	case s.MinWon < 1 || s.OwnerDeals < 1:
		return errors.New("min_won and owner_deals must be at least 1")
	}
	return nil
}

func (s activityNotCaptured) Check(p *audit.Pass) {
	p.Compare(audit.Comparison{
		Kind: crm.KindPortal,
		Weigh: func(st *audit.Stats) audit.Evidence {
			carry, mute := s.carried(st)
			if carry.N < s.MinWon && carry.N+mute >= s.MinWon {
				return audit.CannotCompare(audit.NeedActivity, "whether its won deals carry any activity is not known")
			}
			return audit.Evidence{N: carry.N, Least: s.MinWon, Effect: carry.Share() < float64(s.Limit), P: audit.ShareBelow(carry, float64(s.Limit))}
		},
		Tell: func(audit.Evidence) audit.Found {
			carry, _ := s.carried(p.Stats)
			return audit.Found{Severity: audit.High, Fix: advice(), Facts: audit.Facts{
				"carry_count": float64(carry.K), "won_count": float64(carry.N), "carry_rate": carry.Share(), "limit_rate": float64(s.Limit),
				"window_days": s.Window.Float(),
			}}
		},
	})
	s.owners(p)
}

// carried counts the deals won within the window that carry an activity; mute are those of which it is not known.
func (s activityNotCaptured) carried(st *audit.Stats) (carry audit.Rate, mute int) {
	from := st.Now().Add(-s.Window.Duration())
	for r := range st.Deals() {
		if r.Status != crm.Won || r.Archived || !r.Known.Has(crm.FactClosed) || r.Closed <= from {
			continue
		}
		switch active(r, 1) {
		case carries:
			carry.K++
			carry.N++
		case carriesNone:
			carry.N++
		default:
			mute++
		}
	}
	return carry, mute
}

// activity is whether a deal carries an e-mail, a call or a meeting.
type activity int

const (
	carriesNone activity = iota
	carries
	untoldActivity
)

// active tells whether a deal carries an activity from a moment on.
func active(r crm.Row, from crm.Instant) activity {
	switch {
	case r.Known.Has(crm.FactTouch) && r.Touch >= from, r.Known.Has(crm.FactBuyer) && r.Buyer >= from:
		return carries
	case !r.Known.Has(crm.FactTouch | crm.FactBuyer):
		return untoldActivity
	}
	return carriesNone
}

// load is what an owner's deals carry.
type load struct{ open, active, mute int }

// owners judges the people who own deals: no queue, and nobody who has left.
func (s activityNotCaptured) owners(p *audit.Pass) {
	loads := make([]load, len(p.Snap.Schema.Users))
	from := p.Now.Add(-s.OwnerWindow.Duration())
	c := p.Snap.Columns()
	for i := range int32(p.Snap.Len()) {
		if c.Archived[i] || c.Owner[i] == crm.None {
			continue
		}
		l := &loads[c.Owner[i]]
		if c.Status[i] == crm.Open {
			l.open++
		}
		switch active(p.Snap.Deal(i), from) {
		case carries:
			l.active++
		case untoldActivity:
			l.mute++
		}
	}
	for i, u := range p.Snap.Schema.Users {
		if u.Queue || p.Snap.Schema.UsersKnown && !u.Active {
			continue
		}
		at := int32(i)
		switch l := loads[i]; {
		case l.open < s.OwnerDeals, l.active > 0:
			p.OKAt(crm.KindOwner, at)
		case l.mute > 0:
			p.UnknownAt(crm.KindOwner, at, audit.NeedActivity, "whether all of the owner's deals carry any activity is not known")
		default:
			p.FoundAt(crm.KindOwner, at, audit.Found{Severity: audit.High, Fix: advice(), Facts: audit.Facts{
				"name": u.Name, "open_count": float64(l.open), "window_days": s.OwnerWindow.Float(),
			}})
		}
	}
}
