package tests

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// board is what of a Grafana dashboard the tests look at.
type board struct {
	Templating struct {
		List []struct {
			Name, Type string
			Query      json.RawMessage
		}
	}
	Panels []panel
}

type panel struct {
	ID          int
	Title, Type string
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct{ RefID, Expr, LegendFormat string }
}

func readBoard(t *testing.T) board {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(chart, "dashboards", "plumbline.json"))
	if err != nil {
		t.Fatal(err)
	}
	var out board
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestBoardIsSound: panels have ids and places of their own, and queries.
func TestBoardIsSound(t *testing.T) {
	b := readBoard(t)
	ids, cells := map[int]string{}, map[[2]int]string{}
	for _, p := range b.Panels {
		if other, taken := ids[p.ID]; taken {
			t.Errorf("panels %q and %q have the id %d", other, p.Title, p.ID)
		}
		ids[p.ID] = p.Title
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken {
					t.Fatalf("panels %q and %q overlap", other, p.Title)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		if p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %q is off the board", p.Title)
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q asks nothing", p.Title)
		}
		for _, q := range p.Targets {
			if p.Title == "Store" {
				continue // it is of the whole installation
			}
			if !strings.Contains(q.Expr, `portal=~"$portal"`) {
				t.Errorf("panel %q does not heed the chosen portal: %s", p.Title, q.Expr)
			}
		}
	}
}

// prometheus is a running server.
type prometheus struct {
	url    string
	client *http.Client
}

// scraping starts a Prometheus that scrapes an address every second.
func scraping(t *testing.T, target string) prometheus {
	t.Helper()
	program := tool(t, "prometheus", "")
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [%q]\nscrape_configs:\n  - job_name: plumbline\n    static_configs: [{targets: [%q]}]\n", rules(t), target)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, "Server is ready to receive web requests", program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr)
	return prometheus{url: "http://" + addr, client: &http.Client{Timeout: 10 * time.Second}}
}

// get asks the API and decodes the data of its answer.
func (p prometheus) get(path string, query url.Values, data any) error {
	reply, err := p.client.Get(p.url + path + "?" + query.Encode())
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	var out struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(reply.Body).Decode(&out); err != nil {
		return err
	}
	if out.Status != "success" {
		return errors.New(out.Error)
	}
	return json.Unmarshal(out.Data, data)
}

// sample is one series of an answer.
type sample struct {
	Metric map[string]string
	Value  [2]any
}

// query returns the series that have a value: NaN shows as nothing on a board.
func (p prometheus) query(expr string) ([]sample, error) {
	var data struct{ Result []sample }
	if err := p.get("/api/v1/query", url.Values{"query": {expr}}, &data); err != nil {
		return nil, err
	}
	var out []sample
	for _, s := range data.Result {
		if s.Value[1] != "NaN" {
			out = append(out, s)
		}
	}
	return out, nil
}

// eventually asks, and asks again until ok or until ctx ends.
func eventually(ctx context.Context, t *testing.T, what string, ok func() (bool, error)) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := ok()
		if done {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Errorf("%s (%v)", what, err)
			return
		}
	}
}

// TestNoPanelIsEmpty has a real Prometheus scrape the demo and answer every query of the dashboard.
func TestNoPanelIsEmpty(t *testing.T) {
	tool(t, "prometheus", "")
	line := start(t, "serving http://", plumbline(t), "demo", "--listen", "127.0.0.1:0", "--dir", filepath.Join(t.TempDir(), "demo"))
	_, address, _ := strings.Cut(line, "http://")
	prom := scraping(t, strings.TrimSuffix(address, "/"))

	variables := strings.NewReplacer("$portal", ".*", "$__rate_interval", "1m", "$datasource", "")
	legend := regexp.MustCompile(`{{(\w+)}}`)
	b := readBoard(t)
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second) // for all of them together
	defer cancel()
	asked := 0
	for _, p := range b.Panels {
		for _, q := range p.Targets {
			asked++
			var last []sample
			eventually(ctx, t, fmt.Sprintf("panel %q is empty, or shows one of the portals alone: %s", p.Title, q.Expr), func() (bool, error) {
				series, err := prom.query(variables.Replace(q.Expr))
				last = series
				return len(series) > 0 && ofBoth(series), err
			})
			for _, s := range last {
				for _, label := range legend.FindAllStringSubmatch(q.LegendFormat, -1) {
					if s.Metric[label[1]] == "" {
						t.Errorf("panel %q: the legend %q names a label that %v does not have", p.Title, q.LegendFormat, s.Metric)
					}
				}
			}
			once := map[string]bool{}
			for _, s := range last {
				name := legend.ReplaceAllStringFunc(q.LegendFormat, func(l string) string { return s.Metric[strings.Trim(l, "{}")] })
				if once[name] {
					t.Errorf("panel %q shows two series as %q", p.Title, name)
				}
				once[name] = true
			}
		}
	}
	if asked < 20 {
		t.Errorf("only %d queries on the board", asked)
	}
	variablesHaveValues(t, prom, b)
	nothingIsAlarming(ctx, t, prom)
}

// ofBoth reports whether series that are told apart by portal show both of the demo's.
func ofBoth(series []sample) bool {
	portals := map[string]bool{}
	for _, s := range series {
		portals[s.Metric["portal"]] = true
	}
	return portals[""] || portals["hubspot-demo"] && portals["pipedrive-demo"]
}

// variablesHaveValues: what the board lets one choose from is not empty.
func variablesHaveValues(t *testing.T, prom prometheus, b board) {
	values := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
	for _, v := range b.Templating.List {
		if v.Type != "query" {
			continue
		}
		var q struct{ Query string }
		if err := json.Unmarshal(v.Query, &q); err != nil {
			t.Fatal(err)
		}
		m := values.FindStringSubmatch(q.Query)
		if m == nil {
			t.Errorf("variable %s: the test does not know %s", v.Name, q.Query)
			continue
		}
		var names []string
		if err := prom.get("/api/v1/label/"+m[2]+"/values", url.Values{"match[]": {m[1]}}, &names); err != nil || len(names) == 0 {
			t.Errorf("variable %s has no values (%v)", v.Name, err)
		}
	}
}

// nothingIsAlarming: the alerts are loaded, and none fires on a healthy demo.
func nothingIsAlarming(ctx context.Context, t *testing.T, prom prometheus) {
	var data struct {
		Groups []struct {
			Rules []struct{ Name, State, Health, LastError string }
		}
	}
	eventually(ctx, t, "an alert is not at rest", func() (bool, error) {
		if err := prom.get("/api/v1/rules", nil, &data); err != nil {
			return false, err
		}
		if len(data.Groups) == 0 {
			return false, errors.New("there are no alerts")
		}
		for _, g := range data.Groups {
			for _, r := range g.Rules {
				if r.State != "inactive" || r.Health != "ok" {
					return false, fmt.Errorf("alert %s is %s, %s %s", r.Name, r.State, r.Health, r.LastError)
				}
			}
		}
		return true, nil
	})
}
