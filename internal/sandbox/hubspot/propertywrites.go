package hubspot

import (
	"net/http"
	"regexp"
	"slices"
	"time"
)

// mostOptions is how many values an enumeration may have.
const mostOptions = 5000

// propertyInput is a property as requests write it. What is absent stays nil.
type propertyInput struct {
	Name            string    `json:"name"`
	Label           *string   `json:"label"`
	Type            *string   `json:"type"`
	FieldType       *string   `json:"fieldType"`
	GroupName       *string   `json:"groupName"`
	Description     *string   `json:"description"`
	Options         *[]option `json:"options"`
	DisplayOrder    *int      `json:"displayOrder"`
	HasUniqueValue  *bool     `json:"hasUniqueValue"`
	Hidden          *bool     `json:"hidden"`
	FormField       *bool     `json:"formField"`
	ExternalOptions *bool     `json:"externalOptions"`
}

var propertyName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,99}$`)

// fieldTypes lists which field types go with a type.
var fieldTypes = map[string][]string{
	"bool":         {"booleancheckbox", "calculation_equation"},
	"date":         {"date"},
	"datetime":     {"date"},
	"enumeration":  {"select", "radio", "checkbox", "booleancheckbox", "calculation_equation"},
	"number":       {"number", "calculation_equation"},
	"phone_number": {"phonenumber"},
	"string":       {"text", "textarea", "html", "file", "phonenumber", "calculation_equation"},
}

func (p *portal) serveProperties(c *call) (any, error) {
	return results(p.properties(c.kind).list(c.flag("archived"), c.now)), nil
}

// readable finds a property as the request wants it: live, or archived.
func (p *portal) readable(c *call, name string) *property {
	prop := p.properties(c.kind).byName[name]
	if prop == nil || prop.Archived != c.flag("archived") || c.now.Before(prop.visibleFrom) {
		return nil
	}
	return prop
}

func noProperty(name string) *failure { return notFound("No properties found for name %s.", name) }

func (p *portal) serveProperty(c *call) (any, error) {
	prop := p.readable(c, c.path("name"))
	if prop == nil {
		return nil, noProperty(c.path("name"))
	}
	return prop.copyOf(), nil
}

// checkProperty refuses what no property may be.
func (p *portal) checkProperty(set *propertySet, prop *property) *failure {
	if !slices.Contains(fieldTypes[prop.Type], prop.FieldType) {
		return invalid("Invalid combination of type %q and fieldType %q", prop.Type, prop.FieldType)
	}
	if g := set.groups[prop.GroupName]; g == nil || g.Archived {
		return invalid("Property group %q does not exist", prop.GroupName)
	}
	if len(prop.Options) > mostOptions {
		return invalid("An enumeration may have at most %d options", mostOptions)
	}
	for i, o := range prop.Options {
		if o.Value == "" || o.Label == "" {
			return invalid("An option needs label and value")
		}
		for _, other := range prop.Options[:i] {
			if other.Value == o.Value {
				return invalid("Property option values must be unique, but %q is given twice", o.Value)
			}
			if other.Label == o.Label {
				return invalid("Property option labels must be unique, but %q is given twice", o.Label)
			}
		}
	}
	return nil
}

// set writes what the request gives; the rest stays. Options are replaced as a whole.
func (in propertyInput) set(prop *property, now time.Time) {
	for _, f := range []struct {
		from *string
		to   *string
	}{{in.Label, &prop.Label}, {in.Type, &prop.Type}, {in.FieldType, &prop.FieldType}, {in.GroupName, &prop.GroupName},
		{in.Description, &prop.Description}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if in.Options != nil {
		prop.Options = slices.Clone(*in.Options)
		if prop.Options == nil {
			prop.Options = []option{}
		}
	}
	if in.DisplayOrder != nil {
		prop.DisplayOrder = *in.DisplayOrder
	}
	if in.Hidden != nil {
		prop.Hidden = *in.Hidden
	}
	if in.FormField != nil {
		prop.FormField = *in.FormField
	}
	prop.UpdatedAt = stamp(now)
}

// makeProperty adds a property. The name of an archived one brings it back, with the new definition and the old values.
func (p *portal) makeProperty(c *call, in propertyInput) (*property, *failure) {
	set := p.properties(c.kind)
	if in.Label == nil || in.Type == nil || in.FieldType == nil || in.GroupName == nil {
		return nil, invalid("A property needs name, label, type, fieldType and groupName")
	}
	if !propertyName.MatchString(in.Name) {
		return nil, invalid("Invalid property name %q: lower-case letters, digits and underscores, beginning with a letter", in.Name)
	}
	if old := set.byName[in.Name]; old != nil && !old.Archived {
		return nil, fail(http.StatusConflict, "OBJECT_ALREADY_EXISTS", "A property named '%s' already exists.", in.Name).
			with("subCategory", "Properties.PROPERTY_WITH_NAME_EXISTS")
	}
	prop := newProperty(in.Name, "", "", "", c.now)
	if in.HasUniqueValue != nil {
		prop.HasUniqueValue = *in.HasUniqueValue
	}
	in.set(prop, c.now)
	if prop.Type == "enumeration" && in.Options == nil && (in.ExternalOptions == nil || !*in.ExternalOptions) {
		return nil, invalid("An enumeration needs options")
	}
	if fl := p.checkProperty(set, prop); fl != nil {
		return nil, fl
	}
	if lag := p.settings.get().propertyLag; lag > 0 {
		prop.visibleFrom = c.now.Add(lag)
	}
	set.add(prop)
	p.wrote(1)
	return prop.copyOf(), nil
}

func (p *portal) servePropertyCreate(c *call) (any, error) {
	var in propertyInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	prop, fl := p.makeProperty(c, in)
	if fl != nil {
		return nil, fl
	}
	c.status = http.StatusCreated
	return prop, nil
}

// servePropertyPatch changes a property. HubSpot's own keep their definition, and their options where those are fixed.
func (p *portal) servePropertyPatch(c *call) (any, error) {
	prop := p.readable(c, c.path("name"))
	if prop == nil {
		return nil, noProperty(c.path("name"))
	}
	var in propertyInput
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if prop.Modification.ReadOnlyDefinition && (in.Type != nil && *in.Type != prop.Type || in.FieldType != nil && *in.FieldType != prop.FieldType) {
		return nil, invalid("The definition of property %s is read-only", prop.Name).with("subCategory", "PropertyValidationError.READ_ONLY_DEFINITION")
	}
	next := prop.copyOf()
	in.set(next, c.now)
	if fl := p.checkProperty(p.properties(c.kind), next); fl != nil {
		return nil, fl
	}
	*prop = *next
	p.wrote(1)
	return prop.copyOf(), nil
}

// archiveProperty takes a property away; records keep its values unseen.
func (p *portal) archiveProperty(c *call, name string) *failure {
	prop := p.properties(c.kind).live(name, c.now)
	if prop == nil {
		return noProperty(name)
	}
	if prop.HubspotDefined {
		return invalid("Property %s is defined by HubSpot and cannot be deleted", name).with("subCategory", "PropertyValidationError.CANNOT_DELETE_HUBSPOT_PROPERTY")
	}
	prop.Archived, prop.ArchivedAt = true, stamp(c.now)
	p.wrote(1)
	return nil
}

func (p *portal) servePropertyDelete(c *call) (any, error) {
	if fl := p.archiveProperty(c, c.path("name")); fl != nil {
		return nil, fl
	}
	return nil, nil //nolint:nilnil // an answer without a body
}

// servePropertyBatchCreate makes those that can be made; the others are errors beside them.
func (p *portal) servePropertyBatchCreate(c *call) (any, error) {
	var in struct{ Inputs []propertyInput }
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if len(in.Inputs) > mostBatched {
		return nil, tooMany(mostBatched)
	}
	list, errs := []*property{}, []batchError(nil)
	for _, input := range in.Inputs {
		prop, fl := p.makeProperty(c, input)
		if fl != nil {
			errs = append(errs, propertyError(fl, input.Name))
			continue
		}
		list = append(list, prop)
	}
	c.status = http.StatusCreated
	return c.batched(list, errs), nil
}

func propertyError(fl *failure, name string) batchError {
	category, _ := fl.body["category"].(string)
	sub, _ := fl.body["subCategory"].(string)
	return batchError{Status: "error", Category: category, SubCategory: sub, Message: fl.message, Context: map[string][]string{"name": {name}}}
}

// propertyNames is the body of batches that only name properties.
type propertyNames struct {
	Archived bool
	Inputs   []struct{ Name string }
}

func (p *portal) servePropertyBatchRead(c *call) (any, error) {
	var in propertyNames
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	list, errs := []*property{}, []batchError(nil)
	for _, input := range in.Inputs {
		prop := p.properties(c.kind).byName[input.Name]
		if prop == nil || prop.Archived != in.Archived || c.now.Before(prop.visibleFrom) {
			errs = append(errs, propertyError(noProperty(input.Name), input.Name))
			continue
		}
		list = append(list, prop.copyOf())
	}
	return c.batched(list, errs), nil
}

func (p *portal) servePropertyBatchArchive(c *call) (any, error) {
	var in propertyNames
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	for _, input := range in.Inputs {
		_ = p.archiveProperty(c, input.Name) // those that are not there are passed over
	}
	return nil, nil //nolint:nilnil // an answer without a body
}

// serveGroups lists the property groups.
func (p *portal) serveGroups(c *call) (any, error) {
	list := []group{}
	for _, g := range p.properties(c.kind).groups {
		if g.Archived == c.flag("archived") {
			list = append(list, *g)
		}
	}
	slices.SortFunc(list, func(a, b group) int { return a.DisplayOrder - b.DisplayOrder })
	return results(list), nil
}

// liveGroup is the group that the path names.
func (p *portal) liveGroup(c *call) (*group, error) {
	g := p.properties(c.kind).groups[c.path("name")]
	if g == nil || g.Archived {
		return nil, notFound("No property group found for name %s.", c.path("name"))
	}
	return g, nil
}

func (p *portal) serveGroup(c *call) (any, error) {
	g, err := p.liveGroup(c)
	if err != nil {
		return nil, err
	}
	return *g, nil
}

func (p *portal) serveGroupCreate(c *call) (any, error) {
	in := group{DisplayOrder: -1}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	groups := p.properties(c.kind).groups
	switch {
	case in.Name == "" || in.Label == "":
		return nil, invalid("A property group needs name and label")
	case groups[in.Name] != nil:
		return nil, fail(http.StatusConflict, "OBJECT_ALREADY_EXISTS", "A property group named '%s' already exists.", in.Name)
	}
	groups[in.Name] = &group{Name: in.Name, Label: in.Label, DisplayOrder: in.DisplayOrder}
	p.wrote(1)
	c.status = http.StatusCreated
	return *groups[in.Name], nil
}

func (p *portal) serveGroupPatch(c *call) (any, error) {
	g, err := p.liveGroup(c)
	if err != nil {
		return nil, err
	}
	next := *g
	if err := c.decode(&next); err != nil {
		return nil, err
	}
	g.Label, g.DisplayOrder = next.Label, next.DisplayOrder
	p.wrote(1)
	return *g, nil
}

func (p *portal) serveGroupDelete(c *call) (any, error) {
	g, err := p.liveGroup(c)
	if err != nil {
		return nil, err
	}
	for _, prop := range p.properties(c.kind).byName {
		if prop.GroupName == g.Name && !prop.Archived {
			return nil, invalid(`{"message":"Property group %s has active properties"}`, g.Name)
		}
	}
	g.Archived = true
	p.wrote(1)
	return nil, nil //nolint:nilnil // an answer without a body
}
