package text

import "testing"

func TestGainsAreSaidInPeoplesWords(t *testing.T) {
	w := words(t, "x")
	for want, got := range map[string]string{
		"these 37 deals get a close date":                       w.Gain("close-date-missing", 37, false),
		"this deal gets an answer from the buyer, or is closed": w.Gain("no-buyer-activity", 1, false),
		"this deal has its overdue activity done":               w.Gain("next-activity-overdue", 1, false),
		"these 2 deals are put right: some-own-policy":          w.Gain("some-own-policy", 2, false),
		"the set-up is put right in 3 places: too-many-stages":  w.Gain("too-many-stages", 3, true),
		"this deal is moved to the stage that it has come to":   w.Gain("behind-its-evidence", 1, false),
		"these 1,200 deals are merged with their twins":         w.Gain("duplicate-deal", 1200, false),
		"this deal is merged with its twin":                     w.Gain("duplicate-deal", 1, false),
		"these 5 deals get the evidence of their stage":         w.Gain("stage-without-evidence", 5, false),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
