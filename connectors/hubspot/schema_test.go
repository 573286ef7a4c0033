package hubspot

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// Real replies, as another project recorded them.
func TestRealSetUp(t *testing.T) {
	replies := map[string][]byte{
		pathPipelines:  fixture(t, "metadata-deals-external-pipelines.json"),
		pathProperties: fixture(t, "metadata-deals-properties-sampled.json"),
		pathAccount:    fixture(t, "post-auth__account-info.json"),
		pathOwners:     []byte(`{"results":[]}`),
	}
	c := opened(t, func(req *http.Request, _ []byte) (int, any) { return 200, string(replies[req.URL.Path]) })
	s, err := c.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Account != "12345678" || s.Zone != "US/Eastern" || s.Currency != "USD" || s.DealURL != "https://app.hubspot.com/contacts/12345678/record/0-3/{id}" {
		t.Errorf("account %q, zone %q, currency %q, URL %q", s.Account, s.Zone, s.Currency, s.DealURL)
	}
	if c.zone().String() != "US/Eastern" {
		t.Errorf("the connector goes by %s", c.zone())
	}
	if len(s.Pipelines) == 0 || s.Pipelines[0].ID != "default" || !s.Pipelines[0].Created.IsZero() {
		t.Fatalf("pipelines %+v", s.Pipelines)
	}
	kinds := map[string]crm.Status{}
	for i, st := range s.Pipelines[0].Stages {
		kinds[st.ID] = st.Kind
		if st.Order != i || st.Probability == nil {
			t.Errorf("stage %+v at place %d", st, i)
		}
	}
	if kinds["closedwon"] != crm.Won || kinds["closedlost"] != crm.Lost || kinds["contractsent"] != crm.Open {
		t.Errorf("kinds %v", kinds)
	}
	why := map[crm.Fact]string{}
	for _, u := range s.Unknown {
		why[u.Fact] = u.Why
	}
	if !strings.Contains(why[crm.FactTouch], "notes_last_contacted") || !strings.Contains(why[crm.FactLossReason], "closed_lost_reason") || why[crm.FactAmount] != "" {
		t.Errorf("unknown %v: this sample of properties lacks those of activity and loss", why)
	}
}

func TestKindsGoByProbability(t *testing.T) {
	tests := []struct {
		probability, closed string
		want                crm.Status
	}{
		{"1.0", "true", crm.Won}, {"0.0", "true", crm.Lost}, {"0.9", "false", crm.Open}, {"0.8", "false", crm.Open}, {"1", "", crm.Won}, {"0", "", crm.Lost},
		{"", "false", crm.Open}, {"", "true", crm.Lost}, {"0.1", "true", crm.Lost},
		{"NaN", "false", crm.Open}, {"Infinity", "true", crm.Won}, {"-3", "", crm.Lost},
	}
	for _, tt := range tests {
		got, p := kindOf(stage{Metadata: map[string]string{"probability": tt.probability, "isClosed": tt.closed}})
		if got != tt.want || p != nil && !(*p >= 0 && *p <= 1) {
			t.Errorf("probability %q, closed %q: %s, want %s", tt.probability, tt.closed, got, tt.want)
		}
	}
}

func TestOwnersAreReadToTheLastPage(t *testing.T) {
	var asked []string
	c := opened(t, func(req *http.Request, _ []byte) (int, any) {
		asked = append(asked, req.URL.Path+" "+req.URL.Query().Get("archived")+" "+req.URL.Query().Get("after"))
		switch {
		case req.URL.Path == pathAccount:
			return 403, `{"category":"MISSING_SCOPES"}`
		case req.URL.Path != pathOwners:
			return 200, `{"results":[]}`
		case req.URL.Query().Get("archived") == "true":
			return 200, `{"results":[{"id":"3","firstName":"Gone","type":"PERSON"},{"id":"1","email":"x@y.z"}]}`
		case req.URL.Query().Get("after") == "":
			return 200, `{"results":[{"id":"1","email":"a@b.c","firstName":"Ada","lastName":"L"}],"paging":{"next":{"after":"1"}}}`
		}
		return 200, `{"results":[{"id":"2","type":"QUEUE","email":""}]}`
	})
	s, err := c.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []crm.User{{ID: "1", Name: "Ada L", Email: "a@b.c", Active: true}, {ID: "2", Name: "2", Active: true, Queue: true}, {ID: "3", Name: "Gone"}}
	if diff := cmp.Diff(want, s.Users); diff != "" {
		t.Errorf("(- want, + got):\n%s", diff)
	}
	if s.DealURL != "" || s.Currency != "" || len(asked) != 6 {
		t.Errorf("URL %q, currency %q, asked %q", s.DealURL, s.Currency, asked)
	}
}

func TestWhereLossReasonsAre(t *testing.T) {
	read := `{"modificationMetadata":{"readOnlyValue":true}`
	all := func(extra ...string) map[string]property {
		var list []property
		text := `[{"name":"amount","type":"number"},{"name":"closed_lost_reason","label":"Closed Lost Reason","type":"string"}`
		for _, e := range extra {
			text += "," + e
		}
		if err := json.Unmarshal([]byte(text+"]"), &list); err != nil {
			t.Fatal(err)
		}
		return (&reader{}).keep(list)
	}
	options := `"options":[{"label":"Price","value":"price"}]`
	tests := []struct {
		name       string
		properties map[string]property
		configured string
		field      string
		kind       crm.LossReasonKind
		writable   bool
	}{
		{"only the built-in text", all(), "", "closed_lost_reason", crm.LossText, true},
		{"ours", all(`{"name":"plumbline_lost_reason","type":"enumeration",`+options+`}`, `{"name":"a_lost_reason","type":"enumeration"}`), "", "plumbline_lost_reason", crm.LossOptions, true},
		{"configured", all(`{"name":"plumbline_lost_reason","type":"enumeration"}`, `{"name":"cause","type":"enumeration",`+options+`}`), "cause", "cause", crm.LossOptions, true},
		{"configured, but not there", all(), "cause", "cause", crm.LossText, false},
		{"by name", all(`{"name":"loss_reason_v2","label":"X","type":"enumeration"}`), "", "loss_reason_v2", crm.LossOptions, true},
		{"by label", all(`{"name":"x1","label":"Reason for losing the deal, or loss","type":"enumeration"}`, `{"name":"x2","label":"Why was the deal lost: reason","type":"string"}`), "", "closed_lost_reason", crm.LossText, true},
		{"German", all(`{"name":"x1","label":"Verlustgrund","type":"enumeration"}`), "", "x1", crm.LossOptions, true},
		{"Turkish", all(`{"name":"x1","label":"Kayıp nedeni","type":"enumeration"}`), "", "x1", crm.LossOptions, true},
		{"Chinese", all(`{"name":"x1","label":"丢单原因","type":"enumeration"}`), "", "x1", crm.LossOptions, true},
		{"another reason", all(`{"name":"reason","label":"Reason for discount","type":"enumeration"}`), "", "closed_lost_reason", crm.LossText, true},
		{"hidden", all(`{"name":"lost_reason","type":"enumeration","hidden":true}`), "", "closed_lost_reason", crm.LossText, true},
		{"kept by HubSpot", all(read + `,"name":"lost_reason","type":"enumeration"}`), "", "closed_lost_reason", crm.LossText, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &reader{opts: connectors.Options{LossReason: tt.configured}}
			got := c.lossReason(tt.properties)
			if got.Field != tt.field || got.Kind != tt.kind || got.Writable != tt.writable || (got.TextField == "") != (tt.field == propLossText) {
				t.Errorf("%+v, want %s as %s", got, tt.field, tt.kind)
			}
		})
	}
}
