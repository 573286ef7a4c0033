// Package text makes sentences of findings, fixes and plans, for people to read.
//
// Its one idea: a finding carries facts, and the words are made of them at output, so that a stored finding never goes
// stale in its wording. Its one rule: nothing here decides anything.
package text

import (
	"fmt"
	"math"
	"strings"
	"text/template"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// Words makes sentences in one language.
type Words struct {
	titles   map[string]string
	messages map[string]*template.Template
}

// English returns the English words for a catalogue. It fails on a policy whose message is not a valid template.
func English(policies []*audit.Policy) (*Words, error) {
	w := &Words{titles: map[string]string{}, messages: map[string]*template.Template{}}
	for _, p := range policies {
		t, err := template.New(p.ID).Funcs(functions()).Option("missingkey=zero").Parse(p.Message)
		if err != nil {
			return nil, fmt.Errorf("message of %s: %w", p.ID, err)
		}
		w.titles[p.ID], w.messages[p.ID] = p.Title, t
	}
	return w, nil
}

// functions are what message templates may use on the values of facts. Each accepts nil, which it writes as "?".
func functions() template.FuncMap {
	return template.FuncMap{"date": date, "days": days, "pct": percent, "money": plain, "count": count, "join": join}
}

// Sentence says what is wrong, in one sentence without a full stop.
func (w *Words) Sentence(f audit.Finding) string {
	t, ok := w.messages[f.Policy]
	if !ok {
		return f.Policy
	}
	var b strings.Builder
	if err := t.Execute(&b, map[string]any(f.Facts)); err != nil {
		return w.titles[f.Policy]
	}
	return strings.TrimSpace(b.String())
}

// Fix says what the offered fix would do, as a verb phrase; "" where there is none.
func (w *Words) Fix(f audit.Finding) string {
	if f.Fix == nil {
		return ""
	}
	switch f.Fix.Kind {
	case audit.FixTask:
		return "Give the owner a task to put it right"
	case audit.FixOwner:
		return "Give the deal to an active owner"
	case audit.FixCloseDate:
		for _, e := range f.Fix.Edits {
			if d := e.After[crm.FieldCloseDate]; d != "" {
				return "Set the close date to " + date(d)
			}
		}
		return "Set the close date"
	case audit.FixAmount:
		return "Set the amount to the sum of the line items"
	case audit.FixLossFields:
		return fmt.Sprintf("Make the loss reason a drop-down and fill it for %s", plural(fills(f.Fix.Edits), "lost deal"))
	case audit.FixLossReason:
		return fmt.Sprintf("Choose the listed loss reason for %s", plural(fills(f.Fix.Edits), "lost deal"))
	case audit.FixRotting, audit.FixOdds:
		return stageFix(f)
	case audit.FixLossList:
		return "Type the missing reasons into the CRM's own list of them, by hand"
	case audit.FixMove:
		return moveFix(f)
	case audit.FixDigest:
		return "List it in one task that asks the owner to go through such deals"
	case audit.FixRule:
		return "Let the CRM forbid it by a rule of the pipeline, by hand"
	case audit.FixRename:
		return "Give the stage another name, by hand"
	case audit.FixAdvice:
		return adviceOn(f)
	default:
		return ""
	}
}

func fills(edits []crm.Edit) int {
	n := 0
	for _, e := range edits {
		if e.Op == crm.OpSet {
			n++
		}
	}
	return n
}

// Record names the record that a finding is about: by its name, else by its kind and id.
func Record(f audit.Finding) string {
	if f.Name != "" {
		return f.Name
	}
	return string(f.Subject.Kind) + " " + f.Subject.ID
}

// Task gives the subject and the body of the task that asks a deal's owner to put a finding right.
func (w *Words) Task(f audit.Finding) (subject, body string) {
	subject = fmt.Sprintf("%s: %s", Record(f), w.Title(f.Policy))
	lines := []string{w.Sentence(f) + ".", "", advice(f)}
	return subject, strings.Join(lines, "\n")
}

// Title is the policy's title, or its id where it is not of the catalogue.
func (w *Words) Title(policy string) string {
	if t := w.titles[policy]; t != "" {
		return t
	}
	return policy
}

// advice is the question that a task puts to the owner (practices.md: move it forward or close it).
func advice(f audit.Finding) string {
	switch f.Family {
	case audit.FamilyActivity:
		return "Please decide: move the deal forward, plan the next step, or close it as lost with its reason."
	case audit.FamilyForecast:
		return "Please set the close date and the amount that you would commit to today."
	case audit.FamilyLosses:
		return "Please fill in why the deal was lost."
	default:
		return "Please put the record right, or close the deal."
	}
}

// Summary says what one edit does, as a verb phrase.
func (w *Words) Summary(f audit.Finding, e crm.Edit) string {
	name := Record(f)
	switch e.Op {
	case crm.OpAddTask:
		return fmt.Sprintf("Create a task for the owner of %s", name)
	case crm.OpAddProperty:
		return fmt.Sprintf("Create the deal property %q", e.After[crm.FieldLabel])
	case crm.OpRemove:
		return fmt.Sprintf("Remove the %s that Plumbline created", e.Target.Kind)
	case crm.OpSet:
		if e.Target.Kind == crm.KindStage {
			return setStage(e)
		}
		return fmt.Sprintf("Set %s of %s", settings(e.After), subjectOf(f, e, name))
	default:
		return string(e.Op)
	}
}

func subjectOf(f audit.Finding, e crm.Edit, name string) string {
	if e.Target.ID == f.Subject.ID && e.Target.Kind == f.Subject.Kind {
		return name
	}
	return string(e.Target.Kind) + " " + e.Target.ID
}

// settings lists an edit's new values in the order of their names.
func settings(after crm.Fields) string {
	var parts []string
	for _, k := range sortedKeys(after) {
		label := strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(k, "property."), "plumbline_"), "_", " ")
		v := after[k]
		if v == "" {
			parts = append(parts, label+" to nothing")
			continue
		}
		if r := []rune(v); len(r) > 40 {
			v = string(r[:39]) + "…"
		}
		parts = append(parts, fmt.Sprintf("%s to %q", label, v))
	}
	return strings.Join(parts, ", ")
}

// Manual says what a person must do, for a key of Fix.Manual; a key that is no key of ours is a sentence already.
func (w *Words) Manual(key string) string {
	switch key {
	case "require-loss-reason":
		return "Settings > Objects > Deals > Pipelines: make the new loss reason required at every closed-lost stage"
	case "hide-old-loss-reason":
		return "Remove the free-text property \"Closed lost reason\" from the closed-lost form and from the deal view"
	case "require-own-loss-reason":
		return "Make the drop-down for loss reasons required wherever a deal is closed as lost"
	case "choose-loss-reason":
		return "Let people choose the reason from a list when they close a deal as lost, and require it"
	case "add-loss-detail":
		return "Add a text field for details beside the list of loss reasons, and ask for it where the reason is \"other\""
	case "read-other-losses":
		return "Read a few of the losses for \"other\" reasons, and add the option that most of them ask for"
	case "choose-listed-reason":
		return "Choose the option of the list that the text means, and keep the text as the detail"
	case "settle-wordings":
		return "Settle on one wording per reason: make it the option of the list, and hide or merge the others"
	case "fallback-owner":
		return "No fallback_owner is configured for this portal: give the deal to an active owner by hand, or set one and plan again"
	default:
		return byHand(key)
	}
}

func date(v any) string {
	s, _ := v.(string)
	if s == "" {
		return "?"
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Format("2 Jan 2006")
		}
	}
	return s
}

func days(v any) string {
	f, ok := v.(float64)
	if !ok {
		return "?"
	}
	if f < 2 && f != math.Trunc(f) {
		return fmt.Sprintf("%.0f hours", f*24)
	}
	return plural(int(math.Round(f)), "day")
}

func percent(v any) string {
	f, ok := v.(float64)
	if !ok {
		return "?"
	}
	return fmt.Sprintf("%.0f %%", f*100)
}

func count(v any) string {
	f, ok := v.(float64)
	if !ok {
		return "?"
	}
	return Thousands(int64(math.Round(f)))
}

func plain(v any) string {
	s, _ := v.(string)
	if s == "" {
		return "?"
	}
	return s
}

func join(v any) string {
	switch l := v.(type) {
	case []string:
		return strings.Join(l, ", ")
	case []any:
		parts := make([]string, len(l))
		for i, x := range l {
			parts[i] = fmt.Sprint(x)
		}
		return strings.Join(parts, ", ")
	default:
		return "?"
	}
}
