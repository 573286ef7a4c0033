package hubspot

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// version is one value that a property had.
type version struct {
	value    string
	at       time.Time
	source   string // "CRM_UI", "INTEGRATION", …
	sourceID string
	user     int64 // who wrote it; 0: nobody
}

// link is an association as one of its two ends sees it.
type link struct {
	to      *record
	primary bool
}

// record is one object of the CRM.
type record struct {
	kind              *kind
	id                string
	created, modified time.Time
	archived          bool
	archivedAt        time.Time
	merged            *record              // the survivor, for a record that was merged away
	fields            map[string][]version // oldest first; a property that never had a value is absent
	links             []link
	pending           *sandbox.Activity // fields are not made yet: most activities are only ever rolled up
	act               activity          // of activities
	roll              rollup            // of deals
	// For searches that lag: what the record was before it changed at changedAt; before is nil for a record that was new then.
	before    *record
	changedAt time.Time
}

// current is the present value of a stored property.
func (r *record) current(name string) string {
	r.fill()
	if versions := r.fields[name]; len(versions) > 0 {
		return versions[len(versions)-1].value
	}
	return ""
}

// put adds a version; writing the value that is there already leaves no trace in the history.
func (r *record) put(name string, v version) {
	r.fill()
	if r.current(name) == v.value {
		return
	}
	if r.fields == nil {
		r.fields = map[string][]version{}
	}
	r.fields[name] = append(r.fields[name], v)
}

// touch moves the time of the last change, which never goes back.
func (r *record) touch(at time.Time) {
	if at.After(r.modified) {
		r.modified = at
	}
	r.roll.valid = false
}

// copyOf is a record that later changes leave alone.
func (r *record) copyOf() *record {
	c := *r
	c.before = nil
	c.fields = make(map[string][]version, len(r.fields))
	for name, versions := range r.fields {
		c.fields[name] = slices.Clip(versions)
	}
	c.links = slices.Clone(r.links)
	return &c
}

// linked are the records of a kind that this one is associated with, by ascending id, without archived ones.
func (r *record) linked(k *kind) []link {
	var out []link
	for _, l := range r.links {
		if l.to.kind == k && !l.to.archived && l.to.merged == nil {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b link) int { return compareIDs(a.to.id, b.to.id) })
	return out
}

// join associates two records, both ways. The first company of a deal or of a contact is its primary one.
func join(a, b *record) {
	if slices.ContainsFunc(a.links, func(l link) bool { return l.to == b }) {
		return
	}
	primary := isPrimaryPair(a, b) && !hasPrimary(a, b.kind) || isPrimaryPair(b, a) && !hasPrimary(b, a.kind)
	a.links = append(a.links, link{to: b, primary: primary})
	b.links = append(b.links, link{to: a, primary: primary})
	a.roll.valid, b.roll.valid = false, false
}

func isPrimaryPair(from, to *record) bool {
	return (from.kind.name == "deals" || from.kind.name == "contacts") && to.kind.name == "companies"
}

func hasPrimary(r *record, k *kind) bool {
	return slices.ContainsFunc(r.links, func(l link) bool { return l.to.kind == k && l.primary })
}

// part ends the association of two records and reports whether there was one.
func part(a, b *record) bool {
	before := len(a.links)
	a.links = slices.DeleteFunc(a.links, func(l link) bool { return l.to == b })
	b.links = slices.DeleteFunc(b.links, func(l link) bool { return l.to == a })
	a.roll.valid, b.roll.valid = false, false
	return len(a.links) < before
}

// table holds the records of one kind by ascending id.
type table struct {
	byID  map[string]*record
	order []*record
}

func (t *table) add(r *record) {
	t.byID[r.id] = r
	at, _ := slices.BinarySearchFunc(t.order, r.id, byID)
	t.order = slices.Insert(t.order, at, r)
}

// after is the position of the first record whose id is greater.
func (t *table) after(id string) int {
	at, found := slices.BinarySearchFunc(t.order, id, byID)
	if found {
		at++
	}
	return at
}

func byID(r *record, id string) int { return compareIDs(r.id, id) }

// compareIDs orders ids as numbers: no leading zeros, so the longer is the greater.
func compareIDs(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// stamp is a time as the API writes it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// unstamp reads what stamp wrote; anything else is the zero time.
func unstamp(s string) time.Time {
	t, err := time.Parse("2006-01-02T15:04:05.000Z", s)
	if err != nil {
		return time.Time{}
	}
	return t
}

func uuid() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
