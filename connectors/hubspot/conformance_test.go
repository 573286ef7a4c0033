package hubspot_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/plumbline/plumbline/connectors/conformance"
	"github.com/plumbline/plumbline/connectors/hubspot"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/sandbox"
	face "github.com/plumbline/plumbline/internal/sandbox/hubspot"
)

// deals is where the API keeps deals.
const deals = "/crm/objects/" + hubspot.Version + "/deals"

func pages(n, size int) int64 { return int64((n + size - 1) / size) }

func TestConformance(t *testing.T) {
	conformance.Run(t, conformance.Subject{
		Type: hubspot.Type(),
		Face: func(w *sandbox.World) func(*sandbox.Gate) sandbox.Face { return face.New(w) },
		Reads: func(method, path string) bool {
			return method == "GET" || method == "POST" && (strings.HasSuffix(path, "/search") || strings.HasSuffix(path, "/batch/read"))
		},
		Full:    func(n int) int64 { return pages(n, 50) + 6 },
		Idle:    2,
		Changed: func(n int) int64 { return 1 + pages(n, 200) + pages(n, 50) },
		Costly:  crm.FactQuotes | crm.FactLineItems | crm.FactNextDue | crm.FactRules,
		Rare:    true,
		Archive: func(t *testing.T, b *conformance.Bench, id string) { b.Send(t, http.MethodDelete, deals+"/"+id, "") },
		Merge: func(t *testing.T, b *conformance.Bench, into, other string) {
			b.Send(t, http.MethodPost, deals+"/merge", fmt.Sprintf(`{"primaryObjectId":%q,"objectIdToMerge":%q}`, into, other))
		},
		Turn: func(t *testing.T, b *conformance.Bench, id string, status crm.Status) {
			b.Send(t, http.MethodPatch, deals+"/"+id, fmt.Sprintf(`{"properties":{"dealstage":%q}}`, stageOf(t, b.World, id, status)))
		},
	})
}

// stageOf is a stage of a deal's pipeline that makes it lost or open.
func stageOf(t *testing.T, w *sandbox.World, id string, status crm.Status) string {
	t.Helper()
	for _, d := range w.Deals {
		for _, p := range w.Pipelines {
			for _, s := range p.Stages {
				if d.ID == id && d.Pipeline == p.ID && (s.Probability == 0) == (status == crm.Lost) {
					return s.ID
				}
			}
		}
	}
	t.Fatalf("deal %s has no stage to be %s in", id, status)
	return ""
}
