package audit

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Days is a length of time in 24-hour days, written 30d, 12h, 90m, 2w or a combination such as 1d12h.
type Days time.Duration

// Duration returns it as a time.Duration.
func (d Days) Duration() time.Duration { return time.Duration(d) }

// Float returns it in days.
func (d Days) Float() float64 { return time.Duration(d).Hours() / 24 }

// String writes it in days, hours and minutes: "30d", "1d12h", "0d".
func (d Days) String() string {
	left := time.Duration(d)
	if left < 0 {
		return "-" + Days(-left).String()
	}
	var b strings.Builder
	for _, u := range [...]struct {
		name byte
		size time.Duration
	}{{'d', 24 * time.Hour}, {'h', time.Hour}, {'m', time.Minute}} {
		if n := left / u.size; n > 0 {
			fmt.Fprintf(&b, "%d%c", n, u.name)
			left -= n * u.size
		}
	}
	if b.Len() == 0 {
		return "0d"
	}
	return b.String()
}

// MarshalText writes what [Days.String] gives.
func (d Days) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads whole numbers with the units w, d, h and m, largest first. A number without a unit is an error, because
// nobody could tell days from minutes.
func (d *Days) UnmarshalText(text []byte) error {
	s := string(text)
	units := [...]struct {
		name byte
		size time.Duration
	}{{'w', 7 * 24 * time.Hour}, {'d', 24 * time.Hour}, {'h', time.Hour}, {'m', time.Minute}}
	var total time.Duration
	rest, next := s, 0
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.ParseInt(rest[:digits], 10, 32)
		if err != nil || digits == len(rest) {
			return fmt.Errorf("duration %q is not a whole number with a unit: 30d, 12h, 90m, 2w or 1d12h", s)
		}
		for next < len(units) && units[next].name != rest[digits] {
			next++
		}
		if next == len(units) || n > int64((math.MaxInt64-total)/units[next].size) {
			return fmt.Errorf("duration %q: the units are w, d, h and m, each at most once and the largest first", s)
		}
		total += time.Duration(n) * units[next].size
		rest, next = rest[digits+1:], next+1
	}
	if s == "" {
		return fmt.Errorf("duration is empty: write 30d, 12h, 90m or 2w")
	}
	*d = Days(total)
	return nil
}

// Share is a part of a whole, 0-1, written 5% or 0.05.
type Share float64

// String writes it in percent: "5%", "12.5%".
func (s Share) String() string {
	return strconv.FormatFloat(math.Round(float64(s)*1e10)/1e8, 'f', -1, 64) + "%"
}

// MarshalText writes what [Share.String] gives.
func (s Share) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a percentage or a fraction. Anything outside 0-1 is an error: it is the usual sign of a forgotten %.
func (s *Share) UnmarshalText(text []byte) error {
	in := string(text)
	number, percent := strings.CutSuffix(in, "%")
	number = strings.TrimSpace(number)
	if strings.Trim(number, "0123456789.") != "" {
		return fmt.Errorf("share %q is not a number within 0 and 1: write 5%% or 0.05", in)
	}
	if percent {
		number += "e-2" // dividing by 100 would not give the same number as 0.05
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return fmt.Errorf("share %q is not a number: write 5%% or 0.05", in)
	}
	if !(f >= 0 && f <= 1) {
		return fmt.Errorf("share %q is not within 0%% and 100%%", in)
	}
	*s = Share(f)
	return nil
}
