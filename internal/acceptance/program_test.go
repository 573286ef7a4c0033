package acceptance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/sandbox"
	face "github.com/plumbline/plumbline/internal/sandbox/hubspot"
	"github.com/plumbline/plumbline/policies"
)

// clientSecret is our app's secret in the tests of the program: one that is found wherever it leaks.
const clientSecret = "client-secret-7Zq2mXv9LkTt4RbN"

// front stands between the program and the simulated portal. It hears every secret that the CRM gives out, and can answer in
// its place, as unwisely as it likes.
type front struct {
	*httptest.Server
	portal *sandbox.Server

	mu      sync.Mutex
	secrets map[string]string
	answer  func(*http.Request) (status int, body string) // status 0: the CRM answers
	tokens  int                                           // requests for a token
}

func newFront(t *testing.T, deals int) *front {
	t.Helper()
	world := sandbox.Generate(sandbox.GenOptions{Deals: deals, Seed: 1, Now: time.Now()})
	f := &front{portal: must(sandbox.New(sandbox.Options{Tiers: map[string]string{face.Name: face.Unlimited}}, face.New(world)))(t), secrets: map[string]string{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *front) intercept(answer func(*http.Request) (status int, body string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

// refusing answers every request to paths that contain a part with a status, and repeats in it whatever was secret in the request.
func refusing(part string, status int) func(*http.Request) (int, string) {
	return func(r *http.Request) (int, string) {
		if !strings.Contains(r.URL.Path, part) {
			return 0, ""
		}
		told, _ := json.Marshal(fmt.Sprintf("no: %s %s %s", r.Header.Get("Authorization"), r.URL, r.PostForm.Encode()))
		return status, fmt.Sprintf(`{"status":"error","message":%s,"error":"BAD_CLIENT_ID","error_description":%s,"category":"VALIDATION_ERROR","correlationId":%s}`, told, told, told)
	}
}

// ServeHTTP serves the portal, whose app has our secret, and tokens that live for a second only.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	authorization := strings.Contains(r.URL.Path, "/oauth/")
	if authorization && r.Method == http.MethodPost {
		if err := r.ParseForm(); err != nil {
			http.Error(w, "unreadable", http.StatusBadRequest)
			return
		}
	}
	f.mu.Lock()
	answer := f.answer
	if authorization && r.Method == http.MethodPost {
		f.tokens++
	}
	f.mu.Unlock()
	if answer != nil {
		if status, body := answer(r); status != 0 {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return
		}
	}
	if !authorization {
		f.portal.ServeHTTP(w, r)
		return
	}
	if r.PostForm.Get("client_secret") == clientSecret {
		r.PostForm.Set("client_secret", sandbox.ClientSecret)
		r.Form = r.PostForm
	}
	whole := httptest.NewRecorder()
	f.portal.ServeHTTP(whole, r)
	f.mu.Lock()
	secretsIn(whole.Header().Get("Location"), whole.Body.Bytes(), f.secrets)
	f.mu.Unlock()
	for name, values := range whole.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(whole.Code)
	_, _ = io.WriteString(w, strings.Replace(whole.Body.String(), `"expires_in":1800`, `"expires_in":1`, 1))
}

// renewed is how often a token was asked for.
func (f *front) renewed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tokens
}

// program is the program itself, in a folder of its own.
type program struct {
	binary, dir string
	front       *front
	said        page // everything that it ever said, and every page that it showed
	env         []string
}

// built builds the program and configures it for a portal.
func built(t *testing.T, f *front) *program {
	t.Helper()
	compiler, err := exec.LookPath("go")
	if err != nil {
		missing(t, "go is not installed, the program cannot be built")
	}
	p := &program{dir: t.TempDir(), front: f}
	p.binary = filepath.Join(p.dir, "plumbline")
	build := exec.CommandContext(t.Context(), compiler, "build", "-o", p.binary, "github.com/plumbline/plumbline/cmd/plumbline")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	l := must((&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0"))(t)
	must0(t, l.Close())
	config := fmt.Sprintf(`store: {url: "sqlite:plumbline.db"}
server: {listen: "127.0.0.1:0"}
connectors:
  hubspot: {api_url: "%[1]s/hubspot", oauth_url: "%[1]s/hubspot", client_id: "sandbox", client_secret: "${HUBSPOT_SECRET}", redirect_url: "http://%[2]s/oauth/callback"}
portals:
  - {name: acme, crm: hubspot}
`, f.URL, l.Addr())
	must0(t, os.WriteFile(filepath.Join(p.dir, "plumbline.yaml"), []byte(config), 0o600))
	p.env = append(os.Environ(), "HUBSPOT_SECRET="+clientSecret, "PLUMBLINE_USER=ann")
	return p
}

// switchOff adds to the configuration that some policies are off.
func (p *program) switchOff(t *testing.T, which func(audit.Meta) bool) {
	t.Helper()
	file := filepath.Join(p.dir, "plumbline.yaml")
	config := string(must(os.ReadFile(file))(t)) + "policies:\n"
	for _, policy := range policies.All() {
		if which(policy.Meta) {
			config += "  " + policy.ID + ": {enabled: false, reason: not read here}\n"
		}
	}
	must0(t, os.WriteFile(file, []byte(config), 0o600))
}

func (p *program) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.binary, append(args, "--log-level", "debug")...)
	cmd.Dir, cmd.Env = p.dir, p.env
	return cmd
}

// run runs a command and returns its exit code and what it wrote to stdout.
func (p *program) run(t *testing.T, args ...string) (code int, stdout string) {
	t.Helper()
	cmd := p.command(t.Context(), args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, &p.said), io.MultiWriter(&errs, &p.said)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("plumbline %s: exit %d", strings.Join(args, " "), cmd.ProcessState.ExitCode())
	if testing.Verbose() && cmd.ProcessState.ExitCode() != 0 {
		t.Log(lastLine(errs.String()))
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// must runs a command that has to end with a code.
func (p *program) must(t *testing.T, want int, args ...string) (stdout string) {
	t.Helper()
	code, stdout := p.run(t, args...)
	if code != want {
		t.Fatalf("plumbline %s: exit %d, want %d\n%s", strings.Join(args, " "), code, want, p.said.String())
	}
	return stdout
}

// connect connects the portal as a person does whose browser is told the URL, and returns the exit code.
func (p *program) connect(t *testing.T) int {
	t.Helper()
	cmd := p.command(t.Context(), "portal", "connect", "acme", "--crm", "hubspot", "--no-browser")
	cmd.Stderr = &p.said
	out := must(cmd.StdoutPipe())(t)
	in := must(cmd.StdinPipe())(t) // stays open: nothing is pasted
	must0(t, cmd.Start())
	page := must(bufio.NewReader(out).ReadString('\n'))(t)
	_, _ = io.WriteString(&p.said, page)
	p.visit(t, strings.TrimSpace(page))
	must0(t, in.Close())
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

// visit opens a page, follows where it leads, and keeps what it shows.
func (p *program) visit(t *testing.T, page string) string {
	t.Helper()
	req := must(http.NewRequestWithContext(t.Context(), http.MethodGet, page, nil))(t)
	reply := must(http.DefaultClient.Do(req))(t)
	body := string(must(io.ReadAll(reply.Body))(t))
	must0(t, reply.Body.Close())
	fmt.Fprintln(&p.said, reply.Status, reply.Header, body)
	return body
}

// serve runs the daemon, lets somebody look at it, and ends it. It returns what /metrics showed.
func (p *program) serve(t *testing.T, args ...string) (metrics string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	cmd := p.command(ctx, append([]string{"serve"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	errs := must(cmd.StderrPipe())(t)
	must0(t, cmd.Start())
	lines := bufio.NewScanner(errs)
	for lines.Scan() {
		fmt.Fprintln(&p.said, lines.Text())
		if _, addr, ok := strings.Cut(lines.Text(), "serving "); ok {
			base := strings.TrimSpace(strings.Trim(addr, `"}`))
			for _, page := range []string{"", "healthz", "readyz", "metrics"} {
				metrics = p.visit(t, base+page)
			}
			stop()
		}
	}
	_ = cmd.Wait() // it was interrupted
	return metrics
}

// TestNoSecretLeaks lives through everything with the program at debug level: connecting, pulling, planning, applying, undoing
// and serving, while the CRM refuses, fails and repeats our secrets in its answers. No secret is anywhere to be read.
func TestNoSecretLeaks(t *testing.T) {
	t.Parallel()
	f := newFront(t, 120)
	p := built(t, f)
	p.connecting(t)
	p.working(t)
	p.failing(t)
	if metrics := p.serve(t, "--log-format", "json"); !strings.Contains(metrics, "plumbline_score") {
		t.Errorf("the metrics show no score:\n%s", metrics)
	}
	p.search(t)
}

// connecting fails first, on the code and on the secret, and then works.
func (p *program) connecting(t *testing.T) {
	t.Helper()
	for _, status := range []int{400, 401, 500} {
		p.front.intercept(refusing("/token", status))
		if code := p.connect(t); code != 1 {
			t.Fatalf("a refused connection ends with %d", code)
		}
	}
	p.front.intercept(nil)
	if code := p.connect(t); code != 0 {
		t.Fatalf("connect ends with %d\n%s", code, p.said.String())
	}
	p.must(t, 0, "portal", "list", "--format", "json")
}

// working goes through the main job.
func (p *program) working(t *testing.T) {
	t.Helper()
	p.must(t, 0, "sync", "--format", "json")
	p.must(t, 0, "audit", "--format", "json", "--log-format", "json")
	p.must(t, 0, "plan", "--format", "json")
	p.must(t, 0, "approve", "--all")
	var done struct{ Run string }
	must0(t, json.Unmarshal([]byte(p.must(t, 0, "apply", "--format", "json")), &done))
	p.must(t, 0, "sync")
	p.must(t, 0, "undo", "--run", done.Run, "--format", "json")
	p.must(t, 0, "journal", "--format", "json")
	p.must(t, 0, "journal", "verify")
	p.must(t, 0, "findings", "--format", "json")
	p.must(t, 0, "config", "check")
}

// failing lets every call fail in every way that says too much.
func (p *program) failing(t *testing.T) {
	t.Helper()
	for _, status := range []int{400, 401} {
		p.front.intercept(refusing("/crm/", status))
		for _, args := range [][]string{{"sync", "--full"}, {"plan"}, {"apply"}} {
			p.run(t, append(args, "--log-format", "json")...)
		}
	}
	var once sync.Once
	p.front.intercept(func(r *http.Request) (status int, body string) {
		once.Do(func() { status, body = refusing("/crm/", 500)(r) })
		return status, body
	})
	p.must(t, 0, "sync", "--full")
	// Tokens live for a second: sooner or later one must be renewed, and that fails.
	for _, status := range []int{400, 401} {
		p.front.intercept(refusing("/token", status))
		for was := p.front.renewed(); p.front.renewed() == was; {
			p.run(t, "portal", "check")
		}
	}
	p.front.intercept(nil)
	p.must(t, 0, "sync")
	p.must(t, 0, "audit")
}

// search looks for every secret in everything that was said and kept.
func (p *program) search(t *testing.T) {
	t.Helper()
	secrets := map[string]string{clientSecret: "client secret"}
	count := map[string]int{}
	for s, kind := range p.front.secrets {
		secrets[s] = kind
		count[kind]++
	}
	if count["authorization code"] < 4 || count["access token"] < 2 || count["refresh token"] != 1 {
		t.Fatalf("the CRM gave out %v: too few to look for", count)
	}
	places := map[string]string{"what was said": p.said.String()}
	for _, e := range must(os.ReadDir(p.dir))(t) {
		if name := e.Name(); name != "plumbline" {
			places[name] = string(must(os.ReadFile(filepath.Join(p.dir, name)))(t))
		}
	}
	key := "plumbline.db.key"
	if places["plumbline.db"] == "" || places[key] == "" || !strings.Contains(places["what was said"], "level=DEBUG") || !strings.Contains(places["what was said"], `"level":"DEBUG"`) {
		t.Fatal("database, key file or logs at debug level are missing")
	}
	if info := must(os.Stat(filepath.Join(p.dir, key)))(t); info.Mode().Perm() != 0o600 {
		t.Errorf("the key file has mode %v", info.Mode())
	}
	searched := 0
	for name, text := range places {
		searched += len(text)
		for kind, s := range leaks(text, secrets) {
			t.Errorf("%s of %d characters is in %s", kind, len(s), name)
		}
	}
	t.Logf("searched %d bytes in %d places for %v and the client secret", searched, len(places), count)
}

// leaks finds secrets in a text, whole or a telling part of them, plain or as a URL carries them.
func leaks(text string, secrets map[string]string) map[string]string {
	out := map[string]string{}
	for s, kind := range secrets {
		for _, form := range []string{s[:min(len(s), 20)], s[len(s)-min(len(s), 20):], url.QueryEscape(s)} {
			if strings.Contains(text, form) {
				out[kind] = s
			}
		}
	}
	return out
}

// TestTheProgramSaysWhatIsMissing ends a pull in the middle. Exit codes, JSON, tables and metrics all say so.
func TestTheProgramSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	f := newFront(t, 230)
	p := built(t, f)
	if code := p.connect(t); code != 0 {
		t.Fatalf("connect ends with %d\n%s", code, p.said.String())
	}
	p.switchOff(t, func(m audit.Meta) bool { return m.Facts&(crm.FactQuotes|crm.FactLineItems|crm.FactNextDue) != 0 }) // pages wait for these
	lists := 0                                                                                                         // f.mu guards it
	f.intercept(func(r *http.Request) (int, string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if listsDeals(r) {
			if lists++; lists > 2 {
				return http.StatusTooManyRequests, `{"status":"error","message":"You have reached your daily limit.","errorType":"RATE_LIMIT","policyName":"DAILY"}`
			}
		}
		return 0, ""
	})
	var sync struct {
		Complete   bool
		Incomplete []struct {
			Object, Why string
			RetryAt     string `json:"retry_at"`
		}
		Read map[string]struct{ Expected, Read int64 }
	}
	must0(t, json.Unmarshal([]byte(p.must(t, 4, "sync", "--format", "json")), &sync))
	if sync.Complete || len(sync.Incomplete) != 1 || sync.Incomplete[0].RetryAt == "" || sync.Read["deals"].Read != 100 || sync.Read["deals"].Expected != 230 {
		t.Errorf("sync: %+v", sync)
	}
	var result struct {
		Complete   bool
		Score      *float64
		Incomplete []any
	}
	must0(t, json.Unmarshal([]byte(p.must(t, 4, "audit", "--format", "json")), &result))
	if result.Complete || result.Score != nil || len(result.Incomplete) != 1 {
		t.Errorf("audit: %+v", result)
	}
	if table := p.must(t, 4, "audit"); !strings.Contains(strings.ToLower(table), "incomplete") {
		t.Errorf("the table does not say that it is incomplete:\n%s", table)
	}
	if metrics := p.serve(t); !strings.Contains(metrics, `plumbline_sync_complete{portal="acme"} 0`) || strings.Contains(metrics, "plumbline_score{") {
		t.Errorf("the metrics do not say that it is incomplete:\n%s", metrics)
	}
	f.intercept(nil)
	p.must(t, 0, "sync")
	must0(t, json.Unmarshal([]byte(p.must(t, 0, "audit", "--format", "json")), &result))
	if !result.Complete || result.Score == nil {
		t.Errorf("the next pull: %+v", result)
	}
}
