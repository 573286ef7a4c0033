package people

import (
	_ "embed"
	"errors"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed owner-behind-at-stage.md
var ownerBehindAtStageDoc string

type ownerBehindAtStage struct {
	Points   audit.Share `yaml:"points" desc:"how far an owner's conversion must lie under that of the rest of the team"`
	MinDeals int         `yaml:"min_deals" desc:"how many of the owner's deals, and of the others', must have left the stage"`
	Window   audit.Days  `yaml:"window" desc:"time looked at"`
}

// OwnerBehindAtStage finds owners of whose deals far fewer go on from a stage than of the rest of the team's.
func OwnerBehindAtStage() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "owner-behind-at-stage", Title: "An owner converts less at a stage", Doc: ownerBehindAtStageDoc,
		Group: audit.People, Rank: 2, Severity: audit.Info, Off: true,
		Needs: []audit.Need{audit.NeedOwners, audit.NeedHistory, audit.NeedHistoryN}, Sources: "S3", Fix: audit.FixAdvice, Subject: crm.KindOwner,
		Facts:   crm.FactOwner | crm.FactHistory | crm.FactClosed | crm.FactCreated,
		Message: `{{count .on_count}} of {{count .left_count}} deals went on from "{{.stage}}" ({{pct .on_rate}}); of the rest of the team's {{pct .rest_rate}} did`,
	}, ownerBehindAtStage{Points: 0.15, MinDeals: 20, Window: audit.Days(365 * 24 * time.Hour)})
}

func (s ownerBehindAtStage) Validate() error {
	switch {
	case s.Window <= 0:
		return errors.New("window must be more than 0d")
	case s.MinDeals < 1:
		return errors.New("min_deals must be at least 1")
	case s.Points <= 0:
		return errors.New("points must be more than 0%")
	}
	return nil
}

// hair keeps a difference of exactly so many points from being lost to floating point.
const hair = 1e-9

// table is how the deals of every owner, and of all, went on from the stages, by the numbers of one moment.
type table struct {
	owners [][]audit.Rate // by stage and user
	all    []audit.Rate   // by stage
}

func (s ownerBehindAtStage) Check(p *audit.Pass) {
	tables := map[crm.Instant]*table{}
	at := func(st *audit.Stats) *table {
		if tables[st.Now()] == nil {
			tables[st.Now()] = s.count(p, st)
		}
		return tables[st.Now()]
	}
	for user := range p.Snap.Schema.Users {
		for stage := range int32(p.Snap.NumStages()) {
			if at(p.Stats).all[stage].N == 0 || at(p.Stats).owners[stage][user].N == 0 || !sells(p, user) {
				continue
			}
			p.Compare(audit.Comparison{
				Kind: crm.KindOwner, Index: int32(user), Key: key(p, stage),
				Weigh: func(st *audit.Stats) audit.Evidence {
					if !p.Snap.Schema.UsersKnown {
						return audit.CannotCompare(audit.NeedOwners, "who still works there is not known")
					}
					own, rest := at(st).of(stage, user)
					return audit.Evidence{
						N: min(own.N, rest.N), Least: s.MinDeals, P: audit.LowerShare(own, rest),
						Effect: own.N > 0 && rest.Share()-own.Share() >= float64(s.Points)-hair,
					}
				},
				Tell: func(audit.Evidence) audit.Found {
					own, rest := at(p.Stats).of(stage, user)
					return audit.Found{Severity: audit.Info, Fix: &audit.Fix{Kind: audit.FixAdvice}, Facts: audit.Facts{
						"stage": p.Snap.Stage(stage).Name, "on_count": float64(own.K), "left_count": float64(own.N), "on_rate": own.Share(), "rest_rate": rest.Share(),
					}}
				},
			})
		}
	}
}

// key names a stage among all of the portal's: ids of stages need not differ between pipelines.
func key(p *audit.Pass, stage int32) string {
	return p.Snap.Schema.Pipelines[p.Snap.PipelineOf(stage)].ID + "/" + p.Snap.Stage(stage).ID
}

func (s ownerBehindAtStage) count(p *audit.Pass, st *audit.Stats) *table {
	w := audit.Last(s.Window.Float())
	out := &table{owners: make([][]audit.Rate, p.Snap.NumStages()), all: make([]audit.Rate, p.Snap.NumStages())}
	for stage := range out.all {
		if p.Snap.Stage(int32(stage)).Kind == crm.Open {
			out.owners[stage], out.all[stage] = st.ConversionByOwner(int32(stage), w), st.Conversion(int32(stage), w)
		}
	}
	return out
}

// of is the conversion of an owner's deals out of a stage, and that of the rest of the team's.
func (t *table) of(stage int32, user int) (own, rest audit.Rate) {
	own = t.owners[stage][user]
	return own, t.all[stage].Less(own)
}
