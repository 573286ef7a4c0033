package exporter

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// days are the only words that the linters may have: pipelines are spoken of in days, and both names are public.
func days() []string {
	return []string{`plumbline_cycle_days use base unit "seconds" instead of "days"`, `plumbline_stage_days use base unit "seconds" instead of "days"`}
}

// page is /metrics as it is served when everything has a value.
func page(t *testing.T) []byte {
	t.Helper()
	reg := prometheus.NewRegistry()
	NewRequests(reg).Observe("acme", "deals.list", 200, 10, 0.5, 99, "tokens")
	reg.MustRegister(NewCollector(whole(), slog.New(slog.DiscardHandler)))
	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.Bytes()
}

func TestLint(t *testing.T) {
	problems, err := promlint.New(bytes.NewReader(page(t))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range problems {
		got = append(got, p.Metric+" "+p.Text)
	}
	slices.Sort(got)
	if diff := cmp.Diff(days(), got); diff != "" {
		t.Errorf("the lint (-want +got):\n%s", diff)
	}
}

// TestPromtool has Prometheus' own tool read the page.
func TestPromtool(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("promtool is not installed")
		}
		t.Skip("promtool is not installed")
	}
	cmd := exec.CommandContext(t.Context(), tool, "check", "metrics")
	cmd.Stdin = bytes.NewReader(page(t))
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &stderr
	err = cmd.Run() // it ends with 3 where it has something to say, and with 1 where it cannot read the page
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 3 {
		t.Fatalf("promtool: %v\n%s", err, stderr.String())
	}
	got := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	slices.Sort(got)
	if diff := cmp.Diff(days(), got); diff != "" {
		t.Errorf("promtool (-want +got):\n%s", diff)
	}
}

// TestLabels are of the closed list; names of things are labels of what only informs.
func TestLabels(t *testing.T) {
	all, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"portal", "pipeline", "stage", "policy", "severity", "state", "currency", "window", "quantile", "object", "outcome", "reason", "unit"}
	for _, m := range all {
		for _, l := range m.Labels {
			informs := strings.HasSuffix(m.Name, "_info") && slices.Contains([]string{"name", "kind", "crm"}, l)
			if !slices.Contains(allowed, l) && !informs {
				t.Errorf("%s has the label %s", m.Name, l)
			}
		}
	}
}

// TestEveryMetricIsShown: what is documented has a value in a whole state, and what is shown is documented.
func TestEveryMetricIsShown(t *testing.T) {
	all, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, m := range all {
		want = append(want, m.Name+" "+m.Type)
	}
	for line := range strings.Lines(string(page(t))) {
		if name, ok := strings.CutPrefix(line, "# TYPE plumbline_"); ok {
			got = append(got, "plumbline_"+strings.TrimSpace(name))
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("documented and shown (-documented +shown):\n%s", diff)
	}
}
