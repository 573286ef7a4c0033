package pipedrive

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/internal/rest"
	"github.com/plumbline/plumbline/internal/crm"
)

var testNow = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func at(t testing.TB, text string) crm.Instant {
	t.Helper()
	i, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return crm.At(i)
}

func paris(t testing.TB) *time.Location {
	t.Helper()
	z, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// opened is a connection that sends nothing: its transport fails the test.
func opened(t testing.TB, change ...func(*connectors.Options)) *editor {
	t.Helper()
	o := connectors.Options{Portal: "p", APIURL: "https://acme.test", Now: func() time.Time { return testNow }, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
	for _, f := range change {
		f(&o)
	}
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return c.(*editor)
}

func decode(t testing.TB, facts crm.Fact, text string) (crm.Deal, error) {
	t.Helper()
	var r row[deal]
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	d := &decoder{facts: facts, loss: crm.LossReason{Field: fieldLossReason}, currency: "EUR", zone: paris(t), channels: map[string]string{"5": "Web form", "6": "Offline"}}
	return d.deal(r)
}

func TestWholeDeal(t *testing.T) {
	lost := crm.Lost
	got, err := decode(t, crm.AllFacts, `{"id":42,"title":"Big one","owner_id":7,"value":1500.5,"currency":"USD","org_id":99,"stage_id":12,"pipeline_id":1,
	"status":"lost","add_time":"2026-01-02T03:04:05Z","update_time":"2026-11-02T00:00:00Z","stage_change_time":"2026-02-01T08:00:00Z","lost_reason":"too dear",
	"close_time":"2026-10-01T08:00:00Z","won_time":null,"lost_time":"2026-10-01T08:00:00Z","expected_close_date":"2026-10-01","origin":"ManuallyCreated",
	"channel":5,"person_id":8,"participants_count":3,"is_deleted":false,"is_archived":true,"custom_fields":{"0123456789012345678901234567890123456789":null}}`)
	if err != nil {
		t.Fatal(err)
	}
	want := crm.Deal{
		ID: "42", Name: "Big one", Pipeline: "1", Stage: "12", Status: &lost, Owner: "7", Currency: "USD", Company: "99", Amount: 15_005_000,
		Created: at(t, "2026-01-02T03:04:05Z"), Modified: at(t, "2026-11-02T00:00:00Z"), Updated: at(t, "2026-11-02T00:00:00Z"), Closed: at(t, "2026-10-01T08:00:00Z"),
		StageEntry: at(t, "2026-02-01T08:00:00Z"), CloseDate: at(t, "2026-09-30T22:00:00Z"), LossReason: "too dear", Origin: crm.OriginPerson, Archived: true,
		Moves: []crm.StageMove{{Stage: "12", At: at(t, "2026-02-01T08:00:00Z")}}, Source: "Web form", Contacts: 3,
		Known: recordFacts &^ (crm.FactHistory | crm.FactLossDetail | crm.FactDates),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOddDeals(t *testing.T) {
	const rest = `,"stage_id":12,"pipeline_id":1,"status":"open","add_time":"2026-01-02T03:04:05Z","update_time":"2026-11-02T00:00:00Z"}`
	for text, check := range map[string]func(crm.Deal, error) string{
		`{"id":1,"stage_change_time":null` + rest: func(d crm.Deal, _ error) string {
			if !d.Known.Has(crm.FactHistory|crm.FactStageEntry) || len(d.Moves) != 1 || d.StageEntry != d.Created {
				return "a deal that never moved has a history of one entry"
			}
			return ""
		},
		`{"id":1` + rest: func(d crm.Deal, _ error) string {
			if d.Known.Has(crm.FactHistory) || d.Known.Has(crm.FactStageEntry) || d.Known.Has(crm.FactOwner) || d.Known.Has(crm.FactAmount) {
				return "what is not sent is not known"
			}
			return ""
		},
		`{"id":"7","owner_id":{"id":3,"name":"x"},"org_id":{"value":9},"value":null,"stage_change_time":"2026-01-02 03:04:05"` + rest: func(d crm.Deal, err error) string {
			if err != nil || d.ID != "7" || d.Owner != "3" || d.Company != "9" || !d.Known.Has(crm.FactAmount) || d.StageEntry != d.Created {
				return "texts for ids, wrapped references, null values and times of v1 are understood"
			}
			return ""
		},
		`{"id":1,"value":"much","expected_close_date":"soon"` + rest: func(d crm.Deal, err error) string {
			if err != nil || d.Known.Has(crm.FactAmount) || d.Known.Has(crm.FactCloseDate) {
				return "what cannot be read is not known"
			}
			return ""
		},
		`{"id":5,"title":[{}],"status":7}`:                         failsWith("cannot be decoded"),
		`{"stage_id":1,"status":"open"}`:                           failsWith("no id"),
		`{"id":5,"status":"open"}`:                                 failsWith("no stage"),
		`{"id":5,"stage_id":1,"status":"in a state of confusion"}`: failsWith("status"),
	} {
		if bad := check(decode(t, crm.AllFacts, text)); bad != "" {
			t.Errorf("%s: %s", text, bad)
		}
	}
}

func failsWith(part string) func(crm.Deal, error) string {
	return func(_ crm.Deal, err error) string {
		if err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "confusion") {
			return "the error should say " + part + " and no value"
		}
		return ""
	}
}

// Real bodies of webhooks, which wrap a deal of v1, and a page with a null are read without a failure.
func TestRealBodies(t *testing.T) {
	dir := os.Getenv("PLUMBLINE_TESTDATA")
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, "pipedrive_replies", name))
		if err != nil && os.Getenv("CI") == "true" {
			t.Fatal("PLUMBLINE_TESTDATA does not hold pipedrive_replies/" + name)
		}
		if err != nil {
			t.Skip("needs real replies: set PLUMBLINE_TESTDATA")
		}
		return []byte(strings.TrimPrefix(string(b), "\ufeff"))
	}
	var hook struct{ Current row[deal] }
	if err := json.Unmarshal(read("webhook_deal_create.json"), &hook); err != nil {
		t.Fatal(err)
	}
	d, err := (&decoder{facts: crm.AllFacts, loss: crm.LossReason{Field: fieldLossReason}, zone: time.UTC}).deal(hook.Current)
	if err != nil || d.ID != "1347" || d.Stage != "13" || d.Amount != 999_990_000 || d.Created != at(t, "2018-07-10T15:04:54Z") || !d.Known.Has(crm.FactHistory) {
		t.Errorf("deal %+v, %v", d, err)
	}
	var page list[struct {
		Data *user `json:"data"`
	}]
	if err := json.Unmarshal(read("recents_response_with_null.json"), &page); err != nil || len(page.Data) != 3 || page.Data[1].it.Data != nil {
		t.Errorf("%d records, %v", len(page.Data), err)
	}
}

func TestActivities(t *testing.T) {
	w := &walk{reader: opened(t).reader, now: crm.At(testNow), planned: map[string]crm.Instant{}, due: map[string]crm.Instant{}, schema: crm.Schema{ActivityKinds: kinds([]activityType{
		{Key: "site_visit", Icon: "meeting"}, {Key: "ring", Icon: "smartphone"}, {Key: "call", Icon: "call"}, {Key: "chores", Icon: "car"},
	})}}
	w.at.Store(paris(t))
	for text, want := range map[string]deed{
		`{"id":1,"deal_id":9,"type":"call","done":true,"due_date":"2026-11-20","due_time":"09:30","marked_as_done_time":"2026-11-20T09:30:41Z"}`: {
			id: "1", deal: "9", read: true, kind: kindCall, done: true, due: at(t, "2026-11-20T09:30:00Z"), at: at(t, "2026-11-20T09:30:41Z")},
		// Ticked off weeks later it still took place when it was due.
		`{"id":2,"deal_id":9,"type":"site_visit","done":1,"due_date":"2026-10-20","due_time":"09:30:00","marked_as_done_time":"2026-11-20 09:30:41"}`: {
			id: "2", deal: "9", read: true, kind: kindMeeting, done: true, due: at(t, "2026-10-20T09:30:00Z"), at: at(t, "2026-10-20T09:30:00Z")},
		`{"id":3,"type":"ring","done":true,"due_date":"2026-12-20","due_time":"09:30","marked_as_done_time":"2026-11-20T08:00:00Z"}`: {
			id: "3", read: true, kind: kindCall, done: true, due: at(t, "2026-12-20T09:30:00Z"), at: at(t, "2026-11-20T08:00:00Z")},
		// All day: until the end of the day in the account's zone.
		`{"id":4,"type":"chores","done":false,"due_date":"2026-11-22","due_time":null,"note":"<p>x<br>plumbline:0f01</p>"}`: {
			id: "4", read: true, kind: kindTask, ours: true, due: at(t, "2026-11-22T22:59:59Z")},
		`{"id":5,"type":"lunch","done":false,"due_date":null}`: {id: "5", read: true, kind: kindMeeting},
	} {
		var a activity
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, w.deedOf(a), cmp.AllowUnexported(deed{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	for _, d := range []deed{{deal: "9", due: w.now + 5}, {deal: "9", due: w.now + 3}, {deal: "9", due: w.now - 1}, {deal: "9", due: w.now + 1, ours: true},
		{deal: "9", due: w.now + 2, done: true}, {due: w.now + 1}} {
		w.plan(d)
	}
	if diff := cmp.Diff(map[string]crm.Instant{"9": w.now + 3}, w.planned); diff != "" {
		t.Errorf("planned (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]crm.Instant{"9": w.now - 1}, w.due); diff != "" {
		t.Errorf("due (-want +got):\n%s", diff)
	}
}

// Only the last activity is read: what may hide behind it is not known, and never said to be nothing.
func TestTouchAndBuyer(t *testing.T) {
	call, meeting, task := &deed{read: true, kind: kindCall, at: 100}, &deed{read: true, kind: kindMeeting, at: 100}, &deed{read: true, kind: kindTask, at: 100}
	own := &deed{read: true, kind: kindCall, at: 100, ours: true}
	for name, tt := range map[string]struct {
		last               *deed
		count              int
		mail, touch, buyer crm.Instant
		touched, bought    bool
	}{
		"nothing":                    {nil, 0, 0, 0, 0, true, true},
		"mail alone":                 {nil, 0, 50, 50, 50, true, true},
		"a call":                     {call, 3, 50, 100, 50, true, false},
		"the only call":              {call, 1, 50, 100, 50, true, true},
		"a call before the mail":     {call, 3, 150, 150, 150, true, true},
		"a meeting":                  {meeting, 3, 50, 100, 100, true, true},
		"a task hides others":        {task, 3, 50, 50, 50, false, false},
		"the only task":              {task, 1, 50, 50, 50, true, true},
		"our own call is none":       {own, 2, 50, 50, 50, false, false},
		"an activity that is hidden": {&deed{id: "x"}, 1, 50, 0, 0, false, false},
	} {
		d := done{last: tt.last, count: tt.count, sure: true, in: mails{at: tt.mail, known: true}, out: mails{at: tt.mail, known: true}}
		got, known := d.touch()
		if got != tt.touch || known != tt.touched {
			t.Errorf("%s: touch %d, %v; want %d, %v", name, got, known, tt.touch, tt.touched)
		}
		if got, known = d.buyer(); got != tt.buyer || known != tt.bought {
			t.Errorf("%s: buyer %d, %v; want %d, %v", name, got, known, tt.buyer, tt.bought)
		}
	}
}

func TestMovesOfAChangelog(t *testing.T) {
	deal := crm.Deal{ID: "1", Stage: "13", Created: at(t, "2026-01-01T00:00:00Z"), Origin: crm.OriginImport}
	step := func(from, to, when string) change {
		c := change{Field: "stage_id", Source: "app"}
		c.Old.text, c.New.text, c.Time.text = from, to, when
		return c
	}
	for name, tt := range map[string]struct {
		log   []change
		moves int
		whole bool
	}{
		"two steps":            {[]change{step("11", "12", "2026-02-01 00:00:00"), step("12", "13", "2026-03-01 00:00:00")}, 3, true},
		"no move":              {nil, 1, true},
		"written again":        {[]change{step("11", "13", "2026-02-01 00:00:00"), step("13", "13", "2026-03-01 00:00:00")}, 2, true},
		"a step is missing":    {[]change{step("11", "12", "2026-02-01 00:00:00"), step("10", "13", "2026-03-01 00:00:00")}, 3, false},
		"not where it is":      {[]change{step("11", "12", "2026-02-01 00:00:00")}, 2, false},
		"a stage without name": {[]change{step("11", "", "2026-02-01 00:00:00"), step("", "13", "2026-03-01 00:00:00")}, 2, false},
	} {
		got, whole := moves(deal, tt.log)
		if len(got) != tt.moves || whole != tt.whole || got[0].At != deal.Created {
			t.Errorf("%s: %v, whole %v; want %d moves, %v", name, got, whole, tt.moves, tt.whole)
		}
	}
	if got, whole := moves(crm.Deal{Stage: "1"}, nil); got != nil || whole {
		t.Errorf("without a creation time there is no history, got %v", got)
	}
}

func TestSignal(t *testing.T) {
	const page = "<!DOCTYPE html><title>Access denied</title>"
	for name, tt := range map[string]struct {
		status    int
		headers   map[string]string
		body      string
		throttled bool
		exhausted string
	}{
		"fine":                      {200, map[string]string{headLimit: "80", headLeft: "79"}, "{}", false, ""},
		"a burst":                   {429, map[string]string{headLimit: "80", headLeft: "0"}, "{}", true, ""},
		"a 429 that says nothing":   {429, nil, "", true, ""},
		"the day, by its own count": {429, map[string]string{headLeft: "0", headDailyLimit: "30000", headDailyLeft: "0"}, "", false, "daily tokens"},
		"the day, as bursts remain": {429, map[string]string{headLeft: "12"}, "", false, "daily tokens"},
		"the day, in words":         {429, nil, `{"success":false,"error":"Daily request limit reached"}`, false, "daily tokens"},
		"little is left":            {200, map[string]string{headDailyLimit: "30000", headDailyLeft: "2999"}, "", false, "other programs"},
		"enough is left":            {200, map[string]string{headDailyLimit: "30000", headDailyLeft: "3001"}, "", false, ""},
		"the page":                  {403, nil, page, false, "firewall"},
		"a missing scope":           {403, nil, `{"success":false,"error":"Scope and URL mismatch"}`, false, ""},
	} {
		h := http.Header{}
		for k, v := range tt.headers {
			h.Set(k, v)
		}
		c := opened(t)
		s := c.signal(tt.status, h, []byte(tt.body))
		if (s.Throttled != "") != tt.throttled || (s.Exhausted == "") != (tt.exhausted == "") || !strings.Contains(s.Exhausted, tt.exhausted) {
			t.Errorf("%s: %+v", name, s)
		}
		if s.Exhausted != "" && !s.RetryAt.After(testNow) {
			t.Errorf("%s: it goes on at %s", name, s.RetryAt)
		}
		err := c.explain("reading", rest.Reply{Status: tt.status, Header: h, Body: []byte(tt.body)}, &rest.Error{Method: "GET", Path: "/x", Status: tt.status, Sent: true})
		var limit *connectors.LimitError
		if want := tt.status == 429 || tt.exhausted == "firewall"; tt.status != 200 && errors.As(err, &limit) != want {
			t.Errorf("%s: error %v, want a limit: %v", name, err, want)
		}
		if missing(err) != (name == "a missing scope") {
			t.Errorf("%s: error %v says that a scope is missing", name, err)
		}
	}
}

func TestReasonsHoldNoValues(t *testing.T) {
	got := reason(400, problem{Error: "Validation failed: owner_id: User not found: hunter2; value: must be hunter2", Code: "ERR_SCHEMA_VALIDATION_FAILED"})
	if got != "status 400: ERR_SCHEMA_VALIDATION_FAILED (owner_id, value)" {
		t.Errorf("reason %q", got)
	}
}

func TestBudget(t *testing.T) {
	now := testNow
	b := &budget{portal: "p", now: func() time.Time { return now }, share: 0.2}
	b.people(3)
	if tokens, assumed := b.perDay(); tokens != 90_000 || !assumed || b.limit() != 18_000 {
		t.Errorf("three seats: %d, assumed %v, share %d", tokens, assumed, b.limit())
	}
	b.learn(150_000, 140_000)
	if tokens, assumed := b.perDay(); tokens != 150_000 || assumed {
		t.Errorf("told 150,000: %d, assumed %v", tokens, assumed)
	}
	b.given = 1000
	spend := func(cost int64, spare bool) error {
		return b.spend(t.Context(), rest.Request{Cost: cost, Spare: spare})
	}
	var spent *rest.ExhaustedError
	if err := errors.Join(spend(150, true), spend(40, false)); err != nil {
		t.Fatal(err)
	}
	if err := spend(1, true); !errors.As(err, &spent) || !spent.RetryAt.Equal(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%v; want the spare part to be used up until midnight", err)
	}
	if err := spend(11, false); !errors.As(err, &spent) {
		t.Errorf("%v; want 11 of the last 10 to be refused", err)
	}
	if err := errors.Join(spend(10, false), spend(0, false)); err != nil {
		t.Error(err)
	}
	now = now.Add(12 * time.Hour)
	if err := spend(10, false); err != nil {
		t.Errorf("the next day: %v", err)
	}
	for from, want := range map[string]string{"2026-11-22T03:00:00Z": "2026-11-22T04:00:00Z", "2026-11-22T13:00:00Z": "2026-11-23T00:00:00Z"} {
		if got := crm.At(refill(at(t, from).Time())); got != at(t, want) {
			t.Errorf("after %s it is asked again at %s, want %s", from, got, want)
		}
	}
}

// Whatever is asked for, in whatever order, no day sees more than its share.
func TestShareIsNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := testNow
		b := &budget{portal: "p", now: func() time.Time { return now }, share: rapid.Float64Range(0.01, 1).Draw(t, "share"), given: rapid.Int64Range(1, 2000).Draw(t, "given")}
		days := map[string]int64{}
		for range rapid.IntRange(1, 60).Draw(t, "n") {
			cost := rapid.Int64Range(1, 60).Draw(t, "cost")
			if b.spend(t.Context(), rest.Request{Cost: cost, Spare: rapid.Bool().Draw(t, "spare")}) == nil {
				days[now.Format(time.DateOnly)] += cost
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "minutes")) * time.Minute)
		}
		for d, n := range days {
			if n > b.limit() {
				t.Fatalf("%s: %d tokens of %d", d, n, b.limit())
			}
		}
	})
}

func TestLossReasons(t *testing.T) {
	hash := strings.Repeat("ab", 20)
	options := []option{{ID: value{text: "49"}, Label: value{text: "High price"}}, {ID: value{text: "50"}, Label: value{text: "Others"}}}
	fields := map[string]dealField{
		fieldLossReason: {Code: fieldLossReason, Type: "varchar_options", Options: options},
		hash:            {Code: hash, Name: "Why lost", Type: "enum", Custom: true, Options: options},
	}
	got := opened(t).lossReason(fields)
	want := crm.LossReason{Kind: crm.LossMixed, Field: fieldLossReason, Writable: true, ByHand: true, Options: []crm.Option{{Value: "High price", Label: "High price"}, {Value: "Others", Label: "Others"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the company's list (-want +got):\n%s", diff)
	}
	got = opened(t, func(o *connectors.Options) { o.LossReason = "Why lost" }).lossReason(fields)
	if got.Kind != crm.LossOptions || got.Field != hash || got.TextField != fieldLossReason || got.Options[0].Value != "49" {
		t.Errorf("a custom field by its name: %+v", got)
	}
	fields[hash] = dealField{Code: hash, Name: "Why lost", Type: "varchar", Custom: true}
	got = opened(t, func(o *connectors.Options) { o.LossReason = "Why lost" }).lossReason(fields)
	if got.Kind != crm.LossText || got.Field != hash || got.Writable {
		t.Errorf("a custom field of texts: %+v", got)
	}
	if got = opened(t).lossReason(map[string]dealField{}); got.Kind != crm.LossText || got.Field != fieldLossReason || !got.ByHand {
		t.Errorf("without a list: %+v", got)
	}
}

func TestFeasible(t *testing.T) {
	e := opened(t, func(o *connectors.Options) { o.Scopes = []string{"base", "deals:full", "activities:read"} })
	e.fields = map[string]dealField{}
	schema := crm.Schema{Zone: "Europe/Paris", UsersKnown: true, Users: []crm.User{{ID: "7", Name: "Ada", Active: true}, {ID: "8", Name: "Bob"}},
		Pipelines: []crm.Pipeline{{ID: "1", Stages: []crm.Stage{{ID: "11"}, {ID: "12"}}}}, LossReason: crm.LossReason{Field: fieldLossReason}}
	deal := crm.Ref{Kind: crm.KindDeal, ID: "1"}
	set := func(before, after crm.Fields) crm.Edit {
		return crm.Edit{Target: deal, Op: crm.OpSet, Before: before, After: after}
	}
	options, err := json.Marshal([]crm.Option{{Value: "budget", Label: "Price or budget"}, {Value: "other", Label: "Other"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		edit  crm.Edit
		want  connectors.Feasibility
		words string
		lost  []string
	}{
		"close date":              {set(crm.Fields{crm.FieldCloseDate: "2026-11-01"}, crm.Fields{crm.FieldCloseDate: "2026-12-01"}), connectors.FeasibleOK, "", nil},
		"close date where none":   {set(crm.Fields{crm.FieldCloseDate: ""}, crm.Fields{crm.FieldCloseDate: "2026-12-01"}), connectors.FeasibleOK, "", []string{crm.FieldCloseDate}},
		"close date, no date":     {set(nil, crm.Fields{crm.FieldCloseDate: "soon"}), connectors.FeasibleImpossible, "no date", nil},
		"owner":                   {set(crm.Fields{crm.FieldOwner: "7"}, crm.Fields{crm.FieldOwner: "7"}), connectors.FeasibleOK, "", nil},
		"owner who had left":      {set(crm.Fields{crm.FieldOwner: "8"}, crm.Fields{crm.FieldOwner: "7"}), connectors.FeasibleOK, "", []string{crm.FieldOwner}},
		"owner who has left":      {set(nil, crm.Fields{crm.FieldOwner: "8"}), connectors.FeasibleImpossible, "Bob", nil},
		"no owner":                {set(nil, crm.Fields{crm.FieldOwner: ""}), connectors.FeasibleImpossible, "empty", nil},
		"stage":                   {set(crm.Fields{crm.FieldStage: "11"}, crm.Fields{crm.FieldStage: "12"}), connectors.FeasibleOK, "", []string{"stage_change_time"}},
		"no such stage":           {set(nil, crm.Fields{crm.FieldStage: "99"}), connectors.FeasibleImpossible, "no stage 99", nil},
		"loss reason":             {set(crm.Fields{crm.FieldLossReason: "dear"}, crm.Fields{crm.FieldLossReason: "Price"}), connectors.FeasibleOK, "", nil},
		"detail":                  {set(nil, crm.Fields{crm.FieldLossDetail: "x"}), connectors.FeasibleImpossible, "no field", nil},
		"a task without scope":    {crm.Edit{Op: crm.OpAddTask, Target: crm.Ref{Kind: crm.KindTask}, After: crm.Fields{crm.FieldDeal: "1", crm.FieldSubject: "s", crm.FieldDue: "2026-12-01T09:00:00Z"}}, connectors.FeasibleManual, "activities:full", nil},
		"a task without a time":   {crm.Edit{Op: crm.OpAddTask, Target: crm.Ref{Kind: crm.KindTask}, After: crm.Fields{crm.FieldDeal: "1", crm.FieldSubject: "s"}}, connectors.FeasibleImpossible, "due", nil},
		"the list to type":        {crm.Edit{Op: crm.OpAddProperty, Target: crm.Ref{Kind: crm.KindProperty}, After: crm.Fields{crm.FieldOptions: string(options)}}, connectors.FeasibleManual, "Price or budget; Other", nil},
		"a property for a detail": {crm.Edit{Op: crm.OpAddProperty, Target: crm.Ref{Kind: crm.KindProperty}, After: crm.Fields{crm.FieldLabel: "Detail"}}, connectors.FeasibleImpossible, "Detail", nil},
		"a pipeline":              {crm.Edit{Op: crm.OpSet, Target: crm.Ref{Kind: crm.KindPipeline, ID: "1"}}, connectors.FeasibleManual, "Pipedrive", nil},
	} {
		v, err := e.Feasible(t.Context(), schema, []crm.Edit{tt.edit})
		if err != nil {
			t.Fatal(err)
		}
		if v[0].Feasible != tt.want || !strings.Contains(v[0].Words, tt.words) || !slices.Equal(v[0].Irreversible, tt.lost) {
			t.Errorf("%s: %+v, want %s with %q and %v", name, v[0], tt.want, tt.words, tt.lost)
		}
	}
}

func TestNotes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ -~\n]{0,60}`).Draw(t, "text")
		key := rapid.StringMatching(`[0-9a-f.]{1,12}`).Draw(t, "key")
		note := noteOf(text, key)
		if _, got := cutKey(note); got != key || strings.Contains(note, "\n") {
			t.Fatalf("note %q carries the key %q, want %q", note, got, key)
		}
		if got := body(note); got != text {
			t.Fatalf("note %q reads %q, want %q", note, got, text)
		}
	})
	for stored, want := range map[string]string{"<p>a</p><p>b</p><p>plumbline:1</p>": "a\nb", "<div>a &amp; b</div>": "a & b", "plain": "plain"} {
		if got := body(stored); got != want {
			t.Errorf("%q reads %q, want %q", stored, got, want)
		}
	}
}
