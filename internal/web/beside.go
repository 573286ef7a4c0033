package web

import (
	"context"
	"fmt"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/report"
	"github.com/plumbline/plumbline/internal/text"
)

// beside fills in what an audit says beside its findings: what would raise the score, what is waived, what nobody can classify.
func (p statusPage) beside(v *portalView, r *audit.Result) {
	v.Off, v.Gains, v.Losses = report.OffLine(r), report.GainLines(p.Words, r, gainRows), report.Unclassified(r)
	if n := len(r.Findings) - len(live(r)); n > 0 {
		v.Waived = text.Plural(n, "finding")
	}
	for _, f := range report.Ending(r) {
		v.Ending = append(v.Ending, report.EndingLine(f))
	}
}

// gainRows is how many ways to a higher score the page shows per portal.
const gainRows = 5

// since adds what has changed in a week and what is new since the baseline that was set last.
func (p statusPage) since(ctx context.Context, v *portalView, r *audit.Result) error {
	if r == nil {
		return nil
	}
	trend, err := p.Source.Trend(ctx, r.Portal, r.AsOf.Add(-7*24*time.Hour))
	if err != nil {
		return err
	}
	if trend != nil {
		v.Since = append(v.Since, report.TrendLine(trend))
	}
	baselines, err := p.Source.Baselines(ctx, r.Portal)
	if err != nil || len(baselines) == 0 {
		return err
	}
	last := baselines[0]
	held, err := p.Source.Held(ctx, r.Portal, last.At, r.AsOf)
	if err != nil {
		return err
	}
	news := 0
	for _, f := range live(r) {
		if !held[f.ID] {
			news++
		}
	}
	v.Since = append(v.Since, fmt.Sprintf("New since baseline %s (%s): %s", last.Name, when(last.At), text.Plural(news, "finding")))
	return nil
}
