package sandbox_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/policies"
)

// TestAuditFindsWhatWasPlanted gives worlds to the audit without a wire between: it must report the truth and nothing else.
func TestAuditFindsWhatWasPlanted(t *testing.T) {
	var checks []audit.Check
	for _, p := range policies.All() {
		if slices.Contains(sandbox.Plantable(), p.ID) {
			checks = append(checks, audit.Check{Policy: p})
		}
	}
	if len(checks) != len(sandbox.Plantable()) {
		t.Fatalf("%d policies for %d kinds of problems", len(checks), len(sandbox.Plantable()))
	}
	for seed := range uint64(100) {
		n := 300
		switch seed % 10 {
		case 9:
			n = 2000
		case 3, 6: // what rests on a trend takes more than a few
			n = 1000
		}
		now := time.Date(2026, 11, 2, 3, 0, 0, 0, time.UTC).Add(time.Duration(seed) * 17 * time.Hour)
		w := sandbox.Generate(sandbox.GenOptions{Deals: n, Seed: seed, Now: now})
		r, err := audit.Run(t.Context(), audit.Input{Snapshot: snapshot(t, w), Checks: checks, Now: crm.At(now)})
		if err != nil {
			t.Fatal(err)
		}
		var got []sandbox.Planted
		for _, f := range r.Findings {
			p := sandbox.Planted{Policy: f.Policy, Subject: sandbox.Subject{Kind: string(f.Subject.Kind), ID: f.Subject.ID}}
			if f.Subject.Kind == crm.KindPortal {
				p.Subject.ID = w.Account
			}
			got = append(got, p)
		}
		slices.SortFunc(got, func(a, b sandbox.Planted) int {
			return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Subject.Kind, b.Subject.Kind), cmp.Compare(a.Subject.ID, b.Subject.ID))
		})
		if diff := gocmp.Diff(w.Truth, got); diff != "" {
			t.Errorf("seed %d (-planted +found):\n%s", seed, diff)
		}
	}
}

// snapshot shows a world as a connector that misses nothing would.
func snapshot(t *testing.T, w *sandbox.World) *crm.Snapshot {
	t.Helper()
	schema := crm.Schema{Account: w.Account, Currency: w.Currency, Zone: w.Zone, UsersKnown: true, ClosedStages: true, CloseDateDefault: crm.MonthEnd, OneCloseDate: true, LossReason: crm.LossReason{Kind: crm.LossText, Field: "closed_lost_reason"},
		ShippedSets: [][]string{{"Appointment Scheduled", "Qualified To Buy", "Presentation Scheduled", "Decision Maker Bought-In", "Contract Sent"}}}
	if w.LossProperty != nil {
		schema.LossReason = crm.LossReason{Kind: crm.LossOptions, Field: w.LossProperty.Name, TextField: "closed_lost_reason"}
		for _, o := range w.LossProperty.Options {
			schema.LossReason.Options = append(schema.LossReason.Options, crm.Option{Value: o.Value, Label: o.Label})
		}
	}
	for i, p := range w.Pipelines {
		line := crm.Pipeline{ID: p.ID, Name: p.Label, Order: i, Created: crm.At(p.Created), Changed: max(crm.At(p.Created), crm.At(p.Changed))}
		if p.Rules != nil {
			line.Rules = &crm.Rules{NoSkip: p.Rules.NoSkip, NoBack: p.Rules.NoBack, Since: crm.At(w.Now)}
		}
		for j, s := range p.Stages {
			st := crm.Stage{ID: s.ID, Name: s.Label, Order: j, Probability: &s.Probability}
			switch s.Probability {
			case 0:
				st.Kind = crm.Lost
			case 1:
				st.Kind = crm.Won
			}
			line.Stages = append(line.Stages, st)
		}
		schema.Pipelines = append(schema.Pipelines, line)
	}
	for _, o := range w.Owners {
		schema.Users = append(schema.Users, crm.User{ID: o.ID, Name: o.First + " " + o.Last, Email: o.Email, Active: o.Active, Queue: o.Queue})
	}
	schema.RulesAvailable, schema.OutreachKnown, schema.Outreach = true, true, touches(w)
	b := crm.NewBuilder("test", "hubspot", schema)
	for i := range w.Deals {
		if err := b.Add(row(t, w, &w.Deals[i])); err != nil {
			t.Fatal(err)
		}
	}
	return b.Build(crm.At(w.Now), crm.AllFacts, crm.Completeness{})
}

// touches counts what the team did within 90 days, by kind.
func touches(w *sandbox.World) map[string]int {
	out := map[string]int{}
	for _, d := range w.Deals {
		for _, a := range d.Activities {
			if age := w.Now.Sub(a.At); a.Done && !a.Inbound && age >= 0 && age <= 90*24*time.Hour && a.Kind != "note" && a.Kind != "task" {
				out[a.Kind]++
			}
		}
	}
	return out
}

// mover is who made a move.
func mover(source string) crm.Origin {
	switch source {
	case "AUTOMATION_PLATFORM":
		return crm.OriginAutomation
	case "INTEGRATION", "API":
		return crm.OriginIntegration
	case "IMPORT", "MIGRATION":
		return crm.OriginImport
	}
	return crm.OriginPerson
}

func row(t *testing.T, w *sandbox.World, d *sandbox.Deal) crm.Deal {
	t.Helper()
	out := crm.Deal{
		ID: d.ID, Name: d.Name, Pipeline: d.Pipeline, Stage: d.Stage, Owner: d.Owner, Currency: d.Currency, Company: d.Company, Type: d.Type, Created: crm.At(d.Created),
		CloseDate: crm.At(d.CloseDate), Archived: d.Archived, Known: crm.AllFacts &^ crm.FactLossDetail, LossReason: d.LossReason,
	}
	if w.LossProperty != nil {
		out.LossReason, out.LossText = d.LossOption, d.LossReason
	}
	if d.Amount != "" {
		a, err := crm.ParseAmount(d.Amount)
		if err != nil {
			t.Fatal(err)
		}
		out.Amount = a
	}
	out.Origin = crm.OriginPerson
	if d.Source == "IMPORT" {
		out.Origin = crm.OriginImport
	}
	dates(&out, d)
	for _, m := range d.Moves {
		out.Moves = append(out.Moves, crm.StageMove{Stage: m.Stage, At: crm.At(m.At), Origin: mover(m.Source)})
	}
	out.StageEntry = out.Moves[len(out.Moves)-1].At
	open := false
	for _, p := range w.Pipelines {
		for _, s := range p.Stages {
			open = open || s.ID == d.Stage && s.Probability > 0 && s.Probability < 1
		}
	}
	if !open {
		out.Closed = out.StageEntry
	}
	work(&out, w, d)
	return out
}

// dates reads every value of the close date; those of which nothing is told were set with the last move.
func dates(out *crm.Deal, d *sandbox.Deal) {
	list := d.Dates
	if last := d.Moves[len(d.Moves)-1].At; len(list) == 0 {
		list = []sandbox.DateChange{{At: d.Created}, {At: last, To: d.CloseDate, Source: "CRM_UI"}}
		if last.Equal(d.Created) {
			list = list[1:]
		}
	}
	for _, c := range list {
		by := crm.OriginIntegration
		if c.Source == "CRM_UI" {
			by = crm.OriginPerson
		}
		out.Dates = append(out.Dates, crm.DateChange{At: crm.At(c.At), To: crm.At(c.To), Origin: by})
	}
}

// work reads what was done on a deal, and by whom.
func work(out *crm.Deal, w *sandbox.World, d *sandbox.Deal) {
	first := func(to *crm.Instant, at crm.Instant) {
		if to.IsZero() || at < *to {
			*to = at
		}
	}
	out.Contacts, out.Source, out.Editor = int32(len(d.Contacts)), d.Channel, d.Editor
	out.Modified = max(out.StageEntry, crm.At(d.Edited))
	for _, a := range d.Activities {
		at := crm.At(a.At)
		if a.Kind == "note" || a.Kind == "task" && a.Done {
			continue
		}
		if !a.Done {
			first(&out.NextDue, at)
			if a.At.After(w.Now) {
				first(&out.Planned, at)
			}
			continue
		}
		out.Modified = max(out.Modified, at)
		if a.Inbound || a.Kind == "meeting" {
			out.Buyer = max(out.Buyer, at)
		}
		if a.Inbound {
			continue
		}
		out.Touches++
		out.Touch = max(out.Touch, at)
		first(&out.FirstTouch, at)
		switch a.Kind {
		case "meeting":
			first(&out.FirstMeeting, at)
		case "email":
			first(&out.FirstMail, at)
		}
	}
	for _, q := range d.Quotes {
		out.Quote = crm.Quote{Published: crm.At(q.Published), Expires: crm.At(q.Expires), Signed: crm.At(q.Signed), Paid: crm.At(q.Paid)}
	}
}
