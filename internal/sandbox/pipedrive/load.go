package pipedrive

import (
	"cmp"
	"strconv"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// kindOfStage is what a world's stage is on Pipedrive: an open stage, or a status.
type kindOfStage struct {
	id, line int64
	status   string
}

// loader makes deals of a world's.
type loader struct {
	p       *portal
	now     time.Time
	next    int64 // id of the next activity or note
	kinds   map[string]kindOfStage
	reasons map[string]string // label by the value of the loss option
}

// changeSource is how the changelog names what made a change.
func changeSource(source string) string {
	switch source {
	case "INTEGRATION":
		return "api"
	case "IMPORT":
		return "import"
	case "AUTOMATION_PLATFORM":
		return "automation"
	}
	return "app"
}

// originOf is how a deal was made.
func originOf(source string) string {
	switch source {
	case "INTEGRATION":
		return "API"
	case "IMPORT":
		return "Import"
	case "AUTOMATION_PLATFORM":
		return "Automation"
	}
	return "ManuallyCreated"
}

// deal replays a deal's history: the moves between open stages are changes of stage, those into won or lost are changes of status, after
// which the deal stays in the stage where it was.
func (l *loader) deal(w *sandbox.Deal) {
	p := l.p
	d := &deal{home: p, id: p.ids.deals.byText[w.ID], name: w.Name, owner: p.me.id, creator: p.me.id, currency: cmp.Or(w.Currency, p.world.Currency),
		status: statusOpen, added: w.Created.Truncate(time.Second), visibleTo: 3, origin: originOf(w.Source), org: p.ids.orgs.byText[w.Company]}
	if id := p.ids.users.byText[w.Owner]; id != 0 {
		d.owner, d.creator = id, id
	}
	d.value, _ = strconv.ParseFloat(w.Amount, 64) // none is 0
	if len(w.Contacts) > 0 {
		d.person, d.participants = p.ids.persons.byText[w.Contacts[0]], len(w.Contacts)
	}
	if w.External != "" {
		d.custom = map[string]any{externalKey: w.External}
	}
	d.updated = d.added
	p.log(d, d.added, "add_time", nil, stampV1(d.added), changeSource(w.Source))
	if len(w.Moves) == 0 {
		l.place(d, w)
	} else {
		l.moves(d, w)
	}
	if d.status == statusLost {
		if reason := cmp.Or(l.reasons[w.LossOption], w.LossReason); reason != "" {
			d.lostReason = &reason
			p.log(d, d.updated, "lost_reason", nil, reason, "app")
		}
	}
	l.dates(d, w)
	if w.Archived {
		d.archived, d.archivedAt = true, d.updated
	}
	for i := range w.Activities {
		l.activity(d, &w.Activities[i])
	}
	p.deals.add(d)
}

// dates replays the values of a deal's expected close date. Where none are told, it was set with the last move.
func (l *loader) dates(d *deal, w *sandbox.Deal) {
	list := w.Dates
	if len(list) == 0 && !w.CloseDate.IsZero() {
		list = []sandbox.DateChange{{At: d.updated, To: w.CloseDate}}
	}
	for _, c := range list {
		at, to := c.At.Truncate(time.Second), ""
		if !c.To.IsZero() {
			to = c.To.In(l.p.zone).Format(time.DateOnly)
		}
		l.p.log(d, at, "expected_close_date", textOrNull(d.expected), textOrNull(to), changeSource(c.Source))
		d.expected, d.updated = to, later(d.updated, at)
	}
}

// moves replays a history that is known.
func (l *loader) moves(d *deal, w *sandbox.Deal) {
	first := l.kinds[w.Moves[0].Stage]
	d.stage, d.pipeline = first.id, first.line
	if first.status != statusOpen {
		d.stage = l.closedIn(first)
	}
	if at := w.Moves[0].At.Truncate(time.Second); at.After(d.added) {
		d.stageChanged, d.updated = at, at
	}
	for i, m := range w.Moves {
		k, ok := l.kinds[m.Stage]
		if !ok {
			continue
		}
		at, source := m.At.Truncate(time.Second), changeSource(m.Source)
		if i > 0 && at.Before(d.updated) {
			at = d.updated
		}
		if i > 0 || k.status != statusOpen {
			l.p.enter(d, k, at, source)
		}
	}
}

// closedIn is the stage of a deal that no open stage is known of: the last one for those won, the first for those lost.
func (l *loader) closedIn(k kindOfStage) int64 {
	line := l.p.pipeline(k.line)
	if k.status == statusWon {
		return line.stages[len(line.stages)-1].id
	}
	return line.stages[0].id
}

// enter takes a deal into a stage of the world.
func (p *portal) enter(d *deal, k kindOfStage, at time.Time, source string) {
	if k.status != statusOpen {
		p.setStatus(d, k.status, at, source)
		return
	}
	if d.status != statusOpen {
		p.setStatus(d, statusOpen, at, source)
	}
	p.move(d, k.line, k.id, at, source)
}

// place puts a deal without a known history where it is now.
func (l *loader) place(d *deal, w *sandbox.Deal) {
	k := l.kinds[w.Stage]
	d.pipeline, d.stage = k.line, k.id
	entered := w.StageEntered.Truncate(time.Second)
	if k.status == statusOpen {
		if entered.After(d.added) {
			d.stageChanged, d.updated = entered, entered
		}
		return
	}
	d.stage = l.closedIn(k)
	at := w.CloseDate.Truncate(time.Second)
	if at.IsZero() {
		at = entered
	}
	if at.Before(d.added) {
		at = d.added
	}
	l.p.setStatus(d, k.status, at, "app")
}

// activity gives a deal one of its activities: e-mails are mail messages, notes are notes, all else are activities.
func (l *loader) activity(d *deal, w *sandbox.Activity) {
	p := l.p
	at := w.At.Truncate(time.Second)
	owner := cmp.Or(p.ids.users.byText[w.Owner], d.owner)
	l.next++
	switch w.Kind {
	case "email":
		d.mails = append(d.mails, mail{at: at, inbound: w.Inbound})
		d.touched = later(d.touched, at)
	case "note":
		n := &note{id: l.next, content: w.Subject, deal: d, user: owner, added: at, updated: at}
		p.notes.add(n)
		d.notes = append(d.notes, n)
		d.touched = later(d.touched, at)
	default:
		made := at
		if made.After(l.now) { // planned before now, and no earlier than its deal
			made = d.updated
		}
		due := at.UTC()
		a := &activity{id: l.next, subject: w.Subject, kind: w.Kind, owner: owner, creator: owner, deal: d, person: d.person, org: d.org,
			dueDate: due.Format(time.DateOnly), dueTime: due.Format("15:04"), done: w.Done, added: made, updated: made}
		if w.Kind == "meeting" {
			a.duration = "01:00"
		}
		if w.Done {
			a.doneAt = at
		}
		p.activities.add(a)
		d.activities = append(d.activities, a)
		d.touched = later(d.touched, made)
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
