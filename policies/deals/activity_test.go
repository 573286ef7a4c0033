package deals

import (
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/audit/audittest"
	"github.com/plumbline/plumbline/internal/crm"
)

// silentPortal stands for the policy that says of whom no activities reach the CRM: of the portal, or of one owner.
type silentPortal struct {
	Portal bool   `yaml:"portal"`
	Owner  string `yaml:"owner"`
}

func (s silentPortal) Check(p *audit.Pass) {
	if s.Portal {
		p.FoundAt(crm.KindPortal, 0, audit.Found{})
	}
	for i, u := range p.Snap.Schema.Users {
		if u.ID == s.Owner {
			p.FoundAt(crm.KindOwner, int32(i), audit.Found{})
		}
	}
}

func capture() *audit.Policy {
	return audit.Define(audit.Meta{ID: notCaptured, Group: audit.Design, Family: audit.FamilySetup, Rank: 1, Severity: audit.High, Subject: crm.KindPortal}, silentPortal{})
}

func TestNoBuyerActivity(t *testing.T) {
	audittest.Run(t, NoBuyerActivity(), "testdata/no-buyer-activity*.txtar", capture())
}

func TestNextActivityOverdue(t *testing.T) {
	audittest.Run(t, NextActivityOverdue(), "testdata/next-activity-overdue*.txtar")
}

func TestFollowUpOverdue(t *testing.T) {
	audittest.Run(t, FollowUpOverdue(), "testdata/follow-up-overdue*.txtar", capture(), NoBuyerActivity())
}

func TestSlowFirstResponse(t *testing.T) {
	audittest.Run(t, SlowFirstResponse(), "testdata/slow-first-response*.txtar", capture())
}

func TestTouchedInBulk(t *testing.T) {
	audittest.Run(t, TouchedInBulk(), "testdata/touched-in-bulk*.txtar", capture())
}

func TestContactMissing(t *testing.T) {
	audittest.Run(t, ContactMissing(), "testdata/contact-missing*.txtar")
}

func TestSingleThreaded(t *testing.T) {
	audittest.Run(t, SingleThreaded(), "testdata/single-threaded*.txtar")
}

func TestStageWithoutEvidence(t *testing.T) {
	audittest.Run(t, StageWithoutEvidence(), "testdata/stage-without-evidence*.txtar", capture())
}

func TestBehindItsEvidence(t *testing.T) {
	audittest.Run(t, BehindItsEvidence(), "testdata/behind-its-evidence*.txtar")
}

func TestAddWorkingHours(t *testing.T) {
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from string
		n    int
		zone *time.Location
		want string
	}{
		{"2026-11-18T10:00:00Z", 3, time.UTC, "2026-11-18T13:00:00Z"}, // Wednesday
		{"2026-11-18T09:00:00Z", 8, time.UTC, "2026-11-18T17:00:00Z"},
		{"2026-11-18T17:00:00Z", 8, time.UTC, "2026-11-19T17:00:00Z"},
		{"2026-11-18T10:00:00Z", 8, time.UTC, "2026-11-19T10:00:00Z"},
		{"2026-11-18T03:00:00Z", 1, time.UTC, "2026-11-18T10:00:00Z"},
		{"2026-11-20T16:00:00Z", 2, time.UTC, "2026-11-23T10:00:00Z"}, // Friday
		{"2026-11-21T12:00:00Z", 0, time.UTC, "2026-11-23T09:00:00Z"}, // Saturday
		{"2026-11-21T03:00:00Z", 8, ny, "2026-11-23T22:00:00Z"},       // Friday evening in New York
		{"2026-10-30T20:00:00Z", 2, ny, "2026-11-02T15:00:00Z"},       // the clocks change in between
	} {
		from, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		if got := (workday{9, 17, c.zone}).add(crm.At(from), c.n).String(); got != c.want {
			t.Errorf("%s and %d working hours: %s, want %s", c.from, c.n, got, c.want)
		}
	}
}

func TestSettingsOfActivityPolicies(t *testing.T) {
	for name, s := range map[string]interface{ Validate() error }{
		"buyer: no limit":          noBuyerActivity{},
		"overdue: below 0":         nextActivityOverdue{Limit: -1},
		"follow-up: below 0":       followUpOverdue{WorkingDays: -1},
		"response: no working day": slowFirstResponse{DayBegins: 9, DayEnds: 9},
		"response: a long day":     slowFirstResponse{DayBegins: 9, DayEnds: 25},
		"bulk: one edit":           touchedInBulk{Edits: 1, Within: aDay, Window: aDay},
		"contacts: no deals":       singleThreaded{Limit: 2},
		"evidence: of no kind":     stageWithoutEvidence{Evidence: []string{"smoke"}, Share: 0.7, MinWon: 20},
		"evidence: of no field":    stageWithoutEvidence{Evidence: []string{"mood"}, Share: 0.7, MinWon: 20},
		"evidence: of no deal":     stageWithoutEvidence{Share: 0.7},
	} {
		if s.Validate() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	fine := stageWithoutEvidence{Evidence: []string{"meeting", "mail", "quote", "amount", "owner"}, Share: 0.7, MinWon: 20}
	if err := fine.Validate(); err != nil {
		t.Error(err)
	}
	for _, p := range []*audit.Policy{
		NoBuyerActivity(), NextActivityOverdue(), FollowUpOverdue(), SlowFirstResponse(), TouchedInBulk(), SingleThreaded(), StageWithoutEvidence(),
	} {
		v, ok := p.Defaults().(interface{ Validate() error })
		if !ok {
			t.Errorf("%s cannot validate its settings", p.ID)
		} else if err := v.Validate(); err != nil {
			t.Errorf("%s refuses its own defaults: %v", p.ID, err)
		}
	}
}
