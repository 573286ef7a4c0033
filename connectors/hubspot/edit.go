package hubspot

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// The properties of a task.
const (
	taskSubject = "hs_task_subject"
	taskBody    = "hs_task_body"
	taskDue     = "hs_timestamp"
	taskStatus  = "hs_task_status"
	taskType    = "hs_task_type"
)

// taskToDeal is HubSpot's type of the association of a task with a deal.
const taskToDeal = 216

// timeLayout is how HubSpot writes a time.
const timeLayout = "2006-01-02T15:04:05.000Z"

const mark = "plumbline:"

// keyRe finds the key that we wrote at the end of a record's text. HubSpot wraps a text that somebody edits into tags.
var keyRe = regexp.MustCompile(`(?:\n|<br ?/?>|(?:<(?:p|div|span)\b[^<>]*>)+)?plumbline:([^\s<>()&]+)\)?(?:\s|&nbsp;|</?[a-z][^<>]*>)*$`)

// withKey puts an edit's key under a text, as its last line.
func withKey(text, key string) string {
	if text == "" {
		return mark + key
	}
	return text + "\n" + mark + key
}

// cutKey takes the key off a text again; "" when it carries none.
func cutKey(text string) (rest, key string) {
	m := keyRe.FindStringSubmatchIndex(text)
	if m == nil {
		return text, ""
	}
	return text[:m[0]], text[m[2]:m[3]]
}

// propertyOf gives the property of deals that a neutral field stands for.
func propertyOf(s crm.Schema, field string) (string, error) {
	name, own := strings.CutPrefix(field, crm.PropertyField(""))
	switch {
	case own && name != "":
		return name, nil
	case field == crm.FieldStage:
		return propertyStage, nil
	case field == crm.FieldPipeline:
		return propPipeline, nil
	case field == crm.FieldOwner:
		return propOwner, nil
	case field == crm.FieldCloseDate:
		return propClose, nil
	case field == crm.FieldAmount:
		return propAmount, nil
	case field == crm.FieldLossReason && s.LossReason.Field != "":
		return s.LossReason.Field, nil
	case field == crm.FieldLossDetail && s.LossReason.DetailField != "":
		return s.LossReason.DetailField, nil
	case field == crm.FieldLossDetail:
		return "", fmt.Errorf("the portal has no property for the detail of a loss reason")
	}
	return "", fmt.Errorf("deals have no field %q", field)
}

// taskProperty gives the property of tasks that a neutral field stands for; the deal is an association, not a property.
func taskProperty(field string) (string, bool) {
	switch field {
	case crm.FieldSubject:
		return taskSubject, true
	case crm.FieldBody:
		return taskBody, true
	case crm.FieldDue:
		return taskDue, true
	case crm.FieldOwner:
		return propOwner, true
	}
	return "", false
}

// stored is a field's value as HubSpot is to be sent it. A date is the first instant of that day in the account's zone,
// for HubSpot shows close dates in the reader's own.
func stored(field, value string, zone *time.Location) string {
	if field != crm.FieldCloseDate && field != crm.FieldDue || value == "" {
		return value
	}
	if field == crm.FieldCloseDate && !isDate(value) {
		return value // as HubSpot gave it: an undo
	}
	i, err := instant(value, zone)
	if err != nil {
		return value
	}
	return i.Time().Format(timeLayout)
}

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// Same reports whether two texts of a field mean the same to HubSpot.
func (c *reader) Same(field, a, b string) bool {
	if a == b {
		return true
	}
	kind := c.typeOf(field)
	switch {
	case field == crm.FieldOptions:
		return sameOptions(a, b)
	case field == crm.FieldBody:
		return strings.TrimSpace(a) == strings.TrimSpace(b)
	case a == "" || b == "":
		return false
	case field == crm.FieldAmount || field == crm.FieldProbability || kind == "number":
		x, errX := crm.ParseAmount(a)
		y, errY := crm.ParseAmount(b)
		return errX == nil && errY == nil && x == y
	case field == crm.FieldCloseDate || field == crm.FieldDue || kind == "date" || kind == "datetime":
		return sameTime(a, b, c.zone())
	}
	return false
}

// typeOf is the type of the property that a field names directly, where the properties were read already.
func (c *reader) typeOf(field string) string {
	name, ok := strings.CutPrefix(field, crm.PropertyField(""))
	if !ok {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.properties[name].Type
}

// sameTime compares two times, of which either may be a date: any time of that day in the zone.
func sameTime(a, b string, zone *time.Location) bool {
	x, errX := instant(a, zone)
	y, errY := instant(b, zone)
	if errX != nil || errY != nil {
		return false
	}
	if isDate(a) != isDate(b) {
		return x.Time().In(zone).Format(time.DateOnly) == y.Time().In(zone).Format(time.DateOnly)
	}
	return x == y
}

func sameOptions(a, b string) bool {
	var x, y []crm.Option
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return slices.Equal(x, y)
}
