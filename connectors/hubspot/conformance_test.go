package hubspot_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/plumbline/plumbline/connectors/conformance"
	"github.com/plumbline/plumbline/connectors/hubspot"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/sandbox"
	face "github.com/plumbline/plumbline/internal/sandbox/hubspot"
)

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
		Archive: func(t *testing.T, b *conformance.Bench, id string) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, b.Base+"/crm/objects/"+hubspot.Version+"/deals/"+id, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := b.Client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusNoContent {
				t.Fatalf("deleting deal %s: status %d", id, resp.StatusCode)
			}
		},
	})
}
