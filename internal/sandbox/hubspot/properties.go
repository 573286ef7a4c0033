package hubspot

import (
	_ "embed"
	"slices"
	"strings"
	"time"
)

//go:embed properties.tsv
var propertyTable string

// propertiesBorn is when HubSpot's own properties, and records without a date of their own, were made.
var propertiesBorn = time.Date(2019, 12, 7, 16, 50, 6, 678_000_000, time.UTC)

// option is one value of an enumeration.
type option struct {
	Label        string `json:"label"`
	Value        string `json:"value"`
	Description  string `json:"description,omitempty"`
	DisplayOrder int    `json:"displayOrder"`
	Hidden       bool   `json:"hidden"`
}

// modification says what may be changed of a property.
type modification struct {
	Archivable         bool `json:"archivable"`
	ReadOnlyDefinition bool `json:"readOnlyDefinition"`
	ReadOnlyOptions    bool `json:"readOnlyOptions"`
	ReadOnlyValue      bool `json:"readOnlyValue"`
}

// property is the definition of a property, as the API shows it.
type property struct {
	UpdatedAt       string       `json:"updatedAt"`
	CreatedAt       string       `json:"createdAt"`
	ArchivedAt      string       `json:"archivedAt,omitempty"`
	Name            string       `json:"name"`
	Label           string       `json:"label"`
	Type            string       `json:"type"`
	FieldType       string       `json:"fieldType"`
	Description     string       `json:"description"`
	GroupName       string       `json:"groupName"`
	Options         []option     `json:"options"`
	DisplayOrder    int          `json:"displayOrder"`
	Calculated      bool         `json:"calculated"`
	ExternalOptions bool         `json:"externalOptions"`
	Archived        bool         `json:"archived"`
	HasUniqueValue  bool         `json:"hasUniqueValue"`
	Hidden          bool         `json:"hidden"`
	HubspotDefined  bool         `json:"hubspotDefined,omitempty"`
	Modification    modification `json:"modificationMetadata"`
	FormField       bool         `json:"formField"`
	Sensitivity     string       `json:"dataSensitivity"`

	visibleFrom time.Time // new properties can be read a moment after they were made
}

// newProperty is a custom property.
func newProperty(name, label, typ, fieldType string, at time.Time) *property {
	return &property{Name: name, Label: label, Type: typ, FieldType: fieldType, GroupName: "dealinformation", Options: []option{},
		DisplayOrder: -1, CreatedAt: stamp(at), UpdatedAt: stamp(at), FormField: true, Sensitivity: "non_sensitive",
		Modification: modification{Archivable: true}}
}

// copyOf can be sent while the original changes.
func (p *property) copyOf() *property {
	c := *p
	c.Options = slices.Clone(p.Options)
	return &c
}

// group is a group of properties.
type group struct {
	Name         string `json:"name"`
	Label        string `json:"label"`
	DisplayOrder int    `json:"displayOrder"`
	Archived     bool   `json:"archived"`
}

// propertySet holds the properties of one kind.
type propertySet struct {
	byName map[string]*property
	groups map[string]*group
}

func (s *propertySet) add(p *property) { s.byName[p.Name] = p }

// live is a property that exists and can be read now; nil otherwise.
func (s *propertySet) live(name string, now time.Time) *property {
	if p := s.byName[name]; p != nil && !p.Archived && !now.Before(p.visibleFrom) {
		return p
	}
	return nil
}

// list is sorted by name.
func (s *propertySet) list(archived bool, now time.Time) []*property {
	out := []*property{}
	for _, p := range s.byName {
		if p.Archived == archived && !now.Before(p.visibleFrom) {
			out = append(out, p.copyOf())
		}
	}
	slices.SortFunc(out, func(a, b *property) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// loadProperties reads HubSpot's own properties.
func loadProperties(kinds kindTable, at time.Time) map[*kind]*propertySet {
	sets := map[*kind]*propertySet{}
	for _, k := range kinds {
		sets[k] = &propertySet{byName: map[string]*property{}, groups: map[string]*group{}}
		for i, name := range []string{k.singular + "information", k.singular + "_activity"} {
			sets[k].groups[name] = &group{Name: name, Label: strings.ReplaceAll(name, "_", " "), DisplayOrder: i}
		}
	}
	for line := range strings.Lines(propertyTable) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		cells := append(strings.Split(strings.TrimRight(line, "\n"), "\t"), "", "")
		for _, k := range kinds {
			if cells[0] == k.name || cells[0] == "*" && k.activity {
				p := builtIn(cells[1:], at)
				p.GroupName = k.singular + "information"
				sets[k].add(p)
			}
		}
	}
	return sets
}

func builtIn(cells []string, at time.Time) *property {
	p := newProperty(cells[0], cells[1], cells[2], cells[3], at)
	p.HubspotDefined, p.FormField = true, false
	p.Modification.ReadOnlyDefinition = true
	p.Calculated = strings.HasPrefix(p.FieldType, "calculation_")
	for flag := range strings.SplitSeq(cells[4], ",") {
		switch flag {
		case "ro":
			p.Modification.ReadOnlyValue = true
		case "ext":
			p.ExternalOptions = true
		case "uni":
			p.HasUniqueValue = true
		}
	}
	if cells[5] != "" {
		for i, pair := range strings.Split(cells[5], "|") {
			value, label, _ := strings.Cut(pair, "=")
			p.Options = append(p.Options, option{Label: label, Value: value, DisplayOrder: i})
		}
	}
	return p
}
