package own

import (
	"math"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// record is the deal that expressions are evaluated on. One serves all deals of a check, so that no map is made per deal.
type record struct {
	pass   *audit.Pass
	row    crm.Row
	params []ref.Val
	now    ref.Val
	today  ref.Val
}

func newRecord(p *audit.Pass, params []ref.Val) *record {
	return &record{pass: p, params: params, now: moment(p.Now), today: moment(p.Today())}
}

// The names that expressions know.
const (
	nameDeal   = "deal"
	namePortal = "portal"
	nameParams = "params"
	nameNow    = "now"
	nameToday  = "today"
)

// ResolveName gives the expressions their variables.
func (r *record) ResolveName(name string) (any, bool) {
	switch name {
	case nameDeal, namePortal, nameParams:
		return r, true
	case nameNow:
		return r.now, true
	case nameToday:
		return r.today, true
	}
	return nil, false
}

// Parent is none.
func (r *record) Parent() interpreter.Activation { return nil }

func (r *record) pipeline() *crm.Pipeline { return &r.pass.Snap.Schema.Pipelines[r.row.Pipeline] }

func (r *record) stage() *crm.Stage { return r.pass.Snap.Stage(r.row.Stage) }

// position counts the deal's stage among the open stages of its pipeline, from 1.
func (r *record) position() int {
	n, at := 1, r.stage().Order
	for _, s := range r.pipeline().Stages {
		if s.Kind == crm.Open && s.Order < at {
			n++
		}
	}
	return n
}

func (r *record) openStages() int {
	n := 0
	for _, s := range r.pipeline().Stages {
		if s.Kind == crm.Open {
			n++
		}
	}
	return n
}

func (r *record) text(t crm.TextID) ref.Val { return types.String(r.pass.Snap.Text(t)) }

func (r *record) owner(of func(u *crm.User) string) ref.Val {
	if r.row.Owner == crm.None {
		return types.String("")
	}
	return types.String(of(&r.pass.Snap.Schema.Users[r.row.Owner]))
}

func (r *record) skipped() ref.Val {
	stages, _ := r.pass.Skipped(r.row)
	names := make([]string, len(stages))
	for i, s := range stages {
		names[i] = r.pass.Snap.Stage(s).Name
	}
	return types.NewStringList(types.DefaultTypeAdapter, names)
}

// daysTo counts the calendar days from today to a moment in the account's zone.
func (r *record) daysTo(at crm.Instant) float64 {
	return math.Round(r.date(at).Sub(r.date(r.pass.Now)).Hours() / 24)
}

// date is the day of a moment in the account's zone, as midnight in UTC.
func (r *record) date(at crm.Instant) time.Time {
	y, m, d := at.Time().In(r.pass.Snap.Zone()).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// dateChanges counts the changes of the close date from one day to another; setting it for the first time is none.
func (r *record) dateChanges() int {
	n := 0
	var last crm.Instant
	for _, c := range r.pass.Snap.DateChanges(r.row.Index) {
		if !last.IsZero() && !c.To.IsZero() && c.To != last {
			n++
		}
		if !c.To.IsZero() {
			last = c.To
		}
	}
	return n
}

func moment(i crm.Instant) ref.Val {
	if i.IsZero() {
		return nil
	}
	return types.Timestamp{Time: i.Time()}
}

func origin(o crm.Origin) string {
	return [...]string{"", "person", "automation", "integration", "import", "plumbline"}[o]
}

// first returns the first text that is not empty.
func first(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

// words turns a field's name into words.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }
