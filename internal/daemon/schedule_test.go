package daemon

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/internal/store"
)

// runs are the times that a schedule names from one moment to another, as the zone's clocks show them.
func runs(t *testing.T, spec, zone, from, to string) []string {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339, from)
	if err != nil {
		t.Fatal(err)
	}
	end, err := time.Parse(time.RFC3339, to)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for {
		i, err := next(store.Schedule{Cron: spec, Zone: zone}, at)
		if err != nil {
			t.Fatal(err)
		}
		if at = i.Time(); !at.Before(end) {
			return out
		}
		out = append(out, at.In(loc).Format("02 15:04 MST"))
	}
}

func TestScheduleOverClockChanges(t *testing.T) {
	// Europe/Paris: 02:00 CET is 03:00 CEST on 28 March 2027; 03:00 CEST is 02:00 CET on 25 October 2026.
	const spring, afterSpring = "2027-03-27T12:00:00Z", "2027-03-29T12:00:00Z"
	const autumn, afterAutumn = "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z"
	for name, c := range map[string]struct {
		spec, zone, from, to string
		want                 []string
	}{
		"daily, left-out hour comes later":   {"30 2 * * *", "Europe/Paris", spring, afterSpring, []string{"28 03:30 CEST", "29 02:30 CEST"}},
		"daily, repeated hour runs once":     {"30 2 * * *", "Europe/Paris", autumn, afterAutumn, []string{"25 02:30 CEST", "26 02:30 CET"}},
		"daily at six keeps the clock":       {"0 6 * * *", "Europe/Paris", spring, afterSpring, []string{"28 06:00 CEST", "29 06:00 CEST"}},
		"two hours that become one run":      {"30 2,3 * * *", "Europe/Paris", spring, "2027-03-28T12:00:00Z", []string{"28 03:30 CEST"}},
		"hourly goes by the time that goes":  {"0 * * * *", "Europe/Paris", "2026-10-24T23:30:00Z", "2026-10-25T03:00:00Z", []string{"25 02:00 CEST", "25 02:00 CET", "25 03:00 CET"}},
		"half-hourly through the left-out":   {"*/30 * * * *", "Europe/Paris", "2027-03-28T00:15:00Z", "2027-03-28T02:00:00Z", []string{"28 01:30 CET", "28 03:00 CEST", "28 03:30 CEST"}},
		"every other hour, repeated":         {"0 */2 * * *", "Europe/Paris", "2026-10-24T21:30:00Z", "2026-10-25T06:00:00Z", []string{"25 00:00 CEST", "25 02:00 CEST", "25 04:00 CET", "25 06:00 CET"}},
		"a midnight that does not exist":     {"0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-05T12:00:00Z", []string{"04 01:00 -02", "05 00:00 -02"}},
		"weekdays in a zone ahead of UTC":    {"0 8 * * MON-FRI", "Asia/Tokyo", "2026-11-19T22:00:00Z", "2026-11-23T12:00:00Z", []string{"20 08:00 JST", "23 08:00 JST"}},
		"a fixed distance ignores the clock": {"@every 12h", "Europe/Paris", autumn, "2026-10-25T13:00:00Z", []string{"25 02:00 CEST", "25 13:00 CET"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := runs(t, c.spec, c.zone, c.from, c.to)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("%s in %s (-want +got):\n%s", c.spec, c.zone, d)
			}
		})
	}
}

// TestScheduleIsKeptOnceADay holds, for a daily time in a zone that changes its clocks, that every day has exactly one run
// and that asking from any moment gives the first one after it.
func TestScheduleIsKeptOnceADay(t *testing.T) {
	zones := []string{"Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"}
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		minute := rapid.IntRange(0, 24*60-1).Draw(t, "minute")
		spec := time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC).Format("4 15 * * *")
		at := time.Date(2018, 1, 1, 0, 0, 0, 0, loc).Add(time.Duration(rapid.IntRange(0, 3000*24*60).Draw(t, "start")) * time.Minute)
		s := store.Schedule{Cron: spec, Zone: zone}
		first, err := next(s, at)
		if err != nil {
			t.Fatal(err)
		}
		for range 30 {
			second, err := next(s, first.Time())
			if err != nil {
				t.Fatal(err)
			}
			if gap := second.Sub(first); gap < 22*time.Hour || gap > 26*time.Hour {
				t.Fatalf("%s in %s: %s is followed by %s", spec, zone, first.Time().In(loc), second.Time().In(loc))
			}
			between := first.Time().Add(time.Duration(rapid.Int64Range(1, int64(second.Sub(first))-1).Draw(t, "between")))
			// From within the minutes that a left-out run is put off by, the next one is meant.
			if again, err := next(s, between); err != nil || again != second && (again < second || !putOff(second.Time().In(loc), spec)) {
				t.Fatalf("%s in %s: after %s comes %s, want %s (%v)", spec, zone, between, again.Time(), second.Time(), err)
			}
			first = second
		}
	})
}

func putOff(at time.Time, spec string) bool { return at.Format("4 15 * * *") != spec }

func TestScheduleThatCannotBeKept(t *testing.T) {
	for name, c := range map[string]struct{ spec, zone, want string }{
		"no such day":  {"0 0 30 2 *", "UTC", "names no time"},
		"no such zone": {"0 0 * * *", "Europe/Nowhere", "is not known"},
		"not cron":     {"at noon", "UTC", "is not a schedule"},
	} {
		t.Run(name, func(t *testing.T) {
			if at, err := next(store.Schedule{Cron: c.spec, Zone: c.zone}, time.Unix(0, 0)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("next = %s, %v, want an error with %q", at, err, c.want)
			}
		})
	}
}
