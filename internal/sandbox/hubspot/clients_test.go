package hubspot_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/sandbox/hubspot"
)

// TestVendorsClients lets HubSpot's own clients judge the sandbox from outside.
func TestVendorsClients(t *testing.T) {
	dir := filepath.Join("testdata", "clients")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@hubspot")); err != nil {
		missing(t, "HubSpot's npm clients are not installed: run make setup")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node is not installed")
	}
	for _, suite := range []string{"api-client.test.mjs", "mcp-server.test.mjs"} {
		t.Run(suite, func(t *testing.T) {
			world := sandbox.Generate(sandbox.GenOptions{Deals: 230, Seed: 7, Now: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)})
			server, err := sandbox.New(sandbox.Options{}, hubspot.New(world))
			if err != nil {
				t.Fatal(err)
			}
			front := httptest.NewServer(server)
			defer front.Close()
			cmd := exec.CommandContext(t.Context(), node, "--test", "--test-reporter=tap", suite)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "BASE="+front.URL+"/hubspot")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}
