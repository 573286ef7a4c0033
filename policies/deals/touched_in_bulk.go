package deals

import (
	"cmp"
	_ "embed"
	"errors"
	"slices"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

//go:embed touched-in-bulk.md
var touchedInBulkDoc string

type touchedInBulk struct {
	Edits  int        `yaml:"edits" desc:"how many deals edited by one person make a bulk edit"`
	Within audit.Days `yaml:"within" desc:"time within which they were edited"`
	Window audit.Days `yaml:"window" desc:"time looked at: a deal with any activity in it is fine"`
}

// TouchedInBulk finds open deals that look alive only because somebody edited many at once.
func TouchedInBulk() *audit.Policy {
	return audit.Define(audit.Meta{
		ID: "touched-in-bulk", Title: "Only touched in bulk", Doc: touchedInBulkDoc,
		Group: audit.Deals, Family: audit.FamilyPath, Rank: 8, Severity: audit.Info,
		Needs: []audit.Need{audit.NeedEditor, audit.NeedActivity, audit.NeedStageEntry}, Sources: "P", Fix: audit.FixAdvice, Subject: crm.KindDeal,
		After: []string{notCaptured},
		Facts: crm.FactEditor | crm.FactModified | crm.FactTouch | crm.FactBuyer | crm.FactCreated | crm.FactStageEntry | crm.FactHistory | crm.FactOwner,
		Message: `The only sign of life is an edit on {{date .edited_at}}, one of {{count .edits_count}} that {{.editor}} made at once; ` +
			`beside it there was no activity in {{days .window_days}}`,
	}, touchedInBulk{Edits: 20, Within: aDay / 24 / 60, Window: 30 * aDay})
}

func (s touchedInBulk) Validate() error {
	if s.Edits < 2 || s.Within <= 0 || s.Window <= 0 {
		return errors.New("edits must be at least 2, within and window more than 0d")
	}
	return nil
}

func (s touchedInBulk) Check(p *audit.Pass) {
	bulk := p.Once(bulkKey{s.Edits, s.Within}, func() any { return s.bulk(p.Snap) }).([]int32)
	for r := range p.Open() {
		s.judge(p, r, bulk[r.Index])
	}
}

func (s touchedInBulk) judge(p *audit.Pass, r crm.Row, edits int32) {
	editor, at := p.Snap.LastEdit(r.Index)
	from := p.Now.Add(-s.Window.Duration())
	lively := func(fact crm.Fact, at crm.Instant) bool { return has(r, fact, at) && at > from }
	moved, placed := s.moved(p, r, at, from)
	switch {
	case lively(crm.FactTouch, r.Touch), lively(crm.FactBuyer, r.Buyer), lively(crm.FactCreated, r.Created), moved:
		p.OK(r)
	case !r.Known.Has(crm.FactEditor | crm.FactModified):
		p.Unknown(r, audit.NeedEditor, "who changed it last is not known")
	case edits == 0 || at <= from || at > p.Now:
		p.OK(r)
	case !r.Known.Has(crm.FactTouch | crm.FactBuyer):
		p.Unknown(r, audit.NeedActivity, "whether anything else happened is not known")
	case !placed:
		p.Unknown(r, audit.NeedStageEntry, "when it entered its stage is not known")
	case uncaptured(p, r):
		p.Unknown(r, audit.NeedActivity, silence)
	default:
		p.Found(r, audit.Found{
			Severity: audit.Info, Since: at, Fix: advice(),
			Facts: audit.Facts{
				"edited_at": at.String(), "edits_count": float64(edits), "editor": userName(p, p.Snap.Text(editor)), "window_days": s.Window.Float(),
			},
		})
	}
}

// moved reports whether a deal entered a stage after a moment, but for what the edit itself or we moved; ok is false where that is
// not known.
func (s touchedInBulk) moved(p *audit.Pass, r crm.Row, edited, from crm.Instant) (moved, ok bool) {
	apart := func(entered crm.Instant) bool {
		return entered > from && entered.Sub(edited).Abs() > s.Within.Duration()
	}
	if visits, ok := p.Visits(r); ok {
		return slices.ContainsFunc(visits, func(v audit.Visit) bool { return v.Origin != crm.OriginPlumbline && apart(v.Entered) }), true
	}
	entered, ok := p.EntryOf(r)
	return ok && apart(entered), ok
}

// userName is a user's name, or the id where the list has no such user.
func userName(p *audit.Pass, id string) string {
	for _, u := range p.Snap.Schema.Users {
		if u.ID == id {
			return cmp.Or(u.Name, id)
		}
	}
	return id
}

// bulkKey is the key of what bulk gives.
type bulkKey struct {
	edits  int
	within audit.Days
}

// bulk tells of every deal, whatever its state, how many deals the same person edited within the time around its last edit; 0 where
// that was no bulk edit. What automations and we ourselves did is none.
func (s touchedInBulk) bulk(snap *crm.Snapshot) []int32 {
	type edit struct {
		by   crm.TextID
		at   crm.Instant
		deal int32
	}
	var edits []edit
	known := snap.Columns().Known
	for i := range int32(snap.Len()) {
		by, at := snap.LastEdit(i)
		if known[i].Has(crm.FactEditor|crm.FactModified) && by != 0 && snap.Text(by) != crm.Us && !at.IsZero() {
			edits = append(edits, edit{by, at, i})
		}
	}
	slices.SortFunc(edits, func(a, b edit) int {
		return cmp.Or(cmp.Compare(a.by, b.by), cmp.Compare(a.at, b.at), cmp.Compare(a.deal, b.deal))
	})
	out := make([]int32, snap.Len())
	marked := 0 // edits before this one are counted by the window at hand or by an earlier, larger one
	for from, to := 0, 0; from < len(edits); from++ {
		for to < len(edits) && edits[to].by == edits[from].by && edits[to].at.Sub(edits[from].at) <= s.Within.Duration() {
			to++
		}
		n := to - from
		if n < s.Edits {
			continue
		}
		for i := max(from, marked); i < to; i++ {
			out[edits[i].deal] = int32(n)
		}
		marked = max(marked, to)
	}
	return out
}
