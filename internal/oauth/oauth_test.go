package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/sandbox/hubspot"
)

var start = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)

// newSandbox serves a HubSpot portal and returns an app that is registered with it.
func newSandbox(t *testing.T, o sandbox.Options) (*sandbox.Server, App) {
	t.Helper()
	world := &sandbox.World{Account: "62515", Currency: "EUR", Zone: "UTC", Now: start,
		Pipelines: []sandbox.Pipeline{{ID: "p", Label: "Sales", Stages: []sandbox.Stage{{ID: "a", Label: "A", Probability: 0.2}}}}}
	s, err := sandbox.New(o, hubspot.New(world))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return s, App{
		CRM: "hubspot", AuthorizeURL: srv.URL + "/hubspot/oauth/authorize", TokenURL: srv.URL + "/hubspot/oauth/2026-09/token",
		ClientID: sandbox.ClientID, ClientSecret: func() (string, error) { return sandbox.ClientSecret, nil },
		RedirectURL: "http://localhost:" + freePort(t) + "/oauth/callback",
		Scopes:      []string{"crm.objects.deals.read", "crm.schemas.deals.read"}, Optional: []string{"crm.objects.owners.read"},
		AccountField: "hub_id", ScopesField: "scopes",
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// visit plays the person and the browser: it follows the consent page to where that leads.
func visit(page string) (string, error) {
	resp, err := http.Get(page)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

func TestFlowThroughTheBrowser(t *testing.T) {
	_, app := newSandbox(t, sandbox.Options{Clock: start})
	page := make(chan string, 1)
	var hints bytes.Buffer
	grant, err := Flow{App: app, Hints: &hints, Now: func() time.Time { return start }, Open: func(u string) error {
		if strings.Contains(u, "+") || !strings.Contains(u, "scope=crm.objects.deals.read%20crm.schemas.deals.read") || !strings.Contains(u, "optional_scope=crm.objects.owners.read") {
			t.Errorf("authorize URL %s", u)
		}
		go func() {
			// A redirect with somebody else's state is turned away, and the wait goes on.
			if b, err := visit(app.RedirectURL + "?code=x&state=theirs"); err != nil || !strings.Contains(b, "does not answer") {
				t.Errorf("a strange redirect: %q, %v", b, err)
			}
			b, err := visit(u)
			if err != nil {
				t.Error(err)
			}
			page <- b
		}()
		return nil
	}}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if b := <-page; !strings.Contains(b, "<h1>Connected</h1>") {
		t.Errorf("page %q", b)
	}
	if grant.Account != "62515" || !cmp.Equal(grant.Scopes, []string{"crm.objects.deals.read", "crm.objects.owners.read", "crm.schemas.deals.read", "oauth"}) {
		t.Errorf("grant %+v", grant)
	}
	if !grant.Token.Expires().Equal(start.Add(30*time.Minute)) || grant.Token.access == "" || grant.Token.refresh == "" {
		t.Errorf("token expires %v", grant.Token.Expires())
	}
}

func TestFlowRefused(t *testing.T) {
	_, app := newSandbox(t, sandbox.Options{})
	page := make(chan string, 1)
	open := func(u string) error {
		q, err := url.Parse(u)
		if err != nil {
			return err
		}
		go func() {
			b, err := visit(app.RedirectURL + "?error=access_denied&error_description=hunter2&state=" + q.Query().Get("state"))
			if err != nil {
				t.Error(err)
			}
			page <- b
		}()
		return nil
	}
	_, err := Flow{App: app, Open: open}.Run(t.Context())
	if err == nil || err.Error() != "connect to hubspot: the consent page answered access_denied" {
		t.Errorf("%v", err)
	}
	if b := <-page; !strings.Contains(b, "Not connected") || strings.Contains(b, "hunter2") {
		t.Errorf("page %q", b)
	}
	app.ClientSecret = func() (string, error) { return "wrong", nil }
	_, err = Flow{App: app, Open: func(u string) error { go func() { _, _ = visit(u) }(); return nil }}.Run(t.Context())
	if err == nil || err.Error() != "connect to hubspot: exchange the code: the token endpoint answered 400 invalid_client BAD_CLIENT_SECRET" {
		t.Errorf("%v", err)
	}
}

func TestFlowPasted(t *testing.T) {
	_, app := newSandbox(t, sandbox.Options{})
	app.RedirectURL = "https://plumbline.example/oauth/callback" // leads to another machine: nothing listens here
	in, typed := io.Pipe()
	shown, out := io.Pipe()
	go func() {
		b := make([]byte, 4096)
		n, err := shown.Read(b)
		if err != nil {
			t.Error(err)
		}
		page := strings.TrimSuffix(string(b[:n]), "\n")
		if strings.ContainsAny(page, " \n") {
			t.Errorf("more than the URL on stdout: %q", page)
		}
		client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := client.Get(page)
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
		for _, line := range []string{"what?", "https://plumbline.example/oauth/callback?code=a&state=b", "", resp.Header.Get("Location")} {
			if _, err := io.WriteString(typed, line+"\n"); err != nil {
				t.Error(err)
			}
		}
	}()
	var hints bytes.Buffer
	grant, err := Flow{App: app, Out: out, In: in, Hints: &hints}.Run(t.Context())
	if err != nil || grant.Account != "62515" {
		t.Errorf("%+v, %v", grant, err)
	}
	if strings.Count(hints.String(), "not the URL") != 2 {
		t.Errorf("hints %q", hints.String())
	}
	if _, err := (Flow{App: app, Out: io.Discard}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "does not lead to this machine") {
		t.Errorf("%v", err)
	}
}

func TestTokenNeverPrints(t *testing.T) {
	tok := Token{access: "hunter2", refresh: "hunter2", expires: start}
	g := Grant{Token: tok, Account: "1"}
	j, err := json.Marshal(map[string]any{"t": tok, "g": g})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "t", tok, "g", g)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "t", tok, "g", g)
	if all := fmt.Sprintf("%v %+v %#v %s %q %x %v %+v %#v", tok, tok, tok, tok, tok, tok, g, g, g) + string(j) + log.String(); strings.Contains(all, "hunter2") || strings.Contains(all, "68756e") {
		t.Error(all)
	}
}

// endpoint is a token endpoint and an API in one, as a RoundTripper.
type endpoint struct {
	mu       sync.Mutex
	renewals int
	api      []string // tokens that API requests came with
	status   int      // of API answers
	token    func(n int, form url.Values) (int, string)
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := http.StatusOK, "{}"
	if strings.HasSuffix(r.URL.Path, "/token") {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		form, err := url.ParseQuery(string(b))
		if err != nil {
			return nil, err
		}
		e.mu.Lock()
		e.renewals++
		n := e.renewals
		e.mu.Unlock()
		status, body = e.token(n, form)
		if status == 0 {
			return nil, errors.New("connection reset")
		}
	} else {
		e.mu.Lock()
		e.api = append(e.api, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		if e.status != 0 {
			status = e.status
		}
		e.mu.Unlock()
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func (e *endpoint) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.renewals
}

// reply is a token reply whose tokens carry a number.
func reply(n int) (int, string) {
	return 200, fmt.Sprintf(`{"access_token":"hunter2-access-%d","refresh_token":"hunter2-refresh-%d","expires_in":1800,"token_type":"bearer"}`, n, n)
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		status  int
		body    string
		want    string
		revoked bool
		is      error
	}{
		{400, `{"error":"invalid_grant","status":"BAD_REFRESH_TOKEN","message":"hunter2"}`, "answered 400 invalid_grant BAD_REFRESH_TOKEN", true, connectors.ErrUnauthorized},
		{400, `{"error":"access_denied","status":"BAD_HUB"}`, "answered 400 access_denied BAD_HUB", true, connectors.ErrUnauthorized},
		{400, `{"status":"BAD_HUB"}`, "answered 400 BAD_HUB", true, connectors.ErrUnauthorized},
		{400, `{"error":"invalid_client","status":"BAD_CLIENT_SECRET"}`, "answered 400 invalid_client BAD_CLIENT_SECRET", false, connectors.ErrUnauthorized},
		{401, `hunter2`, "answered 401", false, connectors.ErrUnauthorized},
		{403, `{"error":"hunter2 0x"}`, "answered 403", false, connectors.ErrUnauthorized},
		{429, `{"status":"error"}`, "answered 429 error", false, connectors.ErrUnavailable},
		{500, `{"error":"invalid_grant"}`, "answered 500 invalid_grant", false, connectors.ErrUnavailable},
		{307, ``, "answered 307", false, connectors.ErrUnavailable},
		{200, `hunter2`, "cannot be read", false, connectors.ErrUnavailable},
		{200, `{"access_token":""}`, "cannot be read", false, connectors.ErrUnavailable},
		{0, ``, "reach the token endpoint at api.example", false, connectors.ErrUnavailable},
	} {
		e := &endpoint{token: func(int, url.Values) (int, string) { return c.status, c.body }}
		_, err := testApp().renew(t.Context(), &http.Client{Transport: e}, start, Token{refresh: "hunter2"})
		var r *Refusal
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") || !errors.Is(err, c.is) {
			t.Errorf("%d %s: %v", c.status, c.body, err)
		}
		if got := errors.As(err, &r) && r.revoked(); got != c.revoked {
			t.Errorf("%d %s: revoked %v", c.status, c.body, got)
		}
	}
}

func testApp() App {
	return App{CRM: "hubspot", TokenURL: "https://api.example/oauth/2026-09/token", ClientID: "id", ClientSecret: func() (string, error) { return "hunter2-client", nil }}
}
