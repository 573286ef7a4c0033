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

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/text"
)

//go:embed status.html
var statusHTML string

// statusPage shows every portal: whether its data is whole, its score, its findings by policy and its steps.
type statusPage struct{ Options }

type statusView struct {
	Version string
	Portals []portalView
}

type portalView struct {
	Name, CRM, AsOf, Grade, Score, Risk, Synced, Next string
	Complete                                          bool
	Gaps                                              []string
	Open                                              string
	Read                                              string
	Policies                                          []policyView
	Worst                                             []caseView
	Missing                                           []string
	Steps                                             []string
}

type policyView struct {
	Severity, ID, Title, Value string
	Found, Judged, Unknown     string
}

type caseView struct {
	Severity, Policy, Name, URL, Stage, Owner, Value, Why string
}

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
	view := statusView{Version: p.Version}
	for _, r := range results {
		v, err := p.portal(ctx, r)
		if err != nil {
			return nil, err
		}
		view.Portals = append(view.Portals, v)
	}
	t, err := template.New("status").Parse(statusHTML)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, view)
	return b.Bytes(), err
}

const layout = "2 Jan 2006 15:04 MST"

func (p statusPage) portal(ctx context.Context, r *audit.Result) (portalView, error) {
	v := portalView{Name: r.Portal, CRM: r.CRM, AsOf: r.AsOf.Time().Format(layout), Complete: r.Complete, Grade: r.Grade, Score: "–", Risk: text.Sum(r.ValueAtRisk)}
	if r.Score != nil {
		v.Score = fmt.Sprintf("%.1f", *r.Score)
	}
	for _, g := range r.Incomplete {
		v.Gaps = append(v.Gaps, g.Object+": "+g.Why)
	}
	open := 0
	for _, s := range r.Pipelines {
		open += s.OpenDeals
	}
	v.Open, v.Read = text.Thousands(int64(open)), text.Thousands(r.Read["deals"].Read)
	v.Policies, v.Worst = p.findings(r)
	for _, m := range r.MissingNeeds {
		v.Missing = append(v.Missing, fmt.Sprintf("%s: %s (%s)", m.Need, m.Why, m.Cure))
	}
	s, err := p.Source.LastSync(ctx, r.Portal)
	if err != nil {
		return v, err
	}
	if s != nil && !s.Ended.IsZero() {
		v.Synced = s.Ended.Time().Format(layout)
	}
	if p.Next != nil {
		next, err := p.Next(ctx, r.Portal)
		if err != nil {
			return v, err
		}
		if !next.IsZero() {
			v.Next = next.UTC().Format(layout)
		}
	}
	v.Steps, err = p.steps(ctx, r.Portal)
	return v, err
}

// steps says how many steps are in each state.
func (p statusPage) steps(ctx context.Context, portal string) ([]string, error) {
	steps, err := p.Source.Steps(ctx, remedy.Filter{Portal: portal})
	if err != nil {
		return nil, err
	}
	n := map[remedy.State]int{}
	for _, s := range steps {
		n[s.State]++
	}
	var out []string
	for _, s := range []remedy.State{remedy.Proposed, remedy.Approved, remedy.Applying, remedy.Applied, remedy.Manual, remedy.Stale, remedy.Failed, remedy.Rejected, remedy.Undone} {
		if n[s] > 0 {
			out = append(out, fmt.Sprintf("%s %s", text.Thousands(int64(n[s])), s))
		}
	}
	return out, nil
}

// worstRows is how many cases the page shows per portal.
const worstRows = 15

func (p statusPage) findings(r *audit.Result) ([]policyView, []caseView) {
	type sum struct {
		id       string
		n        int
		severity audit.Severity
	}
	byID := map[string]*sum{}
	var leads []audit.Finding
	for _, f := range r.Findings {
		if f.Waived != nil {
			continue
		}
		if byID[f.Policy] == nil {
			byID[f.Policy] = &sum{id: f.Policy}
		}
		byID[f.Policy].n++
		byID[f.Policy].severity = max(byID[f.Policy].severity, f.Severity)
		if f.Lead || f.Case == "" {
			leads = append(leads, f)
		}
	}
	var sums []*sum
	for _, s := range byID {
		sums = append(sums, s)
	}
	slices.SortFunc(sums, func(a, b *sum) int {
		return cmp.Or(cmp.Compare(b.severity, a.severity), cmp.Compare(b.n, a.n), cmp.Compare(a.id, b.id))
	})
	var rows []policyView
	for _, s := range sums {
		j := r.Judged[s.id]
		rows = append(rows, policyView{Severity: s.severity.String(), ID: s.id, Title: p.Words.Title(s.id), Found: text.Thousands(int64(s.n)), Judged: text.Thousands(int64(j.Judged)), Unknown: text.Thousands(int64(j.Unknown))})
	}
	slices.SortStableFunc(leads, func(a, b audit.Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Value.Amount, a.Value.Amount), cmp.Compare(a.ID, b.ID))
	})
	var worst []caseView
	for _, f := range leads[:min(worstRows, len(leads))] {
		worst = append(worst, p.row(f))
	}
	return rows, worst
}

func (p statusPage) row(f audit.Finding) caseView {
	name := f.Name
	if name == "" {
		name = string(f.Subject.Kind) + " " + f.Subject.ID
	}
	return caseView{Severity: f.Severity.String(), Policy: f.Policy, Name: name, URL: f.URL, Stage: f.StageName, Owner: f.OwnerName, Value: text.Money(f.Value), Why: p.Words.Sentence(f)}
}
