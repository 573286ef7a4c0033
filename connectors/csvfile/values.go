package csvfile

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// dateOrder is how a file writes dates whose first two numbers could both be the day.
type dateOrder uint8

// The orders. A file that shows dates of both orders, or none that tells, stays undecided.
const (
	undecided dateOrder = iota
	dayFirst
	monthFirst
)

var (
	isoDate   = regexp.MustCompile(`^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]+(.*))?$`)
	shortDate = regexp.MustCompile(`^(\d{1,2})([-/.])(\d{1,2})[-/.](\d{4})(?:,? +(.*))?$`)
	epochMS   = regexp.MustCompile(`^\d{12,13}$`)
)

// clockLayouts are the ways to write a time behind a date; those without a zone are in the file's.
var clockLayouts = []string{
	"15:04:05", "15:04", "3:04 PM", "3:04:05 PM", "15:04:05.999999999",
	"15:04:05Z07:00", "15:04:05 Z07:00", "15:04:05 -0700", "15:04:05-0700", "15:04Z07:00", "15:04:05 MST",
}

// dates reads moments the way that one file writes them.
type dates struct {
	zone  *time.Location
	order dateOrder
	// seen tell which orders the file's dates have proved.
	dayProved, monthProved bool
}

// learn looks at a date that could be read in two ways elsewhere, for what it proves about the file.
func (d *dates) learn(s string) {
	m := shortDate.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil || m[2] == "." {
		return
	}
	a, _ := strconv.Atoi(m[1])
	b, _ := strconv.Atoi(m[3])
	d.dayProved = d.dayProved || (a > 12 && b <= 12)
	d.monthProved = d.monthProved || (b > 12 && a <= 12)
	switch {
	case d.dayProved && !d.monthProved:
		d.order = dayFirst
	case d.monthProved && !d.dayProved:
		d.order = monthFirst
	default:
		d.order = undecided
	}
}

// parse reads a moment; "" is none. A date without a time is the first instant of that day in the file's zone.
func (d *dates) parse(s string) (crm.Instant, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, nil
	}
	if m := isoDate.FindStringSubmatch(s); m != nil {
		return d.moment(s, m[1], m[2], m[3], m[4])
	}
	if m := shortDate.FindStringSubmatch(s); m != nil {
		day, month, err := d.dayAndMonth(s, m[1], m[2], m[3])
		if err != nil {
			return 0, err
		}
		return d.moment(s, m[4], month, day, m[5])
	}
	if epochMS.MatchString(s) {
		ms, _ := strconv.ParseInt(s, 10, 64)
		return crm.Instant(ms * 1000), nil
	}
	return 0, fmt.Errorf("%q is not a date", s)
}

func (d *dates) dayAndMonth(s, a, sep, b string) (day, month string, err error) {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	switch {
	case sep == ".", x > 12, x == y, d.order == dayFirst && y <= 12:
		return a, b, nil
	case y > 12, d.order == monthFirst:
		return b, a, nil
	default:
		return "", "", fmt.Errorf("%q can be read with the day or the month first; write it as YYYY-MM-DD", s)
	}
}

func (d *dates) moment(s, year, month, day, clock string) (crm.Instant, error) {
	y, _ := strconv.Atoi(year)
	m, _ := strconv.Atoi(month)
	n, _ := strconv.Atoi(day)
	if y < 1900 || y > 2200 || m < 1 || m > 12 || n < 1 || n > time.Date(y, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day() {
		return 0, fmt.Errorf("%q is not a date", s)
	}
	clock = strings.ToUpper(strings.TrimSpace(clock))
	if clock == "" {
		return instant(firstOfDay(y, time.Month(m), n, d.zone)), nil
	}
	for _, layout := range clockLayouts {
		t, err := time.ParseInLocation("2006-01-02 "+layout, fmt.Sprintf("%04d-%02d-%02d %s", y, m, n, clock), d.zone)
		if err == nil && (!strings.Contains(layout, "MST") || !unknownZone(t, d.zone)) {
			return instant(t), nil
		}
	}
	return 0, fmt.Errorf("%q has a time that cannot be read", s)
}

// unknownZone reports whether a zone's abbreviation was read that Go gave no offset: only UTC, GMT and the file's own
// zone's names mean something.
func unknownZone(t time.Time, zone *time.Location) bool {
	name, offset := t.Zone()
	if name == "UTC" || name == "GMT" {
		return false
	}
	own, ownOffset := t.In(zone).Zone()
	return name != own || offset != ownOffset
}

// instant gives the one moment that crm takes for "none", the beginning of 1970, its neighbour.
func instant(t time.Time) crm.Instant {
	if i := crm.At(t); i != 0 {
		return i
	}
	return 1
}

// firstOfDay is the first instant of a day, also where the clocks are set forward at midnight.
func firstOfDay(y int, m time.Month, d int, zone *time.Location) time.Time {
	const step = 15 * time.Minute
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	early := func(t time.Time) bool {
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Before(time.Date(y, m, d, 0, 0, 0, 0, time.UTC))
	}
	for early(t) {
		t = t.Add(step)
	}
	for before := t.Add(-step); before.Day() == d; before = t.Add(-step) {
		t = before
	}
	return t
}

// ParseAsOf reads the moment that --as-of names: a date is the first instant of the next day in the zone (nil is UTC), so
// that the whole day counts; anything else is taken as it stands.
func ParseAsOf(s string, zone *time.Location) (crm.Instant, error) {
	if zone == nil {
		zone = time.UTC
	}
	if t, err := time.Parse(time.DateOnly, strings.TrimSpace(s)); err == nil {
		next := t.AddDate(0, 0, 1)
		return instant(firstOfDay(next.Year(), next.Month(), next.Day(), zone)), nil
	}
	d := dates{zone: zone}
	at, err := d.parse(s)
	if err != nil || at.IsZero() {
		return 0, fmt.Errorf("%q is neither a date (2017-12-31) nor a time (2017-12-31T18:00:00Z)", s)
	}
	return at, nil
}

// amounts reads sums of money the way that one column writes them.
type amounts struct{ decimalComma bool }

var commaDecimal = regexp.MustCompile(`^[^.,]*(?:\.\d{3})*,(?:\d{1,2}|\d{4,})$|^\d{1,3}(?:\.\d{3})+,\d+$|^\d{1,3}(?:\.\d{3}){2,}$`)

// learn looks at an amount for whether the column's decimals stand behind a comma.
func (a *amounts) learn(s string) {
	if t := bareNumber(s); t != "" && commaDecimal.MatchString(strings.TrimLeft(t, "+-")) {
		a.decimalComma = true
	}
}

// parse reads an amount; "" is none. Currency signs and codes around it, and marks between thousands, are not looked at.
func (a *amounts) parse(s string) (crm.Amount, error) {
	t := bareNumber(s)
	if t == "" {
		if strings.TrimSpace(s) == "" {
			return 0, nil
		}
		return 0, fmt.Errorf("%q is not an amount", s)
	}
	thousands, decimal := ",", "."
	if a.decimalComma {
		thousands, decimal = ".", ","
	}
	whole, frac, split := strings.Cut(t, decimal)
	if strings.Contains(frac, decimal) || strings.Contains(frac, thousands) || !grouped(strings.TrimLeft(whole, "+-"), thousands) {
		return 0, fmt.Errorf("%q is not an amount", s)
	}
	plain := strings.ReplaceAll(whole, thousands, "")
	if split {
		plain += "." + frac
	}
	amount, err := crm.ParseAmount(plain)
	if err != nil {
		return 0, fmt.Errorf("%q is not an amount", s)
	}
	return amount, nil
}

// grouped reports whether the marks between thousands stand where they may.
func grouped(whole, mark string) bool {
	parts := strings.Split(whole, mark)
	for i, p := range parts {
		if i > 0 && len(p) != 3 || i == 0 && len(parts) > 1 && (len(p) == 0 || len(p) > 3) {
			return false
		}
	}
	return true
}

// bareNumber strips signs and codes of currencies around a number, and blanks and apostrophes between its thousands; ""
// when something else is there too, or no number at all.
func bareNumber(s string) string {
	first, last := strings.IndexAny(s, "0123456789"), strings.LastIndexAny(s, "0123456789")
	if first < 0 {
		return ""
	}
	sign, before := around(s[:first])
	if _, behind := around(s[last+1:]); !behind || !before || strings.ContainsAny(s[last+1:], "+-") {
		return ""
	}
	var b strings.Builder
	b.WriteString(sign)
	if p := s[:first]; strings.HasSuffix(p, ".") && len(strings.TrimLeft(p, " +-")) == 1 {
		b.WriteString("0.") // ".5"
	}
	for _, r := range s[first : last+1] {
		switch {
		case r >= '0' && r <= '9', r == '.', r == ',':
			b.WriteRune(r)
		case r == ' ', r == '\u00a0', r == '\u202f', r == '\'', r == '’':
		default:
			return ""
		}
	}
	return b.String()
}

// around looks at what stands before or behind a number: blanks, one sign, and a currency's sign or code.
func around(s string) (sign string, ok bool) {
	letters := 0
	for _, r := range s {
		switch {
		case r == '-', r == '+', r == '\u2212':
			if sign != "" {
				return "", false
			}
			sign = "+"
			if r != '+' {
				sign = "-"
			}
		case r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z':
			letters++
		case strings.ContainsRune(" .\u00a0\u202f$€£¥₺₹₽₩元円", r):
		default:
			return "", false
		}
	}
	return sign, letters <= 3
}
