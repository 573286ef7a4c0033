package report

import (
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/text"
)

// auditsCSV writes one line per finding. Cells that a spreadsheet would take for a formula are quoted by an apostrophe.
func auditsCSV(w io.Writer, words *text.Words, results []Audited) error {
	c := csv.NewWriter(w)
	head := []string{"portal", "finding", "policy", "severity", "kind", "id", "name", "pipeline", "stage", "owner", "message", "value", "currency", "since", "waived", "fix", "url"}
	if err := c.Write(head); err != nil {
		return err
	}
	for _, r := range results {
		for _, f := range r.Findings {
			value := ""
			if !f.Value.IsZero() {
				value = f.Value.Amount.String()
			}
			waived := ""
			if f.Waived != nil {
				waived = f.Waived.Reason
			}
			row := []string{r.Portal, f.ID, f.Policy, f.Severity.String(), string(f.Subject.Kind), f.Subject.ID, f.Name, f.PipelineName, f.StageName, f.OwnerName,
				words.Sentence(f), value, f.Value.Currency, f.Since.String(), waived, words.Fix(f), f.URL}
			for i, cell := range row {
				if i != 11 {
					row[i] = noFormula(cell)
				}
			}
			if err := c.Write(row); err != nil {
				return err
			}
		}
	}
	c.Flush()
	return c.Error()
}

// noFormula puts an apostrophe before what a spreadsheet would work out. Some skip blanks and line ends before the sign.
func noFormula(s string) string {
	if s != "" && strings.ContainsRune("\t\r\n", rune(s[0])) {
		return "'" + s
	}
	if t := strings.TrimLeft(s, " \u00a0"); t != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(t)[0]) {
		return "'" + s
	}
	return s
}

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitMessage `xml:"failure,omitempty"`
	Error   *junitMessage `xml:"error,omitempty"`
	Skipped *junitMessage `xml:"skipped,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// auditsJUnit writes a suite per portal with a case per policy: failed when it found something unwaived, skipped when it
// could judge nothing. An incomplete audit is an error of its own, so that no build goes green on half the data.
func auditsJUnit(w io.Writer, words *text.Words, results []Audited) error {
	var doc junitSuites
	for _, r := range results {
		doc.Suites = append(doc.Suites, junitPortal(words, r.Result))
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(doc); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}

func junitPortal(words *text.Words, r *audit.Result) junitSuite {
	s := junitSuite{Name: r.Portal}
	if !r.Complete {
		var why []string
		for _, g := range r.Incomplete {
			why = append(why, g.Object+": "+g.Why)
		}
		s.Cases = append(s.Cases, junitCase{Class: r.Portal, Name: "complete", Error: &junitMessage{Message: "the data is incomplete", Text: strings.Join(why, "\n")}})
		s.Errors++
	}
	found := map[string][]string{}
	for _, f := range r.Findings {
		if f.Waived == nil {
			found[f.Policy] = append(found[f.Policy], fmt.Sprintf("%s %s %s: %s", f.Severity, f.Subject.Kind, f.Subject.ID, words.Sentence(f)))
		}
	}
	for _, id := range policies(r) {
		c := junitCase{Class: r.Portal, Name: id}
		switch n := len(found[id]); {
		case n > 0:
			c.Failure = &junitMessage{Message: text.Plural(n, "finding"), Text: strings.Join(found[id], "\n")}
			s.Failures++
		case r.Judged[id].Judged == 0 && r.Judged[id].Unknown > 0:
			c.Skipped = &junitMessage{Message: "cannot judge " + text.Plural(r.Judged[id].Unknown, "record")}
			s.Skipped++
		}
		s.Cases = append(s.Cases, c)
	}
	s.Tests = len(s.Cases)
	return s
}

// policies lists the ids of the policies that ran, sorted.
func policies(r *audit.Result) []string {
	var ids []string
	for id := range r.Judged {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
