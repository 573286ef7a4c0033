package remedy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// The caps of practices.md.
const (
	tasksPerWeek   = 10 // new ones per owner
	dealsPerPerson = 50 // given to one person per run
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// choose applies the rules by which a deal, an owner or a person may not get every fix at once.
func (p *planner) choose(drafts []*draft) []*draft {
	drafts = p.wanted(drafts)
	drafts = p.oneMove(drafts)
	drafts = p.oneChange(drafts)
	drafts = p.capOwners(drafts)
	return p.capTasks(drafts)
}

// wanted leaves out what was rejected or undone, what is done, and, for the daemon, what is only to be reported.
func (p *planner) wanted(drafts []*draft) []*draft {
	muted := map[string]bool{}
	for _, s := range p.living {
		if (s.State == Rejected || s.State == Undone) && s.Subject.Kind == crm.KindDeal && s.Finding != "" {
			muted[s.Finding] = true
		}
	}
	var out []*draft
	for _, d := range drafts {
		old := p.living[d.Base]
		switch {
		case p.Daemon && (d.Mode == audit.ModeReport || d.Mode == "") && d.finding.ID != "":
			p.kept[d.Base] = true
		case old != nil && (old.State == Rejected || old.State == Undone || old.State == Applied || old.State == Applying):
			p.kept[d.Base] = true
		case old != nil && old.State == Failed && sameEdit(old.Edit, d.Edit), old != nil && old.State == Stale && p.Result.AsOf <= old.Updated:
			p.kept[d.Base] = true
		case muted[d.Finding] || slices.ContainsFunc(d.needs, p.refused):
		default:
			out = append(out, d)
		}
	}
	return out
}

// refused reports whether a step was rejected or undone.
func (p *planner) refused(base string) bool {
	s := p.living[base]
	return s != nil && (s.State == Rejected || s.State == Undone)
}

// oneMove lets a deal have one fix that closes, moves or re-dates it; while there is one, its other fixes wait.
func (p *planner) oneMove(drafts []*draft) []*draft {
	chosen := map[string]string{} // deal → base
	for _, s := range p.living {
		if exclusive(s.Edit) && (s.State == Approved || s.State == Applying) {
			chosen[s.Deal] = s.Base
		}
	}
	for _, proposedAlready := range []bool{true, false} {
		for _, d := range drafts {
			old := p.living[d.Base]
			if (old != nil && old.State == Proposed) == proposedAlready && exclusive(d.Edit) && d.State == Proposed && chosen[d.Deal] == "" {
				chosen[d.Deal] = d.Base
			}
		}
	}
	return slices.DeleteFunc(drafts, func(d *draft) bool {
		return d.Deal != "" && chosen[d.Deal] != "" && chosen[d.Deal] != d.Base
	})
}

// oneChange lets a field of a stage have one step: several findings may ask for the same probability. The step that is there already
// stays, else that of the worst finding; should its finding go, another one takes its place with the next plan. What was rejected or
// undone for one finding is not offered for another.
func (p *planner) oneChange(drafts []*draft) []*draft {
	chosen := map[string]string{} // stage and fields → base
	about := func(e crm.Edit, fields []string) string {
		if e.Op != crm.OpSet || e.Target.Kind != crm.KindStage {
			return ""
		}
		return e.Target.ID + "\x00" + strings.Join(fields, "\x00")
	}
	for _, base := range sortedKeys(p.living) {
		if s := p.living[base]; s.State.Open() || s.State == Manual || s.State == Rejected || s.State == Undone {
			if key := about(s.Edit, s.fields()); key != "" && chosen[key] == "" {
				chosen[key] = base
			}
		}
	}
	wanted := map[string]bool{}
	for _, d := range drafts {
		wanted[d.Base] = true
	}
	return slices.DeleteFunc(drafts, func(d *draft) bool {
		key := about(d.Edit, d.fields())
		old := p.living[chosen[key]]
		switch {
		case key == "":
			return false
		case chosen[key] == "", old != nil && (old.State == Proposed || old.State == Manual) && !wanted[old.Base]: // nobody asks for the old one any more
			chosen[key] = d.Base
		}
		return chosen[key] != d.Base
	})
}

// capOwners bounds how many deals are given to one person.
func (p *planner) capOwners(drafts []*draft) []*draft {
	given := map[string]int{}
	for _, s := range p.living {
		if s.Edit.Op == crm.OpSet && s.State.Open() {
			given[s.Edit.After[crm.FieldOwner]]++
		}
	}
	return slices.DeleteFunc(drafts, func(d *draft) bool {
		to := d.Edit.After[crm.FieldOwner]
		if d.Edit.Op != crm.OpSet || to == "" || d.State == Manual {
			return false
		}
		if old := p.living[d.Base]; old != nil && old.State.Open() {
			return false
		}
		given[to]++
		return given[to] > dealsPerPerson
	})
}

// capTasks lets a deal have one living task and an owner ten new ones a week; the rest goes into one digest per owner.
func (p *planner) capTasks(drafts []*draft) []*draft {
	wanted := map[string]bool{}
	for _, d := range drafts {
		wanted[d.Base] = true
	}
	onDeal, ofOwner := p.tasksThere(wanted)
	rest := map[string][]*draft{}
	out := slices.DeleteFunc(drafts, func(d *draft) bool {
		if !d.isTask() {
			return false
		}
		owner := d.Edit.After[crm.FieldOwner]
		switch old := p.living[d.Base]; {
		case onDeal[d.Deal] != "" && onDeal[d.Deal] != d.Base:
			return true
		case old != nil && old.State.Open():
			return false
		case d.finding.Fix != nil && d.finding.Fix.Kind == audit.FixDigest:
			rest[owner] = append(rest[owner], d)
			return true
		case d.State == Manual:
			return false
		case ofOwner[owner] >= tasksPerWeek:
			rest[owner] = append(rest[owner], d)
			return true
		}
		onDeal[d.Deal] = d.Base
		ofOwner[owner]++
		return false
	})
	for _, owner := range sortedKeys(rest) {
		if d := p.digest(owner, rest[owner], onDeal); d != nil {
			out = append(out, d)
		}
	}
	return out
}

// tasksThere returns the base of each deal's living task, and how many tasks each owner got within a week. Proposals that
// nothing asks for any more do not count.
func (p *planner) tasksThere(wanted map[string]bool) (onDeal map[string]string, ofOwner map[string]int) {
	onDeal, ofOwner = map[string]string{}, map[string]int{}
	for _, s := range p.steps {
		if s.Edit.Op != crm.OpAddTask || s.Undoes != "" || isDigest(s) {
			continue
		}
		there := s.State == Approved || s.State == Applying || s.State == Applied || s.State == Proposed && wanted[s.Base]
		if there && s.Ended.IsZero() {
			onDeal[s.Deal] = s.Base
		}
		if there && s.Made > p.now.Add(-week) {
			ofOwner[s.Edit.After[crm.FieldOwner]]++
		}
	}
	return onDeal, ofOwner
}

const digestPolicy = "digest"

func isDigest(s *Step) bool { return s.Policy == digestPolicy }

// digest is the one task that names what an owner's other tasks of the week leave out; nil while one of the last seven
// days is there.
func (p *planner) digest(owner string, rest []*draft, onDeal map[string]string) *draft {
	rest = slices.DeleteFunc(rest, func(d *draft) bool { return onDeal[d.Deal] != "" })
	seen := map[string]bool{}
	rest = slices.DeleteFunc(rest, func(d *draft) bool {
		twice := seen[d.Deal]
		seen[d.Deal] = true
		return twice
	})
	if len(rest) == 0 {
		return nil
	}
	worst := rest[0]
	subject, body := p.digestTexts(rest)
	e := crm.Edit{Target: crm.Ref{Portal: p.plan.Portal, Kind: crm.KindTask}, Op: crm.OpAddTask, Before: crm.Fields{}, After: crm.Fields{
		crm.FieldDeal: worst.Deal, crm.FieldOwner: owner, crm.FieldSubject: subject, crm.FieldBody: body, crm.FieldDue: p.due(),
	}}
	d := &draft{Step: Step{
		Policy: digestPolicy, Subject: crm.Ref{Portal: p.plan.Portal, Kind: crm.KindOwner, ID: owner}, Severity: worst.Severity,
		Edit: e, Deal: worst.Deal, Mode: audit.ModePropose, State: worst.State, Why: worst.Why, Risk: RiskLow,
		Summary: "Create one task that lists " + counted(len(rest), "more deal"),
	}}
	d.Base = baseID(p.plan.Portal, "", crm.Edit{}, "digest "+owner)
	if old := p.living[d.Base]; old != nil && old.State != Proposed && old.State != Manual {
		if old.State.Open() || old.Made > p.now.Add(-week) {
			p.kept[d.Base] = true
			return nil
		}
		old.Ended = p.now
		delete(p.living, old.Base)
		p.touch(old, nil)
	}
	return d
}

// maxDigestLines keeps a digest readable.
const maxDigestLines = 50

func (p *planner) digestTexts(rest []*draft) (subject, body string) {
	if w, ok := p.Words.(Digester); ok {
		findings := make([]audit.Finding, len(rest))
		for i, d := range rest {
			findings[i] = d.finding
		}
		return w.Digest(findings)
	}
	var lines []string
	for _, d := range rest {
		lines = append(lines, "- "+d.Edit.After[crm.FieldSubject])
	}
	if more := len(lines) - maxDigestLines; more > 0 {
		lines = append(lines[:maxDigestLines], fmt.Sprintf("- and %d more", more))
	}
	return fmt.Sprintf("%d more deals need a look", len(rest)), strings.Join(lines, "\n")
}

// autoApprove approves what auto may, or says why the run is held. Nothing is approved in part: past a limit a person decides.
func (p *planner) autoApprove() (held string) {
	if !p.Daemon {
		return ""
	}
	var ready []*Step
	guarded := 0
	for _, s := range p.steps {
		ripe := p.now.Sub(s.Made) >= p.Grace[s.Policy]
		switch {
		case s.State != Proposed || s.Mode != audit.ModeAuto || !s.Ended.IsZero() || !ripe:
		case p.guarded(s):
			guarded++
		default:
			ready = append(ready, s)
		}
	}
	if len(ready) == 0 && guarded > 0 {
		return fmt.Sprintf("steps on deals that had two-way contact within %s, or of which that is not known: %d", days(p.Guard), guarded)
	}
	if len(ready) == 0 {
		return ""
	}
	if why := cmp.Or(p.Hold, p.pastLimit(ready)); why != "" {
		return why
	}
	for _, s := range ready {
		if s.move(Approved, "", p.now) != nil {
			continue
		}
		s.Decisions = append(s.Decisions, Decision{Who: autoWho, At: p.now, Verdict: Approved, Version: s.Version})
		p.touch(s, s.entry(string(Approved), autoWho, p.now))
	}
	return ""
}

// guarded reports whether a step is about a deal that is to be left alone: who talks with the buyer decides.
func (p *planner) guarded(s *Step) bool {
	if p.Guard == 0 || s.Deal == "" {
		return false
	}
	if p.Contact == nil {
		return true
	}
	at, known := p.Contact(s.Deal)
	return !known || at.Add(p.Guard) > p.now
}

// days writes a time of whole days as such.
func days(d time.Duration) string {
	if n := d / (24 * time.Hour); n > 0 && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", n)
	}
	return d.String()
}

// autoWho stands in decisions for the configuration that allows a policy to act by itself.
const autoWho = "auto"

// pastLimit names the limit that approving the steps would pass, or "".
func (p *planner) pastLimit(ready []*Step) string {
	if !p.Result.Complete {
		return "the audit rests on incomplete data"
	}
	today := 0
	for _, s := range p.steps {
		if slices.ContainsFunc(s.Decisions, func(d Decision) bool { return d.Who == autoWho && d.At > p.now.Add(-week/7) }) {
			today++
		}
	}
	deals, sums := map[string]bool{}, map[string]crm.Amount{}
	for _, s := range ready {
		if s.Deal != "" && !deals[s.Deal] {
			deals[s.Deal] = true
			sums[s.Value.Currency] += s.Value.Amount
		}
	}
	open := 0
	for i := range p.Result.Pipelines {
		open += p.Result.Pipelines[i].OpenDeals
	}
	l := p.Limits
	share := max(1, int(l.ShareOfOpen*float64(open)))
	switch {
	case len(ready) > l.PerRun:
		return fmt.Sprintf("steps in this run: %d, allowed: %d", len(ready), l.PerRun)
	case today+len(ready) > l.PerDay:
		return fmt.Sprintf("steps within a day: %d, allowed: %d", today+len(ready), l.PerDay)
	case len(deals) > share:
		return fmt.Sprintf("deals in this run: %d, allowed by the share of open deals: %d", len(deals), share)
	}
	for _, currency := range sortedKeys(sums) {
		switch {
		case l.Money.IsZero() || sums[currency] == 0:
		case l.Money.Currency != "" && l.Money.Currency != currency:
			return fmt.Sprintf("deals in %s cannot be held against a limit in %s", currency, l.Money.Currency)
		case sums[currency] > l.Money.Amount:
			return fmt.Sprintf("deals worth %s %s are more than the %s allowed", sums[currency], currency, l.Money.Amount)
		}
	}
	return ""
}
