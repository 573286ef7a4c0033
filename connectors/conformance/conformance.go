// Package conformance holds what every connector must keep, as tests that run it against the sandbox.
//
// Its one idea: the world that fills the sandbox is known, so every answer of a connector can be compared with it. Its one
// rule: a connector is judged through the interfaces of connectors and by what the sandbox counted, never by its insides.
package conformance

import (
	"testing"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/sandbox"
)

// Subject is a kind of CRM to be judged, with what only it can say of itself.
type Subject struct {
	Type connectors.Type
	// Face makes the sandbox's face of the CRM.
	Face func(*sandbox.World) func(*sandbox.Gate) sandbox.Face
	// Seen gives a world as the CRM shows it: with its ids, its resolution of times and without what it has no place for. nil:
	// it shows everything as it is.
	Seen func(*sandbox.World) *sandbox.World
	// Partial are the facts that the CRM cannot tell of every deal.
	Partial crm.Fact
	// Empty is what the fields owner, amount and close date of a deal without any value show; nil: "".
	Empty func(seen *sandbox.World) crm.Fields
	// Written is what of a stored deal an undo must restore; nil: its properties.
	Written func(stored map[string]any) any
	// Firewall says that the sandbox's 403 is the page of a firewall, not a missing scope.
	Firewall bool
	// Reads reports whether a request cannot change anything, by its method and its path behind the face's name.
	Reads func(method, path string) bool
	// Full, Idle and Changed are how many requests at most a full pull of n deals may cost, a poll that finds nothing, and one
	// that finds n changed deals.
	Full    func(deals int) int64
	Idle    int64
	Changed func(deals int) int64
	// Costly are the facts that cost requests by what the portal holds of them, beyond the figures above.
	Costly crm.Fact
	// Rare says that the sandbox's face of the CRM shows what few deals have: see enrich.
	Rare bool
	// Archive removes a deal as a user of the CRM would, through a client that is authorised.
	Archive func(t *testing.T, b *Bench, id string)
	// Merge makes one deal of two, and Turn has a deal be open or lost, as a user of the CRM would.
	Merge func(t *testing.T, b *Bench, into, other string)
	Turn  func(t *testing.T, b *Bench, id string, status crm.Status)
}

// Run judges a connector. Editing is judged where it is a [connectors.Editor].
func Run(t *testing.T, s Subject) {
	t.Run("schema", func(t *testing.T) { testSchema(t, s) })
	t.Run("everything once", func(t *testing.T) { testEverythingOnce(t, s) })
	t.Run("what few deals have", func(t *testing.T) { testRare(t, s) })
	t.Run("facts asked for", func(t *testing.T) { testFactsAskedFor(t, s) })
	t.Run("resume", func(t *testing.T) { testResume(t, s) })
	t.Run("odd replies", func(t *testing.T) { testOddReplies(t, s) })
	t.Run("meanwhile", func(t *testing.T) { testMeanwhile(t, s) })
	t.Run("changes", func(t *testing.T) { testChanges(t, s) })
	t.Run("gone", func(t *testing.T) { testGone(t, s) })
	t.Run("request figures", func(t *testing.T) { testRequestFigures(t, s) })
	t.Run("estimate", func(t *testing.T) { testEstimate(t, s) })
	t.Run("pace", func(t *testing.T) { testPace(t, s) })
	t.Run("faults", func(t *testing.T) { testFaults(t, s) })
	t.Run("authorization", func(t *testing.T) { testAuthorization(t, s) })
	t.Run("read only", func(t *testing.T) { testReadOnly(t, s) })
	t.Run("probe", func(t *testing.T) { testProbe(t, s) })
	t.Run("editing", func(t *testing.T) { testEditing(t, s) })
}
