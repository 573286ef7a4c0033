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
	switch f {
	case JSON:
		return auditsJSON(w, words, results)
	case CSV:
		return auditsCSV(w, words, results)
	case Markdown:
		return auditsMarkdown(w, words, results)
	case JUnit:
		return auditsJUnit(w, words, results)
	default:
		for i, r := range results {
			if i > 0 {
				fmt.Fprintln(w)
			}
			if err := auditTable(w, words, style, r); err != nil {
				return err
			}
		}
		return nil
	}
}

func auditsJSON(w io.Writer, words *text.Words, results []*audit.Result) error {
	views := make([]auditView, len(results))
	for i, r := range results {
		views[i] = newAuditView(words, r)
	}
	if len(views) == 1 {
		return WriteJSON(w, views[0])
	}
	return WriteJSON(w, views)
}

// AuditJSON returns the published JSON form of a result, for documents that contain several parts.
func AuditJSON(words *text.Words, r *audit.Result) any { return newAuditView(words, r) }

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
	Losses      []audit.TextCount     `json:"unclassified_losses"`
}

type findingView struct {
	audit.Finding
	Subject subjectView `json:"subject"`
	Message string      `json:"message"`
	Fix     *fixView    `json:"fix"`
	// Dropped from the outer object: they are the subject's.
	Name *struct{} `json:"name,omitempty"`
	URL  *struct{} `json:"url,omitempty"`
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

func newAuditView(words *text.Words, r *audit.Result) auditView {
	v := auditView{
		Result: r, Incomplete: notNil(r.Incomplete), ScoreParts: notNil(r.ScoreParts), ValueAtRisk: notNil(r.ValueAtRisk),
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
