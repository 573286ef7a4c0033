package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time written 30d, 12h, 90m, 2w or a sum of these: 1d12h.
type Duration time.Duration

var (
	durationText = regexp.MustCompile(`^(?:\d+[wdhm])+$`)
	durationPart = regexp.MustCompile(`(\d+)([wdhm])`)
	moneyText    = regexp.MustCompile(`^(\d{1,15}(?:\.\d{1,4})?)(?: ([A-Z]{3}))?$`)
	windowText   = regexp.MustCompile(`^(?:([A-Za-z,-]+) )?(\d{2}):(\d{2})-(\d{2}):(\d{2})$`)
)

// Duration returns it as a time.Duration.
func (d Duration) Duration() time.Duration { return time.Duration(d) }

// UnmarshalText reads 30d, 12h, 90m, 2w or a sum of these.
func (d *Duration) UnmarshalText(b []byte) error {
	s := string(b)
	if s == "0" {
		*d = 0
		return nil
	}
	if !durationText.MatchString(s) {
		return fmt.Errorf("%q is not a duration such as 30d, 12h, 90m or 2w", s)
	}
	unit := map[string]time.Duration{"w": 7 * 24 * time.Hour, "d": 24 * time.Hour, "h": time.Hour, "m": time.Minute}
	var sum time.Duration
	for _, m := range durationPart.FindAllStringSubmatch(s, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil || n > 100*366*24*60 || sum > 100*366*24*time.Hour {
			return fmt.Errorf("%q is longer than a hundred years", s)
		}
		sum += time.Duration(n) * unit[m[2]]
	}
	if sum > 100*366*24*time.Hour || sum < 0 {
		return fmt.Errorf("%q is longer than a hundred years", s)
	}
	*d = Duration(sum)
	return nil
}

// MarshalText writes the largest units that fit.
func (d Duration) MarshalText() ([]byte, error) {
	if d == 0 {
		return []byte("0d"), nil
	}
	var b strings.Builder
	rest := time.Duration(d)
	for _, u := range []struct {
		name string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}} {
		if n := rest / u.size; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			rest -= n * u.size
		}
	}
	return []byte(b.String()), nil
}

// Share is a part of a whole, 0 to 1, written 5%.
type Share float64

// UnmarshalText reads 5% or 0.05.
func (s *Share) UnmarshalText(b []byte) error {
	text, percent := strings.CutSuffix(string(b), "%")
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("%q is not a share such as 5%%", b)
	}
	if percent {
		v /= 100
	}
	if !(v >= 0 && v <= 1) {
		return fmt.Errorf("%q is not between 0%% and 100%%", b)
	}
	*s = Share(v)
	return nil
}

// MarshalText writes 5%.
func (s Share) MarshalText() ([]byte, error) {
	return []byte(strconv.FormatFloat(float64(s)*100, 'g', 10, 64) + "%"), nil
}

// Date is a day without a time zone. The zero value is none.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// UnmarshalText reads YYYY-MM-DD.
func (d *Date) UnmarshalText(b []byte) error {
	t, err := time.Parse(time.DateOnly, string(b))
	if err != nil {
		return fmt.Errorf("%q is not a date such as 2026-12-20", b)
	}
	d.Year, d.Month, d.Day = t.Date()
	return nil
}

// MarshalText writes YYYY-MM-DD.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.In(time.UTC).Format(time.DateOnly)), nil }

// In returns the first instant of the day in a zone.
func (d Date) In(zone *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, zone)
}

// Contains reports whether a moment, in its own zone, is on one of the days.
func (f Freeze) Contains(t time.Time) bool {
	y, m, d := t.Date()
	day := Date{y, m, d}.In(time.UTC)
	return !day.Before(f.From.In(time.UTC)) && !day.After(f.To.In(time.UTC))
}

// Money is a sum of one currency, as text; the zero value is none.
type Money struct{ Amount, Currency string }

// UnmarshalText reads 50000, 50000.50 or 50000 EUR.
func (m *Money) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*m = Money{}
		return nil
	}
	p := moneyText.FindStringSubmatch(string(b))
	if p == nil {
		return fmt.Errorf("%q is not a sum of money such as 50000 EUR", b)
	}
	m.Amount, m.Currency = p[1], p[2]
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (m Money) MarshalText() ([]byte, error) {
	return []byte(strings.TrimSpace(m.Amount + " " + m.Currency)), nil
}

// Window is the hours of the week in which something may be done. The zero value is always.
type Window struct {
	Days     [7]bool // by time.Weekday
	From, To int     // minutes since midnight; To is not included
}

// weekdays are the names that a window's days have.
const weekdays = "sunmontuewedthufrisat"

// UnmarshalText reads "Mon-Fri 08:00-18:00", "Sat,Sun 10:00-12:00" or "08:00-18:00".
func (w *Window) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*w = Window{}
		return nil
	}
	wrong := fmt.Errorf("%q is not a window such as Mon-Fri 08:00-18:00", b)
	p := windowText.FindStringSubmatch(string(b))
	if p == nil {
		return wrong
	}
	var n [4]int
	for i := range n {
		n[i], _ = strconv.Atoi(p[2+i])
	}
	got := Window{From: n[0]*60 + n[1], To: n[2]*60 + n[3]}
	if n[1] > 59 || n[3] > 59 || got.To > 24*60 || got.From >= got.To {
		return wrong
	}
	if p[1] == "" {
		p[1] = "sun-sat"
	}
	for part := range strings.SplitSeq(strings.ToLower(p[1]), ",") {
		first, last, ranged := strings.Cut(part, "-")
		if !ranged {
			last = first
		}
		from, to := weekday(first), weekday(last)
		if from < 0 || to < 0 {
			return wrong
		}
		for d := from; ; d = (d + 1) % 7 {
			got.Days[d] = true
			if d == to {
				break
			}
		}
	}
	*w = got
	return nil
}

func weekday(name string) int {
	if i := strings.Index(weekdays, name); len(name) == 3 && i >= 0 && i%3 == 0 {
		return i / 3
	}
	return -1
}

// MarshalText writes what UnmarshalText reads.
func (w Window) MarshalText() ([]byte, error) {
	if w == (Window{}) {
		return nil, nil
	}
	var days []string
	for d, on := range w.Days {
		if on {
			days = append(days, weekdays[3*d:3*d+3])
		}
	}
	return fmt.Appendf(nil, "%s %02d:%02d-%02d:%02d", strings.Join(days, ","), w.From/60, w.From%60, w.To/60, w.To%60), nil
}

// Contains reports whether a moment, in its own zone, is within the window.
func (w Window) Contains(t time.Time) bool {
	if w == (Window{}) {
		return true
	}
	minute := t.Hour()*60 + t.Minute()
	return w.Days[t.Weekday()] && minute >= w.From && minute < w.To
}
