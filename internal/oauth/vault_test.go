package oauth

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/store"
)

// bench is a vault over a store in a file, with a clock and an endpoint.
type bench struct {
	*Vault
	t    *testing.T
	dir  string
	keys *Keys
	now  atomic.Int64 // seconds after start
	end  *endpoint
	log  bytes.Buffer
	lock sync.Mutex
}

// Write takes the log.
func (b *bench) Write(p []byte) (int, error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.log.Write(p)
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), end: &endpoint{}}
	b.end.token = func(n int, _ url.Values) (int, string) { return reply(n) }
	file := "sqlite:" + filepath.Join(b.dir, "p.db")
	keys, err := OpenKeys("", KeyFile(file))
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), file, store.Options{Now: b.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	b.keys, b.Vault = keys, b.vault(db, keys)
	return b
}

// vault makes another vault over a store, as another process would.
func (b *bench) vault(db *store.DB, keys *Keys) *Vault {
	log := slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return NewVault(db, keys, Options{Client: &http.Client{Transport: b.end}, Now: b.clock, Log: log})
}

func (b *bench) clock() time.Time { return start.Add(time.Duration(b.now.Load()) * time.Second) }

// connect keeps a portal whose token is number 0 and lives half an hour.
func (b *bench) connect() {
	b.t.Helper()
	tok := Token{access: "hunter2-access-0", refresh: "hunter2-refresh-0", expires: b.clock().Add(30 * time.Minute), life: 30 * time.Minute}
	if err := b.Connect(b.t.Context(), "acme", "hubspot", Grant{Token: tok, Account: "1"}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) client(v *Vault) *http.Client {
	b.t.Helper()
	rt, err := v.Transport("acme", testApp(), "https://api.example", b.end)
	if err != nil {
		b.t.Fatal(err)
	}
	return &http.Client{Transport: rt}
}

// get sends an API request and returns the token that it went out with.
func (b *bench) get(c *http.Client) (string, error) {
	resp, err := c.Get("https://api.example/deals")
	if err != nil {
		return "", err
	}
	resp.Body.Close()
	b.end.mu.Lock()
	defer b.end.mu.Unlock()
	return b.end.api[len(b.end.api)-1], nil
}

func (b *bench) want(c *http.Client, access string, renewals int) {
	b.t.Helper()
	got, err := b.get(c)
	if err != nil || got != access || b.end.count() != renewals {
		b.t.Fatalf("token %q after %d renewals (%v), want %q after %d", got, b.end.count(), err, access, renewals)
	}
}

func TestRenewedAheadOfExpiry(t *testing.T) {
	b := newBench(t)
	b.connect()
	c := b.client(b.Vault)
	b.end.token = func(n int, form url.Values) (int, string) {
		if got := form.Get("refresh_token"); got != "hunter2-refresh-"+[]string{"", "0", "1"}[n] || form.Get("client_secret") != "hunter2-client" || form.Get("grant_type") != "refresh_token" {
			t.Errorf("renewal %d with %v", n, form)
		}
		return reply(n)
	}
	b.want(c, "hunter2-access-0", 0)
	b.now.Store(24 * 60)
	b.want(c, "hunter2-access-0", 0)
	b.now.Store(25 * 60) // five minutes before it expires
	b.want(c, "hunter2-access-1", 1)
	b.want(c, "hunter2-access-1", 1)
	// The new refresh token is in the store: another process begins with it.
	b.want(b.client(b.vault(b.db, b.keys)), "hunter2-access-1", 1)
	b.now.Store(51 * 60)
	b.want(c, "hunter2-access-2", 2)
	if s := b.log.String(); !strings.Contains(s, "token renewed") || strings.Contains(s, "hunter2") {
		t.Errorf("log: %s", s)
	}
}

func TestOneRenewalAtATime(t *testing.T) {
	b := newBench(t)
	b.connect()
	b.now.Store(40 * 60)
	arrived, release := make(chan struct{}), make(chan struct{})
	b.end.token = func(n int, _ url.Values) (int, string) {
		close(arrived) // a second renewal would panic here
		<-release
		return reply(n)
	}
	c := b.client(b.Vault)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			resp, err := c.Get("https://api.example/deals")
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
		})
	}
	<-arrived
	close(release)
	wg.Wait()
	if b.end.count() != 1 || len(b.end.api) != 50 {
		t.Fatalf("%d renewals, %d requests", b.end.count(), len(b.end.api))
	}
	for _, tok := range b.end.api {
		if tok != "hunter2-access-1" {
			t.Fatalf("a request went out with %q", tok)
		}
	}
}

// TestTwoProcessesRotating has two processes renew at once with a CRM that takes each refresh token once, and has the one
// that comes second be refused before the first has stored what it got.
func TestTwoProcessesRotating(t *testing.T) {
	b := newBench(t)
	b.connect()
	b.now.Store(40 * 60)
	first, refused := make(chan struct{}), make(chan struct{})
	b.end.token = func(n int, form url.Values) (int, string) {
		if n == 1 {
			close(first)
			<-refused
			return reply(n)
		}
		return 400, `{"error":"invalid_grant","status":"BAD_REFRESH_TOKEN"}`
	}
	here, there := b.client(b.Vault), b.client(b.vault(b.db, b.keys))
	var wg sync.WaitGroup
	wg.Go(func() {
		resp, err := here.Get("https://api.example/deals")
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
	})
	<-first
	if _, err := b.get(there); !errors.Is(err, connectors.ErrUnauthorized) {
		t.Errorf("the second one: %v", err)
	}
	close(refused)
	wg.Wait()
	b.want(there, "hunter2-access-1", 2)
	p, err := b.db.Portal(t.Context(), "acme")
	if err != nil || !p.Revoked.IsZero() {
		t.Errorf("the portal counts as revoked: %+v, %v", p, err)
	}
}

func TestSecondProcessTakesWhatTheFirstStored(t *testing.T) {
	b := newBench(t)
	b.connect()
	b.now.Store(40 * 60)
	other := b.client(b.vault(b.db, b.keys))
	b.end.token = func(n int, _ url.Values) (int, string) {
		if n == 1 { // while the first is on its way, the second renews and stores
			if _, err := b.get(other); err != nil {
				t.Error(err)
			}
			return 400, `{"error":"invalid_grant"}`
		}
		return reply(n)
	}
	b.want(b.client(b.Vault), "hunter2-access-2", 2)
}

func TestRevoked(t *testing.T) {
	b := newBench(t)
	b.connect()
	c := b.client(b.Vault)
	b.now.Store(40 * 60)
	b.end.token = func(int, url.Values) (int, string) {
		return 400, `{"error":"invalid_grant","status":"BAD_REFRESH_TOKEN","message":"hunter2"}`
	}
	for range 3 {
		_, err := b.get(c)
		if !errors.Is(err, connectors.ErrUnauthorized) || !strings.Contains(err.Error(), "BAD_REFRESH_TOKEN") || strings.Contains(err.Error(), "hunter2") {
			t.Fatalf("%v", err)
		}
	}
	p, err := b.db.Portal(t.Context(), "acme")
	if err != nil || p.Revoked.IsZero() || b.end.count() != 1 {
		t.Fatalf("%+v, %v after %d renewals", p, err, b.end.count())
	}
	b.connect() // by the same vault or another: the transport in use goes on
	b.want(c, "hunter2-access-0", 1)
}

func TestFailedRenewalHarmsNobody(t *testing.T) {
	for name, answer := range map[string]string{"500": "x", "400": `{"error":"invalid_client"}`} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.connect()
			c := b.client(b.Vault)
			status := 500
			if name == "400" {
				status = 400
			}
			b.end.token = func(int, url.Values) (int, string) { return status, answer }
			b.now.Store(26 * 60)
			b.want(c, "hunter2-access-0", 1) // due, not renewed, still good
			b.want(c, "hunter2-access-0", 1) // and not tried at once again
			b.now.Store(27 * 60)
			b.want(c, "hunter2-access-0", 2)
			b.now.Store(31 * 60)
			if _, err := b.get(c); err == nil {
				t.Fatal("an expired token was used")
			}
			if p, err := b.db.Portal(t.Context(), "acme"); err != nil || !p.Revoked.IsZero() {
				t.Errorf("%+v, %v: only the answers that mean it revoke", p, err)
			}
			b.end.token = func(n int, _ url.Values) (int, string) { return reply(n) }
			b.want(c, "hunter2-access-4", 4)
		})
	}
}

func TestUnauthorizedAnswerRenewsNothing(t *testing.T) {
	b := newBench(t)
	b.connect()
	c := b.client(b.Vault)
	b.end.status = 401
	b.want(c, "hunter2-access-0", 0)
	b.want(c, "hunter2-access-0", 0)
	// Connected anew by another process: noticed after the refusal.
	tok := Token{access: "hunter2-access-9"}
	if err := b.vault(b.db, b.keys).Connect(t.Context(), "acme", "hubspot", Grant{Token: tok}); err != nil {
		t.Fatal(err)
	}
	b.want(c, "hunter2-access-9", 0)
}

func TestRenewalOutlivesItsCaller(t *testing.T) {
	b := newBench(t)
	b.connect()
	b.now.Store(40 * 60)
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	b.end.token = func(n int, _ url.Values) (int, string) {
		cancel()
		<-release
		return reply(n)
	}
	c := b.client(b.Vault)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example/deals", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(req); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	close(release)
	b.want(c, "hunter2-access-1", 1)
}

func TestTokenGoesToItsHostAlone(t *testing.T) {
	b := newBench(t)
	b.connect()
	c := b.client(b.Vault)
	for _, u := range []string{"https://evil.example/deals", "http://api.example/deals", "https://api.example:8443/"} {
		if _, err := c.Get(u); err == nil || !strings.Contains(err.Error(), "is not sent") {
			t.Errorf("%s: %v", u, err)
		}
	}
	if len(b.end.api) != 0 {
		t.Errorf("requests left: %v", b.end.api)
	}
}

func TestStaticTokens(t *testing.T) {
	b := newBench(t)
	if err := b.Add(t.Context(), "acme", "hubspot", "pat-na1-hunter2"); err != nil {
		t.Fatal(err)
	}
	b.now.Store(1 << 30)
	b.want(b.client(b.Vault), "pat-na1-hunter2", 0)
	if err := b.Add(t.Context(), "acme", "hubspot", "hunter2\r\nX: y"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
	file := filepath.Join(b.dir, "token")
	if err := os.WriteFile(file, []byte("pat-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rt, err := FileTransport(file, "https://api.example", b.end)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Transport: rt}
	b.want(c, "pat-1", 0)
	if err := os.WriteFile(file, []byte("pat-2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.want(c, "pat-2", 0)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := b.get(c); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("%v", err)
	}
}

func TestNotConnected(t *testing.T) {
	b := newBench(t)
	if _, err := b.get(b.client(b.Vault)); !errors.Is(err, connectors.ErrUnauthorized) || !strings.Contains(err.Error(), "portal acme is not connected") {
		t.Errorf("%v", err)
	}
	if _, err := b.Transport("acme", testApp(), "nowhere", nil); err == nil {
		t.Error("an API without a host was accepted")
	}
}

// TestNothingInClear searches every file beside the store for tokens.
func TestNothingInClear(t *testing.T) {
	b := newBench(t)
	b.connect()
	b.now.Store(40 * 60)
	b.want(b.client(b.Vault), "hunter2-access-1", 1)
	files, err := filepath.Glob(filepath.Join(b.dir, "*"))
	if err != nil || len(files) < 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte("hunter2")) {
			t.Errorf("%s holds a token in clear", f)
		}
	}
}

func TestKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.db.key")
	var wg sync.WaitGroup
	made := make([]*Keys, 8)
	for i := range made {
		wg.Go(func() {
			var err error
			if made[i], err = OpenKeys("", file); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	raw := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	ring := map[string]*Keys{"file": made[0]}
	for name, text := range map[string]string{"text": string(content), "coded": base64.StdEncoding.EncodeToString(content), "raw": raw} {
		if ring[name], err = OpenKeys(text, ""); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	tok := Token{"hunter2", "hunter2-r", start, time.Hour}
	for name, k := range ring {
		b, err := k.seal("acme", tok)
		if err != nil {
			t.Fatal(err)
		}
		for other, o := range ring {
			got, err := o.open("acme", b)
			if same := (name == "raw") == (other == "raw"); same != (err == nil) || same && got != tok {
				t.Errorf("sealed by %s, opened by %s: %v", name, other, err)
			}
		}
		if _, err := k.open("beta", b); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("another portal opened it: %v", err)
		}
	}
	for _, k := range made {
		b, err := k.seal("x", tok)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := made[0].open("x", b); err != nil {
			t.Error("two processes made two keys")
		}
	}
	for _, bad := range []string{"short", base64.StdEncoding.EncodeToString([]byte("hunter2")), `{"hunter2":1}`} {
		if _, err := OpenKeys(bad, ""); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := OpenKeys("", ""); err == nil {
		t.Error("no key at all")
	}
}

func TestNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := testApp()
		app.RedirectURL = "https://plumbline.example/oauth/callback"
		begun := time.Now()
		_, err := Flow{App: app, Out: new(bytes.Buffer), In: strings.NewReader("")}.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "not answered within 5 minutes") || time.Since(begun) != 5*time.Minute {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}

// TestSandbox connects to a HubSpot portal and goes on over two renewals.
func TestSandbox(t *testing.T) {
	b := newBench(t)
	s, app := newSandbox(t, sandbox.Options{Clock: start, Ticks: b.clock})
	grant, err := Flow{App: app, Now: b.clock, Open: func(u string) error { go func() { _, _ = visit(u) }(); return nil }}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v := NewVault(b.db, b.keys, Options{Now: b.clock})
	if err := v.Connect(t.Context(), "acme", "hubspot", grant); err != nil {
		t.Fatal(err)
	}
	api := strings.TrimSuffix(app.TokenURL, "/hubspot/oauth/2026-09/token")
	rt, err := v.Transport("acme", app, api, nil)
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) (int, error) {
		resp, err := (&http.Client{Transport: rt}).Get(api + "/hubspot" + path)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		return resp.StatusCode, nil
	}
	for i := range 5 { // half an hour per token
		b.now.Store(int64(i) * 20 * 60)
		if status, err := get("/crm/pipelines/2026-09/deals"); err != nil || status != 200 {
			t.Fatalf("after %d s: %d, %v", b.now.Load(), status, err)
		}
	}
	if n := s.Counters().Requests["hubspot"]["oauth.token"]; n != 3 {
		t.Errorf("%d calls of the token endpoint for 80 minutes, want 3: the code, and two renewals", n)
	}
}
