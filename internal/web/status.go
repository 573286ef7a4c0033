package web

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/store"
	"github.com/plumbline/plumbline/internal/text"
)

//go:embed status.html
var statusHTML string

// statusPage shows every portal: whether its data is whole, its score, its findings, its plan and its pipelines.
type statusPage struct {
	Options
	template *template.Template
}

func newStatusPage(o Options) statusPage {
	return statusPage{o, template.Must(template.New("status").Parse(statusHTML))}
}

type statusView struct {
	Version string
	Metrics bool // are served here
	Portals []portalView
}

// Several reports whether there is more than one portal to choose from.
func (v statusView) Several() bool { return len(v.Portals) > 1 }

type portalView struct {
	Name, CRM string
	Audited   bool
	Overview  overviewView
	Alerts    []alertView
	Facts     []factView
	Parts     []partView
	Off       string   // how many policies are off, and what they would cost
	Gains     []string // what would raise the score
	Since     []string // what has changed, and what is new since the last baseline
	Waived    string   // how many findings are
	Ending    []string // waivers that end soon
	Losses    string   // reasons that nothing could be made of
	Policies  []policyView
	Worst     []caseView
	More      string // how many cases are not shown
	Clean     bool   // complete, and nothing found
	Missing   []missingView
	Steps     []stepView
	Pipelines []pipelineView
}

// overviewView is a portal's line in the list of all; State is what is wrong with its data, "complete" when nothing is.
type overviewView struct{ Score, Grade, Open, Risk, Findings, State string }

type alertView struct {
	Title, Text string
	List        []string
}

type factView struct{ Name, Value, Mark string }

// partView is a family's part of the score; Lost and Points are numbers for the meter, the others for people.
type partView struct {
	Family, Lost, Points, Judged string
	Cases, Value                 string // its cases, one per deal, and the money in their open deals
	Share                        float64
}

type policyView struct {
	Severity, ID, Title, Value string
	Found, Judged, Unknown     string
}

type caseView struct {
	Severity, Policy, Name, URL, Stage, Owner, Value, Why string
}

// missingView is what policies lacked.
type missingView struct {
	Need, Records, Why, Cure string
	Policies                 []string
}

type stepView struct{ State, N, Means string }

func (p statusPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := p.render(r.Context())
	if err != nil {
		p.Log.Error("status page", "error", err)
		plain(w, http.StatusInternalServerError, "The status could not be read from the store; the log says why.\n")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(body) // the client is gone where this fails
}

func (p statusPage) render(ctx context.Context) ([]byte, error) {
	results, err := p.Source.LastResults(ctx)
	if err != nil {
		return nil, err
	}
	connected, err := p.Source.Portals(ctx)
	if err != nil {
		return nil, err
	}
	view := statusView{Version: p.Version, Metrics: p.Metrics != nil}
	for _, x := range merge(results, connected) {
		v, err := p.portal(ctx, x)
		if err != nil {
			return nil, err
		}
		view.Portals = append(view.Portals, v)
	}
	var b bytes.Buffer
	err = p.template.Execute(&b, view)
	return b.Bytes(), err
}

// known is what there is of a portal: either may be nil.
type known struct {
	name      string
	result    *audit.Result
	connected *store.Portal
}

// merge puts audits and connections together, by name.
func merge(results []*audit.Result, connected []store.Portal) []known {
	var out []known
	at := func(name string) *known {
		i := slices.IndexFunc(out, func(k known) bool { return k.name == name })
		if i < 0 {
			out = append(out, known{name: name})
			i = len(out) - 1
		}
		return &out[i]
	}
	for _, r := range results {
		at(r.Portal).result = r
	}
	for i := range connected {
		at(connected[i].Name).connected = &connected[i]
	}
	slices.SortFunc(out, func(a, b known) int { return cmp.Compare(a.name, b.name) })
	return out
}

func (p statusPage) portal(ctx context.Context, x known) (portalView, error) {
	v := portalView{Name: x.name, Audited: x.result != nil}
	sync, err := p.Source.LastSync(ctx, x.name)
	if err != nil {
		return v, err
	}
	if c := x.connected; c != nil {
		v.CRM = c.CRM
		if !c.Revoked.IsZero() {
			v.Alerts = append(v.Alerts, alertView{"The CRM no longer lets us in.", cmp.Or(c.Why, "The authorization was revoked.") + " Connect it again: plumbline portal connect " + c.Name, nil})
		}
	}
	if r := x.result; r != nil {
		v.CRM = r.CRM
		p.audited(&v, r)
	}
	v.Alerts = append(v.Alerts, brokenOff(x.result, sync)...)
	if err := p.times(ctx, &v, x.result, sync); err != nil {
		return v, err
	}
	if err := p.since(ctx, &v, x.result); err != nil {
		return v, err
	}
	v.Overview = overview(v, x.result)
	v.Steps, err = p.steps(ctx, x.name)
	return v, err
}

// overview is a portal in one line.
func overview(v portalView, r *audit.Result) overviewView {
	out := overviewView{Score: none, Open: none, Risk: none, Findings: none, State: "not audited yet"}
	if r != nil {
		if r.Score != nil {
			out.Score, out.Grade = fmt.Sprintf("%.1f", *r.Score), r.Grade
		}
		out.Open, out.Risk, out.Findings, out.State = text.Thousands(int64(openDeals(r))), sum(r.ValueAtRisk), text.Thousands(int64(len(live(r)))), "complete"
	}
	if len(v.Alerts) > 0 {
		out.State = strings.ToLower(strings.TrimSuffix(v.Alerts[0].Title, "."))
	}
	return out
}

func openDeals(r *audit.Result) int {
	open := 0
	for _, s := range r.Pipelines {
		open += s.OpenDeals
	}
	return open
}

// live are the findings that nobody has accepted.
func live(r *audit.Result) []audit.Finding {
	var out []audit.Finding
	for _, f := range r.Findings {
		if f.Waived == nil {
			out = append(out, f)
		}
	}
	return out
}

// brokenOff tells of a sync that failed after the audit that is shown, or without one.
func brokenOff(r *audit.Result, s *crm.Sync) []alertView {
	if s == nil || s.Error == "" || r != nil && r.AsOf > max(s.Started, s.Ended) {
		return nil
	}
	a := alertView{"The last sync broke off.", s.Error, nil}
	if r != nil {
		a.List = []string{"What is shown here is of " + when(r.AsOf) + "."}
	}
	return []alertView{a}
}

// audited fills in what an audit says.
func (p statusPage) audited(v *portalView, r *audit.Result) {
	if !r.Complete {
		a := alertView{"Incomplete.", "This is not the whole portal, and no clean bill.", nil}
		for _, g := range r.Incomplete {
			line := g.Object + ": " + g.Why
			if !g.RetryAt.IsZero() {
				line += "; it can go on at " + when(g.RetryAt)
			}
			a.List = append(a.List, line)
		}
		v.Alerts = append(v.Alerts, a)
	}
	v.Facts = []factView{score(r), {"Open deals", text.Thousands(int64(openDeals(r))), ""}, {"Deals read", readOf(r.Read["deals"]), ""}, {"Value at risk", sum(r.ValueAtRisk), ""}}
	if len(r.ValueAtStake) > 0 {
		v.Facts = append(v.Facts, factView{"Value at stake", sum(r.ValueAtStake), ""})
	}
	for _, s := range r.ScoreParts {
		v.Parts = append(v.Parts, partView{Family: string(s.Family), Lost: fmt.Sprintf("%.1f", s.Lost), Points: fmt.Sprintf("%.0f", s.Points), Judged: text.Thousands(int64(s.Judged)), Share: share(s)})
		for _, c := range r.Cases {
			if last := &v.Parts[len(v.Parts)-1]; c.Family == s.Family {
				last.Cases, last.Value = text.Thousands(int64(c.Cases)), sum(c.Value)
			}
		}
	}
	p.beside(v, r)
	v.Policies, v.Worst, v.More = p.findings(r)
	v.Clean = r.Complete && len(live(r)) == 0
	for _, m := range r.MissingNeeds {
		v.Missing = append(v.Missing, missingView{
			Need: string(m.Need), Policies: m.Policies, Records: text.Plural(m.Records, "record"), Why: m.Why, Cure: m.Cure,
		})
	}
	for _, x := range r.Pipelines {
		v.Pipelines = append(v.Pipelines, newPipelineView(x))
	}
}

func score(r *audit.Result) factView {
	switch {
	case r.Score != nil:
		return factView{"Score", fmt.Sprintf("%.1f", *r.Score), r.Grade}
	case !r.Complete:
		return factView{"Score", "none: the data is incomplete", ""}
	default:
		return factView{"Score", "none: too little could be judged", ""}
	}
}

// share is the part of a family's points that is lost, 0 to 1.
func share(s audit.ScorePart) float64 {
	if s.Points <= 0 {
		return 0
	}
	return min(1, max(0, s.Lost/s.Points))
}

func readOf(c crm.Count) string {
	out := text.Thousands(c.Read)
	if c.Expected != nil && *c.Expected != c.Read {
		out += " of " + text.Thousands(*c.Expected)
	}
	if c.Failed > 0 {
		out += ", " + text.Thousands(c.Failed) + " failed"
	}
	return out
}

// times adds when it was audited and synced, and when it will be again.
func (p statusPage) times(ctx context.Context, v *portalView, r *audit.Result, s *crm.Sync) error {
	if r != nil {
		v.Facts = append(v.Facts, factView{"Audited", when(r.AsOf), ""})
	}
	switch {
	case s == nil:
		v.Facts = append(v.Facts, factView{"Last sync", "none yet", ""})
	case s.Ended.IsZero():
		v.Facts = append(v.Facts, factView{"Last sync", "begun " + when(s.Started) + ", not at its end", ""})
	case !s.Completeness.Complete():
		v.Facts = append(v.Facts, factView{"Last sync", when(s.Ended) + ", incomplete", ""})
	default:
		v.Facts = append(v.Facts, factView{"Last sync", when(s.Ended), ""})
	}
	if p.Next == nil {
		return nil
	}
	next, err := p.Next(ctx, v.Name)
	if err == nil && !next.IsZero() {
		v.Facts = append(v.Facts, factView{"Next cycle", when(crm.At(next)), ""})
	}
	return err
}

// steps says how many steps are in each state, and what that means.
func (p statusPage) steps(ctx context.Context, portal string) ([]stepView, error) {
	n, err := p.Source.StepStates(ctx, portal)
	if err != nil {
		return nil, err
	}
	var out []stepView
	for _, s := range []struct {
		state remedy.State
		means string
	}{
		{remedy.Proposed, "wait for a decision: plumbline approve or reject"}, {remedy.Approved, "will be applied"},
		{remedy.Applying, "on their way; the next run settles what became of them"}, {remedy.Applied, "done, and seen in the record; plumbline undo takes them back"},
		{remedy.Manual, "only a person can do them, in the CRM"}, {remedy.Stale, "not done: the record had changed"},
		{remedy.Failed, "refused by the CRM; plumbline journal tells why"}, {remedy.Rejected, "declined; their findings are muted"},
		{remedy.Undone, "taken back; their findings are muted"},
	} {
		if n[s.state] > 0 {
			out = append(out, stepView{string(s.state), text.Thousands(int64(n[s.state])), s.means})
		}
	}
	return out, nil
}

// worstRows is how many cases the page shows per portal.
const worstRows = 15

// findings are the open findings by policy, behind them the policies that found nothing and could not judge everything, then the
// gravest cases, and a word on those that are not shown.
func (p statusPage) findings(r *audit.Result) ([]policyView, []caseView, string) {
	type tally struct {
		id       string
		n        int
		severity audit.Severity
	}
	byID := map[string]*tally{}
	var leads []audit.Finding
	for id, j := range r.Judged {
		if j.Unknown > 0 {
			byID[id] = &tally{id: id}
		}
	}
	for _, f := range live(r) {
		if byID[f.Policy] == nil {
			byID[f.Policy] = &tally{id: f.Policy}
		}
		byID[f.Policy].n++
		byID[f.Policy].severity = max(byID[f.Policy].severity, f.Severity)
		if f.Lead || f.Case == "" {
			leads = append(leads, f)
		}
	}
	var sums []*tally
	for _, s := range byID {
		sums = append(sums, s)
	}
	slices.SortFunc(sums, func(a, b *tally) int {
		return cmp.Or(cmp.Compare(min(b.n, 1), min(a.n, 1)), cmp.Compare(b.severity, a.severity), cmp.Compare(b.n, a.n), cmp.Compare(a.id, b.id))
	})
	var rows []policyView
	for _, s := range sums {
		j, severity, value := r.Judged[s.id], "", ""
		if m := r.ValueByPolicy[s.id]; len(m) > 0 {
			value = sum(m)
		}
		if s.n > 0 {
			severity = s.severity.String()
		}
		rows = append(rows, policyView{Severity: severity, ID: s.id, Title: p.Words.Title(s.id), Found: text.Thousands(int64(s.n)), Judged: text.Thousands(int64(j.Judged)), Unknown: text.Thousands(int64(j.Unknown)), Value: value})
	}
	slices.SortStableFunc(leads, func(a, b audit.Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Value.Amount, a.Value.Amount), cmp.Compare(a.ID, b.ID))
	})
	var worst []caseView
	for _, f := range leads[:min(worstRows, len(leads))] {
		worst = append(worst, p.row(f))
	}
	more := ""
	if n := len(leads) - len(worst); n > 0 {
		more = text.Plural(n, "more case")
	}
	return rows, worst, more
}

func (p statusPage) row(f audit.Finding) caseView {
	return caseView{Severity: f.Severity.String(), Policy: f.Policy, Name: text.Record(f), URL: f.URL, Stage: f.StageName, Owner: f.OwnerName, Value: text.Money(f.Value), Why: p.Words.Sentence(f)}
}
