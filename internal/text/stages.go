package text

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// stageFix says what a fix of stages would do.
func stageFix(f audit.Finding) string {
	n := plural(fills(f.Fix.Edits), "stage")
	if f.Fix.Kind == audit.FixRotting {
		return "Mark deals as rotting in " + n
	}
	return "Set the probability of " + n + " to what history shows"
}

// setStage says what is set of a stage. The edit names it in Before; its days are days, and its probability is in the CRM's own unit.
func setStage(e crm.Edit) string {
	name := fmt.Sprintf("the stage %q", cmp.Or(e.Before[crm.FieldName], e.Target.ID))
	days, rots := e.After[crm.FieldRotDays]
	p, odds := e.After[crm.FieldProbability]
	switch {
	case len(e.After) != 1:
	case rots && days == "":
		return "Stop deals from rotting in " + name
	case rots:
		return fmt.Sprintf("Let deals rot in %s after %s days without activity", name, days)
	case odds:
		return fmt.Sprintf("Set the probability of %s to %s", name, share(p))
	}
	return fmt.Sprintf("Set %s of %s", settings(e.After), name)
}

// share writes a probability in percent: a fraction has a point, and a whole number is percents already. No open stage has 0 or 1
// where fractions are stored.
func share(text string) string {
	if f, err := strconv.ParseFloat(text, 64); err == nil && strings.Contains(text, ".") {
		text = strconv.FormatFloat(math.Round(1e4*f)/100, 'f', -1, 64)
	}
	return text + " %"
}
