package pipedrive

import (
	"regexp"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// deed is what policies need to know of an activity.
type deed struct {
	id, deal string
	kind     string
	done     bool
	read     bool        // what follows is known
	ours     bool        // it carries a key of Plumbline
	due      crm.Instant // when it is planned, or was; none: it has no date
	at       crm.Instant // when it took place, if it is done
	updated  crm.Instant
}

// deedOf reads an activity. One whose times cannot be read is without them.
func (w *walk) deedOf(a activity) deed {
	d := deed{id: a.ID.text, read: true, deal: a.Deal.text, kind: w.kind(a.Type.text), done: a.Done.truth()}
	_, key := cutKey(a.Note.text)
	d.ours = key != ""
	d.updated, _ = instant(a.Updated.text, time.UTC)
	d.due = dueOf(a, w.zone())
	if !d.done {
		return d
	}
	marked, _ := instant(a.DoneAt.text, time.UTC)
	d.at = d.due
	// Ticked off ahead of its time it took place when it was ticked off. So it did within the minute for which it was
	// planned, for due times have no seconds; later than that says only when somebody tidied up.
	if marked != 0 && (d.due.IsZero() || d.due > w.now || marked >= d.due && marked.Sub(d.due) < time.Minute) {
		d.at = marked
	}
	return d
}

func (w *walk) kind(key string) string {
	if k := w.schema.ActivityKinds[key]; k != "" {
		return k
	}
	return kindOf(key, "")
}

// dueOf is when an activity is due. One without a time is due until the end of its day in the account's zone.
func dueOf(a activity, zone *time.Location) crm.Instant {
	if a.DueDate.text == "" {
		return 0
	}
	clock := strings.TrimSpace(a.DueTime.text)
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(time.DateOnly+" "+layout, a.DueDate.text+" "+clock); err == nil {
			return crm.At(t)
		}
	}
	day, err := time.ParseInLocation(time.DateOnly, a.DueDate.text, zone)
	if err != nil {
		return 0
	}
	return crm.At(day.AddDate(0, 0, 1).Add(-time.Second))
}

// plan takes an undone activity into what is planned for its deal: the first one of all, and the first one still to come.
func (w *walk) plan(d deed) {
	if d.deal == "" || d.done || d.ours || d.due.IsZero() {
		return
	}
	if first, ok := w.due[d.deal]; !ok || d.due < first {
		w.due[d.deal] = d.due
	}
	if first, ok := w.planned[d.deal]; d.due > w.now && (!ok || d.due < first) {
		w.planned[d.deal] = d.due
	}
}

const mark = "plumbline:"

// keyRe finds the key that we wrote at the end of a record's text, which Pipedrive keeps as HTML.
var keyRe = regexp.MustCompile(`(?:\n|<br ?/?>|<p>|<div>)?plumbline:([^\s<>()]+)(?:</p>|</div>)?\s*$`)

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
