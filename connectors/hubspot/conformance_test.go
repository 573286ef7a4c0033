package hubspot_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/plumbline/plumbline/connectors/conformance"
	"github.com/plumbline/plumbline/connectors/hubspot"
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
		// With every fact asked for, the quotes of open and won deals are looked for, by 1,000 or what two seconds bring: of a
		// search, a page.
		Full:    func(n int) int64 { return pages(n, 50) + 6 + pages(n, 1000) },
		Idle:    2,
		Changed: func(n int) int64 { return 1 + 2*pages(n, 200) + pages(n, 50) },
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
