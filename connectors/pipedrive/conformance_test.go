package pipedrive_test

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/plumbline/plumbline/connectors/conformance"
	"github.com/plumbline/plumbline/connectors/pipedrive"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/sandbox"
	face "github.com/plumbline/plumbline/internal/sandbox/pipedrive"
)

func pages(n, size int) int64 { return int64((n + size - 1) / size) }

func TestConformance(t *testing.T) {
	conformance.Run(t, conformance.Subject{
		Type:    pipedrive.Type(),
		Face:    func(w *sandbox.World) func(*sandbox.Gate) sandbox.Face { return face.New(w) },
		Seen:    seen,
		Partial: crm.FactHistory | crm.FactTouch | crm.FactBuyer | crm.FactPlanned | crm.FactDates,
		Costly:  crm.FactLineItems,
		Rare:    true,
		Empty: func(w *sandbox.World) crm.Fields {
			return crm.Fields{crm.FieldOwner: admin(w), crm.FieldAmount: "0", crm.FieldCloseDate: ""}
		},
		Written: func(stored map[string]any) any {
			return []any{stored["owner_id"], stored["value"], stored["expected_close_date"], stored["currency"], stored["stage_id"], stored["status"], stored["title"]}
		},
		Firewall: true,
		Reads:    func(method, _ string) bool { return method == http.MethodGet },
		// Seven fixed ones, deals by 500, archived ones, planned activities, and at most one last activity per deal by 100.
		Full:    func(n int) int64 { return 7 + pages(n, 500) + 1 + 1 + pages(n, 100) },
		Idle:    2,
		Changed: func(n int) int64 { return 1 + pages(n, 500) + pages(2*n, 100) },
		Archive: func(t *testing.T, b *conformance.Bench, id string) {
			b.Send(t, http.MethodDelete, "/api/v2/deals/"+id, "")
		},
		Merge: func(t *testing.T, b *conformance.Bench, into, other string) {
			b.Send(t, http.MethodPut, "/v1/deals/"+other+"/merge", `{"merge_with_id":`+into+`}`)
		},
		Turn: func(t *testing.T, b *conformance.Bench, id string, status crm.Status) {
			b.Send(t, http.MethodPatch, "/api/v2/deals/"+id, fmt.Sprintf(`{"status":%q}`, status))
		},
	})
}

// admin is the user who connected the app: the last one, to whom everything belongs that has no other owner.
func admin(seen *sandbox.World) string { return seen.Owners[len(seen.Owners)-1].ID }

// numbers gives texts the numbers that the sandbox gives them: their own, else the first free ones.
func numbers(texts []string) (byText map[string]string, next string) {
	used := map[string]bool{}
	for _, t := range texts {
		if _, err := strconv.Atoi(t); err == nil {
			used[t] = true
		}
	}
	last := 0
	free := func() string {
		for last++; used[strconv.Itoa(last)]; last++ {
		}
		return strconv.Itoa(last)
	}
	byText = map[string]string{}
	for _, t := range texts {
		if byText[t] = t; !used[t] {
			byText[t] = free()
		}
	}
	return byText, free()
}

// seen is a world as Pipedrive shows it: times in seconds, days for close dates, won and lost as no stages of their own, and
// an owner for every deal.
func seen(w *sandbox.World) *sandbox.World {
	out := *w
	var lines, stages, users []string
	for _, p := range w.Pipelines {
		lines = append(lines, p.ID)
		for _, s := range p.Stages {
			stages = append(stages, s.ID)
		}
	}
	for _, o := range w.Owners {
		users = append(users, o.ID)
	}
	line, _ := numbers(lines)
	stage, _ := numbers(stages)
	_, me := numbers(users)
	out.Owners = append(append([]sandbox.Owner{}, w.Owners...), sandbox.Owner{ID: me, First: "Sandbox", Last: "Admin", Active: true})
	status := map[string]float64{}
	shown := map[string]sandbox.Pipeline{}
	out.Pipelines = nil
	for _, p := range w.Pipelines {
		q := p
		q.ID, q.Stages, q.Changed = line[p.ID], nil, p.Changed.Truncate(time.Second)
		for _, s := range p.Stages {
			status[s.ID] = s.Probability
			if s.Probability > 0 && s.Probability < 1 {
				q.Stages = append(q.Stages, sandbox.Stage{ID: stage[s.ID], Label: s.Label, Probability: s.Probability})
			}
		}
		out.Pipelines = append(out.Pipelines, q)
		shown[q.ID] = q
	}
	labels := map[string]string{}
	if w.LossProperty != nil {
		for _, o := range w.LossProperty.Options {
			labels[o.Value] = o.Label
		}
	}
	out.LossProperty, out.Deals = nil, nil
	zone, _ := time.LoadLocation(w.Zone)
	for _, d := range w.Deals {
		d.Owner = cmp.Or(d.Owner, me)
		d.Created = d.Created.Truncate(time.Second)
		d.CloseDate = midnight(d.CloseDate, zone)
		lost := status[d.Stage] <= 0
		if d.LossReason = cmp.Or(labels[d.LossOption], d.LossReason); !lost {
			d.LossReason = ""
		}
		d.Moves = openMoves(d, shown[line[d.Pipeline]], status, stage)
		d.Stage, d.Pipeline = d.Moves[len(d.Moves)-1].Stage, line[d.Pipeline]
		d.Activities = minutes(d.Activities)
		d.Dates = days(d.Dates, zone)
		out.Deals = append(out.Deals, d)
	}
	return &out
}

// midnight is the first moment of a time's day.
func midnight(at time.Time, zone *time.Location) time.Time {
	if at.IsZero() {
		return at
	}
	y, m, day := at.In(zone).Date()
	return time.Date(y, m, day, 0, 0, 0, 0, zone)
}

// days are values of a date as Pipedrive keeps them: of several within one second the last.
func days(all []sandbox.DateChange, zone *time.Location) []sandbox.DateChange {
	var out []sandbox.DateChange
	for _, c := range all {
		c.At, c.To = c.At.Truncate(time.Second), midnight(c.To, zone)
		if n := len(out); n > 0 && out[n-1].At.Equal(c.At) {
			out = out[:n-1]
		}
		out = append(out, c)
	}
	return out
}

// openMoves are a deal's moves between open stages.
func openMoves(d sandbox.Deal, line sandbox.Pipeline, status map[string]float64, stage map[string]string) []sandbox.Move {
	var out []sandbox.Move
	for _, m := range d.Moves {
		if p := status[m.Stage]; p <= 0 || p >= 1 {
			continue
		}
		m.Stage, m.At = stage[m.Stage], m.At.Truncate(time.Second)
		if len(out) == 0 {
			m.At = d.Created
		} else if out[len(out)-1].Stage == m.Stage {
			continue
		}
		out = append(out, m)
	}
	if len(out) == 0 { // made won or lost: in the pipeline's last stage, or its first
		open := line.Stages[0]
		if status[d.Stage] >= 1 {
			open = line.Stages[len(line.Stages)-1]
		}
		out = append(out, sandbox.Move{Stage: open.ID, At: d.Created})
	}
	return out
}

// minutes are activities as Pipedrive keeps them: what is planned without seconds.
func minutes(all []sandbox.Activity) []sandbox.Activity {
	var out []sandbox.Activity
	for _, a := range all {
		a.At = a.At.Truncate(time.Second)
		if !a.Done {
			a.At = a.At.Truncate(time.Minute)
		}
		out = append(out, a)
	}
	return out
}
