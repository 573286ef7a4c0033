package web

import (
	"fmt"
	"strings"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/text"
)

// none is written where a number is not defined.
const none = "–"

// pipelineView is a pipeline in numbers.
type pipelineView struct {
	Name   string
	Facts  []factView
	Stages []stageView
}

type stageView struct {
	Name, Kind                       string
	Open, Value, Median, P90         string
	Conversion, Configured, Observed string
}

func newPipelineView(p audit.PipelineStats) pipelineView {
	v := pipelineView{Name: p.Name, Facts: []factView{
		{"Open", text.Plural(p.OpenDeals, "deal") + ", " + sum(p.OpenValue), ""},
		{"Win rate, 365 days", percent(p.WinRate365), ""},
		{"Win rate, 90 days", percent(p.WinRate90), ""},
		{"Cycle, average", days(p.AverageCycleDays), ""},
		{"Cycle, median", days(p.MedianCycleDays), ""},
		{"Velocity", perDay(p.VelocityPerDay), ""},
		{"Realised", perDay(p.RealisedPerDay), ""},
		{"Forecast, as configured", forecast(p.WeightedForecast), ""},
		{"Forecast, calibrated", forecast(p.CalibratedForecast), ""},
	}}
	for _, s := range p.Stages {
		x := stageView{Name: s.Name, Kind: s.Kind, Open: none, Value: none, Median: none, P90: none, Conversion: none, Configured: percent(s.ConfiguredProbability), Observed: percent(s.ObservedProbability)}
		if s.Kind == "open" {
			x.Open, x.Value = text.Thousands(int64(s.OpenDeals)), sum(s.OpenValue)
			x.Median, x.P90, x.Conversion = days(s.MedianDays), days(s.P90Days), percent(s.Conversion)
		}
		v.Stages = append(v.Stages, x)
	}
	return v
}

// when writes a moment in UTC, which the page says.
func when(at crm.Instant) string { return at.Time().Format("2 Jan 2006 15:04 MST") }

func percent(v *float64) string {
	if v == nil {
		return none
	}
	return fmt.Sprintf("%.0f %%", *v*100)
}

func days(v *float64) string {
	if v == nil {
		return none
	}
	return fmt.Sprintf("%.1f d", *v)
}

// sum writes amounts of several currencies, so that a line breaks between them and not within one.
func sum(list []crm.Money) string {
	s := text.Sum(list)
	if s == "-" {
		return none
	}
	parts := strings.Split(s, " + ")
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], " ", "\u00a0")
	}
	return strings.Join(parts, " + ")
}

func perDay(list []crm.Money) string {
	if s := sum(list); s != none {
		return s + " a day"
	}
	return none
}

func forecast(parts []audit.ForecastPart) string {
	var list []crm.Money
	for _, p := range parts {
		if a, err := crm.ParseAmount(p.Amount); err == nil {
			list = append(list, crm.Money{Amount: a, Currency: p.Currency})
		}
	}
	return sum(list)
}
