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

func (c *reader) history(ctx context.Context, d crm.Deal) (crm.History, error) {
	var log []change
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
			if r.it.Field == "stage_id" {
				log = append(log, r.it)
			}
		}
	}
	slices.Reverse(log) // newest first
	slices.SortStableFunc(log, func(a, b change) int { return strings.Compare(a.Time.text, b.Time.text) })
	h := crm.History{Deal: d.ID}
	h.Moves, h.Complete = moves(d, log)
	// Of a deal from before its time, the changelog must show at least one entry from before, or it may have been cut there.
	if d.Created < changelogBegan && (oldest.IsZero() || oldest >= changelogBegan) {
		h.Complete = false
	}
	return h, nil
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
