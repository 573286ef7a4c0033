package own

import (
	"iter"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// definition is a policy as its file gives it, checked.
type definition struct {
	id     string
	whom   string
	when   *expr
	unless *expr // nil: nothing
	since  *expr // nil: nobody knows
	facts  []*fact
	fix    audit.FixKind
	advice string
	params []param

	policy *audit.Policy
}

// The deals that a policy can judge.
const (
	whomOpen = "open"
	whomLost = "lost"
	whomWon  = "won"
	whomAll  = "all"
)

func whoms() []string { return []string{whomOpen, whomLost, whomWon, whomAll} }

// judge is a definition with the settings of one check.
type judge struct {
	*definition
	settings any // a pointer to a struct of [settingsType]
	params   []ref.Val
	seen     func(crm.Row) // told of every deal that is judged; nil: nobody is
}

func (d *definition) bind(settings any) (audit.Checker, error) {
	return &judge{definition: d, settings: settings, params: celParams(settings)}, nil
}

// Values returns the settings that the check judges by.
func (j *judge) Values() any { return j.settings }

// Check judges each deal that the policy is about.
func (j *judge) Check(p *audit.Pass) {
	r := newRecord(p, j.params)
	for row := range j.rows(p) {
		r.row = row
		if j.seen != nil {
			j.seen(row)
		}
		switch is, ok, why := j.wrong(r); {
		case !ok:
			p.Unknown(row, why.need, why.why)
		case is:
			p.Found(row, j.found(r))
		default:
			p.OK(row)
		}
	}
}

func (d *definition) rows(p *audit.Pass) iter.Seq[crm.Row] {
	switch d.whom {
	case whomLost:
		return p.Lost()
	case whomWon:
		return p.Won()
	case whomAll:
		return p.All()
	default:
		return p.Open()
	}
}

// wrong reports whether a deal is wrong; ok is false where that cannot be said. A deal is fine if either condition says so,
// whatever is not known for the other.
func (d *definition) wrong(r *record) (is, ok bool, why silence) {
	when, known, why := d.when.holds(r)
	if known && !when || d.unless == nil {
		return when, known, why
	}
	unless, sure, other := d.unless.holds(r)
	switch {
	case sure && unless:
		return false, true, silence{}
	case !known:
		return false, false, why
	case !sure:
		return false, false, other
	}
	return true, true, silence{}
}

func (d *definition) found(r *record) audit.Found {
	out := audit.Found{Facts: audit.Facts{}, Fix: d.newFix(r)}
	for _, f := range d.facts {
		if v, _ := f.eval(r); v != nil {
			if kept := f.keep(v, r); kept != nil {
				out.Facts[f.name] = kept
			}
		}
	}
	if d.since != nil {
		if v, _ := d.since.eval(r); v != nil {
			if t, ok := v.(types.Timestamp); ok {
				out.Since = crm.At(t.Time)
			}
		}
	}
	return out
}

func (d *definition) newFix(r *record) *audit.Fix {
	snap, owner := r.pass.Snap, ""
	if r.row.Owner != crm.None {
		owner = snap.Schema.Users[r.row.Owner].ID
	}
	switch d.fix {
	case audit.FixTask:
		return &audit.Fix{Kind: audit.FixTask, Edits: []crm.Edit{{
			Target: crm.Ref{Portal: snap.Portal, Kind: crm.KindTask}, Op: crm.OpAddTask, Before: crm.Fields{},
			After: crm.Fields{crm.FieldDeal: snap.ID(r.row.Index), crm.FieldOwner: owner},
		}}}
	case audit.FixOwner:
		before := crm.Fields{}
		if r.row.Known.Has(crm.FactOwner) {
			before[crm.FieldOwner] = owner
		}
		return &audit.Fix{Kind: audit.FixOwner, Edits: []crm.Edit{{
			Target: crm.Ref{Portal: snap.Portal, Kind: crm.KindDeal, ID: snap.ID(r.row.Index)}, Op: crm.OpSet, Before: before, After: crm.Fields{},
		}}}
	case audit.FixAdvice:
		fix := &audit.Fix{Kind: audit.FixAdvice}
		if d.advice != "" {
			fix.Manual = []string{d.advice}
		}
		return fix
	default:
		return nil
	}
}
