package audit_test

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/audit"
)

func TestDays(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30d": 30 * day, "12h": 12 * time.Hour, "90m": 90 * time.Minute, "2w": 14 * day, "1d12h": 36 * time.Hour, "1w1d1h1m": 8*day + time.Hour + time.Minute, "0d": 0,
	} {
		var d audit.Days
		if err := d.UnmarshalText([]byte(text)); err != nil || d.Duration() != want {
			t.Errorf("%s: %v, %v; want %v", text, d.Duration(), err, want)
		}
	}
	for _, text := range []string{"", "30", "d", "1.5d", "-3d", "3s", "3d2w", "3d3d", "30 d", "30D", "99999999999d", "2000000000w"} {
		var d audit.Days
		if err := d.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, d)
		}
	}
	if d := audit.Days(36 * time.Hour); d.Float() != 1.5 || d.String() != "1d12h" {
		t.Errorf("%v %s", d.Float(), d)
	}
}

func TestShare(t *testing.T) {
	for text, want := range map[string]audit.Share{"5%": 0.05, "0.05": 0.05, "12.5 %": 0.125, "100%": 1, "0": 0} {
		var s audit.Share
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s: %v, %v; want %v", text, s, err, want)
		}
	}
	for _, text := range []string{"", "%", "5", "101%", "-1%", "many", "NaN"} {
		var s audit.Share
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, s)
		}
	}
}

func TestUnitsReadWhatTheyWrite(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type settings struct {
			Limit audit.Days  `json:"limit"`
			Part  audit.Share `json:"part"`
		}
		in := settings{audit.Days(time.Duration(rapid.IntRange(0, 1e6).Draw(rt, "minutes")) * time.Minute), audit.Share(float64(rapid.IntRange(0, 1000).Draw(rt, "permille")) / 1000)}
		text, err := json.Marshal(in)
		if err != nil {
			rt.Fatal(err)
		}
		var out settings
		if err := json.Unmarshal(text, &out); err != nil || in != out {
			rt.Fatalf("%s is read as %+v, %v", text, out, err)
		}
	})
}
