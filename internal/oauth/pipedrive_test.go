package oauth

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/sandbox/pipedrive"
)

// newPipedrive serves a Pipedrive account and returns an app that is registered with it.
func newPipedrive(t *testing.T, set ...pipedrive.Option) (*httptest.Server, App) {
	t.Helper()
	world := &sandbox.World{Account: "44237313", Currency: "EUR", Zone: "UTC", Now: start,
		Pipelines: []sandbox.Pipeline{{ID: "1", Label: "Sales", Stages: []sandbox.Stage{{ID: "11", Label: "A", Probability: 0.2}}}}}
	s, err := sandbox.New(sandbox.Options{Ticks: func() time.Time { return start }}, pipedrive.New(world, set...))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return srv, App{
		CRM: "pipedrive", AuthorizeURL: srv.URL + "/pipedrive/oauth/authorize", TokenURL: srv.URL + "/pipedrive/oauth/token",
		ClientID: sandbox.ClientID, ClientSecret: func() (string, error) { return sandbox.ClientSecret, nil },
		RedirectURL: "http://localhost:" + freePort(t) + "/oauth/callback",
		APIField:    "api_domain", AccountField: "api_domain", ScopesField: "scope", SecretInHeader: true, StaticHeader: "x-api-token",
	}
}

// Pipedrive takes the secret by Basic authentication, names the account's API in its reply and joins scopes by commas.
func TestPipedriveConnects(t *testing.T) {
	srv, app := newPipedrive(t, pipedrive.With("rotate_refresh", "true"))
	grant, err := Flow{App: app, Now: func() time.Time { return start }, Open: func(u string) error {
		if strings.Contains(u, "scope=") {
			t.Errorf("authorize URL %s asks for scopes, which are fixed with the app", u)
		}
		go func() {
			if _, err := visit(u); err != nil {
				t.Error(err)
			}
		}()
		return nil
	}}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if grant.API != srv.URL+"/pipedrive" || grant.Token.refresh == "" || len(grant.Scopes) < 5 || strings.Contains(strings.Join(grant.Scopes, " "), ",") {
		t.Errorf("grant %+v, want the API %s", grant, srv.URL+"/pipedrive")
	}
	b := newBench(t)
	if err := b.Connect(t.Context(), "acme", "pipedrive", grant); err != nil {
		t.Fatal(err)
	}
	kept, err := b.db.Portal(t.Context(), "acme")
	if err != nil || kept.API != grant.API {
		t.Errorf("kept API %q, %v, want %q", kept.API, err, grant.API)
	}
	renewed, err := app.renew(t.Context(), nil, start, grant.Token)
	if err != nil || renewed.access == grant.Token.access || renewed.refresh == "" || renewed.refresh == grant.Token.refresh {
		t.Errorf("renewal: %v; the refresh token was to be another", err)
	}
	if _, err := app.renew(t.Context(), nil, start, grant.Token); err == nil {
		t.Error("a refresh token that was exchanged for another still works")
	}
	app.SecretInHeader, app.ClientSecret = true, func() (string, error) { return "wrong", nil }
	if _, err := app.renew(t.Context(), nil, start, renewed); err == nil {
		t.Error("a wrong secret was taken")
	}
}

// A static token goes into the header that the CRM has for it, from a file or from the vault.
func TestStaticTokenHeader(t *testing.T) {
	srv, app := newPipedrive(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(sandbox.StaticToken), 0o600); err != nil {
		t.Fatal(err)
	}
	fromFile, err := app.FileTransport(file, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	if err := b.Add(t.Context(), "acme", "pipedrive", sandbox.StaticToken); err != nil {
		t.Fatal(err)
	}
	fromVault, err := b.Transport("acme", app, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, rt := range map[string]http.RoundTripper{"file": fromFile, "vault": fromVault} {
		resp, err := (&http.Client{Transport: rt}).Get(srv.URL + "/pipedrive/api/v1/users/me")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK || resp.Request.Header.Get("Authorization") != "" {
			t.Errorf("%s: status %d", name, resp.StatusCode)
		}
	}
}

func TestAPIURL(t *testing.T) {
	got := map[string]string{}
	for _, text := range []string{"https://acme.pipedrive.com", "https://acme.pipedrive.com/", "http://acme.pipedrive.com", "http://127.0.0.1:9500/pipedrive",
		"https://u:p@acme.pipedrive.com", "acme.pipedrive.com", "", "https://", "https://x.test/?a=b", "javascript:alert(1)"} {
		got[text] = apiURL(text)
	}
	want := map[string]string{"https://acme.pipedrive.com": "https://acme.pipedrive.com", "https://acme.pipedrive.com/": "https://acme.pipedrive.com",
		"http://acme.pipedrive.com": "", "http://127.0.0.1:9500/pipedrive": "http://127.0.0.1:9500/pipedrive", "https://u:p@acme.pipedrive.com": "",
		"acme.pipedrive.com": "", "": "", "https://": "", "https://x.test/?a=b": "", "javascript:alert(1)": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
