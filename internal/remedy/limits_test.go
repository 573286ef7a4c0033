package remedy_test

import (
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
)

func TestModesBindTheDaemon(t *testing.T) {
	mode := func(id string, m audit.Mode) audit.Finding {
		return with(past(id, "2026-12-01"), func(f *audit.Finding) { f.Fix.Mode = m })
	}
	all := []audit.Finding{mode("1", audit.ModeReport), mode("2", audit.ModePropose), mode("3", audit.ModeAuto)}
	d := newDesk(all...)
	d.opts.Daemon, d.opts.Limits = true, remedy.Limits{PerRun: 10, PerDay: 10}
	p := d.expect(t, "the daemon", "close_date 2 v1 proposed", "close_date 3 v1 approved")
	for _, s := range p.Steps {
		if s.State == remedy.Approved && (len(s.Decisions) != 1 || s.Decisions[0].Who != "auto" || !d.journalled(s.ID, "approved")) {
			t.Errorf("decisions %v", s.Decisions)
		}
	}
	d.opts.Daemon = false
	d.expect(t, "a person", "close_date 1 v1 proposed", "close_date 2 v1 proposed", "close_date 3 v1 approved")
	d.opts.Daemon = true
	d.expect(t, "the daemon leaves a person's proposal", "close_date 1 v1 proposed", "close_date 2 v1 proposed", "close_date 3 v1 approved")
}

func TestLimitsHoldTheWholeRun(t *testing.T) {
	fine := remedy.Limits{PerRun: 3, PerDay: 3, ShareOfOpen: 0.03, Money: crm.Money{Amount: 30_000_000, Currency: "EUR"}}
	for name, c := range map[string]struct {
		change func(*desk)
		held   string
	}{
		"within":   {func(*desk) {}, ""},
		"per run":  {func(d *desk) { d.opts.Limits.PerRun = 2 }, "steps in this run: 3, allowed: 2"},
		"no limit": {func(d *desk) { d.opts.Limits = remedy.Limits{} }, "steps in this run: 3, allowed: 0"},
		"per day":  {func(d *desk) { d.opts.Limits.PerDay = 2 }, "steps within a day: 3, allowed: 2"},
		"share":    {func(d *desk) { d.opts.Limits.ShareOfOpen = 0.02 }, "deals in this run: 3, allowed by the share of open deals: 2"},
		"at least one": {func(d *desk) { d.opts.Limits.ShareOfOpen = 0.0001 },
			"deals in this run: 3, allowed by the share of open deals: 1"},
		"money":      {func(d *desk) { d.opts.Limits.Money.Amount-- }, "deals worth 3000.00 EUR are more than the 2999.9999 allowed"},
		"currency":   {func(d *desk) { d.opts.Limits.Money.Currency = "USD" }, "deals in EUR cannot be held against a limit in USD"},
		"no money":   {func(d *desk) { d.opts.Limits.Money = crm.Money{} }, ""},
		"freeze":     {func(d *desk) { d.opts.Hold = "a freeze" }, "a freeze"},
		"incomplete": {func(d *desk) { d.result.Complete = false }, "the audit rests on incomplete data"},
	} {
		t.Run(name, func(t *testing.T) {
			var findings []audit.Finding
			for _, id := range []string{"1", "2", "3"} {
				findings = append(findings, with(past(id, "2026-12-01"), func(f *audit.Finding) { f.Fix.Mode = audit.ModeAuto }))
			}
			d := newDesk(findings...)
			d.opts.Daemon, d.opts.Limits = true, fine
			c.change(d)
			p := d.plan(t)
			if p.Held != c.held {
				t.Errorf("held: %q, want %q", p.Held, c.held)
			}
			for _, s := range p.Steps {
				if (s.State == remedy.Approved) != (c.held == "") {
					t.Errorf("step %s is %s", s.ID, s.State)
				}
			}
		})
	}
}

// TestGuardLeavesFreshDealsToPeople: auto keeps off a deal whose buyer was heard of lately, or of whom nothing is known.
func TestGuardLeavesFreshDealsToPeople(t *testing.T) {
	var findings []audit.Finding
	for _, id := range []string{"fresh", "long ago", "never", "not known"} {
		findings = append(findings, with(past(id, "2026-12-01"), func(f *audit.Finding) { f.Fix.Mode = audit.ModeAuto }))
	}
	d := newDesk(findings...)
	d.opts.Daemon, d.opts.Limits, d.opts.Guard = true, remedy.Limits{PerRun: 10, PerDay: 10, ShareOfOpen: 1}, 14*24*time.Hour
	d.contact = func(deal string) (crm.Instant, bool) {
		now := crm.At(d.clk.now())
		ago := map[string]crm.Instant{"fresh": now.Add(-14*24*time.Hour + time.Second), "long ago": now.Add(-14 * 24 * time.Hour), "never": 0}
		at, known := ago[deal]
		return at, known
	}
	p := d.expect(t, "some", "close_date fresh v1 proposed", "close_date long ago v1 approved", "close_date never v1 approved", "close_date not known v1 proposed")
	if p.Held != "" {
		t.Errorf("held: %q", p.Held)
	}
	d.find(findings[0], findings[3])
	if p := d.plan(t); p.Held != "steps on deals that had two-way contact within 14 days, or of which that is not known: 2" {
		t.Errorf("held: %q", p.Held)
	}
	d.contact = nil
	d.opts.Guard = 0
	d.expect(t, "no guard", "close_date fresh v1 approved", "close_date long ago v1 approved", "close_date never v1 approved", "close_date not known v1 approved")
}

func TestLimitPerDayCountsEarlierRuns(t *testing.T) {
	auto := func(id string) audit.Finding {
		return with(past(id, "2026-12-01"), func(f *audit.Finding) { f.Fix.Mode = audit.ModeAuto })
	}
	d := newDesk(auto("1"))
	d.opts.Daemon, d.opts.Limits = true, remedy.Limits{PerRun: 1, PerDay: 1}
	d.plan(t)
	d.clk.advance(time.Hour)
	d.find(auto("1"), auto("2"))
	if p := d.plan(t); p.Held != "steps within a day: 2, allowed: 1" {
		t.Errorf("held: %q", p.Held)
	}
	d.day(1)
	if p := d.plan(t); p.Held != "" {
		t.Errorf("the next day: %q", p.Held)
	}
}

func TestGraceComesFirst(t *testing.T) {
	d := newDesk(with(past("1", "2026-12-01"), func(f *audit.Finding) { f.Fix.Mode = audit.ModeAuto }))
	d.opts.Daemon, d.opts.Limits = true, remedy.Limits{PerRun: 1, PerDay: 1}
	d.opts.Grace = map[string]time.Duration{"close-date-past": 48 * time.Hour}
	d.expect(t, "at once", "close_date 1 v1 proposed")
	d.day(2)
	d.expect(t, "two days later", "close_date 1 v1 approved")
}

func TestLimitPerDayCountsWhatIsOver(t *testing.T) {
	auto := func(id string) audit.Finding {
		return with(past(id, "2026-12-01"), func(f *audit.Finding) { f.Fix.Mode = audit.ModeAuto })
	}
	d := newDesk(auto("1"))
	d.records[deal("1")] = crm.Fields{crm.FieldCloseDate: "2026-10-01"}
	d.opts.Daemon, d.opts.Limits = true, remedy.Limits{PerRun: 1, PerDay: 1}
	d.opts.Grace = map[string]time.Duration{"close-date-past": 8 * 24 * time.Hour}
	d.expect(t, "at once", "close_date 1 v1 proposed")
	d.day(9)
	d.find(auto("1"), auto("2"))
	d.expect(t, "ripe", "close_date 1 v1 approved", "close_date 2 v1 proposed")
	d.apply(t)
	d.clk.advance(time.Hour)
	d.find(auto("2"))
	d.plan(t)
	d.opts.Grace = nil
	d.clk.advance(time.Hour)
	d.find(auto("2"))
	if p := d.plan(t); p.Held != "steps within a day: 2, allowed: 1" {
		t.Errorf("held: %q", p.Held)
	}
}
