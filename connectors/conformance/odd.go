package conformance

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// odd hands on replies as no document has them: ids as texts, nulls for empty texts, and fields that nobody heard of.
type odd struct{ next http.RoundTripper }

func (o odd) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := o.next.RoundTrip(req)
	if err != nil || !strings.Contains(resp.Header.Get("Content-Type"), "json") {
		return resp, err
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(resp.Body)
	dec.UseNumber()
	var body any
	if err := dec.Decode(&body); err != nil {
		return nil, err
	}
	text, err := json.Marshal(twist(body))
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	resp.Header.Del("Content-Length")
	return resp, err
}

func twist(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = twist(v[i])
		}
	case map[string]any:
		for key, inner := range v {
			number, counts := inner.(json.Number)
			switch {
			case counts && (key == "id" || strings.HasSuffix(key, "_id")):
				v[key] = number.String()
			case inner == "":
				v[key] = nil
			default:
				v[key] = twist(inner)
			}
		}
		for _, holder := range []string{"custom_fields", "properties"} {
			if fields, ok := v[holder].(map[string]any); ok {
				fields["0f1e2d3c4b5a69788796a5b4c3d2e1f001234567"] = "a text"
			}
		}
		if fields, ok := v["custom_fields"].(map[string]any); ok { // of which some are objects
			fields["76543210a0b1c2d3e4f5a6b7c8d9e0f112345678"] = map[string]any{"value": []any{json.Number("1"), nil}, "currency": "XXX"}
		}
		v["unheard_of"] = nil
	}
	return v
}

// Custom fields that nobody heard of, nulls for what is said never to be null and texts for ids change nothing of what is read.
func testOddReplies(t *testing.T, s Subject) {
	b := newBench(t, s, world(230, 22))
	c := b.open(t, func(o *connectors.Options) { o.Client = &http.Client{Transport: odd{b.Client.Transport}} })
	sch := schema(t, c)
	if plain := schema(t, b.open(t)); len(sch.Users) != len(plain.Users) || len(sch.Pipelines) != len(plain.Pipelines) {
		t.Errorf("%d users and %d pipelines, want %d and %d", len(sch.Users), len(sch.Pipelines), len(plain.Users), len(plain.Pipelines))
	}
	pages, err := pull(t.Context(), c, sch, crm.Work{Facts: crm.AllFacts})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, b, deals(t, pages))
}
