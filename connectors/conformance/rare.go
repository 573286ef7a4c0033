package conformance

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/sandbox"
)

// enrich gives deals of a world what few deals have, each by its place in the list: kinds and channels, people who moved and
// edited, values of the close date, quotes as far as each can come, line items, overdue tasks.
func enrich(w *sandbox.World) {
	for i := range w.Pipelines {
		w.Pipelines[i].Rules = &sandbox.Rules{NoSkip: i%2 == 0, NoBack: i%3 == 0}
		at := w.Now.AddDate(0, 0, -30-i).Truncate(time.Millisecond)
		w.Pipelines[i].Created, w.Pipelines[i].Changed = at.AddDate(-1, 0, 0), at
	}
	for i := range w.Deals {
		d := &w.Deals[i]
		by := w.Owners[i%len(w.Owners)].ID
		d.Type = []string{"newbusiness", "existingbusiness", ""}[i%3]
		d.Channel = []string{"ORGANIC_SEARCH", "OFFLINE", "", "REFERRALS"}[i%4]
		if i%2 == 0 {
			d.Editor = by
		}
		last := d.Created
		for k := range d.Moves {
			if k%2 == i%2 {
				d.Moves[k].By = by
			}
			last = d.Moves[k].At
		}
		if i%3 == 0 && !d.CloseDate.IsZero() {
			d.Dates = []sandbox.DateChange{{At: d.Created, To: d.CloseDate.AddDate(0, 0, -40)}, {At: last, To: d.CloseDate, By: by}}
		}
		if i%5 == 1 {
			d.LineItems = []sandbox.LineItem{{Name: "seats", Amount: strconv.Itoa(100 + i)}, {Name: "support", Amount: "49.5"}}
		}
		if i%4 == 2 {
			d.Quotes = quotes(d.Created, i)
		}
		if i%6 == 3 {
			d.Activities = append(d.Activities, sandbox.Activity{Kind: "task", At: w.Now.AddDate(0, 0, -3), Subject: "call back"},
				sandbox.Activity{Kind: "task", At: w.Now.AddDate(0, 0, -1), Subject: "write"})
		}
	}
}

// quotes are a draft and one that has come as far as i says.
func quotes(at time.Time, i int) []sandbox.Quote {
	q := sandbox.Quote{Title: "offer", Created: at, Published: at.Add(time.Second), Expires: at.AddDate(0, 2, 0)}
	if i%8 >= 4 {
		q.Signed = at.Add(2 * time.Second)
	}
	if i%16 >= 8 && !q.Signed.IsZero() {
		q.Paid = at.Add(3 * time.Second)
	}
	return []sandbox.Quote{{Title: "draft", Created: at}, q}
}

// rare works out what enrich gave to a deal, and what its activities say beside.
func rare(w *sandbox.World, d sandbox.Deal, e *crm.Deal) {
	ms := func(t time.Time) crm.Instant { return crm.At(t.Truncate(time.Millisecond)) }
	e.Type, e.Editor, e.Contacts = d.Type, d.Editor, int32(len(d.Contacts))
	if e.Source = d.Channel; d.Channel == "OFFLINE" {
		e.Source = ""
	}
	if n := len(d.Moves); n > 0 && statusIn(w, d) != crm.Open {
		for k := n - 1; k >= 0 && d.Moves[k].Stage == d.Stage; k-- {
			e.Closer = d.Moves[k].By
		}
	}
	for _, c := range d.Dates {
		e.Dates = append(e.Dates, crm.DateChange{At: ms(c.At), To: ms(c.To)})
	}
	for _, l := range d.LineItems {
		amount, _ := crm.ParseAmount(l.Amount)
		e.LineTotal += amount
	}
	for _, q := range d.Quotes {
		if !q.Published.IsZero() {
			zone, _ := time.LoadLocation(w.Zone)
			y, m, day := q.Expires.In(zone).Date()
			e.Quote = crm.Quote{Published: ms(q.Published), Signed: ms(q.Signed), Paid: ms(q.Paid), Expires: crm.At(time.Date(y, m, day+1, 0, 0, 0, 0, zone))}
		}
	}
	earlier := func(a *crm.Instant, b crm.Instant) {
		if a.IsZero() || b < *a {
			*a = b
		}
	}
	for _, a := range d.Activities {
		at, person := ms(a.At), a.Kind == "call" || a.Kind == "email" || a.Kind == "meeting"
		past := at <= crm.At(w.Now)
		switch {
		case a.Done && past && person && !a.Inbound:
			e.Touches++
			earlier(&e.FirstTouch, at)
		case !a.Done && (a.Kind == "task" || person && a.Kind != "email" && !past):
			earlier(&e.NextDue, at)
		}
		if a.Done && past && a.Kind == "meeting" {
			earlier(&e.FirstMeeting, at)
		}
		if a.Done && past && a.Kind == "email" && !a.Inbound {
			earlier(&e.FirstMail, at)
		}
	}
}

func statusIn(w *sandbox.World, d sandbox.Deal) crm.Status {
	for _, p := range w.Pipelines {
		for _, s := range p.Stages {
			if p.ID == d.Pipeline && s.ID == d.Stage {
				return kindOf(s)
			}
		}
	}
	return crm.Open
}

// testRare reads a portal in which deals have what few deals have, whole and changed, and what its set-up tells beside.
func testRare(t *testing.T, s Subject) {
	if !s.Rare {
		t.Skip("the face does not show what few deals have")
	}
	w := world(230, 9)
	enrich(w)
	b := newBench(t, s, w)
	c := b.open(t)
	sch := schema(t, c)
	testSurvey(t, b, c, sch)
	pages, err := pull(t.Context(), c, sch, crm.Work{Facts: crm.AllFacts})
	if err != nil {
		t.Fatal(err)
	}
	got := deals(t, pages)
	compare(t, b, got)
	known := map[crm.Fact]int{}
	for _, d := range got {
		for f := crm.FactType; f <= crm.FactCloser; f <<= 1 {
			if d.Known.Has(f) {
				known[f]++
			}
		}
	}
	t.Logf("of %d deals, known by fact: %v", len(got), known)
	since := watermark(pages)
	b.pass(time.Minute)
	change(t, b, sch, listed(b.World)[:40])
	b.pass(time.Minute)
	if pages, err = pull(t.Context(), c, sch, crm.Work{Since: since, Facts: crm.AllFacts}); err != nil {
		t.Fatal(err)
	}
	may := crm.FactClosed | s.Partial&crm.FactDates // of a deal that was never changed a CRM may tell its dates without its history
	for id, d := range deals(t, pages) {
		was, may := got[id], may
		if !d.Closed.IsZero() && !d.Known.Has(crm.FactNextDue) { // what is left undone on a closed deal need not be read again
			may |= crm.FactPlanned | crm.FactNextDue
			was.NextDue = 0
		}
		if d.Quote != was.Quote || d.LineTotal != was.LineTotal || d.NextDue != was.NextDue || d.Known&^may != was.Known&^may {
			t.Errorf("deal %s shows other quotes, line items or activities when it is read as changed: %+v, was %+v", id, d, was)
		}
	}
}

// testSurvey compares the pipelines' rules and the touches by kind with the world.
func testSurvey(t *testing.T, b *Bench, c connectors.Connector, sch crm.Schema) {
	t.Helper()
	for i, p := range sch.Pipelines {
		if should := crm.At(b.World.Pipelines[i].Changed); p.Changed != should || p.Rules != nil {
			t.Errorf("pipeline %s: its stages were changed at %v with rules %v, want %v and none yet", p.ID, p.Changed, p.Rules, should)
		}
	}
	surveyor, ok := c.(connectors.Surveyor)
	if !ok {
		return
	}
	b.requests()
	if same, err := surveyor.Survey(t.Context(), sch, crm.AllFacts&^(crm.FactRules|crm.FactOutreach)); err != nil || b.requests() != 0 || same.OutreachKnown {
		t.Errorf("a survey that nobody asked for cost requests or knows something: %v", err)
	}
	got, err := surveyor.Survey(t.Context(), sch, crm.FactRules|crm.FactOutreach)
	if err != nil {
		t.Fatal(err)
	}
	if n := b.requests(); n > int64(len(sch.Pipelines))+3 {
		t.Errorf("the survey of %d pipelines cost %d requests", len(sch.Pipelines), n)
	}
	for i, p := range got.Pipelines {
		if should := b.World.Pipelines[i].Rules; !got.RulesAvailable || p.Rules == nil || p.Rules.NoSkip != should.NoSkip || p.Rules.NoBack != should.NoBack {
			t.Errorf("pipeline %s has rules %+v, want %+v", p.ID, p.Rules, should)
		}
	}
	should, now := map[string]int{"call": 0, "meeting": 0, "email": 0}, b.World.Now
	for _, d := range b.World.Deals {
		for _, a := range d.Activities {
			if _, counts := should[a.Kind]; counts && a.Done && !a.At.After(now) && a.At.After(now.AddDate(0, 0, -90)) && (!a.Inbound || a.Kind == "meeting") {
				should[a.Kind]++
			}
		}
	}
	if diff := cmp.Diff(should, got.Outreach); diff != "" || !got.OutreachKnown {
		t.Errorf("touches of 90 days by kind (- world, + connector):\n%s", diff)
	}
}

// judgedRare takes over from the world what a connector does not say that it knows. A CRM may count the buyer's touches, too.
// Where the face shows none of it, nothing of it is judged.
func judgedRare(g, w *crm.Deal, known crm.Fact, rare bool) {
	if !rare {
		known = 0
	}
	g.Updated = 0 // the world has no such clock
	for i := range g.Dates {
		g.Dates[i].Origin = 0
	}
	if known.Has(crm.FactTouches) && g.Touches > w.Touches {
		g.Touches = w.Touches
	}
	if len(w.Dates) == 0 { // when the close date was set is not said
		known &^= crm.FactDates
	}
	for fact, take := range map[crm.Fact]func(){
		crm.FactType: func() { g.Type = w.Type }, crm.FactSource: func() { g.Source = w.Source }, crm.FactContacts: func() { g.Contacts = w.Contacts },
		crm.FactTouches: func() { g.Touches = w.Touches }, crm.FactFirstTouch: func() { g.FirstTouch = w.FirstTouch },
		crm.FactFirstMeeting: func() { g.FirstMeeting = w.FirstMeeting }, crm.FactFirstMail: func() { g.FirstMail = w.FirstMail },
		crm.FactNextDue: func() { g.NextDue = w.NextDue }, crm.FactQuotes: func() { g.Quote = w.Quote }, crm.FactLineItems: func() { g.LineTotal = w.LineTotal },
		crm.FactEditor: func() { g.Editor = w.Editor }, crm.FactCloser: func() { g.Closer = w.Closer }, crm.FactDates: func() { g.Dates = w.Dates },
	} {
		if !known.Has(fact) {
			take()
		}
	}
}
