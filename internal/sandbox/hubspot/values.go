package hubspot

import (
	"strconv"
	"strings"
	"time"
)

// value is a property of a record as the API shows it; known is false for a property that does not exist.
func (p *portal) value(r *record, name string, now time.Time) (value string, known bool) {
	switch name {
	case "hs_object_id":
		return r.id, true
	case "hs_lastmodifieddate", "lastmodifieddate":
		return stamp(r.modifiedAt(now)), true
	case "createdate", "hs_createdate":
		if set := r.current(name); set != "" {
			return set, true
		}
		return stamp(r.created), true
	}
	if r.kind.name == "deals" {
		if strings.HasPrefix(name, "hs_v2_") {
			return p.stageTime(r, name, now)
		}
		if v, ok := p.dealValue(r, name, now); ok {
			return v, true
		}
	}
	if p.properties(r.kind).live(name, now) == nil {
		return "", false
	}
	return r.current(name), true
}

// dealValue is a calculated property of a deal; ok is false for any other property.
func (p *portal) dealValue(r *record, name string, now time.Time) (value string, ok bool) {
	if v, ok := p.rollupValue(r, name, now); ok {
		return v, true
	}
	switch name {
	case "amount_in_home_currency":
		return p.homeAmount(r), true
	case "hubspot_owner_assigneddate":
		if versions := r.fields["hubspot_owner_id"]; len(versions) > 0 && r.current("hubspot_owner_id") != "" {
			return stamp(versions[len(versions)-1].at), true
		}
		return "", true
	}
	return p.stageValue(r, name)
}

// homeAmount is the amount where it is in the account's currency; the sandbox has no exchange rates.
func (p *portal) homeAmount(r *record) string {
	if currency := r.current("deal_currency_code"); currency != "" && currency != p.world.Currency {
		return ""
	}
	return r.current("amount")
}

// stageValue is a property that follows from the deal's stage.
func (p *portal) stageValue(r *record, name string) (value string, ok bool) {
	var won, lost bool
	_, st := p.stage(r.current("dealstage"))
	probability := ""
	if st != nil {
		won, lost, probability = st.probability == 1, st.probability == 0, decimal(st.probability)
	}
	switch name {
	case "hs_is_closed":
		return strconv.FormatBool(won || lost), true
	case "hs_is_closed_won":
		return strconv.FormatBool(won), true
	case "hs_is_closed_lost":
		return strconv.FormatBool(lost), true
	case "hs_deal_stage_probability":
		return probability, true
	case "hs_closed_amount":
		if won {
			return r.current("amount"), true
		}
		return "0", true
	case "hs_closed_won_date":
		if won {
			return r.current("closedate"), true
		}
		return "", true
	case "hs_projected_amount", "hs_forecast_amount":
		if amount, err := strconv.ParseFloat(r.current("amount"), 64); err == nil && st != nil {
			return strconv.FormatFloat(amount*st.probability, 'f', -1, 64), true
		}
		return "", true
	case "days_to_close":
		closed := unstamp(r.current("closedate"))
		if (won || lost) && !closed.IsZero() {
			return strconv.Itoa(max(0, int(closed.Sub(r.created).Hours()/24))), true
		}
		return "", true
	}
	return "", false
}

// stageTime is one of the hs_v2_ properties, which only the paid tiers calculate.
func (p *portal) stageTime(r *record, name string, now time.Time) (value string, ok bool) {
	if p.limits.tier == "free" || p.limits.tier == "starter" {
		return "", false
	}
	history := r.fields["dealstage"]
	switch name {
	case "hs_v2_date_entered_current_stage", "hs_v2_time_in_current_stage":
		if len(history) == 0 {
			return "", true
		}
		return stamp(history[len(history)-1].at), true
	}
	for _, prefix := range []string{"hs_v2_date_entered_", "hs_v2_date_exited_", "hs_v2_latest_time_in_", "hs_v2_cumulative_time_in_"} {
		id, found := strings.CutPrefix(name, prefix)
		if !found {
			continue
		}
		if _, st := p.stage(id); st == nil {
			return "", false
		}
		return stayValue(prefix, stays(history, id, now)), true
	}
	return "", false
}

// stay is one time that a deal spent in a stage; left is zero while it is there.
type stay struct {
	entered, left time.Time
	spent         time.Duration
}

func stays(history []version, stage string, now time.Time) []stay {
	var out []stay
	for i, v := range history {
		if v.value != stage {
			continue
		}
		s := stay{entered: v.at, spent: now.Sub(v.at)}
		if i+1 < len(history) {
			s.left = history[i+1].at
			s.spent = s.left.Sub(v.at)
		}
		out = append(out, s)
	}
	return out
}

func stayValue(prefix string, all []stay) string {
	if len(all) == 0 {
		return ""
	}
	last := all[len(all)-1]
	switch prefix {
	case "hs_v2_date_entered_":
		return stamp(last.entered)
	case "hs_v2_date_exited_":
		return stampOrEmpty(last.left)
	case "hs_v2_latest_time_in_":
		return strconv.FormatInt(last.spent.Milliseconds(), 10)
	}
	var sum time.Duration
	for _, s := range all {
		sum += s.spent
	}
	return strconv.FormatInt(sum.Milliseconds(), 10)
}

// decimal writes a probability as HubSpot does: always with a point.
func decimal(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
