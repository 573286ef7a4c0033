package text

import (
	"fmt"
	"strings"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// moveFix says what a fix of a deal's stage would do.
func moveFix(f audit.Finding) string {
	if f.Subject.Kind == crm.KindStage {
		return "Move its deals back to the open stages that they came from, by hand"
	}
	if to, ok := f.Facts["to_stage"].(string); ok {
		return fmt.Sprintf("Move the deal to the stage %q", to)
	}
	return "Have its owner close the deal as won"
}

// byHand says what a person must do in the CRM, for a key that names a stage or a pipeline after a colon; any other text is a sentence
// already.
func byHand(key string) string {
	what, name, _ := strings.Cut(key, ":")
	switch what {
	case "move-to-stage":
		return fmt.Sprintf("Move the deal to the stage %q, where its quote says it is", name)
	case "close-as-won":
		return "Close the deal as won, if it is: commissions, invoices and onboarding hang on that, so a person decides"
	case "move-back-from":
		return fmt.Sprintf("Move each deal in %q back to the open stage that it came from (its history shows it), and give its owner a task to decide what comes next", name)
	case "rename-stage":
		return fmt.Sprintf("Rename the stage %q: Settings > Objects > Deals > Pipelines in HubSpot, Edit pipeline in Pipedrive; its id and its deals stay as they are", name)
	case "forbid-skipping":
		return fmt.Sprintf("Settings > Objects > Deals > Pipelines > %s > Pipeline rules: switch on the rule against skipping stages. "+
			"It blocks people, also those who close a deal early; workflows, most integrations and super administrators are not bound", name)
	case "forbid-going-back":
		return fmt.Sprintf("Settings > Objects > Deals > Pipelines > %s > Pipeline rules: switch on the rule against moving backwards. "+
			"It blocks people, also those who correct a mistake; workflows, most integrations and super administrators are not bound", name)
	}
	return key
}
