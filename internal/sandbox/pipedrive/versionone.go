package pipedrive

import (
	"net/http"
	"time"
)

// viewV1 is a deal as v1 shows it, in the part that v2 does not show otherwise.
func (p *portal) viewV1(d *deal) map[string]any {
	v := map[string]any{"id": d.id, "title": d.name, "value": d.value, "currency": d.currency, "stage_id": d.stage, "pipeline_id": d.pipeline, "status": d.status,
		"add_time": stampV1(d.added), "update_time": stampV1(d.updatedAt()), "stage_change_time": moment(d.stageChanged), "lost_reason": d.lostReason,
		"won_time": moment(d.wonAt), "lost_time": moment(d.lostAt), "close_time": moment(d.closedAt), "expected_close_date": textOrNull(d.expected),
		"user_id": map[string]any{"id": d.owner, "value": d.owner}, "deleted": d.deleted, "active": !d.deleted && d.status == statusOpen, "rotten_time": nil}
	if d.deleted {
		v["status"] = statusDeleted
	}
	if s := p.stage(d.stage); s != nil && s.rots && s.rotDays != nil && d.status == statusOpen {
		if rotten := d.updatedAt().AddDate(0, 0, int(*s.rotDays)); !rotten.After(p.now) {
			v["rotten_time"] = stampV1(rotten)
		}
	}
	return v
}

// serveDealV1 answers GET /v1/deals/{id}, which is out of support: a setting says whether it still answers.
func (p *portal) serveDealV1(c *call) (any, error) {
	if !c.set.v1Deal {
		return nil, failV1(http.StatusGone, "This endpoint is no longer available")
	}
	d := p.deals.byID[c.id()]
	if d == nil {
		return nil, c.notFound("Deal")
	}
	v := p.viewV1(d)
	seconds, order, from, at := map[string]int64{}, []int64{}, d.added, d.stage
	for _, ch := range d.changes {
		if ch.field == "stage_id" {
			at = idOf(ch.old)
			break
		}
	}
	stay := func(until time.Time) {
		if _, seen := seconds[itoa(at)]; !seen {
			order = append(order, at)
		}
		seconds[itoa(at)] += int64(until.Sub(from).Seconds())
	}
	for _, ch := range d.changes {
		if ch.field == "stage_id" {
			stay(ch.at)
			from, at = ch.at, idOf(ch.new)
		}
	}
	if end := d.closedAt; end.IsZero() {
		stay(c.now)
	} else {
		stay(end)
	}
	v["stay_in_pipeline_stages"] = map[string]any{"times_in_stages": seconds, "order_of_stages": order}
	return one(v), nil
}
