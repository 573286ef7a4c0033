package remedy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// Words makes the texts of steps.
type Words interface {
	// Task gives the subject and the body of the task that asks a deal's owner to put a finding right.
	Task(f audit.Finding) (subject, body string)
	// Summary says what an edit does, as a verb phrase.
	Summary(f audit.Finding, e crm.Edit) string
	// Manual says what a person must do, for a key of [audit.Fix]; a sentence is returned as it is.
	Manual(key string) string
}

// Digester is what [Words] may know besides: the task that lists what an owner's other tasks of the week leave out.
type Digester interface {
	Digest(findings []audit.Finding) (subject, body string)
}

// Input is what a plan is made from.
type Input struct {
	Result *audit.Result
	Schema crm.Schema
	// Editor says what the CRM can do; nil: the connection cannot write, and every step is a person's.
	Editor connectors.Editor
	Store  Store
	Words  Words
	Now    time.Time
	// Contact tells when a deal last had two-way contact, none if it never had, or that this is not known. Guard needs it.
	Contact func(deal string) (at crm.Instant, known bool)
	Options
}

// Options are the rules of a plan.
type Options struct {
	Who           string // in whose name
	FallbackOwner string // id of the user that deals without an active owner are given to; "": nobody
	// Zone is where working days are counted; nil is the account's own zone.
	Zone *time.Location
	// Daemon makes the findings' modes bind: report makes no steps, auto approves within the limits. A person's plan always proposes.
	Daemon bool
	Limits Limits
	// Grace is, by policy, how long a step waits as a proposal before auto may approve it.
	Grace map[string]time.Duration
	// Guard keeps auto off a deal that had two-way contact within it, or of which that is not known. 0 is no guard.
	Guard time.Duration
	// Hold keeps auto from approving anything, and says why: a freeze, the hours outside the write window.
	Hold string
}

// Limits bind what auto approves. Past any of them nothing of the run is approved: it is held for a person.
type Limits struct {
	PerRun, PerDay int       // steps; 0 is none at all
	ShareOfOpen    float64   // of the portal's open deals, 0-1; at least one deal
	Money          crm.Money // sum of the deals' values; the zero value is no limit
}

// Plan is what would be done to a portal: the steps that wait, for a decision, for their turn or for a person.
type Plan struct {
	ID       string
	Portal   string
	MadeAt   crm.Instant
	Who      string
	Complete bool   // false: it rests on an audit of incomplete data
	Held     string // why auto approved nothing; "" when it did not have to hold back
	Steps    []Step
}

// NewPlan plans the fixes of an audit and stores the steps. The same findings give the same steps: those that wait already stay as
// they are, those whose edit changed rise in version, those whose finding is gone expire. An incomplete audit lets none expire.
func NewPlan(ctx context.Context, in Input) (*Plan, error) {
	p, err := newPlanner(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", in.Result.Portal, err)
	}
	drafts := p.drafts()
	if drafts, err = p.readBefore(ctx, drafts); err != nil {
		return nil, fmt.Errorf("plan %s: %w", in.Result.Portal, err)
	}
	if err := p.askFeasible(ctx, drafts); err != nil {
		return nil, fmt.Errorf("plan %s: %w", in.Result.Portal, err)
	}
	for _, d := range p.choose(drafts) {
		p.reconcile(d)
	}
	p.retire()
	p.plan.Held = p.autoApprove()
	p.plan.Steps = p.open()
	if err := p.save(ctx); err != nil {
		return nil, fmt.Errorf("plan %s: %w", in.Result.Portal, err)
	}
	return p.plan, nil
}

// planner makes one plan.
type planner struct {
	Input
	now      crm.Instant
	zone     *time.Location
	plan     *Plan
	steps    []*Step          // living and recent ones, and those that the plan adds
	living   map[string]*Step // by base
	episodes map[string]int
	users    map[string]crm.User
	kept     map[string]bool   // bases of living steps that the plan leaves as they are
	changed  map[string]*Entry // by step; the entry may be nil
	order    []*Step           // of changed
}

func newPlanner(ctx context.Context, in Input) (*planner, error) {
	now := crm.At(in.Now)
	p := &planner{
		Input: in, now: now, zone: in.Zone, living: map[string]*Step{}, kept: map[string]bool{}, changed: map[string]*Entry{},
		users: map[string]crm.User{},
		plan: &Plan{
			ID: shortHash(in.Result.Portal, now.String(), in.Result.AsOf.String(), in.Who), Portal: in.Result.Portal, MadeAt: now,
			Who: in.Who, Complete: in.Result.Complete,
		},
	}
	if p.zone == nil {
		p.zone = time.UTC
		if loc, err := time.LoadLocation(in.Schema.Zone); err == nil {
			p.zone = loc
		}
	}
	for _, u := range in.Schema.Users {
		p.users[u.ID] = u
	}
	steps, err := in.Store.Steps(ctx, Filter{Portal: in.Result.Portal, Living: true, Since: now.Add(-week)})
	if err != nil {
		return nil, fmt.Errorf("read the steps there are: %w", err)
	}
	if p.episodes, err = in.Store.Episodes(ctx, in.Result.Portal); err != nil {
		return nil, fmt.Errorf("count the steps there were: %w", err)
	}
	for i := range steps {
		s := &steps[i]
		p.steps = append(p.steps, s)
		if s.Undoes == "" && s.Ended.IsZero() {
			p.living[s.Base] = s
		}
	}
	return p, nil
}

const week = 7 * 24 * time.Hour

// touch notes that a step changed and is to be stored, with a row of the journal or without.
func (p *planner) touch(s *Step, e *Entry) {
	if _, ok := p.changed[s.ID]; !ok {
		p.order = append(p.order, s)
		p.changed[s.ID] = e
	}
	if e != nil {
		p.changed[s.ID] = e
	}
}

func (p *planner) save(ctx context.Context) error {
	if err := p.Store.SavePlan(ctx, *p.plan); err != nil {
		return fmt.Errorf("store the plan: %w", err)
	}
	changes := make([]Change, len(p.order))
	for i, s := range p.order {
		changes[i] = Change{s, p.changed[s.ID]}
	}
	if err := recordAll(ctx, p.Store, changes); err != nil {
		return fmt.Errorf("store the steps: %w", err)
	}
	// The plan that is returned was copied before the store numbered the rows.
	p.plan.Steps = p.open()
	return nil
}

// open returns the steps that the plan is about, worst first, and none before a step that it needs.
func (p *planner) open() []Step {
	var out []Step
	for _, s := range p.steps {
		waits := s.State.Open() || (s.Undoes == "" && (s.State == Manual || s.State == Failed))
		if waits && s.Ended.IsZero() {
			out = append(out, *s)
		}
	}
	slices.SortStableFunc(out, func(a, b Step) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Value.Amount, a.Value.Amount), cmp.Compare(a.Policy, b.Policy),
			cmp.Compare(a.Finding, b.Finding), cmp.Compare(len(a.Needs), len(b.Needs)), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// reconcile makes a step of a draft, or brings the living step of the same base up to date.
func (p *planner) reconcile(d *draft) {
	p.kept[d.Base] = true
	old := p.living[d.Base]
	if old == nil {
		p.add(d)
		return
	}
	changed := !sameEdit(old.Edit, d.Edit)
	switch old.State {
	case Proposed, Manual:
		p.revise(old, d, changed)
	case Approved:
		if changed && !p.drifted(old, d) {
			p.revise(old, d, true)
			p.touch(old, old.entry(EventRevised, p.Who, p.now))
		}
	case Failed:
		if changed {
			p.succeed(old, d)
		}
	case Stale:
		if p.Result.AsOf > old.Updated {
			p.succeed(old, d)
		}
	}
}

// add makes a new step of a draft.
func (p *planner) add(d *draft) {
	s := d.Step
	s.ID = episodeID(s.Base, p.episodes[s.Base])
	p.episodes[s.Base]++
	s.Version, s.Portal, s.Plan, s.Made, s.Updated = 1, p.plan.Portal, p.plan.ID, p.now, p.now
	s.Edit.Key = s.ID
	s.Needs = p.needs(d)
	p.steps = append(p.steps, &s)
	p.living[s.Base] = &s
	p.touch(&s, nil)
}

// succeed ends a step that came to nothing and makes a new one of the draft.
func (p *planner) succeed(old *Step, d *draft) {
	old.Ended = p.now
	p.touch(old, nil)
	p.add(d)
}

// revise brings a waiting step up to date. When its edit changed, its version rises and it waits for a decision again.
func (p *planner) revise(s *Step, d *draft, changed bool) {
	needs := p.needs(d)
	if !changed && s.State == d.State && s.Summary == d.Summary && s.Why == d.Why && s.Severity == d.Severity && s.Value == d.Value &&
		s.Mode == d.Mode && s.Risk == d.Risk && slices.Equal(s.Needs, needs) && slices.Equal(s.Irreversible, d.Irreversible) {
		return
	}
	if changed {
		s.Version++
		due := s.Edit.After[crm.FieldDue]
		s.Edit = d.Edit
		s.Edit.Key = s.ID
		if keeps(due, p.now) && s.Edit.Op == crm.OpAddTask {
			s.Edit.After[crm.FieldDue] = due
		}
		s.Plan = p.plan.ID
	}
	if s.State != d.State {
		_ = s.move(d.State, d.Why, p.now) // among proposed, manual and approved only
	}
	s.Why, s.Summary, s.Severity, s.Value, s.Mode, s.Risk, s.Irreversible = d.Why, d.Summary, d.Severity, d.Value, d.Mode, d.Risk, d.Irreversible
	s.Needs, s.Updated = needs, p.now
	p.touch(s, nil)
}

// needs are the ids of the steps that a draft rests on.
func (p *planner) needs(d *draft) []string {
	var ids []string
	for _, base := range d.needs {
		if s := p.living[base]; s != nil {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// retire takes back the proposals that the findings no longer ask for, and ends the steps whose finding is gone, so that
// the same problem is met afresh when it comes again.
func (p *planner) retire() {
	present, unknown := p.standing()
	for _, base := range sortedKeys(p.living) {
		s := p.living[base]
		gone := p.Result.Complete && !p.kept[base] && !present[s.Finding] && !unknown[subjectOf(s.Policy, s.Subject)]
		switch {
		case p.kept[base]:
		case s.State == Proposed || s.State == Manual || s.State == Approved && s.Edit.Op == crm.OpAddTask:
			p.takeBack(s, gone, present[s.Finding])
		case gone && p.Result.AsOf > s.Updated && s.State != Approved && s.State != Applying:
			s.Ended = p.now
			p.touch(s, nil)
		}
	}
}

func (p *planner) takeBack(s *Step, gone, present bool) {
	var entry *Entry
	was := s.State
	switch {
	case gone && was != Approved:
		_ = s.move(Expired, "its finding is gone", p.now) // proposed and manual may expire
	case gone:
		_ = s.move(Superseded, "its finding is gone", p.now)
	case present:
		_ = s.move(Superseded, "another fix of this deal or case comes first", p.now)
	default:
		return // nothing is known for certain
	}
	if was == Approved {
		entry = s.entry(string(s.State), p.Who, p.now)
	}
	s.Ended = p.now
	p.touch(s, entry)
}

// standing tells which findings there are, and which records a policy could not judge: of those nothing is over.
func (p *planner) standing() (present, unknown map[string]bool) {
	present, unknown = map[string]bool{}, map[string]bool{}
	for i := range p.Result.Findings {
		present[p.Result.Findings[i].ID] = true
	}
	for i := range p.Result.Unknown {
		u := &p.Result.Unknown[i]
		unknown[subjectOf(u.Policy, u.Subject)] = true
	}
	return present, unknown
}

func subjectOf(policy string, subject crm.Ref) string {
	return policy + "\x00" + string(subject.Kind) + "\x00" + subject.ID
}
