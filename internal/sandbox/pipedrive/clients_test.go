package pipedrive_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/sandbox/pipedrive"
)

// TestVendorsClient lets Pipedrive's own client judge the sandbox from outside.
func TestVendorsClient(t *testing.T) {
	dir := filepath.Join("testdata", "clients")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "pipedrive")); err != nil {
		missing(t, "Pipedrive's npm client is not installed: run make setup")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node is not installed")
	}
	world := sandbox.Generate(sandbox.GenOptions{Deals: 230, Seed: 7, Plant: []string{}, Now: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)})
	server, err := sandbox.New(sandbox.Options{Tiers: map[string]string{"pipedrive": "ultimate"}}, pipedrive.New(world))
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(server)
	defer front.Close()
	cmd := exec.CommandContext(t.Context(), node, "--test", "--test-reporter=tap", "pipedrive.test.mjs")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "BASE="+front.URL+"/pipedrive")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}
