package sandbox_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// echo is a CRM that answers everything with its records.
type echo struct{ resets, served int }

func (e *echo) Name() string { return "echo" }

func (e *echo) Operation(r *http.Request) string {
	if strings.HasPrefix(r.URL.Path, "/oauth") {
		return "oauth.token"
	}
	return "things.list"
}

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.served++
	if sandbox.Ignored(r.Context(), "amount") {
		_, _ = io.WriteString(w, "amount is ignored")
		return
	}
	_, _ = io.WriteString(w, "path "+r.URL.Path)
}

func (e *echo) Fail(w http.ResponseWriter, _ *http.Request, status int) {
	http.Error(w, "echo fails", status)
}

func (e *echo) Record(kind, id string) (any, bool) {
	return map[string]string{"kind": kind, "id": id}, id != "none"
}
func (e *echo) Reset()                   { e.resets++ }
func (e *echo) Truth() []sandbox.Planted { return []sandbox.Planted{{Policy: "p"}, {Policy: "p"}} }

func newServer(t *testing.T, opts sandbox.Options) (*sandbox.Server, *echo) {
	t.Helper()
	face := &echo{}
	s, err := sandbox.New(opts, func(*sandbox.Gate) sandbox.Face { return face })
	if err != nil {
		t.Fatal(err)
	}
	return s, face
}

// ask sends a request in process.
func ask(t *testing.T, s *sandbox.Server, method, path, body string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://sandbox"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Transport().RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

func TestFaultRules(t *testing.T) {
	for _, text := range []string{"status=200", "status=abc", "nonsense", "status=500:every=0", "status=500:p=2", "latency=fast", "ignore", "drop:when=now"} {
		if _, err := sandbox.New(sandbox.Options{Faults: text}); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	s, _ := newServer(t, sandbox.Options{Faults: "status=500:every=3; status=503:path=/echo/b:every=2"})
	var got []int
	for _, path := range []string{"/echo/a", "/echo/a", "/echo/a", "/echo/b", "/echo/b", "/echo/a", "/echo/oauth/token"} {
		status, _, err := ask(t, s, "GET", path, "")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, status)
	}
	if diff := cmp.Diff([]int{200, 200, 500, 200, 503, 500, 200}, got); diff != "" {
		t.Error(diff)
	}
	if n := s.Counters().Requests["echo"]["things.list"]; n != 6 {
		t.Errorf("%d counted, failed ones count too", n)
	}
}

func TestFaultsByChanceAreRepeatable(t *testing.T) {
	run := func() (failed int) {
		s, _ := newServer(t, sandbox.Options{Faults: "status=500:p=0.2"})
		for range 200 {
			if status, _, _ := ask(t, s, "GET", "/echo", ""); status == 500 {
				failed++
			}
		}
		return failed
	}
	first := run()
	if first < 20 || first > 60 || run() != first {
		t.Errorf("%d of 200 failed, then %d", first, run())
	}
}

func TestBrokenConnections(t *testing.T) {
	s, _ := newServer(t, sandbox.Options{Faults: "drop:path=/echo/drop;truncate:path=/echo/cut;ignore=amount:path=/echo/ignore"})
	server := httptest.NewServer(s)
	defer server.Close()
	if _, _, err := ask(t, s, "GET", "/echo/drop", ""); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("in process, a drop is %v", err)
	}
	if _, text, err := ask(t, s, "GET", "/echo/cut", ""); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix("path /cut", text) {
		t.Errorf("in process, a cut is %q, %v", text, err)
	}
	if _, text, err := ask(t, s, "GET", "/echo/ignore", ""); err != nil || text != "amount is ignored" {
		t.Errorf("%q, %v", text, err)
	}
	if resp, err := http.Get(server.URL + "/echo/drop"); err == nil {
		resp.Body.Close()
		t.Error("over HTTP, a dropped connection answers")
	}
	resp, err := http.Get(server.URL + "/echo/cut")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) || len(text) >= len("path /cut") {
		t.Errorf("over HTTP, a cut is %q, %v", text, err)
	}
}

func TestLateFaultsComeAfterTheEffect(t *testing.T) {
	s, face := newServer(t, sandbox.Options{Faults: "status=502:path=/echo/a;drop:path=/echo/b;status=502:late:path=/echo/c;drop:late:path=/echo/d"})
	for path, want := range map[string]int{"/echo/a": 0, "/echo/b": 0, "/echo/c": 1, "/echo/d": 1} {
		face.served = 0
		status, _, err := ask(t, s, "POST", path, "")
		if face.served != want || status != 502 && err == nil {
			t.Errorf("%s: status %d, error %v, served %d times", path, status, err, face.served)
		}
	}
}

func TestTokensInPathsAreNotLogged(t *testing.T) {
	var log strings.Builder
	s, _ := newServer(t, sandbox.Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	for _, path := range []string{"/echo/oauth/v1/access-tokens/secret?code=secret", "/echo/things?code=secret"} {
		if _, _, err := ask(t, s, "GET", path, ""); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(log.String(), "secret") || !strings.Contains(log.String(), "path=/things") {
		t.Error(log.String())
	}
}

func TestLatencyEndsWithTheRequest(t *testing.T) {
	s, _ := newServer(t, sandbox.Options{Faults: "latency=1h"})
	server := httptest.NewServer(s)
	defer server.Close()
	c := &http.Client{Timeout: 20 * time.Millisecond}
	if resp, err := c.Get(server.URL + "/echo"); err == nil {
		resp.Body.Close()
		t.Error("no latency")
	}
}

func TestControl(t *testing.T) {
	ticks := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s, face := newServer(t, sandbox.Options{Ticks: func() time.Time { return ticks }, Clock: time.Date(2020, 5, 5, 0, 0, 0, 0, time.UTC)})
	control := func(method, path, body string, want int) string {
		t.Helper()
		status, text, err := ask(t, s, method, "/control"+path, body)
		if err != nil || status != want {
			t.Fatalf("%s %s: %d, want %d: %s %v", method, path, status, want, text, err)
		}
		return text
	}
	if _, text, _ := ask(t, s, "GET", "/echo/x/y", ""); text != "path /x/y" {
		t.Error(text)
	}
	var state struct {
		Now      time.Time
		Requests map[string]map[string]int
		Tokens   *int
		Writes   *int
	}
	if err := json.Unmarshal([]byte(control("GET", "", "", 200)), &state); err != nil {
		t.Fatal(err)
	}
	if state.Now.Year() != 2020 || state.Requests["echo"]["things.list"] != 1 || state.Tokens == nil || state.Writes == nil {
		t.Errorf("%+v", state)
	}
	control("PUT", "/clock", "2030-01-02T03:04:05Z", 204)
	ticks = ticks.Add(time.Minute)
	if now := s.Now().Format(time.RFC3339); now != "2030-01-02T03:05:05Z" {
		t.Errorf("the clock does not run on: %s", now)
	}
	control("PUT", "/clock", "noon", 400)
	control("PUT", "/faults", `"status=500"`, 204)
	control("PUT", "/faults", "bad", 400)
	if status, _, _ := ask(t, s, "GET", "/echo", ""); status != 500 {
		t.Errorf("status %d", status)
	}
	if text := control("GET", "/records/echo/deals/a/b", "", 200); text != `{"id":"a/b","kind":"deals"}`+"\n" {
		t.Error(text)
	}
	control("GET", "/records/echo/deals/none", "", 404)
	control("GET", "/records/other/deals/1", "", 404)
	if text := control("GET", "/truth", "", 200); strings.Count(text, "policy") != 1 {
		t.Errorf("truth %s", text)
	}
	if text := control("GET", "/truth?crm=echo", "", 200); strings.Count(text, "policy") != 1 {
		t.Errorf("truth of one %s", text)
	}
	control("GET", "/truth?crm=other", "", 404)
	control("POST", "/reset", "", 204)
	if status, _, _ := ask(t, s, "GET", "/echo", ""); status != 200 || face.resets != 1 || s.Counters().Requests["echo"]["things.list"] != 1 || s.Now().Year() != 2020 {
		t.Errorf("after reset: %d, %+v, %s", status, s.Counters(), s.Now())
	}
	if status, _, _ := ask(t, s, "GET", "/nowhere", ""); status != 404 {
		t.Errorf("status %d", status)
	}
}

func TestTwoFacesOfOneName(t *testing.T) {
	build := func(*sandbox.Gate) sandbox.Face { return &echo{} }
	if _, err := sandbox.New(sandbox.Options{}, build, build); err == nil {
		t.Error("taken")
	}
}

func TestWindow(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := sandbox.Window{Span: 10 * time.Second, Max: 2}
	take := func(after time.Duration, wantLeft int, wantOK bool) {
		t.Helper()
		if left, ok := w.Take(now.Add(after)); left != wantLeft || ok != wantOK {
			t.Errorf("at %s: %d, %v", after, left, ok)
		}
	}
	take(0, 1, true)
	take(6*time.Second, 0, true)
	take(9*time.Second, 0, false)
	take(10*time.Second, 0, true)
	take(15*time.Second, 0, false)
	take(16*time.Second, 0, true)
	take(-time.Hour, 1, true) // the clock was put back
	d := sandbox.Daily{Max: 1, Zone: time.FixedZone("", 3600)}
	if _, ok := d.Take(now); !ok {
		t.Error("the day's first is refused")
	}
	if _, ok := d.Take(now.Add(22 * time.Hour)); ok {
		t.Error("the day's second is taken")
	}
	if _, ok := d.Take(now.Add(23 * time.Hour)); !ok {
		t.Error("the next day begins at midnight of the zone")
	}
}
