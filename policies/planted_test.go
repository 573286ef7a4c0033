package policies

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/sandbox"
)

// TestPlantedProblems audits generated portals as a flawless connector would read them: every planted problem is found, and
// none is invented.
func TestPlantedProblems(t *testing.T) {
	seeds := uint64(200)
	if testing.Short() {
		seeds = 10
	}
	planted := map[string]bool{}
	for seed := range seeds {
		n := 600
		if seed%10 == 9 { // what rests on a trend takes more
			n = 2000
		}
		w := sandbox.Generate(sandbox.GenOptions{Deals: n, Seed: seed})
		if d := diff.Diff(truth(w), findings(t, w)); d != "" {
			t.Errorf("seed %d (-planted +found):\n%s", seed, d)
		}
		for _, p := range w.Truth {
			planted[p.Policy] = true
		}
	}
	for _, p := range All() {
		// A rule counts from when it was first seen, which takes two looks; TestStagnantPipeline plants what is its own.
		if !testing.Short() && !planted[p.ID] && !p.Off && p.ID != "rules-bypassed" && p.ID != "pipeline-stagnant" {
			t.Errorf("no world has a problem of %s", p.ID)
		}
	}
}

// TestStagnantPipeline finds the one pipeline that lies still.
func TestStagnantPipeline(t *testing.T) {
	for seed := range uint64(20) {
		w := stagnant(seed)
		got := slices.DeleteFunc(findings(t, w), func(f string) bool { return !strings.HasPrefix(f, "pipeline-stagnant ") })
		if want := []string{"pipeline-stagnant pipeline " + w.Pipelines[0].ID}; !slices.Equal(got, want) {
			t.Errorf("seed %d: %v", seed, got)
		}
	}
}

// stagnant lets the open deals of the first pipeline lie still for six weeks, which other policies tell of each of them.
func stagnant(seed uint64) *sandbox.World {
	const since = -45 * 24 * time.Hour
	w := sandbox.Generate(sandbox.GenOptions{Deals: 600, Seed: seed, Healthy: true})
	for i := range w.Deals {
		d := &w.Deals[i]
		if d.Pipeline != w.Pipelines[0].ID || closed(w, d) {
			continue
		}
		d.Created = d.Created.Add(since)
		for k := range d.Moves {
			d.Moves[k].At = d.Moves[k].At.Add(since)
		}
		for k := range d.Activities {
			d.Activities[k].At = d.Activities[k].At.Add(since)
		}
	}
	return w
}

func truth(w *sandbox.World) []string {
	var list []string
	for _, p := range w.Truth {
		list = append(list, fmt.Sprint(p.Policy, " ", p.Subject.Kind, " ", p.Subject.ID))
	}
	slices.Sort(list)
	return list
}

func findings(t *testing.T, w *sandbox.World) []string {
	t.Helper()
	var list []string
	for _, f := range audited(t, w).Findings {
		list = append(list, fmt.Sprint(f.Policy, " ", f.Subject.Kind, " ", f.Subject.ID))
	}
	slices.Sort(list)
	return list
}

// audited judges a world by the whole catalogue.
func audited(t *testing.T, w *sandbox.World) *audit.Result {
	t.Helper()
	snap := read(t, w)
	var checks []audit.Check
	for _, p := range All() {
		if p.ID != "owner-behind-at-stage" { // off by default; the owners of generated deals are drawn by chance
			checks = append(checks, audit.Check{Policy: p})
		}
	}
	r, err := audit.Run(t.Context(), audit.Input{Snapshot: snap, Checks: checks, Now: snap.Taken})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// read turns a world into a snapshot, with every fact known.
func read(t *testing.T, w *sandbox.World) *crm.Snapshot {
	t.Helper()
	schema := crm.Schema{
		Currency: w.Currency, Zone: w.Zone, UsersKnown: true, ClosedStages: true, CloseDateDefault: crm.MonthEnd, OneCloseDate: true,
		LossReason:  crm.LossReason{Kind: crm.LossText, Field: "closed_lost_reason", Writable: true},
		ShippedSets: [][]string{{"Appointment Scheduled", "Qualified To Buy", "Presentation Scheduled", "Decision Maker Bought-In", "Contract Sent"}},
	}
	if lp := w.LossProperty; lp != nil {
		schema.LossReason = crm.LossReason{Kind: crm.LossOptions, Field: lp.Name, TextField: "closed_lost_reason", Writable: true}
		for _, o := range lp.Options {
			schema.LossReason.Options = append(schema.LossReason.Options, crm.Option{Value: o.Value, Label: o.Label})
		}
	}
	for i, p := range w.Pipelines {
		pipeline := crm.Pipeline{ID: p.ID, Name: p.Label, Order: i, Created: crm.At(p.Created), Changed: max(crm.At(p.Created), crm.At(p.Changed))}
		for j, s := range p.Stages {
			stage := crm.Stage{ID: s.ID, Name: s.Label, Order: j, Probability: &s.Probability}
			switch s.Probability {
			case 0:
				stage.Kind = crm.Lost
			case 1:
				stage.Kind = crm.Won
			}
			pipeline.Stages = append(pipeline.Stages, stage)
		}
		if p.Rules != nil { // seen for the first time
			pipeline.Rules = &crm.Rules{NoSkip: p.Rules.NoSkip, NoBack: p.Rules.NoBack, Since: crm.At(w.Now)}
		}
		schema.Pipelines = append(schema.Pipelines, pipeline)
	}
	for _, o := range w.Owners {
		schema.Users = append(schema.Users, crm.User{ID: o.ID, Name: strings.TrimSpace(o.First + " " + o.Last), Active: o.Active, Queue: o.Queue})
	}
	schema.RulesAvailable, schema.OutreachKnown, schema.Outreach = true, true, outreach(w)
	b := crm.NewBuilder(w.Account, "hubspot", schema)
	for i := range w.Deals {
		if err := b.Add(readDeal(t, w, &w.Deals[i])); err != nil {
			t.Fatal(err)
		}
	}
	return b.Build(crm.At(w.Now), crm.AllFacts, crm.Completeness{})
}

// outreach counts the team's touches of 90 days by kind.
func outreach(w *sandbox.World) map[string]int {
	out := map[string]int{}
	for _, d := range w.Deals {
		for _, a := range d.Activities {
			if age := w.Now.Sub(a.At); a.Done && !a.Inbound && age >= 0 && age <= 90*24*time.Hour && (a.Kind == "call" || a.Kind == "meeting" || a.Kind == "email") {
				out[a.Kind]++
			}
		}
	}
	return out
}

func readDeal(t *testing.T, w *sandbox.World, d *sandbox.Deal) crm.Deal {
	t.Helper()
	out := crm.Deal{
		ID: d.ID, Name: d.Name, Pipeline: d.Pipeline, Stage: d.Stage, Owner: d.Owner, Currency: cmp.Or(d.Currency, w.Currency),
		Company: d.Company, Type: d.Type, Created: crm.At(d.Created), CloseDate: crm.At(d.CloseDate), Archived: d.Archived, Known: crm.AllFacts,
		LossReason: d.LossReason, LossText: d.LossReason, Origin: origin(d.Source),
	}
	if w.LossProperty != nil {
		out.LossReason = d.LossOption
	}
	if d.Amount != "" {
		var err error
		if out.Amount, err = crm.ParseAmount(d.Amount); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range d.Moves {
		out.Moves = append(out.Moves, crm.StageMove{Stage: m.Stage, At: crm.At(m.At), Origin: origin(m.Source)})
	}
	out.StageEntry = out.Moves[len(out.Moves)-1].At
	readDates(&out, d)
	if closed(w, d) {
		out.Closed = out.StageEntry
	}
	readWork(t, &out, w, d)
	return out
}

// readDates reads every value of the close date. Where the world does not tell them, it was set with the last move.
func readDates(out *crm.Deal, d *sandbox.Deal) {
	for _, c := range d.Dates {
		out.Dates = append(out.Dates, crm.DateChange{At: crm.At(c.At), To: crm.At(c.To), Origin: origin(c.Source)})
	}
	if len(d.Dates) == 0 && out.StageEntry > out.Created {
		out.Dates = append(out.Dates, crm.DateChange{At: out.Created})
	}
	if len(d.Dates) == 0 && !d.CloseDate.IsZero() {
		out.Dates = append(out.Dates, crm.DateChange{At: out.StageEntry, To: out.CloseDate, Origin: crm.OriginPerson})
	}
}

// readWork reads what was done for a deal, who belongs to it, and who edited it.
func readWork(t *testing.T, out *crm.Deal, w *sandbox.World, d *sandbox.Deal) {
	t.Helper()
	out.Contacts, out.Source, out.Editor = int32(len(d.Contacts)), d.Channel, d.Editor
	out.Modified = max(out.StageEntry, crm.At(d.Edited))
	for _, a := range d.Activities {
		readActivity(out, a, w.Now)
	}
	zone, err := time.LoadLocation(w.Zone)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range d.Quotes {
		y, m, day := q.Expires.In(zone).Date()
		out.Quote = crm.Quote{
			Published: crm.At(q.Published), Signed: crm.At(q.Signed), Paid: crm.At(q.Paid), Expires: crm.At(time.Date(y, m, day+1, 0, 0, 0, 0, zone)),
		}
	}
}

func readActivity(d *crm.Deal, a sandbox.Activity, now time.Time) {
	at := crm.At(a.At)
	first := func(to *crm.Instant) {
		if to.IsZero() || at < *to {
			*to = at
		}
	}
	person := a.Kind == "call" || a.Kind == "meeting" || a.Kind == "email"
	switch {
	case !a.Done && (person || a.Kind == "task") && a.Kind != "email":
		first(&d.NextDue)
		if a.At.After(now) {
			first(&d.Planned)
		}
		return
	case !a.Done || a.At.After(now):
		return
	}
	d.Modified = max(d.Modified, at)
	if a.Inbound || a.Kind == "meeting" {
		d.Buyer = max(d.Buyer, at)
	}
	if !person || a.Inbound {
		return
	}
	d.Touches++
	d.Touch = max(d.Touch, at)
	first(&d.FirstTouch)
	switch a.Kind {
	case "meeting":
		first(&d.FirstMeeting)
	case "email":
		first(&d.FirstMail)
	}
}

func closed(w *sandbox.World, d *sandbox.Deal) bool {
	for _, p := range w.Pipelines {
		for _, s := range p.Stages {
			if p.ID == d.Pipeline && s.ID == d.Stage {
				return s.Probability == 0 || s.Probability == 1
			}
		}
	}
	return false
}

func origin(source string) crm.Origin {
	switch source {
	case "IMPORT", "MIGRATION":
		return crm.OriginImport
	case "INTEGRATION", "API":
		return crm.OriginIntegration
	case "AUTOMATION_PLATFORM":
		return crm.OriginAutomation
	default:
		return crm.OriginPerson
	}
}
