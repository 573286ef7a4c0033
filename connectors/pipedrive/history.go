package pipedrive

import (
	"context"
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// changelogBegan is when Pipedrive began to offer the changelog. Whether that of an older deal reaches back to its creation is
// not documented, so it must show it.
var changelogBegan = crm.At(time.Date(2024, time.February, 1, 0, 0, 0, 0, time.UTC))

// HistoryTokens is the price of one deal's history: one page of its changelog.
func (c *reader) HistoryTokens() int64 { return dealChangelog.tokens }

// Reserve keeps tokens of our share for the walks of the rest of the day.
func (c *reader) Reserve(tokens int64) { c.budget.keep(tokens) }

// History reads the changelog of each deal.
func (c *reader) History(ctx context.Context, schema crm.Schema, deals []crm.Deal) iter.Seq2[crm.History, error] {
	c.given(schema)
	return func(yield func(crm.History, error) bool) {
		for _, d := range deals {
			h, err := c.history(ctx, d)
			if !yield(h, err) || err != nil {
				return
			}
		}
	}
}

// changelog is what a deal's changelog tells of some of its fields, oldest first.
type changelog struct {
	stages, statuses, dates []change
}

func (c *reader) history(ctx context.Context, d crm.Deal) (crm.History, error) {
	var log changelog
	var oldest crm.Instant
	for page, err := range pages[change](ctx, c, "reading the history of a deal", dealChangelog, d.ID, url.Values{}, "") {
		if missingRecord(err) {
			return crm.History{Deal: d.ID}, nil
		}
		if err != nil {
			return crm.History{}, err
		}
		for _, r := range page.Data {
			at, err := instant(r.it.Time.text, time.UTC)
			if r.bad != nil || err != nil {
				return crm.History{Deal: d.ID}, nil // a history with a hole is none
			}
			if oldest.IsZero() || at < oldest {
				oldest = at
			}
			log.add(r.it)
		}
	}
	log.sort()
	h := crm.History{Deal: d.ID}
	h.Moves, h.Complete = moves(d, log.stages)
	// Of a deal from before its time, the changelog must show at least one entry from before, or it may have been cut there.
	cut := d.Created < changelogBegan && (oldest.IsZero() || oldest >= changelogBegan)
	h.Complete = h.Complete && !cut
	var told bool
	if h.Dates, told = dates(d, log.dates, c.zone()); told && !cut {
		h.Known |= crm.FactDates
	} else {
		h.Dates = nil
	}
	if h.Closer, told = closer(d, log.statuses); told {
		h.Known |= crm.FactCloser
	}
	return h, nil
}

// add takes in an entry of a field that something is read from. They come newest first.
func (l *changelog) add(ch change) {
	switch ch.Field {
	case "stage_id":
		l.stages = append(l.stages, ch)
	case "status":
		l.statuses = append(l.statuses, ch)
	case "expected_close_date":
		l.dates = append(l.dates, ch)
	}
}

func (l *changelog) sort() {
	for _, log := range [][]change{l.stages, l.statuses, l.dates} {
		slices.Reverse(log)
		slices.SortStableFunc(log, func(a, b change) int { return strings.Compare(a.Time.text, b.Time.text) })
	}
}

// moves makes a deal's way of its changes of stage, oldest first. It is whole where each change begins where the one before
// it ended, and the last one ends where the deal is.
func moves(d crm.Deal, log []change) (out []crm.StageMove, whole bool) {
	if d.Created.IsZero() {
		return nil, false
	}
	whole = true
	first := d.Stage
	if len(log) > 0 {
		first = log[0].Old.text
	}
	if first != "" {
		out = append(out, crm.StageMove{Stage: first, At: d.Created, Origin: d.Origin})
	}
	for _, ch := range log {
		at, _ := instant(ch.Time.text, time.UTC)
		n := len(out)
		switch {
		case ch.New.text == "":
			whole = false
			continue
		case n > 0 && out[n-1].Stage == ch.New.text: // a value written again is no move
			continue
		case n > 0 && out[n-1].Stage != ch.Old.text || n > 0 && at < out[n-1].At:
			whole = false
		}
		out = append(out, crm.StageMove{Stage: ch.New.text, At: max(at, d.Created), Origin: changeOrigin(ch.Source)})
	}
	if n := len(out); n == 0 || out[n-1].Stage != d.Stage {
		whole = false
	}
	return out, whole
}

// bornWithin is how long after a deal's creation a value counts as given with it.
const bornWithin = time.Minute

// dates are the values that a deal's expected close date was given, beginning with the one at creation. They are told where each
// change begins with the value that the one before it set.
func dates(d crm.Deal, log []change, zone *time.Location) (out []crm.DateChange, told bool) {
	if d.Created.IsZero() || !d.Known.Has(crm.FactCloseDate) {
		return nil, false
	}
	first := crm.DateChange{At: d.Created, To: d.CloseDate, Origin: d.Origin}
	if len(log) > 0 {
		was, err := instant(log[0].Old.text, zone)
		if err != nil {
			return nil, false
		}
		first.To = was
	}
	out = append(out, first)
	for _, ch := range log {
		at, err := instant(ch.Time.text, time.UTC)
		was, errWas := instant(ch.Old.text, zone)
		to, errTo := instant(ch.New.text, zone)
		last := len(out) - 1
		if err != nil || errWas != nil || errTo != nil || at.IsZero() || was != out[last].To {
			return nil, false
		}
		next := crm.DateChange{At: max(at, d.Created), To: to, Origin: changeOrigin(ch.Source)}
		switch {
		case to == was: // a value written again is no change
		case last == 0 && first.To.IsZero() && at <= d.Created.Add(bornWithin):
			out[0] = next
		default:
			out = append(out, next)
		}
	}
	return out, true
}

// closer is the user who gave a closed deal its status; nobody where it was an automation. That of a deal which was made closed
// is not told.
func closer(d crm.Deal, log []change) (user string, told bool) {
	if d.Status == nil || *d.Status == crm.Open || len(log) == 0 {
		return "", false
	}
	last := log[len(log)-1]
	if status, ok := statusOf(last.New.text); !ok || status != *d.Status {
		return "", false
	}
	if changeOrigin(last.Source) == crm.OriginAutomation {
		return "", true
	}
	return last.Actor.text, true
}

// changeOrigin reads what the changelog says of who made a change: an open set of names.
func changeOrigin(source string) crm.Origin {
	switch strings.ToLower(source) {
	case "app", "web", "mobile":
		return crm.OriginPerson
	case "automation", "workflow":
		return crm.OriginAutomation
	case "api", "integration", "marketplace":
		return crm.OriginIntegration
	case "import":
		return crm.OriginImport
	}
	return crm.OriginUnknown
}
