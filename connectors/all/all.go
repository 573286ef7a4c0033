// Package all lists the kinds of CRM that Plumbline connects to.
//
// Its one idea: the list is explicit, so that adding a connector is one line here. Its one rule: nothing but the program
// that wires everything imports it.
package all

import (
	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/hubspot"
	"github.com/plumbline/plumbline/connectors/pipedrive"
)

// Types returns every kind of CRM, in the order in which they are offered.
func Types() []connectors.Type {
	return []connectors.Type{hubspot.Type(), pipedrive.Type()}
}

// Find returns the kind of CRM of a name, and whether there is one.
func Find(name string) (connectors.Type, bool) {
	for _, t := range Types() {
		if t.Name == name {
			return t, true
		}
	}
	return connectors.Type{}, false
}
