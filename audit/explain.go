package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/plumbline/plumbline/internal/crm"
)

// ErrNoDeal tells that a snapshot has no such deal.
var ErrNoDeal = errors.New("there is no such deal")

// SeveralDeals tells that a name is that of several deals.
type SeveralDeals struct {
	Name string
	IDs  []string
}

// Error names their ids.
func (e *SeveralDeals) Error() string {
	return fmt.Sprintf("%d deals are called %q: %s", len(e.IDs), e.Name, strings.Join(e.IDs, ", "))
}

// Outcome is what a policy said of one deal.
type Outcome string

// The outcomes.
const (
	OutcomeFound   Outcome = "found"
	OutcomeUnknown Outcome = "unknown" // it could not be judged
	OutcomePassed  Outcome = "passed"
	OutcomeApart   Outcome = "not judged" // it is not among the deals that the policy looks at
	OutcomeOff     Outcome = "off"        // the policy is switched off for it
)

// Explanation is all that an audit knows and says of one deal.
type Explanation struct {
	Portal     string      `json:"portal"`
	CRM        string      `json:"crm"`
	AsOf       crm.Instant `json:"as_of"`
	Complete   bool        `json:"complete"`
	Incomplete []crm.Gap   `json:"incomplete"`
	Deal       DealFacts   `json:"deal"`
	// Usual are the cycles of the pipeline's deals won in 365 days.
	Usual Usual `json:"usual_cycle"`
	// Visits are the deal's stays in stages, oldest first; where its history is not known, nil, and HistoryWhy says why.
	Visits     []Stay   `json:"visits"`
	HistoryWhy string   `json:"history_why,omitempty"`
	Skipped    []string `json:"skipped"` // names of the open stages that it left out
	// Needed is how long deals that were won still needed from this stage and age; nil where none tells.
	Needed   *StillNeeded `json:"still_needed"`
	Data     []Datum      `json:"data"`
	Verdicts []Verdict    `json:"verdicts"` // of the policies about deals: found, unknown, passed, not judged, off
}

// DealFacts are a deal's names.
type DealFacts struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	URL          string   `json:"url"`
	Status       string   `json:"status"` // open, won or lost
	Archived     bool     `json:"archived"`
	Pipeline     string   `json:"pipeline"`
	PipelineName string   `json:"pipeline_name"`
	Stage        string   `json:"stage"`
	StageName    string   `json:"stage_name"`
	Owner        string   `json:"owner"`
	OwnerName    string   `json:"owner_name"`
	AgeDays      *float64 `json:"age_days"` // from its creation to its closing or to now; nil where that is not known
}

// Usual are a median and a ninth decile in days, nil where they are not reached, and on how many they rest.
type Usual struct {
	N          int      `json:"n"`
	MedianDays *float64 `json:"median_days"`
	P90Days    *float64 `json:"p90_days"`
}

// Stay is a visit beside the stage's usual time.
type Stay struct {
	Stage        string      `json:"stage"` // "" where the portal no longer has it
	StageName    string      `json:"stage_name"`
	Pipeline     string      `json:"pipeline"`
	PipelineName string      `json:"pipeline_name"`
	Entered      crm.Instant `json:"entered"`
	Left         crm.Instant `json:"left"` // none: it is there still
	Days         float64     `json:"days"` // so far
	By           string      `json:"by"`   // who made the move: person, automation, integration, import, plumbline or ""
	Usual        *Usual      `json:"usual"`
	Beyond       string      `json:"beyond"` // "median" or "p90", the highest usual time that it is longer than; "" for neither
}

// StillNeeded is an answer of [Stats.StillNeeded].
type StillNeeded struct {
	MedianDays float64 `json:"median_days"`
	Won        int     `json:"won"`
}

// Datum is one thing that is known of a deal, or is not.
type Datum struct {
	Name  string `json:"name"`
	Known bool   `json:"known"`
	Value string `json:"value"` // "": it is known that there is none, or not known
	Why   string `json:"why,omitempty"`
}

// Verdict is what one policy said of the deal, and by what.
type Verdict struct {
	Policy   string   `json:"policy"`
	Family   Family   `json:"family"`
	Outcome  Outcome  `json:"outcome"`
	Scope    string   `json:"scope"`    // of the check that judged it: "" for all deals, else its pipeline, stage and amounts
	Settings Settings `json:"settings"` // in force for it, and where each comes from
	Data     []string `json:"data"`     // names of the data that the policy looks at
	Need     Need     `json:"need,omitempty"`
	Why      string   `json:"why,omitempty"` // why it could not be judged, or why the policy is off
	Cure     string   `json:"cure,omitempty"`
	// Findings are what was found, with their facts.
	Findings []Finding `json:"findings"`

	rank int
}

// Explain runs an audit and tells of one deal everything that the policies about deals said of it, with the data and the settings
// that they went by. The deal is named by its id or, where only one has it, by its name: see [ErrNoDeal] and [SeveralDeals].
func Explain(ctx context.Context, in Input, deal string) (*Explanation, error) {
	r, err := prepare(in)
	if err != nil {
		return nil, err
	}
	at, err := lookUp(r.snap, deal)
	if err != nil {
		return nil, err
	}
	var verdicts []Verdict
	if err := r.all(ctx, func(g *group) {
		if g.policy.Subject == crm.KindDeal {
			verdicts = append(verdicts, r.verdict(g, at))
		}
	}); err != nil {
		return nil, err
	}
	e := &Explanation{
		Portal: r.snap.Portal, CRM: r.snap.CRM, AsOf: r.now, Complete: r.snap.Completeness.Complete(), Incomplete: append([]crm.Gap{}, r.snap.Completeness.Gaps...),
		Deal: r.dealFacts(at), Data: r.data(at), Verdicts: verdicts,
	}
	r.explainWay(e, at)
	for i := range e.Verdicts {
		v := &e.Verdicts[i]
		if v.Need != "" {
			why, cure := r.explain(v.Need, map[string]int{v.Why: 1})
			v.Why, v.Cure = cmp.Or(v.Why, why), cure
		}
		for j := range r.findings {
			if f := &r.findings[j]; f.Policy == v.Policy && f.at == (record{crm.KindDeal, at}) && !f.off {
				v.Findings = append(v.Findings, f.Finding)
			}
		}
	}
	order := []Outcome{OutcomeFound, OutcomeUnknown, OutcomePassed, OutcomeApart, OutcomeOff}
	slices.SortStableFunc(e.Verdicts, func(a, b Verdict) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Outcome), slices.Index(order, b.Outcome)), cmp.Compare(familyPlace(a.Family), familyPlace(b.Family)),
			cmp.Compare(a.rank, b.rank), cmp.Compare(a.Policy, b.Policy))
	})
	return e, nil
}

// familyPlace is a family's place in the score, those of no family last.
func familyPlace(f Family) int {
	families := dealFamilies()
	for i, rule := range families {
		if rule.family == f {
			return i
		}
	}
	return len(families)
}

// lookUp finds a deal by its id, else by its name.
func lookUp(snap *crm.Snapshot, deal string) (int32, error) {
	if i, ok := snap.Find(deal); ok {
		return i, nil
	}
	found, ids := int32(crm.None), []string{}
	for i, name := range snap.Columns().Name {
		if deal != "" && snap.Text(name) == deal {
			found = int32(i)
			ids = append(ids, snap.ID(found))
		}
	}
	switch len(ids) {
	case 0:
		return 0, fmt.Errorf("%w: %q", ErrNoDeal, deal)
	case 1:
		return found, nil
	}
	return 0, &SeveralDeals{deal, ids}
}

// verdict reads what the policy that has just run said of a deal.
func (r *runner) verdict(g *group, deal int32) Verdict {
	v := Verdict{Policy: g.policy.ID, Family: g.policy.Family, Outcome: OutcomeApart, Data: []string{}, Findings: []Finding{}, Settings: Settings{}, rank: g.policy.Rank}
	for _, d := range kinds() {
		if g.policy.Facts&d.fact != 0 {
			v.Data = append(v.Data, d.name)
		}
	}
	i := slices.IndexFunc(g.scopes, func(s scope) bool { return s.has(r.snap.Columns(), int(deal)) })
	if i < 0 {
		v.Why = "no check of this policy is for it"
		return v
	}
	c := &g.checks[i]
	v.Scope = c.where()
	if s := c.Effective(); s != nil {
		v.Settings = s
	}
	switch said := r.deals[deal]; {
	case c.Off:
		v.Outcome, v.Why = OutcomeOff, c.Why
	case said == passed:
		v.Outcome = OutcomePassed
	case said == failed:
		v.Outcome = OutcomeFound
	case said == undecided:
		v.Outcome = OutcomeUnknown
		subject := r.subject(record{crm.KindDeal, deal})
		for j := len(r.unknown) - 1; j >= 0 && r.unknown[j].Policy == v.Policy; j-- {
			if r.unknown[j].Subject == subject {
				v.Need, v.Why = r.unknown[j].Need, r.unknown[j].Why
			}
		}
	}
	return v
}

// where names the deals that a check is for; "" for all of them.
func (c *Check) where() string {
	var parts []string
	for _, p := range [][2]string{{"pipeline ", c.Pipeline}, {"stage ", c.Stage}, {"amounts ", c.Band.String()}} {
		if p[1] != "" {
			parts = append(parts, p[0]+p[1])
		}
	}
	return strings.Join(parts, ", ")
}

// dealFacts names a deal.
func (r *runner) dealFacts(deal int32) DealFacts {
	var f Finding
	f.Subject = r.subject(record{crm.KindDeal, deal})
	r.name(record{crm.KindDeal, deal}, &f)
	d := r.snap.Deal(deal)
	out := DealFacts{ID: f.Subject.ID, Name: f.Name, URL: f.URL, Status: d.Status.String(), Archived: d.Archived, Pipeline: f.Pipeline, PipelineName: f.PipelineName,
		Stage: f.Stage, StageName: f.StageName, Owner: f.Owner, OwnerName: f.OwnerName}
	end := r.now
	if d.Status != crm.Open {
		end = d.Closed
	}
	if d.Known.Has(crm.FactCreated) && !d.Created.IsZero() && !end.IsZero() {
		age := end.Days(d.Created)
		out.AgeDays = &age
	}
	return out
}

// explainWay fills in the deal's time line beside what is usual.
func (r *runner) explainWay(e *Explanation, deal int32) {
	d := r.snap.Deal(deal)
	pipelines := r.stats.numbers()
	p := &pipelines[d.Pipeline]
	e.Usual = Usual{p.N["median_cycle_days"], p.MedianCycleDays, p.P90CycleDays}
	e.Skipped = []string{}
	visits, ok := r.layout.visits(r.snap, &d, nil)
	if !ok {
		e.HistoryWhy, _ = r.explain(NeedHistory, map[string]int{"its stage history is not known": 1})
		return
	}
	for _, v := range visits {
		e.Visits = append(e.Visits, r.stay(v, d.Status, pipelines))
	}
	for _, s := range r.layout.skipped(visits, d.Pipeline, d.Status == crm.Won, nil) {
		e.Skipped = append(e.Skipped, r.snap.Stage(s).Name)
	}
	if last := visits[len(visits)-1]; d.Status == crm.Open && last.Stage == d.Stage {
		if days, won, ok := r.stats.StillNeeded(d.Stage, r.now.Days(last.Entered), 0.5); ok {
			e.Needed = &StillNeeded{days, won}
		}
	}
}

// stay puts a visit beside the stage's usual time. A closed deal's stay in a closed stage lasts no time.
func (r *runner) stay(v Visit, status crm.Status, pipelines []PipelineStats) Stay {
	until := v.Left
	if until.IsZero() {
		until = r.now
	}
	out := Stay{Entered: v.Entered, Left: v.Left, Days: until.Days(v.Entered), By: originWord(v.Origin), StageName: "a stage that is gone"}
	if v.Stage == crm.None {
		return out
	}
	ref, st := r.snap.StageRef(v.Stage), r.snap.Stage(v.Stage)
	p := &pipelines[ref.Pipeline]
	out.Stage, out.StageName, out.Pipeline, out.PipelineName = st.ID, st.Name, p.ID, p.Name
	if st.Kind != crm.Open {
		if status != crm.Open && v.Left.IsZero() {
			out.Days = 0
		}
		return out
	}
	s := &p.Stages[ref.Index]
	out.Usual = &Usual{s.N["median_days"], s.MedianDays, s.P90Days}
	switch {
	case s.P90Days != nil && out.Days > *s.P90Days:
		out.Beyond = "p90"
	case s.MedianDays != nil && out.Days > *s.MedianDays:
		out.Beyond = "median"
	}
	return out
}

func originWord(o crm.Origin) string {
	return [...]string{"", "person", "automation", "integration", "import", "plumbline"}[o]
}
