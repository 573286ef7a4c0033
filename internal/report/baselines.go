package report

import (
	"fmt"
	"io"

	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/text"
)

// Baseline is a named audit, and what has become of its findings since.
type Baseline struct {
	Portal    string      `json:"portal"`
	Name      string      `json:"name"`
	At        crm.Instant `json:"at"` // of the audit
	Author    string      `json:"author"`
	Made      crm.Instant `json:"made"`
	Findings  int         `json:"findings"`   // that held then
	StillOpen int         `json:"still_open"` // of those, without a break; waived ones among them
	New       int         `json:"new"`        // that hold and began later; waived ones among them
}

// Baselines writes baselines as a JSON array or a table.
func Baselines(w io.Writer, f Format, style Style, list []Baseline) error {
	if f == JSON {
		return WriteJSON(w, notNil(list))
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "No baseline is set.")
		return err
	}
	var rows [][]string
	for _, b := range list {
		rows = append(rows, []string{b.Portal, b.Name, when(b.At), text.Thousands(int64(b.Findings)), text.Thousands(int64(b.StillOpen)), text.Thousands(int64(b.New)), b.Author})
	}
	return Grid(w, style, []string{"PORTAL", "BASELINE", "AUDIT OF", "FINDINGS", "STILL OPEN", "NEW SINCE", "SET BY"}, rows)
}

// Printable keeps a text of the CRM from breaking a line or speaking to a terminal.
func Printable(s string) string { return printable(s) }
