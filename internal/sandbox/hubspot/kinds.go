package hubspot

import "strings"

// kind is a type of object.
type kind struct {
	name     string // as in paths: "deals"
	singular string
	typeID   string // "0-3"
	read     []string
	write    []string
	activity bool
	// shown are the properties of an answer to a request that names none.
	shown []string
	// searched are the properties that a search's query looks into.
	searched []string
	// modified is the property that holds the time of the last change.
	modified string
}

// kindTable lists the object types that the face has.
type kindTable []*kind

func newKinds() kindTable {
	activity := func(name, singular, id string, searched ...string) *kind {
		k := &kind{name: name, singular: singular, typeID: id, activity: true, searched: searched, modified: "hs_lastmodifieddate",
			read: []string{"crm.objects.contacts.read"}, write: []string{"crm.objects.contacts.write"},
			shown: []string{"hs_createdate", "hs_lastmodifieddate", "hs_object_id"}}
		return k
	}
	sales := func(name, singular, id, title string) *kind {
		return &kind{name: name, singular: singular, typeID: id, searched: []string{title}, modified: "hs_lastmodifieddate",
			read: []string{"crm.objects." + name + ".read"}, write: []string{"crm.objects." + name + ".write"},
			shown: []string{title, "hs_createdate", "hs_lastmodifieddate", "hs_object_id"}}
	}
	emails := activity("emails", "email", "0-49", "hs_email_subject", "hs_email_text")
	emails.read = []string{"crm.objects.contacts.read", "sales-email-read"}
	return kindTable{
		{name: "deals", singular: "deal", typeID: "0-3", modified: "hs_lastmodifieddate",
			read: []string{"crm.objects.deals.read"}, write: []string{"crm.objects.deals.write"},
			shown:    []string{"dealname", "amount", "closedate", "pipeline", "dealstage", "createdate", "hs_lastmodifieddate", "hs_object_id"},
			searched: []string{"dealname", "pipeline", "dealstage", "description", "dealtype"}},
		{name: "companies", singular: "company", typeID: "0-2", modified: "hs_lastmodifieddate",
			read: []string{"crm.objects.companies.read"}, write: []string{"crm.objects.companies.write"},
			shown:    []string{"name", "domain", "createdate", "hs_lastmodifieddate", "hs_object_id"},
			searched: []string{"name", "domain"}},
		{name: "contacts", singular: "contact", typeID: "0-1", modified: "lastmodifieddate",
			read: []string{"crm.objects.contacts.read"}, write: []string{"crm.objects.contacts.write"},
			shown:    []string{"firstname", "lastname", "email", "createdate", "lastmodifieddate", "hs_object_id"},
			searched: []string{"firstname", "lastname", "email"}},
		sales("quotes", "quote", "0-14", "hs_title"),
		sales("line_items", "line_item", "0-8", "name"),
		activity("tasks", "task", "0-27", "hs_task_subject", "hs_task_body"),
		activity("notes", "note", "0-46", "hs_note_body"),
		activity("calls", "call", "0-48", "hs_call_title", "hs_call_body"),
		activity("meetings", "meeting_event", "0-47", "hs_meeting_title", "hs_meeting_body"),
		emails,
	}
}

// find takes a plural, a singular or a type id, in any case.
func (t kindTable) find(name string) *kind {
	name = strings.ToLower(name)
	for _, k := range t {
		if name == k.name || name == k.singular || name == k.typeID || name+"s" == k.name {
			return k
		}
	}
	return nil
}

// linkType is one of HubSpot's own types of association.
type linkType struct {
	from, to string // kinds
	id       int
	name     string // as the inline lists of the objects API call it
	primary  bool
	label    string
}

// linkTypes are HubSpot's own association types. The primary one of a pair comes first, as it does in answers.
func newLinkTypes() []linkType {
	types := []linkType{
		{from: "deals", to: "companies", id: 5, name: "deal_to_company", primary: true, label: "Primary"},
		{from: "deals", to: "companies", id: 341, name: "deal_to_company_unlabeled"},
		{from: "companies", to: "deals", id: 6, name: "company_to_deal", primary: true, label: "Primary"},
		{from: "companies", to: "deals", id: 342, name: "company_to_deal_unlabeled"},
		{from: "contacts", to: "companies", id: 1, name: "contact_to_company", primary: true, label: "Primary"},
		{from: "contacts", to: "companies", id: 279, name: "contact_to_company_unlabeled"},
		{from: "companies", to: "contacts", id: 2, name: "company_to_contact", primary: true, label: "Primary"},
		{from: "companies", to: "contacts", id: 280, name: "company_to_contact_unlabeled"},
	}
	pair := func(from, to string, there, back int, one, other string) {
		types = append(types, linkType{from: from, to: to, id: there, name: one + "_to_" + other},
			linkType{from: to, to: from, id: back, name: other + "_to_" + one})
	}
	pair("deals", "contacts", 3, 4, "deal", "contact")
	pair("deals", "line_items", 19, 20, "deal", "line_item")
	pair("deals", "quotes", 63, 64, "deal", "quote")
	pair("calls", "deals", 206, 205, "call", "deal")
	pair("calls", "contacts", 194, 193, "call", "contact")
	pair("calls", "companies", 182, 181, "call", "company")
	pair("emails", "deals", 210, 209, "email", "deal")
	pair("emails", "contacts", 198, 197, "email", "contact")
	pair("emails", "companies", 186, 185, "email", "company")
	pair("meetings", "deals", 212, 211, "meeting_event", "deal")
	pair("meetings", "contacts", 200, 199, "meeting_event", "contact")
	pair("meetings", "companies", 188, 187, "meeting_event", "company")
	pair("notes", "deals", 214, 213, "note", "deal")
	pair("notes", "contacts", 202, 201, "note", "contact")
	pair("notes", "companies", 190, 189, "note", "company")
	pair("tasks", "deals", 216, 215, "task", "deal")
	pair("tasks", "contacts", 204, 203, "task", "contact")
	pair("tasks", "companies", 192, 191, "task", "company")
	return types
}
