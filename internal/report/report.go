// Package report writes audits, plans and journals for people and programs: JSON, CSV, Markdown, JUnit and tables.
//
// Its one idea: it reads results and never computes them. Its one rule: names and shapes of the JSON are the published
// interface; a key may be added, none renamed.
package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/text"
)

// Format is an output format of the audit.
type Format string

// The formats.
const (
	Table    Format = "table"
	JSON     Format = "json"
	CSV      Format = "csv"
	Markdown Format = "markdown"
	JUnit    Format = "junit"
)

// ParseFormat reads a format that is among the allowed ones.
func ParseFormat(s string, allowed ...Format) (Format, error) {
	for _, f := range allowed {
		if string(f) == s {
			return f, nil
		}
	}
	return "", fmt.Errorf("--format %q: choose one of %v", s, allowed)
}

// Audits writes results in a format. One result is written as one JSON object, several as an array.
func Audits(w io.Writer, f Format, words *text.Words, style Style, results ...*audit.Result) error {
	list := make([]Audited, len(results))
	for i, r := range results {
		list[i].Result = r
	}
	return AuditsBeside(w, f, words, style, list...)
}

// AuditsBeside is [Audits] of results with what is known beside them.
func AuditsBeside(w io.Writer, f Format, words *text.Words, style Style, list ...Audited) error {
	switch f {
	case JSON:
		return auditsJSON(w, words, list)
	case CSV:
		return auditsCSV(w, words, list)
	case Markdown:
		return auditsMarkdown(w, words, list)
	case JUnit:
		return auditsJUnit(w, words, list)
	default:
		for i, a := range list {
			if i > 0 {
				fmt.Fprintln(w)
			}
			if err := auditTable(w, words, style, a); err != nil {
				return err
			}
		}
		return nil
	}
}

func auditsJSON(w io.Writer, words *text.Words, list []Audited) error {
	if len(list) == 1 {
		return WriteJSON(w, newAuditView(words, list[0]))
	}
	return AuditArray(w, words, list...)
}

// AuditArray writes results as a JSON array, however many they are.
func AuditArray(w io.Writer, words *text.Words, list ...Audited) error {
	views := make([]auditView, len(list))
	for i, a := range list {
		views[i] = newAuditView(words, a)
	}
	return WriteJSON(w, views)
}

// AuditJSON returns the published JSON form of a result, for documents that contain several parts.
func AuditJSON(words *text.Words, r *audit.Result) any {
	return newAuditView(words, Audited{Result: r})
}

// WriteJSON writes a value as indented JSON with a line end, leaving <, > and & as they are.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// auditView is the published form of a result: what the audit knows, with sentences, and lists that are never null.
type auditView struct {
	*audit.Result
	Incomplete  []crm.Gap             `json:"incomplete"`
	ScoreParts  []audit.ScorePart     `json:"score_parts"`
	ValueAtRisk []crm.Money           `json:"value_at_risk"`
	Missing     []audit.MissingNeed   `json:"missing_needs"`
	Findings    []findingView         `json:"findings"`
	Unknown     []unknownView         `json:"unknown"`
	Pipelines   []audit.PipelineStats `json:"pipelines"`
	New         *NewSince             `json:"new_since,omitempty"`
	Trend       *audit.Trend          `json:"trend,omitempty"`
	Losses      []audit.TextCount     `json:"unclassified_losses"`
}

type findingView struct {
	audit.Finding
	Waived  *waivedView `json:"waived"`
	Subject subjectView `json:"subject"`
	Message string      `json:"message"`
	Fix     *fixView    `json:"fix"`
	// Dropped from the outer object: they are the subject's.
	Name *struct{} `json:"name,omitempty"`
	URL  *struct{} `json:"url,omitempty"`
}

type waivedView struct {
	Reason string      `json:"reason"`
	Author string      `json:"author"`
	Until  crm.Instant `json:"until"`
}

type subjectView struct {
	Kind crm.Kind `json:"kind"`
	ID   string   `json:"id"`
	Name string   `json:"name"`
	URL  *string  `json:"url"`
}

type fixView struct {
	Summary string     `json:"summary"`
	Kind    string     `json:"kind"`
	Mode    audit.Mode `json:"mode"`
	Edits   []editView `json:"edits"`
	Manual  []string   `json:"manual,omitempty"`
}

type editView struct {
	Kind   crm.Kind   `json:"kind"`
	ID     string     `json:"id"`
	Op     crm.Op     `json:"op"`
	Before crm.Fields `json:"before"`
	After  crm.Fields `json:"after"`
}

type unknownView struct {
	Policy  string     `json:"policy"`
	Subject subjectRef `json:"subject"`
	Need    audit.Need `json:"need"`
	Why     string     `json:"why"`
}

type subjectRef struct {
	Kind crm.Kind `json:"kind"`
	ID   string   `json:"id"`
}

func newAuditView(words *text.Words, a Audited) auditView {
	r := a.Result
	v := auditView{
		Result: r, New: a.New, Trend: a.Trend, Incomplete: notNil(r.Incomplete), ScoreParts: notNil(r.ScoreParts), ValueAtRisk: notNil(r.ValueAtRisk),
		Missing: notNil(r.MissingNeeds), Pipelines: notNil(r.Pipelines), Losses: notNil(r.UnclassifiedLosses),
		Findings: make([]findingView, len(r.Findings)), Unknown: make([]unknownView, len(r.Unknown)),
	}
	for i, f := range r.Findings {
		v.Findings[i] = newFindingView(words, f)
	}
	for i, u := range r.Unknown {
		v.Unknown[i] = unknownView{u.Policy, subjectRef{u.Subject.Kind, u.Subject.ID}, u.Need, u.Why}
	}
	return v
}

func newFindingView(words *text.Words, f audit.Finding) findingView {
	v := findingView{Finding: f, Message: words.Sentence(f), Subject: subjectView{Kind: f.Subject.Kind, ID: f.Subject.ID, Name: f.Name}}
	if f.URL != "" {
		v.Subject.URL = &f.URL
	}
	if w := f.Waived; w != nil {
		v.Waived = &waivedView{w.Reason, w.Author, w.Until}
	}
	if f.Facts == nil {
		v.Facts = audit.Facts{}
	}
	if f.Fix != nil {
		fix := fixView{Summary: words.Fix(f), Kind: string(f.Fix.Kind), Mode: f.Fix.Mode, Edits: Edits(f.Fix.Edits)}
		for _, m := range f.Fix.Manual {
			fix.Manual = append(fix.Manual, words.Manual(m))
		}
		v.Fix = &fix
	}
	return v
}

// Edits gives the published form of edits.
func Edits(list []crm.Edit) []editView {
	out := make([]editView, len(list))
	for i, e := range list {
		out[i] = editView{e.Target.Kind, e.Target.ID, e.Op, fields(e.Before), fields(e.After)}
	}
	return out
}

func fields(f crm.Fields) crm.Fields {
	if f == nil {
		return crm.Fields{}
	}
	return f
}

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
