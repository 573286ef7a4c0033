package own

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// setter writes a cell of a test into its deal. "" is known to be empty; "?" is not known.
type setter func(r *testRow, cell string, now crm.Instant) error

// settable lists what a test can say of a deal: the fields of expressions that stand for themselves. What a test leaves out
// is not known.
func settable() map[string]setter {
	out := map[string]setter{
		"pipeline": func(r *testRow, cell string, _ crm.Instant) error { r.deal.Pipeline = first(cell, "Sales"); return nil },
		"stage":    func(r *testRow, cell string, _ crm.Instant) error { r.deal.Stage = cell; return nil },
		"currency": func(r *testRow, cell string, _ crm.Instant) error { r.deal.Currency = cell; return nil },
		"status": func(r *testRow, cell string, _ crm.Instant) error {
			for _, s := range []crm.Status{crm.Open, crm.Won, crm.Lost} {
				if s.String() == cell {
					r.deal.Status = &s
					return nil
				}
			}
			return fmt.Errorf("%q is not open, won or lost", cell)
		},
		"owner_active": func(r *testRow, cell string, _ crm.Instant) error {
			active, err := strconv.ParseBool(cell)
			if err != nil {
				return fmt.Errorf("%q is neither true nor false", cell)
			}
			r.person().Active = active
			r.deal.Known |= crm.FactOwner
			return nil
		},
	}
	addTexts(out)
	addNumbers(out)
	addTimes(out)
	return out
}

// person is the deal's owner.
func (r *testRow) person() *crm.User {
	if r.owner == nil {
		r.owner = &crm.User{ID: "owner of " + r.deal.ID, Name: "Owner", Active: true}
	}
	return r.owner
}

func addTexts(out map[string]setter) {
	for name, t := range map[string]struct {
		fact crm.Fact
		at   func(d *crm.Deal) *string
	}{
		"name":        {crm.FactName, func(d *crm.Deal) *string { return &d.Name }},
		"company":     {crm.FactCompany, func(d *crm.Deal) *string { return &d.Company }},
		"type":        {crm.FactType, func(d *crm.Deal) *string { return &d.Type }},
		"source":      {crm.FactSource, func(d *crm.Deal) *string { return &d.Source }},
		"loss_reason": {crm.FactLossReason, func(d *crm.Deal) *string { return &d.LossReason }},
		"loss_detail": {crm.FactLossDetail, func(d *crm.Deal) *string { return &d.LossDetail }},
	} {
		out[name] = func(r *testRow, cell string, _ crm.Instant) error {
			if cell != "?" {
				*t.at(&r.deal), r.deal.Known = cell, r.deal.Known|t.fact
			}
			return nil
		}
	}
	out["owner"] = func(r *testRow, cell string, _ crm.Instant) error {
		if cell == "?" {
			return nil
		}
		r.deal.Known |= crm.FactOwner
		if cell != "" {
			r.person().Name = cell
		}
		return nil
	}
	out["origin"] = func(r *testRow, cell string, _ crm.Instant) error {
		for o := crm.OriginUnknown; o <= crm.OriginPlumbline; o++ {
			if origin(o) == cell {
				r.deal.Origin, r.deal.Known = o, r.deal.Known|crm.FactOrigin
				return nil
			}
		}
		if cell == "?" {
			return nil
		}
		return fmt.Errorf("%q is not person, automation, integration, import or plumbline", cell)
	}
}

func addNumbers(out map[string]setter) {
	for name, t := range map[string]struct {
		fact crm.Fact
		at   func(d *crm.Deal) *crm.Amount
	}{
		"amount":     {crm.FactAmount, func(d *crm.Deal) *crm.Amount { return &d.Amount }},
		"line_total": {crm.FactLineItems, func(d *crm.Deal) *crm.Amount { return &d.LineTotal }},
	} {
		out[name] = func(r *testRow, cell string, _ crm.Instant) error {
			if cell == "?" {
				return nil
			}
			a, err := crm.ParseAmount(first(cell, "0"))
			*t.at(&r.deal), r.deal.Known = a, r.deal.Known|t.fact
			return err
		}
	}
	for name, t := range map[string]struct {
		fact crm.Fact
		at   func(d *crm.Deal) *int32
	}{
		"contacts": {crm.FactContacts, func(d *crm.Deal) *int32 { return &d.Contacts }},
		"touches":  {crm.FactTouches, func(d *crm.Deal) *int32 { return &d.Touches }},
	} {
		out[name] = func(r *testRow, cell string, _ crm.Instant) error {
			if cell == "?" {
				return nil
			}
			n, err := strconv.ParseInt(first(cell, "0"), 10, 32)
			if err != nil || n < 0 {
				return fmt.Errorf("%q is not a whole number", cell)
			}
			*t.at(&r.deal), r.deal.Known = int32(n), r.deal.Known|t.fact
			return nil
		}
	}
}

// addTimes adds the moments, and the days that are counted from now.
func addTimes(out map[string]setter) {
	type column struct {
		fact crm.Fact
		at   func(d *crm.Deal) *crm.Instant
	}
	columns := map[string]column{
		"created":             {crm.FactCreated, func(d *crm.Deal) *crm.Instant { return &d.Created }},
		"closed":              {crm.FactClosed, func(d *crm.Deal) *crm.Instant { return &d.Closed }},
		"stage_entered":       {crm.FactStageEntry, func(d *crm.Deal) *crm.Instant { return &d.StageEntry }},
		"close_date":          {crm.FactCloseDate, func(d *crm.Deal) *crm.Instant { return &d.CloseDate }},
		"last_touch":          {crm.FactTouch, func(d *crm.Deal) *crm.Instant { return &d.Touch }},
		"last_buyer_activity": {crm.FactBuyer, func(d *crm.Deal) *crm.Instant { return &d.Buyer }},
		"next_activity":       {crm.FactPlanned, func(d *crm.Deal) *crm.Instant { return &d.Planned }},
		"next_due":            {crm.FactNextDue, func(d *crm.Deal) *crm.Instant { return &d.NextDue }},
		"first_touch":         {crm.FactFirstTouch, func(d *crm.Deal) *crm.Instant { return &d.FirstTouch }},
		"first_meeting":       {crm.FactFirstMeeting, func(d *crm.Deal) *crm.Instant { return &d.FirstMeeting }},
		"first_mail":          {crm.FactFirstMail, func(d *crm.Deal) *crm.Instant { return &d.FirstMail }},
		"quote_published":     {crm.FactQuotes, func(d *crm.Deal) *crm.Instant { return &d.Quote.Published }},
		"quote_expires":       {crm.FactQuotes, func(d *crm.Deal) *crm.Instant { return &d.Quote.Expires }},
		"quote_signed":        {crm.FactQuotes, func(d *crm.Deal) *crm.Instant { return &d.Quote.Signed }},
		"quote_paid":          {crm.FactQuotes, func(d *crm.Deal) *crm.Instant { return &d.Quote.Paid }},
	}
	for name, c := range columns {
		out[name] = func(r *testRow, cell string, now crm.Instant) error {
			if cell == "?" {
				return nil
			}
			at, err := instant(cell, now)
			*c.at(&r.deal), r.deal.Known = at, r.deal.Known|c.fact
			return err
		}
	}
	for name, of := range map[string]struct {
		column string
		sign   float64
	}{
		"age_days": {"created", -1}, "days_in_stage": {"stage_entered", -1}, "days_since_closed": {"closed", -1}, "days_since_touch": {"last_touch", -1},
		"days_since_buyer": {"last_buyer_activity", -1}, "days_to_close": {"close_date", 1}, "days_to_next_activity": {"next_activity", 1},
	} {
		c := columns[of.column]
		out[name] = func(r *testRow, cell string, now crm.Instant) error {
			if cell == "?" {
				return nil
			}
			n, err := strconv.ParseFloat(cell, 64)
			if err != nil || !(n > -1e5 && n < 1e5) {
				return fmt.Errorf("%q is not a number of days", cell)
			}
			*c.at(&r.deal), r.deal.Known = now.Add(time.Duration(of.sign*n*24*float64(time.Hour))), r.deal.Known|c.fact
			return nil
		}
	}
}

// instant reads 2026-01-10, 2026-01-10 15:04, RFC 3339, now, or what is counted from now: -30d, +12h. "" is none.
func instant(s string, now crm.Instant) (crm.Instant, error) {
	switch {
	case s == "":
		return 0, nil
	case s == "now":
		return now, nil
	case s[0] == '-' || s[0] == '+':
		var d audit.Days
		if err := d.UnmarshalText([]byte(s[1:])); err != nil {
			return 0, err
		}
		if s[0] == '-' {
			return now.Add(-d.Duration()), nil
		}
		return now.Add(d.Duration()), nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.RFC3339Nano} {
		if t, err := time.Parse(layout, strings.TrimSpace(s)); err == nil {
			return crm.At(t), nil
		}
	}
	return 0, fmt.Errorf("%q is not a moment such as 2026-11-22, now, -30d or +12h", s)
}

// setList writes a list into one of the settings.
func setList(settings any, i int, list []string) {
	reflect.ValueOf(settings).Elem().Field(i).Set(reflect.ValueOf(list))
}
