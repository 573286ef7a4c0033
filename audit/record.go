package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// record is a record's place in the snapshot.
type record struct {
	kind  crm.Kind
	index int32
}

// verdict is what was reported of one record.
type verdict uint8

const (
	unreported verdict = iota
	passed
	failed
	undecided
)

// noted is a finding with what the score needs beside it.
type noted struct {
	Finding
	at    record
	rank  int
	off   bool // of a switched-off check
	spare bool // of a policy that is off by default
}

// runner collects what the checks of one run report.
type runner struct {
	snap   *crm.Snapshot
	now    crm.Instant
	layout *layout
	stats  *Stats
	groups []group // of every policy, in the order in which they run

	deals    []verdict // of the present policy, by deal
	others   map[record]verdict
	counts   map[string]*Judged
	families map[Family]uint8 // each family's bit
	judged   []uint8          // per deal, the bits of the families that could judge it
	setup    map[record]bool  // pipelines and the portal that a policy of the set-up could judge
	findings []noted
	unknown  []Unknown
	missing  map[Need]map[string]*lack
	flags    map[string]map[record]Severity // by policy, made when first asked for
	asked    []asked                        // comparisons of the present policy
	wasFound map[string]bool                // findings that were open after the run before
	waivers  []Waiver
	shared   shared
}

func newRunner(snap *crm.Snapshot, now crm.Instant) *runner {
	r := &runner{
		snap: snap, now: now, layout: newLayout(snap), deals: make([]verdict, snap.Len()), others: map[record]verdict{},
		counts: map[string]*Judged{}, families: map[Family]uint8{}, judged: make([]uint8, snap.Len()), setup: map[record]bool{},
		missing: map[Need]map[string]*lack{}, flags: map[string]map[record]Severity{},
	}
	for i, f := range dealFamilies() {
		r.families[f.family] = 1 << i
	}
	r.stats = newStats(snap, now, r.layout)
	return r
}

// outcome is what the present policy already said of a record. It panics where the check has no business with the record.
func (r *runner) outcome(p *Pass, ref record) verdict {
	in := false
	switch ref.kind {
	case crm.KindDeal:
		in = p.scope.has(r.snap.Columns(), int(ref.index))
	case crm.KindStage:
		in = p.scope.stages[ref.index]
	case crm.KindPipeline:
		in = p.scope.pipelines[ref.index]
	default:
		in = p.scope.portal
	}
	if !in {
		panic(fmt.Sprintf("reports on %s %s, which is outside its scope", ref.kind, r.subject(ref).ID))
	}
	if ref.kind == crm.KindDeal {
		return r.deals[ref.index]
	}
	return r.others[ref]
}

func (r *runner) set(ref record, v verdict) {
	if ref.kind == crm.KindDeal {
		r.deals[ref.index] = v
	} else {
		r.others[ref] = v
	}
}

// judge notes that a record could be judged, for the counts and for the score.
func (r *runner) judge(p *Pass, ref record, v verdict) {
	r.set(ref, v)
	if !p.check.Off {
		p.count.Judged++
		if v == passed {
			p.count.Passed++
		}
	}
	switch {
	case ref.kind == crm.KindDeal:
		r.judged[ref.index] |= p.family
	case p.check.Policy.Family == FamilySetup:
		r.setup[r.setupOf(ref)] = true
	}
}

// setupOf is the pipeline or portal to which a record of the set-up counts.
func (r *runner) setupOf(ref record) record {
	switch ref.kind {
	case crm.KindPipeline:
		return ref
	case crm.KindStage:
		return record{crm.KindPipeline, r.snap.PipelineOf(ref.index)}
	default:
		return record{crm.KindPortal, 0}
	}
}

// skip notes that a record could not be judged.
func (r *runner) skip(p *Pass, ref record, need Need, why string) {
	r.set(ref, undecided)
	if p.check.Off {
		return
	}
	id := p.check.Policy.ID
	p.count.Unknown++
	r.unknown = append(r.unknown, Unknown{Policy: id, Subject: r.subject(ref), Need: need, Why: why})
	r.lacks(id, need, why)
}

// reported tells whether the present policy already has a finding with this key on the record.
func (r *runner) reported(p *Pass, ref record, key string) bool {
	for i := len(r.findings) - 1; i >= 0 && r.findings[i].Policy == p.check.Policy.ID; i-- {
		if r.findings[i].at == ref && r.findings[i].Key == key {
			return true
		}
	}
	return false
}

// add notes a finding.
func (r *runner) add(p *Pass, ref record, f Found) {
	meta, c := &p.check.Policy.Meta, p.check
	for name, v := range f.Facts {
		switch v.(type) {
		case string, float64, bool, []string:
		default:
			panic(fmt.Sprintf("fact %s is a %T, not a string, float64, bool or []string", name, v))
		}
	}
	severity := f.Severity
	if severity == NoSeverity {
		severity = meta.Severity
	}
	subject := r.subject(ref)
	out := noted{at: ref, rank: meta.Rank, off: c.Off, spare: meta.Off, Finding: Finding{
		ID: FindingID(meta.ID, subject, f.Key), Policy: meta.ID, Severity: p.Severity(severity), Subject: subject, Key: f.Key,
		Facts: f.Facts, Settings: p.settings(), Value: f.Value, Since: f.Since, Family: meta.Family,
	}}
	out.Facts = r.local(f.Facts)
	if f.Fix != nil {
		fix := *f.Fix
		fix.Mode, fix.Edits = c.Mode, slices.Clone(f.Fix.Edits)
		if fix.Mode == "" {
			fix.Mode = ModeReport
		}
		if fix.Edits == nil {
			fix.Edits = []crm.Edit{}
		}
		out.Fix = &fix
	}
	r.name(ref, &out.Finding)
	r.findings = append(r.findings, out)
}

// local gives the moments among facts the account's own offset, so that whoever writes one as a date writes the day that
// people there saw on their calendars.
func (r *runner) local(facts Facts) Facts {
	if facts == nil {
		return Facts{}
	}
	zone := r.snap.Zone()
	if zone == time.UTC {
		return facts
	}
	for name, v := range facts {
		if at, ok := v.(string); ok && strings.HasSuffix(name, "_at") {
			if t, err := time.Parse(time.RFC3339Nano, at); err == nil {
				facts[name] = t.In(zone).Format(time.RFC3339Nano)
			}
		}
	}
	return facts
}

// gravest answers [Pass.Gravest] for the policy that asks.
func (r *runner) gravest(asking *Policy, id string, ref record) Severity {
	if !slices.Contains(asking.After, id) {
		panic("asks about " + id + ", which Meta.After does not name")
	}
	set, ok := r.flags[id]
	if !ok {
		set = map[record]Severity{}
		for i := range r.findings {
			if f := &r.findings[i]; f.Policy == id {
				set[f.at] = max(set[f.at], f.Severity)
			}
		}
		r.flags[id] = set
	}
	return set[ref]
}
