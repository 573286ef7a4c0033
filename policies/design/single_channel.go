package design

import (
	_ "embed"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed single-channel.md
var singleChannelDoc string

type singleChannel struct {
	Limit    audit.Share `yaml:"limit" desc:"share of the deals with a channel that may come by one"`
	Known    audit.Share `yaml:"channel_known" desc:"share of the new deals that must have a channel, or it cannot be told"`
	MinDeals int         `yaml:"min_deals" desc:"how many deals with a channel it takes to tell"`
	Window   audit.Days  `yaml:"window" desc:"deals created in this time are looked at"`
}

// SingleChannel finds portals whose deals come by one channel.
func SingleChannel() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "single-channel", Title: "Nearly all deals come by one channel", Doc: singleChannelDoc,
		Group: audit.Design, Family: audit.FamilySetup, Rank: 32, Severity: audit.Info,
		Needs: []audit.Need{audit.NeedChannel, audit.NeedCreated, audit.NeedHistoryN}, Sources: "S4", Fix: audit.FixAdvice, Subject: crm.KindPortal,
		Facts:   crm.FactSource | crm.FactCreated | crm.FactOrigin | crm.FactHistory,
		Message: `{{count .channel_count}} of {{count .deals_count}} deals with a channel ({{pct .channel_rate}}) came by {{.channel}}; the limit is {{pct .limit_rate}}`,
	}, singleChannel{Limit: 0.8, Known: 0.5, MinDeals: 30, Window: oneYear})
}

func (s singleChannel) Validate() error { return sized(s.Window, s.MinDeals, "min_deals") }

func (s singleChannel) Check(p *audit.Pass) {
	p.Compare(audit.Comparison{
		Kind: crm.KindPortal,
		Weigh: func(st *audit.Stats) audit.Evidence {
			c := s.count(p.Snap, st)
			if c.all >= s.MinDeals && float64(c.top.N) < float64(s.Known)*float64(c.all) {
				return audit.CannotCompare(audit.NeedChannel, "most new deals have no channel")
			}
			return audit.Evidence{N: c.top.N, Least: s.MinDeals, Effect: c.top.Share() > float64(s.Limit), P: audit.ShareAbove(c.top, float64(s.Limit))}
		},
		Tell: func(audit.Evidence) audit.Found {
			c := s.count(p.Snap, p.Stats)
			return audit.Found{
				Severity: audit.Info, Fix: advice(),
				Facts: audit.Facts{
					"channel": p.Snap.Text(c.channel), "channel_count": float64(c.top.K), "deals_count": float64(c.top.N), "channel_rate": c.top.Share(),
					"limit_rate": float64(s.Limit),
				},
			}
		},
	})
}

// channels says by which channel most of the new deals came.
type channels struct {
	all     int // new deals
	top     audit.Rate
	channel crm.TextID
}

// count reads the deals created in the window, but for imports. What is no channel, the connectors give as none.
func (s singleChannel) count(snap *crm.Snapshot, st *audit.Stats) channels {
	var out channels
	by, after := map[crm.TextID]int{}, st.Now().Add(-s.Window.Duration())
	for r := range st.Deals() {
		if r.Origin == crm.OriginImport || !r.Known.Has(crm.FactCreated) || r.Created <= after {
			continue
		}
		out.all++
		if channel := snap.Source(r.Index); r.Known.Has(crm.FactSource) && channel != 0 {
			out.top.N++
			by[channel]++
		}
	}
	for channel, n := range by {
		if n > out.top.K || n == out.top.K && snap.Text(channel) < snap.Text(out.channel) {
			out.top.K, out.channel = n, channel
		}
	}
	return out
}
