package hubspot_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
	"github.com/plumbline/plumbline/internal/sandbox/hubspot"
)

// today is the sandbox's time in these tests.
var today = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

func day(n int) time.Time { return today.AddDate(0, 0, n) }

// smallWorld is two pipelines, four owners, five deals.
func smallWorld() *sandbox.World {
	return &sandbox.World{
		Account: "44237313", Currency: "EUR", Zone: "Europe/Paris", Now: today,
		Pipelines: []sandbox.Pipeline{
			{ID: "default", Label: "Sales Pipeline", Stages: []sandbox.Stage{
				{ID: "qualify", Label: "Qualified", Probability: 0.2}, {ID: "demo", Label: "Demo", Probability: 0.6},
				{ID: "closedwon", Label: "Won", Probability: 1}, {ID: "closedlost", Label: "Lost", Probability: 0}}},
			{ID: "777", Label: "Renewals", Created: day(-400), Stages: []sandbox.Stage{
				{ID: "901", Label: "Open", Probability: 0.5}, {ID: "902", Label: "Kept", Probability: 1}, {ID: "903", Label: "Left", Probability: 0}}},
		},
		Owners: []sandbox.Owner{{ID: "61", Email: "ann@example.com", First: "Ann", Last: "Ray", Active: true},
			{ID: "62", Email: "bo@example.com", First: "Bo", Last: "Lin"}, {ID: "63", First: "Inbound", Active: true, Queue: true},
			{ID: "64", Email: "cy@example.com", First: "Cy", Last: "Ott", Active: true}},
		Companies: []sandbox.Company{{ID: "501", Name: "Acme"}, {ID: "502", Name: "Globex"}},
		Contacts: []sandbox.Contact{{ID: "301", Email: "dee@acme.test", First: "Dee", Company: "501"},
			{ID: "302", Email: "eli@acme.test", First: "Eli", Company: "501"}, {ID: "303", Email: "fay@acme.test", First: "Fay", Company: "501"}},
		Deals: []sandbox.Deal{
			{ID: "1001", Name: "Acme roll-out", Pipeline: "default", Stage: "demo", Owner: "61", Company: "501", Contacts: []string{"301", "302", "303"},
				Amount: "1500.00", Currency: "EUR", Created: day(-40), CloseDate: day(20), Source: "CRM_UI",
				Moves: []sandbox.Move{{Stage: "qualify", At: day(-40), Source: "CRM_UI"}, {Stage: "demo", At: day(-30), Source: "AUTOMATION_PLATFORM"}},
				Activities: []sandbox.Activity{
					{Kind: "call", At: day(-12), Owner: "61", Subject: "Intro", Done: true},
					{Kind: "email", At: day(-9), Owner: "61", Subject: "Re: offer", Inbound: true, Done: true},
					{Kind: "meeting", At: day(-8), Owner: "61", Subject: "Demo", Done: true},
					{Kind: "task", At: day(3), Owner: "61", Subject: "Send contract"},
					{Kind: "meeting", At: day(5), Owner: "61", Subject: "Review"},
					{Kind: "task", At: day(-2), Owner: "61", Subject: "Late"}}},
			{ID: "1002", Name: "Globex lost", Pipeline: "default", Stage: "closedlost", Owner: "62", Company: "502", Amount: "90",
				Created: day(-90), CloseDate: day(-50), LossReason: "too expensive",
				Moves: []sandbox.Move{{Stage: "qualify", At: day(-90)}, {Stage: "closedlost", At: day(-50)}}},
			{ID: "1003", Name: "Old one", Pipeline: "default", Stage: "closedwon", Owner: "61", Created: day(-80), CloseDate: day(-60), Archived: true,
				Moves: []sandbox.Move{{Stage: "qualify", At: day(-80)}, {Stage: "closedwon", At: day(-60)}}},
			{ID: "1010", Name: "Renewal", Pipeline: "777", Stage: "901", Created: day(-5), Moves: []sandbox.Move{{Stage: "901", At: day(-5)}}},
			{ID: "999", Name: "Imported", Pipeline: "default", Stage: "qualify", Created: day(-10), External: "OPP-1", Source: "IMPORT"},
		},
		Truth: []sandbox.Planted{{Policy: "amount-missing", Subject: sandbox.Subject{Kind: "deal", ID: "1010"}}},
	}
}

// server is a sandbox of the small world under test, with a clock that stands still.
type server struct {
	t       *testing.T
	sandbox *sandbox.Server
	http    *httptest.Server
	token   string
	ticks   time.Time
}

func start(t *testing.T, opts sandbox.Options, set ...hubspot.Option) *server {
	t.Helper()
	return startWith(t, smallWorld(), opts, set...)
}

func startWith(t *testing.T, world *sandbox.World, opts sandbox.Options, set ...hubspot.Option) *server {
	t.Helper()
	s := &server{t: t, token: sandbox.StaticToken, ticks: today}
	if opts.Ticks == nil {
		opts.Ticks = func() time.Time { return s.ticks }
	}
	if opts.Tiers == nil {
		opts.Tiers = map[string]string{"hubspot": hubspot.Unlimited}
	}
	var err error
	if s.sandbox, err = sandbox.New(opts, hubspot.New(world, set...)); err != nil {
		t.Fatal(err)
	}
	s.http = httptest.NewServer(s.sandbox)
	t.Cleanup(s.http.Close)
	return s
}

// reply is an answer, decoded.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	raw    string
	body   any
}

// do sends a request below /hubspot and decodes the answer.
func (s *server) do(method, path string, body any) reply {
	s.t.Helper()
	return s.send(method, "/hubspot"+path, body)
}

func (s *server) send(method, path string, body any) reply {
	s.t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			s.t.Fatal(err)
		}
		in = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+path, in)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	req.Header.Set("Accept", "application/json")
	return s.finish(req)
}

func (s *server) finish(req *http.Request) reply {
	s.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	r := reply{t: s.t, status: resp.StatusCode, header: resp.Header, raw: string(raw)}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber() // ids and times stay as they were written
		if err := dec.Decode(&r.body); err != nil {
			s.t.Fatalf("%s %s: %v: %s", req.Method, req.URL, err, raw)
		}
	}
	return r
}

// at walks into the answer: keys by name, list entries by number.
func (r reply) at(path string) any {
	v := r.body
	for key := range strings.SplitSeq(path, "/") {
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			var i int
			if _, err := fmt.Sscan(key, &i); err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// is checks the status and what is at paths of the answer: path, wanted, path, wanted, …; everything is compared as text.
func (r reply) is(status int, pairs ...any) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d, want %d: %s", r.status, status, r.raw)
	}
	for i := 0; i < len(pairs); i += 2 {
		path, _ := pairs[i].(string)
		if got := fmt.Sprint(r.at(path)); got != fmt.Sprint(pairs[i+1]) {
			r.t.Errorf("%s is %s, want %v\n%s", path, got, pairs[i+1], r.raw)
		}
	}
	return r
}

// ids are the ids of the results.
func (r reply) ids() string {
	var ids []string
	list, _ := r.at("results").([]any)
	for _, v := range list {
		m, _ := v.(map[string]any)
		ids = append(ids, fmt.Sprint(m["id"]))
	}
	return strings.Join(ids, " ")
}
