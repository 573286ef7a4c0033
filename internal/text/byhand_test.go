package text

import (
	"strings"
	"testing"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// TestWhatAPersonDoesNamesTheRecord holds that each key with a name becomes a sentence that names it.
func TestWhatAPersonDoesNamesTheRecord(t *testing.T) {
	w := words(t, "x")
	for key, want := range map[string]string{
		"move-back-from:On hold":        `Move each deal in "On hold" back`,
		"rename-stage:Q":                `Rename the stage "Q"`,
		"forbid-skipping:Sales: EMEA":   "Pipelines > Sales: EMEA > Pipeline rules: switch on the rule against skipping stages",
		"forbid-going-back:Sales":       "Pipelines > Sales > Pipeline rules: switch on the rule against moving backwards",
		"Company settings > Lost: type": "Company settings > Lost: type",
	} {
		if got := w.Manual(key); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q in it", key, got, want)
		}
	}
	if got := w.Manual("forbid-skipping:Sales"); !strings.Contains(got, "close a deal early") {
		t.Errorf("what the rule blocks is not said: %q", got)
	}
}

func TestAdviceIsThePolicysOwn(t *testing.T) {
	w := words(t, "x")
	advised := func(policy string, kind crm.Kind) string {
		return w.Fix(audit.Finding{Policy: policy, Subject: crm.Ref{Kind: kind}, Fix: &audit.Fix{Kind: audit.FixAdvice}})
	}
	for policy, want := range map[string]string{
		"unused-pipeline": "Close or move the deals that are left, then delete the pipeline (see policies explain unused-pipeline)",
		"of-our-own":      "Change the set-up by hand (see policies explain of-our-own)",
	} {
		if got := advised(policy, crm.KindPipeline); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := advised("of-our-own", crm.KindDeal); !strings.HasPrefix(got, "Talk it over with the deal's owner") {
		t.Errorf("on a deal: %q", got)
	}
}
