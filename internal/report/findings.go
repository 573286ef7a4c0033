package report

import (
	"encoding/csv"
	"fmt"
	"io"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/text"
)

// Kept is a finding as the store keeps it: an interval in which it held.
type Kept struct {
	audit.Finding
	State    string      // open, resolved or waived
	Opened   crm.Instant // of the run that saw it first
	Resolved crm.Instant // none while it holds
}

type keptView struct {
	findingView
	Portal   string      `json:"portal"`
	State    string      `json:"state"`
	Opened   crm.Instant `json:"opened"`
	Resolved crm.Instant `json:"resolved"`
}

// Findings writes kept findings as a JSON array, CSV or a table.
func Findings(w io.Writer, f Format, words *text.Words, style Style, list []Kept) error {
	switch f {
	case JSON:
		views := make([]keptView, len(list))
		for i, k := range list {
			views[i] = keptView{newFindingView(words, k.Finding), k.Subject.Portal, k.State, k.Opened, k.Resolved}
		}
		return WriteJSON(w, views)
	case CSV:
		c := csv.NewWriter(w)
		rows := [][]string{{"portal", "finding", "policy", "severity", "kind", "id", "name", "pipeline", "stage", "owner", "message", "opened", "resolved", "state", "waived_until", "waived_by", "waived"}}
		for _, k := range list {
			until, by, reason := "", "", ""
			if k.Waived != nil {
				until, by, reason = k.Waived.Until.String(), k.Waived.Author, k.Waived.Reason
			}
			row := []string{k.Subject.Portal, k.ID, k.Policy, k.Severity.String(), string(k.Subject.Kind), k.Subject.ID, k.Name, k.PipelineName,
				k.StageName, k.OwnerName, words.Sentence(k.Finding), k.Opened.String(), k.Resolved.String(), k.State, until, by, reason}
			for i, cell := range row {
				row[i] = noFormula(cell)
			}
			rows = append(rows, row)
		}
		return c.WriteAll(rows)
	default:
		if len(list) == 0 {
			_, err := fmt.Fprintln(w, "No findings.")
			return err
		}
		var rows [][]string
		for _, k := range list {
			rows = append(rows, []string{k.Severity.String(), k.Policy, k.ID, clip(text.Record(k.Finding), 28), clip(k.StageName, 18), clip(k.OwnerName, 18), text.Money(k.Value), k.Opened.Time().Format("2 Jan 2006"), words.Sentence(k.Finding)})
		}
		return Grid(w, style, []string{"SEVERITY", "POLICY", "FINDING", "RECORD", "STAGE", "OWNER", "VALUE", "SEEN FIRST", "WHY"}, rows)
	}
}
