package crm

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Instant is a moment in microseconds since 1970-01-01 00:00 UTC. Zero means that there is none.
type Instant int64

// At returns t as an Instant; the zero time gives none.
func At(t time.Time) Instant {
	if t.IsZero() {
		return 0
	}
	return Instant(t.UnixMicro())
}

// IsZero reports whether there is no moment.
func (i Instant) IsZero() bool { return i == 0 }

// Time returns the moment in UTC; none gives the zero time.
func (i Instant) Time() time.Time {
	if i == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(i)).UTC()
}

// Sub returns i - j.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i-j) * time.Microsecond }

// Add returns i + d.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d/time.Microsecond) }

// Days returns i - j in units of 24 hours.
func (i Instant) Days(j Instant) float64 {
	return float64(i-j) / float64(24*time.Hour/time.Microsecond)
}

// String formats the moment as RFC 3339 in UTC; none gives "".
func (i Instant) String() string {
	if i == 0 {
		return ""
	}
	return i.Time().Format(time.RFC3339Nano)
}

// MarshalJSON writes RFC 3339, or null for none.
func (i Instant) MarshalJSON() ([]byte, error) {
	if i == 0 {
		return []byte("null"), nil
	}
	return []byte(`"` + i.String() + `"`), nil
}

// UnmarshalJSON reads RFC 3339, "" or null.
func (i *Instant) UnmarshalJSON(b []byte) error {
	var s *string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	if s == nil || *s == "" {
		*i = 0
		return nil
	}
	t, err := time.Parse(time.RFC3339Nano, *s)
	if err != nil {
		return fmt.Errorf("time %q: %w", *s, err)
	}
	*i = At(t)
	return nil
}

// Amount is a sum of money in 1/10,000 of the currency's unit.
type Amount int64

// ParseAmount reads a decimal number such as "1250", "1250.5" or "-3.1234"; digits beyond the fourth decimal are rounded
// half away from zero.
func ParseAmount(s string) (Amount, error) {
	t := strings.TrimSpace(s)
	t, neg := strings.CutPrefix(t, "-")
	if !neg {
		t = strings.TrimPrefix(t, "+")
	}
	whole, frac, _ := strings.Cut(t, ".")
	if whole == "" && frac == "" {
		return 0, fmt.Errorf("amount %q is not a number", s)
	}
	if strings.ContainsAny(t, "eE") {
		f, err := strconv.ParseFloat(t, 64)
		if err != nil || f > 9e14 {
			return 0, fmt.Errorf("amount %q is not a number", s)
		}
		return sign(neg, Amount(f*1e4+0.5)), nil
	}
	digits := (frac + "00000")[:5]
	w, err := strconv.ParseUint("0"+whole, 10, 63)
	if err != nil || w > 900_000_000_000_000 {
		return 0, fmt.Errorf("amount %q is not a number within ±900,000,000,000,000", s)
	}
	f, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || strings.Trim(frac, "0123456789") != "" {
		return 0, fmt.Errorf("amount %q is not a number", s)
	}
	return sign(neg, Amount(w*10_000+(f+5)/10)), nil
}

func sign(neg bool, a Amount) Amount {
	if neg {
		return -a
	}
	return a
}

// Float returns the amount in the currency's unit.
func (a Amount) Float() float64 { return float64(a) / 1e4 }

// String formats the amount with at least two and at most four decimals: "1250000.00".
func (a Amount) String() string {
	neg := ""
	u := uint64(a)
	if a < 0 {
		neg, u = "-", uint64(-a)
	}
	s := fmt.Sprintf("%s%d.%04d", neg, u/10_000, u%10_000)
	for range 2 {
		s = strings.TrimSuffix(s, "0")
	}
	return s
}

// Money is an amount of one currency (ISO 4217 code, "" when the CRM does not say). The zero value is "no money".
type Money struct {
	Amount   Amount
	Currency string
}

// IsZero reports whether there is no money.
func (m Money) IsZero() bool { return m == Money{} }

type moneyJSON struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// MarshalJSON writes {"amount":"12.00","currency":"EUR"}, or null for the zero value.
func (m Money) MarshalJSON() ([]byte, error) {
	if m.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(moneyJSON{m.Amount.String(), m.Currency})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Money) UnmarshalJSON(b []byte) error {
	var j *moneyJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	if j == nil {
		*m = Money{}
		return nil
	}
	a, err := ParseAmount(j.Amount)
	if err != nil {
		return err
	}
	*m = Money{a, j.Currency}
	return nil
}

// Kind names what a record is.
type Kind string

// The kinds of records that findings and edits speak of.
const (
	KindDeal     Kind = "deal"
	KindStage    Kind = "stage"
	KindPipeline Kind = "pipeline"
	KindProperty Kind = "property"
	KindOwner    Kind = "owner"
	KindPortal   Kind = "portal"
	KindTask     Kind = "task"
	KindNote     Kind = "note"
)

// Ref points at one record of one portal.
type Ref struct {
	Portal string `json:"portal,omitempty"`
	Kind   Kind   `json:"kind"`
	ID     string `json:"id"`
}
