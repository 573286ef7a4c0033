package pipedrive_test

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
	"github.com/plumbline/plumbline/internal/sandbox/pipedrive"
)

// today is the sandbox's time in these tests.
var today = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

func day(n int) time.Time { return today.AddDate(0, 0, n) }

// smallWorld is two pipelines, four owners, six deals.
func smallWorld() *sandbox.World {
	return &sandbox.World{
		Account: "44237313", Currency: "EUR", Zone: "Europe/Paris", Now: today,
		Pipelines: []sandbox.Pipeline{
			{ID: "default", Label: "Sales Pipeline", Stages: []sandbox.Stage{
				{ID: "11", Label: "Qualified", Probability: 0.2}, {ID: "12", Label: "Demo", Probability: 0.6}, {ID: "13", Label: "Offer", Probability: 0.8},
				{ID: "closedwon", Label: "Won", Probability: 1}, {ID: "closedlost", Label: "Lost", Probability: 0}}},
			{ID: "777", Label: "Renewals", Created: day(-400), Stages: []sandbox.Stage{
				{ID: "901", Label: "Open", Probability: 0.5}, {ID: "902", Label: "Kept", Probability: 1}, {ID: "903", Label: "Left", Probability: 0}}},
		},
		LossProperty: &sandbox.LossProperty{Name: "loss_reason", Label: "Loss reason", Options: []sandbox.LossOption{
			{Value: "budget", Label: "Price or budget"}, {Value: "timing", Label: "Wrong timing"}}},
		Owners: []sandbox.Owner{{ID: "61", Email: "ann@example.com", First: "Ann", Last: "Ray", Active: true},
			{ID: "62", Email: "bo@example.com", First: "Bo", Last: "Lin"}, {ID: "63", First: "Inbound", Active: true, Queue: true},
			{ID: "64", Email: "cy@example.com", First: "Cy", Last: "Ott", Active: true}},
		Companies: []sandbox.Company{{ID: "501", Name: "Acme"}, {ID: "502", Name: "Globex"}},
		Contacts: []sandbox.Contact{{ID: "301", Email: "dee@acme.test", First: "Dee", Company: "501"},
			{ID: "302", Email: "eli@acme.test", First: "Eli", Company: "501"}},
		Deals: []sandbox.Deal{
			{ID: "1001", Name: "Acme roll-out", Pipeline: "default", Stage: "12", Owner: "61", Company: "501", Contacts: []string{"301", "302"},
				Amount: "1500.00", Currency: "EUR", Created: day(-40), CloseDate: time.Date(2026, 9, 20, 23, 30, 0, 0, time.UTC), Source: "CRM_UI",
				Moves: []sandbox.Move{{Stage: "11", At: day(-40), Source: "CRM_UI"}, {Stage: "12", At: day(-30), Source: "AUTOMATION_PLATFORM"}},
				Activities: []sandbox.Activity{
					{Kind: "call", At: day(-12), Owner: "61", Subject: "Intro", Done: true},
					{Kind: "email", At: day(-10), Owner: "61", Subject: "Offer", Done: true},
					{Kind: "email", At: day(-9), Owner: "61", Subject: "Re: offer", Inbound: true, Done: true},
					{Kind: "meeting", At: day(-8), Owner: "61", Subject: "Demo", Done: true},
					{Kind: "note", At: day(-7), Owner: "61", Subject: "Likes it", Done: true},
					{Kind: "task", At: day(3), Owner: "61", Subject: "Send contract"},
					{Kind: "meeting", At: day(5), Owner: "61", Subject: "Review"},
					{Kind: "task", At: day(-2), Owner: "61", Subject: "Late"}}},
			{ID: "1002", Name: "Globex lost", Pipeline: "default", Stage: "closedlost", Owner: "62", Company: "502", Amount: "90",
				Created: day(-90), CloseDate: day(-50), LossReason: "too expensive", LossOption: "budget",
				Moves: []sandbox.Move{{Stage: "11", At: day(-90)}, {Stage: "closedlost", At: day(-50)}}},
			{ID: "1003", Name: "Old one", Pipeline: "default", Stage: "closedwon", Owner: "61", Created: day(-80), CloseDate: day(-60), Archived: true,
				Moves: []sandbox.Move{{Stage: "11", At: day(-80)}, {Stage: "closedwon", At: day(-60)}}},
			{ID: "1004", Name: "Back again", Pipeline: "777", Stage: "902", Owner: "64", Amount: "12.5", Currency: "USD", Created: day(-70), CloseDate: day(-20),
				Moves: []sandbox.Move{{Stage: "11", At: day(-70)}, {Stage: "901", At: day(-60)}, {Stage: "903", At: day(-40), Source: "INTEGRATION"},
					{Stage: "901", At: day(-30)}, {Stage: "902", At: day(-20)}}},
			{ID: "1010", Name: "Renewal", Pipeline: "777", Stage: "901", Created: day(-5), Moves: []sandbox.Move{{Stage: "901", At: day(-5)}}},
			{ID: "999", Name: "Imported", Pipeline: "default", Stage: "11", Created: day(-10), External: "OPP-1", Source: "IMPORT"},
		},
		Truth: []sandbox.Planted{{Policy: "amount-missing", Subject: sandbox.Subject{Kind: "deal", ID: "1010"}},
			{Policy: "owner-missing", Subject: sandbox.Subject{Kind: "deal", ID: "1010"}},
			{Policy: "too-many-stages", Subject: sandbox.Subject{Kind: "pipeline", ID: "default"}}},
	}
}

// server is a sandbox of the small world under test, with a clock that stands still.
type server struct {
	t       *testing.T
	sandbox *sandbox.Server
	http    *httptest.Server
	bearer  string // instead of the API token
	ticks   time.Time
}

func start(t *testing.T, opts sandbox.Options, set ...pipedrive.Option) *server {
	t.Helper()
	return startWith(t, smallWorld(), opts, set...)
}

func startWith(t *testing.T, world *sandbox.World, opts sandbox.Options, set ...pipedrive.Option) *server {
	t.Helper()
	s := &server{t: t, ticks: today}
	if opts.Ticks == nil {
		opts.Ticks = func() time.Time { return s.ticks }
	}
	if opts.Tiers == nil {
		opts.Tiers = map[string]string{"pipedrive": pipedrive.Unlimited}
	}
	var err error
	if s.sandbox, err = sandbox.New(opts, pipedrive.New(world, set...)); err != nil {
		t.Fatal(err)
	}
	s.http = httptest.NewServer(s.sandbox)
	t.Cleanup(s.http.Close)
	return s
}

// tune changes a setting.
func (s *server) tune(name, value string) {
	s.t.Helper()
	if err := s.sandbox.Face("pipedrive").(sandbox.Tuner).Tune(name, value); err != nil {
		s.t.Fatal(err)
	}
}

// reply is an answer, decoded.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	raw    string
	body   any
}

// get reads a path below /pipedrive/api.
func (s *server) get(path string) reply {
	s.t.Helper()
	return s.do("GET", path, nil)
}

// do sends a request below /pipedrive/api and decodes the answer.
func (s *server) do(method, path string, body any) reply {
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
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+"/pipedrive/api"+path, in)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+s.bearer)
	} else {
		req.Header.Set("x-api-token", sandbox.StaticToken)
	}
	return s.finish(req)
}

// request is one to the sandbox itself.
func (s *server) request(method, path string) *http.Request {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return req
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
		dec.UseNumber() // ids and amounts stay as they were written
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

// ids are the ids of the data.
func (r reply) ids() string {
	var ids []string
	list, _ := r.at("data").([]any)
	for _, v := range list {
		m, _ := v.(map[string]any)
		ids = append(ids, fmt.Sprint(m["id"]))
	}
	return strings.Join(ids, " ")
}
