package text

import (
	"fmt"
	"strings"

	"github.com/plumbline/plumbline/audit"
)

// moveFix says what a fix of a deal's stage would do.
func moveFix(f audit.Finding) string {
	if to, ok := f.Facts["to_stage"].(string); ok {
		return fmt.Sprintf("Move the deal to the stage %q", to)
	}
	return "Have its owner close the deal as won"
}

// moveByHand says what a person must do about a deal's stage, for a key that may name one after a colon; any other text is a
// sentence already.
func moveByHand(key string) string {
	if stage, ok := strings.CutPrefix(key, "move-to-stage:"); ok {
		return fmt.Sprintf("Move the deal to the stage %q, where its quote says it is", stage)
	}
	if key == "close-as-won" {
		return "Close the deal as won, if it is: commissions, invoices and onboarding hang on that, so a person decides"
	}
	return key
}
