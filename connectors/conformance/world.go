package conformance

import (
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/sandbox"
)

// world makes a portal of n deals, with the oddities that connectors trip over.
func world(n int, seed uint64) *sandbox.World {
	w := sandbox.Generate(sandbox.GenOptions{Deals: n, Seed: seed})
	listed := 0
	for i := range w.Deals {
		d := &w.Deals[i]
		if d.Archived {
			continue
		}
		switch listed++; listed {
		case 1:
			d.Currency, d.Amount = "JPY", "1250000"
		case 2:
			d.Currency, d.Amount = "KWD", "0.125"
		case 3:
			d.Amount, d.Owner, d.Company, d.CloseDate, d.LossReason = "", "", "", time.Time{}, ""
		case 4:
			d.Name = "Öğüt & Söhne \"Ltd.\" <b>東京</b>\n2. Zeile"
		case 5:
			d.Amount = "-99.5"
		case 6:
			d.Name = ""
		case 7:
			d.Source = "SOMETHING_NEW"
		}
	}
	return w
}

// want are the deals that a connector must give of a world, by id.
func want(w *sandbox.World) map[string]crm.Deal {
	out := map[string]crm.Deal{}
	for _, d := range w.Deals {
		if d.Archived {
			continue
		}
		e := crm.Deal{
			ID: d.ID, Name: d.Name, Pipeline: d.Pipeline, Stage: d.Stage, Owner: d.Owner, Currency: d.Currency, Company: d.Company,
			Created: crm.At(d.Created.Truncate(time.Millisecond)), CloseDate: crm.At(d.CloseDate.Truncate(time.Millisecond)),
			LossReason: d.LossReason,
		}
		if w.LossProperty != nil {
			e.LossReason, e.LossText = d.LossOption, d.LossReason
		}
		if e.Currency == "" {
			e.Currency = w.Currency
		}
		if d.Amount != "" {
			e.Amount, _ = crm.ParseAmount(d.Amount)
		}
		for _, m := range d.Moves {
			e.Moves = append(e.Moves, crm.StageMove{Stage: m.Stage, At: crm.At(m.At.Truncate(time.Millisecond))})
		}
		if n := len(e.Moves); n > 0 {
			e.StageEntry = e.Moves[n-1].At
		}
		touches(w, d, &e)
		rare(w, d, &e)
		out[d.ID] = e
	}
	return out
}

// touches works out what activities say, by the definitions of touch, buyer activity and next activity.
func touches(w *sandbox.World, d sandbox.Deal, e *crm.Deal) {
	now := crm.At(w.Now)
	for _, a := range d.Activities {
		at := crm.At(a.At.Truncate(time.Millisecond))
		person := a.Kind == "call" || a.Kind == "email" || a.Kind == "meeting"
		switch {
		case a.Done && person && !a.Inbound && at <= now:
			e.Touch = max(e.Touch, at)
		case !a.Done && (person || a.Kind == "task") && a.Kind != "email" && at > now && (e.Planned.IsZero() || at < e.Planned):
			e.Planned = at
		}
		if a.Done && at <= now && (a.Kind == "email" && a.Inbound || a.Kind == "meeting") {
			e.Buyer = max(e.Buyer, at)
		}
	}
}

// kindOf is what a stage's probability makes of it.
func kindOf(s sandbox.Stage) crm.Status {
	switch s.Probability {
	case 1:
		return crm.Won
	case 0:
		return crm.Lost
	}
	return crm.Open
}

// listed are the ids of the deals that the portal lists, in the order of the world.
func listed(w *sandbox.World) []string {
	var ids []string
	for _, d := range w.Deals {
		if !d.Archived {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// leaks says what a text gives away that no error may: a token, a query; "" when nothing.
func leaks(text string) string {
	for _, bad := range []string{sandbox.StaticToken, "Bearer", "after=", "properties=", "?"} {
		if strings.Contains(text, bad) {
			return bad
		}
	}
	return ""
}
