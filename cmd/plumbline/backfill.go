package main

import (
	"context"
	"fmt"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/daemon"
	"github.com/plumbline/plumbline/internal/text"
)

// historyTime is how long a sync by hand reads stage history unless it is told to wait for all of it.
const historyTime = 2 * time.Minute

// historyView is the published form of how far stage history is known.
type historyView struct {
	Known   int64       `json:"known"`
	Deals   int64       `json:"deals"`
	Partial int64       `json:"partial"` // asked for, and the CRM does not tell all
	Waiting int64       `json:"waiting"`
	RetryAt crm.Instant `json:"retry_at"`
	Why     string      `json:"why"` // it stopped; "" where nothing did
	// What a sync read of it, and took for that; absent where none was made.
	Read     *int64 `json:"read,omitempty"`
	Requests *int64 `json:"requests,omitempty"`
	Tokens   *int64 `json:"tokens,omitempty"`
}

func viewHistory(s crm.HistoryState) *historyView {
	return &historyView{Known: s.Known, Deals: s.Deals(), Partial: s.Partial, Waiting: s.Waiting, RetryAt: s.RetryAt, Why: s.Why}
}

// words tell in a cell how far it is known; nothing where history comes with the pull.
func (v *historyView) words() string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf("%s of %s deals", text.Thousands(v.Known), text.Thousands(v.Deals))
}

// backfill reads stage history that is not known yet, where that is done deal by deal; nil where it is not. What the CRM
// refuses is told and fails nothing: the pull is complete without it.
func (a *app) backfill(ctx context.Context, cycle *daemon.Cycle, p daemon.Portal, wait bool) (*historyView, error) {
	if ok, err := cycle.ByDeal(ctx, p); !ok || err != nil {
		return nil, err
	}
	fill := daemon.Fill{}
	if !wait {
		end := time.Now().Add(historyTime)
		fill.Enough = func() bool { return time.Now().After(end) }
	}
	if show := a.progress(p.Name + ": stage history"); show != nil {
		fill.Progress = func(known, deals int64) { show(known, &deals) }
	}
	got, err := cycle.Backfill(ctx, p, fill)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		a.warn("%v", err)
	}
	if got.Deals() == 0 {
		return nil, nil
	}
	v := viewHistory(got.HistoryState)
	v.Read, v.Requests, v.Tokens = &got.Read, &got.Requests, &got.Tokens
	if got.Read > 0 || got.Waiting > 0 {
		a.tell("%s", a.sayHistory(p.Name, v, got.More))
	}
	return v, nil
}

// sayHistory tells how far stage history is known, and how it goes on.
func (a *app) sayHistory(portal string, v *historyView, more bool) string {
	line := fmt.Sprintf("%s: stage history known for %s", portal, v.words())
	switch {
	case v.Waiting == 0:
	case more:
		line += "; the next sync goes on, or this one with --wait"
	case !v.RetryAt.IsZero():
		line += fmt.Sprintf("; it goes on at %s (%s)", v.RetryAt, v.Why)
	}
	if v.Partial > 0 {
		line += fmt.Sprintf("; of %s the CRM does not tell all", text.Plural(int(v.Partial), "deal"))
	}
	return line
}
