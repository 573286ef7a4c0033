package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/plumbline/plumbline/connectors/all"
	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/sandbox/pipedrive"
)

// A Pipedrive account is connected by OAuth without a configured API: the token reply names it. Then it is pulled within its
// share of tokens, audited and planned for.
func TestPipedrivePortal(t *testing.T) {
	now := time.Now()
	world := sandbox.Generate(sandbox.GenOptions{Deals: 300, Seed: 5, Now: now})
	server, err := sandbox.New(sandbox.Options{Clock: now}, pipedrive.New(world))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(server)
	defer srv.Close()
	free, err := listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dir, address := t.TempDir(), free.Addr().String()
	free.Close()
	file := filepath.Join(dir, "plumbline.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, `store: {url: "sqlite:p.db"}
connectors:
  pipedrive: {oauth_url: "%s/pipedrive", client_id: sandbox, client_secret: sandbox, redirect_url: "http://%s/oauth/callback"}
portals:
  - {name: acme, crm: pipedrive, budget: {share: 10%%}}
`, srv.URL, address), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(want int, args ...string) string {
		t.Helper()
		var out, problems bytes.Buffer
		code := run(t.Context(), append(args, "--config", file), strings.NewReader(""), &out, &problems, func(string) string { return "" })
		if code != want {
			t.Fatalf("%v: exit %d, want %d\n%s", args, code, want, problems.String())
		}
		return out.String()
	}
	a := &app{stdin: strings.NewReader(""), stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}, getenv: func(string) string { return "" }, now: time.Now, configFile: file, logLevel: "error", logFormat: "text"}
	s, err := a.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kind, _ := all.Find("pipedrive")
	if err := a.connectPortal(t.Context(), s, "acme", kind, consent(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var pulled struct {
		Complete         bool
		Requests, Tokens int64
		History          struct{ Known, Deals, Read, Tokens int64 }
	}
	if err := json.Unmarshal([]byte(run(0, "sync", "acme", "--format", "json")), &pulled); err != nil {
		t.Fatal(err)
	}
	h := pulled.History
	if !pulled.Complete || pulled.Tokens < 102 || h.Tokens == 0 || pulled.Tokens+h.Tokens != server.Counters().Tokens {
		t.Errorf("%+v; the sandbox counts %d tokens", pulled, server.Counters().Tokens)
	}
	if h.Deals < 300 || h.Known != h.Deals || h.Read*20 != h.Tokens {
		t.Errorf("stage history %+v", h)
	}
	var result struct {
		CRM      string
		Complete bool
		Judged   map[string]struct{ Judged, Unknown int64 }
		Findings []any
	}
	if err := json.Unmarshal([]byte(run(0, "audit", "acme", "--format", "json")), &result); err != nil {
		t.Fatal(err)
	}
	if result.CRM != "pipedrive" || !result.Complete || len(result.Findings) == 0 || result.Judged["stage-skipped"].Unknown != 0 || result.Judged["stage-skipped"].Judged == 0 || result.Judged["close-date-past"].Judged == 0 {
		t.Errorf("crm %s, complete %v, %d findings, judged %+v", result.CRM, result.Complete, len(result.Findings), result.Judged)
	}
	if text := run(0, "plan", "acme"); !strings.Contains(text, "acme") {
		t.Errorf("plan:\n%s", text)
	}
	if access := run(0, "portal", "check", "acme"); strings.Contains(access, "MISSING") || !strings.Contains(access, "recents:read") {
		t.Errorf("access:\n%s", access)
	}
}
