package hubspot

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/plumbline/plumbline/connectors"
)

// testNow is the time of the tests; only waiting moves it.
var testNow = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

type answer func(req *http.Request, body []byte) (status int, reply any)

func (f answer) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	status, reply := f(req, body)
	text, ok := reply.(string)
	if !ok {
		b, err := json.Marshal(reply)
		if err != nil {
			return nil, err
		}
		text = string(b)
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text))}, nil
}

// failing is what *testing.T and *rapid.T have in common.
type failing interface {
	Helper()
	Fatal(...any)
}

// opened is a connector to a CRM that answers with a function.
func opened(t failing, f answer, change ...func(*connectors.Options)) *editor {
	t.Helper()
	at := testNow
	o := connectors.Options{
		Portal: "p", APIURL: "https://api.test", Client: &http.Client{Transport: f}, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return at }, Sleep: func(_ context.Context, d time.Duration) error { at = at.Add(d); return nil },
	}
	for _, c := range change {
		c(&o)
	}
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return c.(*editor)
}

// fixture reads one of the real replies that tests outside this repository hold.
func fixture(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("PLUMBLINE_TESTDATA")
	b, err := os.ReadFile(filepath.Join(dir, "hubspot_replies", name))
	if dir == "" || os.IsNotExist(err) {
		if os.Getenv("CI") == "true" {
			t.Fatal("PLUMBLINE_TESTDATA does not hold hubspot_replies/" + name)
		}
		t.Skip("needs real replies: set PLUMBLINE_TESTDATA")
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}
