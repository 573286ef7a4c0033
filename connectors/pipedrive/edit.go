package pipedrive

import (
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// The fields of a deal and of a stage, by the names under which they are written.
const (
	wireOwner       = "owner_id"
	wireClose       = "expected_close_date"
	wireValue       = "value"
	wireStage       = "stage_id"
	wirePipeline    = "pipeline_id"
	wireRots        = "is_deal_rot_enabled"
	wireRotDays     = "days_to_rotten"
	wireProbability = "deal_probability"
	wireMoved       = "stage_change_time" // Pipedrive's own, as the next one is: nobody can write them
	wireUpdated     = "update_time"
)

// record is a deal or a stage, whatever it holds.
type record map[string]json.RawMessage

// text gives a field as a text, "" for null; ok is false where the record does not have it. Custom fields lie in their own object.
func (r record) text(name string) (text string, ok bool) {
	raw, ok := r[name]
	if customRe.MatchString(name) {
		var custom map[string]json.RawMessage
		if json.Unmarshal(r["custom_fields"], &custom) != nil {
			return "", false
		}
		raw, ok = custom[name]
	}
	var v value
	if !ok || v.UnmarshalJSON(raw) != nil {
		return "", false
	}
	return v.text, true
}

// id gives a reference to the record.
func (r record) id() string { text, _ := r.text("id"); return text }

// fieldOf gives the field of deals that a neutral one stands for.
func fieldOf(s crm.Schema, field string) (string, error) {
	name, own := strings.CutPrefix(field, crm.PropertyField(""))
	switch {
	case own && name != "":
		return name, nil
	case field == crm.FieldStage:
		return wireStage, nil
	case field == crm.FieldPipeline:
		return wirePipeline, nil
	case field == crm.FieldOwner:
		return wireOwner, nil
	case field == crm.FieldCloseDate:
		return wireClose, nil
	case field == crm.FieldAmount:
		return wireValue, nil
	case field == crm.FieldLossReason && s.LossReason.Field != "":
		return s.LossReason.Field, nil
	case field == crm.FieldLossDetail && s.LossReason.DetailField != "":
		return s.LossReason.DetailField, nil
	case field == crm.FieldLossDetail:
		return "", fmt.Errorf("the account has no field for the detail of a loss reason")
	}
	return "", fmt.Errorf("deals have no field %q", field)
}

// wire is a deal's value as Pipedrive is to be sent it: numbers are numbers, and null clears.
func (c *reader) wire(field, name, text string) (any, error) {
	number := name == wireOwner || name == wireStage || name == wirePipeline || customRe.MatchString(name) && c.kind(name) == "enum"
	amount := name == wireValue || customRe.MatchString(name) && (c.kind(name) == "double" || c.kind(name) == "int")
	switch {
	case name == wireValue && text == "":
		return json.Number("0"), nil // a deal without a value has none of 0
	case text == "" && (number || amount) && !customRe.MatchString(name):
		return nil, fmt.Errorf("%s cannot be empty on Pipedrive", field)
	case text == "":
		return nil, nil
	case number:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s is no id", field)
		}
		return n, nil
	case amount:
		if _, err := crm.ParseAmount(text); err != nil || !json.Valid([]byte(strings.TrimSpace(text))) {
			return nil, fmt.Errorf("%s is no number", field)
		}
		return json.Number(strings.TrimSpace(text)), nil
	case name == wireClose:
		i, err := instant(text, c.zone())
		if err != nil {
			return nil, fmt.Errorf("%s is no date", field)
		}
		return i.Time().In(c.zone()).Format(time.DateOnly), nil
	}
	return text, nil
}

// kind is the type of a field of deals, as last read; "" where that is not known.
func (c *reader) kind(name string) string { return c.knownFields()[name].Type }

// Same reports whether two texts of a field mean the same to Pipedrive.
func (c *reader) Same(field, a, b string) bool {
	if a == b {
		return true
	}
	name, _ := strings.CutPrefix(field, crm.PropertyField(""))
	switch {
	case field == crm.FieldAmount:
		return sameNumber(orZero(a), orZero(b)) // a deal without a value has one of 0
	case field == crm.FieldBody:
		return strings.TrimSpace(plain(a)) == strings.TrimSpace(plain(b))
	case a == "" || b == "":
		return false
	case field == crm.FieldProbability || field == crm.FieldRotDays || c.kind(name) == "double" || c.kind(name) == "int":
		return sameNumber(a, b)
	case field == crm.FieldCloseDate || c.kind(name) == "date":
		return sameDay(a, b, c.zone())
	case field == crm.FieldDue:
		x, errX := instant(a, c.zone())
		y, errY := instant(b, c.zone())
		return errX == nil && errY == nil && x.Time().Truncate(time.Minute).Equal(y.Time().Truncate(time.Minute))
	}
	return false
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

func sameNumber(a, b string) bool {
	x, errX := crm.ParseAmount(a)
	y, errY := crm.ParseAmount(b)
	return errX == nil && errY == nil && x == y
}

// sameDay compares two days, of which either may be given as a time.
func sameDay(a, b string, zone *time.Location) bool {
	x, errX := instant(a, zone)
	y, errY := instant(b, zone)
	return errX == nil && errY == nil && x.Time().In(zone).Format(time.DateOnly) == y.Time().In(zone).Format(time.DateOnly)
}

// dueText is when an activity is due, to the minute in UTC, as a neutral text; "" where it has no date.
func (c *reader) dueText(a activity) string {
	due := dueOf(a, c.zone())
	if due.IsZero() {
		return ""
	}
	return due.Time().Format(time.RFC3339)
}

// noteOf makes the note of a task: HTML, with the edit's key in its last line.
func noteOf(body, key string) string {
	return strings.ReplaceAll(html.EscapeString(withKey(body, key)), "\n", "<br>")
}

var (
	breakRe = regexp.MustCompile(`(?i)<br ?/?>|</p>\s*<p>|</div>\s*<div>`)
	tagRe   = regexp.MustCompile(`<[^<>]*>`)
)

// plain is the text of a note.
func plain(note string) string {
	return html.UnescapeString(tagRe.ReplaceAllString(breakRe.ReplaceAllString(note, "\n"), ""))
}

// body is a note's text without the key under it.
func body(note string) string {
	text, _ := cutKey(note)
	return plain(text)
}
