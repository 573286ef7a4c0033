package sandbox

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dates is the second reading of the policies about dates, amounts, paths and names of deals.
func (j *judge) dates(all []past) {
	listed := slices.DeleteFunc(slices.Clone(all), func(d past) bool { return d.deal.Archived })
	needed := j.needed(listed)
	worth := j.worth(listed)
	j.doubles(listed)
	for _, d := range listed {
		switch d.at.kind {
		case stillOpen:
			j.steps(d)
			j.closeDate(d, needed)
			j.amount(d.deal, worth)
		case isWon:
			if d.deal.Amount == "" || d.deal.Amount == "0" {
				if j.under(j.days(d.closed()), 365, "age of won deal %s without amount", d.deal.ID) {
					j.report("won-incomplete", "deal", d.deal.ID)
				}
			}
			fallthrough
		default:
			j.ended(d)
		}
	}
}

// under is against for what must not fall below a threshold.
func (j *judge) under(fact, threshold float64, what string, args ...any) bool {
	j.against(fact, threshold, what, args...)
	return fact < threshold
}

// ended judges the close date of a closed deal.
func (j *judge) ended(d past) {
	before, ahead := d.deal.Created.Sub(d.deal.CloseDate).Hours()/24, d.deal.CloseDate.Sub(j.w.Now).Hours()/24
	if before > 0 || ahead > 0 {
		j.report("dates-impossible", "deal", d.deal.ID)
		if before < 1.5 && ahead < 1.5 {
			j.near = append(j.near, "a close date that is hardly impossible")
		}
	}
	age := j.days(d.closed())
	late := d.path[0] > 0 && d.deal.Source == "CRM_UI"
	rushed := j.quickest(d) < 12
	if age < 36 && (late || rushed) {
		j.near = append(j.near, fmt.Sprintf("the way of %s, closed %.0f days ago", d.deal.ID, age))
	}
}

// steps judges the path of an open deal.
func (j *judge) steps(d past) {
	if d.path[0] > 0 && d.deal.Source == "CRM_UI" {
		j.report("created-late", "deal", d.deal.ID)
	}
	if q := j.quickest(d); j.under(q, 10, "minutes for three stages of %s", d.deal.ID) {
		j.report("stage-rushed", "deal", d.deal.ID)
	}
	for i := 1; i < len(d.path); i++ {
		was, is := j.stages[d.deal.Moves[i-1].Stage].kind, j.stages[d.deal.Moves[i].Stage].kind
		if was != stillOpen && is == stillOpen {
			j.report("reopened", "deal", d.deal.ID)
			if age := j.days(d.times[i]); age < 8.5 {
				j.near = append(j.near, "a deal reopened within a week")
			}
		}
	}
}

// quickest is the fewest minutes in which a deal entered three stages, by people's hands.
func (j *judge) quickest(d past) float64 {
	least := math.Inf(1)
	for i := 2; i < len(d.times); i++ {
		byHand := !slices.ContainsFunc(d.deal.Moves[i-2:i+1], func(m Move) bool { return m.Source != "CRM_UI" })
		if j.stages[d.deal.Moves[i].Stage].kind != isLost && byHand {
			least = min(least, d.times[i].Sub(d.times[i-2]).Minutes())
		}
	}
	return least
}

// needed lists, by stage, how long the deals won within a year took from their first entry.
func (j *judge) needed(all []past) map[string][]float64 {
	out := map[string][]float64{}
	for _, d := range all {
		if d.at.kind != isWon || j.days(d.closed()) > 365 {
			continue
		}
		first := map[string]time.Time{}
		for _, m := range slices.Backward(d.deal.Moves) {
			first[m.Stage] = m.At
		}
		for stage, at := range first {
			out[stage] = append(out[stage], d.closed().Sub(at).Hours()/24)
		}
	}
	for _, v := range out {
		slices.Sort(v)
	}
	return out
}

func (j *judge) closeDate(d past, needed map[string][]float64) {
	id, close := d.deal.ID, d.deal.CloseDate.In(j.zone)
	midnight := time.Date(close.Year(), close.Month(), close.Day(), 0, 0, 0, 0, j.zone).AddDate(0, 0, 1)
	if d.deal.CloseDate.IsZero() || !midnight.After(j.w.Now) {
		return
	}
	v := needed[d.deal.Stage]
	if n := len(v); n > 16 {
		least := v[int(math.Ceil(0.1*float64(n)-1e-9))-1]
		soon := j.under(midnight.Sub(d.closed()).Hours()/24, least, "days that %s has until its close date", id)
		if soon && n < 24 {
			j.near = append(j.near, "a date that is too soon by few deals")
		}
		if soon {
			j.report("close-date-too-soon", "deal", id)
		}
	}
	made := d.deal.Created.In(j.zone)
	chosen := len(d.deal.Dates) > 1 || len(d.deal.Dates) == 0 && len(d.deal.Moves) > 1
	if !chosen && close.Month() == made.Month() && close.Year() == made.Year() && midnight.Month() != close.Month() {
		j.report("close-date-default", "deal", id)
	}
	pushes := 0
	for i, c := range d.deal.Dates {
		if i > 0 && c.Source == "CRM_UI" && c.To.Sub(d.deal.Dates[i-1].To) > 6*24*time.Hour {
			pushes++
		}
	}
	if j.against(float64(pushes), 3, "pushes of %s", id) {
		j.report("close-date-pushed", "deal", id)
	}
}

// worth lists the logarithms of what deals won within a year were worth, by currency.
func (j *judge) worth(all []past) map[string][]float64 {
	out := map[string][]float64{}
	for _, d := range all {
		a, err := strconv.ParseFloat(d.deal.Amount, 64)
		if d.at.kind == isWon && j.days(d.closed()) <= 365 && err == nil && a > 0 {
			out[d.deal.Currency] = append(out[d.deal.Currency], math.Log(a))
		}
	}
	return out
}

func (j *judge) amount(d *Deal, worth map[string][]float64) {
	a, err := strconv.ParseFloat(d.Amount, 64)
	if err != nil || a == 0 {
		return
	}
	v := slices.Clone(worth[d.Currency])
	switch n := len(v); {
	case a <= 1:
		j.report("amount-suspicious", "deal", d.ID)
	case n < 24:
	case slices.Contains([]string{"9999", "1234", "12345", "7777", "4321", "99999"}, d.Amount):
		j.report("amount-suspicious", "deal", d.ID)
	default:
		slices.Sort(v)
		mid := median(v)
		for i := range v {
			v[i] = math.Abs(v[i] - mid)
		}
		slices.Sort(v)
		if j.against(math.Abs(math.Log(a)-mid), 4*1.4826*median(v), "distance of the amount of %s", d.ID) && n >= 30 {
			j.report("amount-suspicious", "deal", d.ID)
		}
	}
}

// doubles compares the plain letters of names, but for a, which may carry an accent.
func (j *judge) doubles(all []past) {
	plain := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= 'b' && r <= 'z' || r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, strings.ToLower(s))
	}
	byCompany := map[string][]*Deal{}
	for _, d := range all {
		if d.at.kind == stillOpen && d.deal.Company != "" {
			byCompany[d.deal.Company] = append(byCompany[d.deal.Company], d.deal)
		}
	}
	for _, list := range byCompany {
		for _, d := range list {
			if slices.ContainsFunc(list, func(o *Deal) bool {
				return o != d && plain(o.Name) == plain(d.Name) && j.under(o.Created.Sub(d.Created).Abs().Hours()/24, 90, "days between %s and %s", d.ID, o.ID)
			}) {
				j.report("duplicate-deal", "deal", d.ID)
			}
		}
	}
}
