package pipedrive

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/internal/crm"
)

// What is said to be known of touches, meetings and mails is what nothing can hide behind.
func TestWhatWasDone(t *testing.T) {
	const (
		all = crm.FactTouches | crm.FactFirstTouch | crm.FactFirstMeeting | crm.FactFirstMail
		one = `{"done_activities_count":1,"last_activity_id":7,`
		no  = `{"done_activities_count":0,"last_activity_id":null,`
	)
	mailed := at(t, "2026-10-02T08:00:00Z")
	was := func(kind string, ours bool) deed {
		return deed{id: "7", read: true, done: true, kind: kind, ours: ours, at: at(t, "2026-10-05T08:00:00Z")}
	}
	call, meeting, email := was(kindCall, false), was(kindMeeting, false), was(kindEmail, false)
	never := deed{id: "7", read: true, done: true, kind: kindCall}
	const out, in = `"last_outgoing_mail_time":"2026-10-02T08:00:00Z"`, `"last_incoming_mail_time":"2026-10-03T08:00:00Z"`
	const noOut, noIn = `"last_outgoing_mail_time":null`, `"last_incoming_mail_time":null`
	for text, tt := range map[string]struct {
		last deed
		want crm.Deal
	}{
		no + noOut + `,` + noIn + `,"email_messages_count":0}`: {want: crm.Deal{Known: all}},
		no + noOut + `,` + in + `,"email_messages_count":9}`:   {want: crm.Deal{Known: all}},
		no + out + `,` + noIn + `,"email_messages_count":1}`:   {want: crm.Deal{Touches: 1, FirstTouch: mailed, FirstMail: mailed, Known: all}},
		no + out + `,` + in + `,"email_messages_count":2}`:     {want: crm.Deal{Touches: 1, FirstTouch: mailed, FirstMail: mailed, Known: all}},
		no + out + `,` + noIn + `,"email_messages_count":3}`:   {want: crm.Deal{Touches: 3, Known: crm.FactTouches | crm.FactFirstMeeting}},
		no + out + `,` + in + `,"email_messages_count":3}`:     {want: crm.Deal{Known: crm.FactFirstMeeting}},
		no + out + `,` + noIn + `,"email_messages_count":0}`:   {want: crm.Deal{Known: crm.FactFirstMeeting}}, // it contradicts itself
		no + out + `}`: {want: crm.Deal{Known: crm.FactFirstMeeting}},
		one + noOut + `,` + noIn + `,"email_messages_count":0}`: {call, crm.Deal{Touches: 1, FirstTouch: call.at, Known: all}},
		one + out + `,` + noIn + `,"email_messages_count":1}`: {meeting,
			crm.Deal{Touches: 2, FirstTouch: mailed, FirstMail: mailed, FirstMeeting: meeting.at, Known: all}},
		one + noOut + `,` + in + `,"email_messages_count":1}`:                                                     {email, crm.Deal{Touches: 1, FirstTouch: email.at, FirstMail: email.at, Known: all}},
		one + noOut + `,` + noIn + `, "email_messages_count":0}`:                                                  {was(kindTask, false), crm.Deal{Known: all}},
		one + noOut + ` ,` + noIn + `,"email_messages_count":0}`:                                                  {was(kindCall, true), crm.Deal{Known: all}},
		one + noOut + `,` + noIn + `,"email_messages_count": 0}`:                                                  {want: crm.Deal{}},              // it was not read
		one + noOut + `, ` + noIn + `, "email_messages_count":0}`:                                                 {last: never, want: crm.Deal{}}, // nobody knows when it was
		`{"done_activities_count":2,"last_activity_id":7,` + noOut + `,` + noIn + `,"email_messages_count":0}`:    {last: call, want: crm.Deal{}},
		`{"done_activities_count":0,"last_activity_id":7,` + noOut + `,` + noIn + `,"email_messages_count":0}`:    {want: crm.Deal{Known: all}},
		`{"done_activities_count":1,"last_activity_id":null,` + noOut + `,` + noIn + `,"email_messages_count":0}`: {want: crm.Deal{}},
		`{` + noOut + `,` + noIn + `,"email_messages_count":0}`:                                                   {want: crm.Deal{}},
	} {
		var d deal
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		w := &walk{reader: opened(t).reader, deeds: map[string]deed{}}
		if tt.last.id != "" {
			w.deeds["7"] = tt.last
		}
		var got crm.Deal
		told := w.done(d)
		told.tell(&got, all)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestSources(t *testing.T) {
	names := map[string]string{"5": "Trade fair", "6": "Offline"}
	for _, tt := range []struct {
		channel, origin, want string
		known                 bool
	}{
		{"5", "API", "Trade fair", true},
		{"6", "WebForms", "", true},
		{"9", "API", "channel 9", true},
		{"", "Web forms", "Web forms", true},
		{"", "LiveChat", "LiveChat", true},
		{"", "ManuallyCreated", "", true},
		{"", "API", "", true},
		{"", "Import", "", true},
		{"", "SomethingNew", "", false},
		{"", "", "", false},
	} {
		if got, known := source(tt.channel, tt.origin, names); got != tt.want || known != tt.known {
			t.Errorf("channel %q, origin %q: %q, %v; want %q, %v", tt.channel, tt.origin, got, known, tt.want, tt.known)
		}
	}
}

func TestContacts(t *testing.T) {
	for text, want := range map[string]int32{
		`"person_id":8,"participants_count":3}`:    3,
		`"person_id":8,"participants_count":0}`:    1,
		`"person_id":null,"participants_count":0}`: 0,
		`"participants_count":2}`:                  2,
		`"person_id":8}`:                           -1,
		`"person_id":8,"participants_count":-2}`:   -1,
	} {
		d, err := decode(t, crm.AllFacts, `{"id":1,"stage_id":12,"pipeline_id":1,"status":"open","add_time":"2026-01-02T03:04:05Z",`+text)
		if known := d.Known.Has(crm.FactContacts); err != nil || known != (want >= 0) || known && d.Contacts != want {
			t.Errorf("%s: %d contacts, known %v, %v", text, d.Contacts, known, err)
		}
	}
}

// A deal that nothing was ever changed of has had but one expected close date.
func TestDatesOfUntouchedDeals(t *testing.T) {
	const head = `{"id":1,"stage_id":12,"pipeline_id":1,"status":"open","origin":"Import","add_time":"2026-01-02T03:04:05Z",`
	for text, want := range map[string]bool{
		`"update_time":"2026-01-02T03:04:05Z","expected_close_date":"2026-02-01"}`: true,
		`"update_time":"2026-01-02T03:04:05Z","expected_close_date":null}`:         true,
		`"update_time":"2026-01-02T03:04:06Z","expected_close_date":"2026-02-01"}`: false,
		`"update_time":"2026-01-02T03:04:05Z"}`:                                    false,
	} {
		d, err := decode(t, crm.AllFacts, head+text)
		if err != nil || d.Known.Has(crm.FactDates) != want {
			t.Fatalf("%s: known %v, %v", text, !want, err)
		}
		if want && (len(d.Dates) != 1 || d.Dates[0] != crm.DateChange{At: d.Created, To: d.CloseDate, Origin: crm.OriginImport}) {
			t.Errorf("%s: dates %v", text, d.Dates)
		}
	}
}

func TestDatesOfAChangelog(t *testing.T) {
	zone := paris(t)
	set := func(from, to, when, source string) change {
		return change{Old: value{text: from}, New: value{text: to}, Time: value{text: when}, Source: source}
	}
	day := func(text string) crm.Instant {
		i, err := instant(text, zone)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	d := crm.Deal{Created: at(t, "2026-01-01T08:00:00Z"), CloseDate: day("2026-03-01"), Origin: crm.OriginIntegration, Known: crm.FactCloseDate}
	at1, at2 := at(t, "2026-01-10T08:00:00Z"), at(t, "2026-01-20T08:00:00Z")
	born := crm.DateChange{At: d.Created, To: d.CloseDate, Origin: crm.OriginIntegration}
	for name, tt := range map[string]struct {
		log  []change
		want []crm.DateChange
		told bool
	}{
		"never changed":  {nil, []crm.DateChange{born}, true},
		"given at birth": {[]change{set("", "2026-03-01", "2026-01-01 08:00:20", "app")}, []crm.DateChange{{At: d.Created + 20e6, To: d.CloseDate, Origin: crm.OriginPerson}}, true},
		"given later": {[]change{set("", "2026-03-01", "2026-01-10 08:00:00", "app")},
			[]crm.DateChange{{At: d.Created, Origin: crm.OriginIntegration}, {At: at1, To: d.CloseDate, Origin: crm.OriginPerson}}, true},
		"moved and taken away": {[]change{set("2026-02-01", "2026-03-01", "2026-01-10 08:00:00", "automation"), set("2026-03-01", "", "2026-01-20 08:00:00", "api")},
			[]crm.DateChange{{At: d.Created, To: day("2026-02-01"), Origin: crm.OriginIntegration}, {At: at1, To: d.CloseDate, Origin: crm.OriginAutomation},
				{At: at2, Origin: crm.OriginIntegration}}, true},
		"written again": {[]change{set("2026-03-01", "2026-03-01", "2026-01-10 08:00:00", "app")}, []crm.DateChange{born}, true},
		"a hole":        {[]change{set("2026-02-01", "2026-02-02", "2026-01-10 08:00:00", "app"), set("2026-02-09", "2026-03-01", "2026-01-20 08:00:00", "app")}, nil, false},
		"no date":       {[]change{set("soon", "2026-03-01", "2026-01-10 08:00:00", "app")}, nil, false},
	} {
		got, told := dates(d, tt.log, zone)
		if diff := cmp.Diff(tt.want, got); diff != "" || told != tt.told {
			t.Errorf("%s: told %v (-want +got):\n%s", name, told, diff)
		}
	}
	d.Known = 0
	if _, told := dates(d, nil, zone); told {
		t.Error("the dates of a deal are told whose close date is not known")
	}
}

func TestClosers(t *testing.T) {
	won, lost := crm.Won, crm.Lost
	to := func(status, actor, source string) change {
		return change{New: value{text: status}, Actor: value{text: actor}, Source: source}
	}
	for name, tt := range map[string]struct {
		status *crm.Status
		log    []change
		want   string
		told   bool
	}{
		"by a person":        {&won, []change{to("won", "61", "app")}, "61", true},
		"the last time":      {&lost, []change{to("won", "61", "app"), to("open", "61", "app"), to("lost", "62", "app")}, "62", true},
		"by an automation":   {&lost, []change{to("lost", "61", "workflow")}, "", true},
		"by nobody":          {&lost, []change{to("lost", "", "app")}, "", true},
		"open":               {nil, []change{to("won", "61", "app"), to("open", "61", "app")}, "", false},
		"made closed":        {&won, nil, "", false},
		"another status yet": {&won, []change{to("won", "61", "app"), to("open", "61", "app")}, "", false},
	} {
		if got, told := closer(crm.Deal{Status: tt.status}, tt.log); got != tt.want || told != tt.told {
			t.Errorf("%s: %q, %v; want %q, %v", name, got, told, tt.want, tt.told)
		}
	}
}

func TestRequiredFields(t *testing.T) {
	lines := func() []crm.Pipeline {
		return []crm.Pipeline{{ID: "1", Stages: []crm.Stage{{ID: "11"}, {ID: "12"}}}, {ID: "2", Stages: []crm.Stage{{ID: "21"}}}}
	}
	fields := map[string]dealField{}
	for code, text := range map[string]string{
		"value": `{"field_name":"Value","required_fields":{"enabled":true,"stage_ids":[12,21],"statuses":{}}}`,
		"title": `{"field_name":"Title","required_fields":{"enabled":true,"stage_ids":[],"statuses":{}}}`,
		"lost":  `{"field_name":"Lost reason","required_fields":{"enabled":true,"stage_ids":[],"statuses":{"1":["lost"]}}}`,
		"off":   `{"field_name":"Off","required_fields":{"enabled":false,"stage_ids":[12]}}`,
		"old":   `{"field_name":"Old"}`,
	} {
		var f dealField
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			t.Fatal(err)
		}
		fields[code] = f
	}
	got := lines()
	known := require(got, fields)
	want := lines()
	want[0].Stages[0].Required, want[0].Stages[1].Required, want[1].Stages[0].Required = []string{"Title"}, []string{"Value"}, []string{"Title", "Value"}
	if diff := cmp.Diff(want, got); diff != "" || !known {
		t.Errorf("known %v (-want +got):\n%s", known, diff)
	}
	if require(lines(), map[string]dealField{"old": fields["old"]}) {
		t.Error("an account that does not tell which fields are required is said to have none")
	}
}

func TestProducts(t *testing.T) {
	const whole = `"item_price":100,"quantity":3,"discount":10,"discount_type":"percentage","sum":270,"currency":"EUR","tax":0,"tax_method":"none","is_enabled":true`
	for name, tt := range map[string]struct {
		products []string
		sum      crm.Amount
		known    bool
	}{
		"two":                 {[]string{whole, `"item_price":5.5,"quantity":1,"discount":0.5,"discount_type":"amount","sum":5,"currency":"EUR"`}, 2_750_000, true},
		"one is switched off": {[]string{whole, `"sum":9,"currency":"USD","is_enabled":false`}, 2_700_000, true},
		"a sum of others":     {[]string{whole, `"item_price":5,"quantity":1,"sum":275,"currency":"EUR"`}, 0, false},
		"other money":         {[]string{whole, `"item_price":5,"quantity":1,"sum":5,"currency":"USD"`}, 0, false},
		"again and again":     {[]string{`"item_price":5,"quantity":1,"sum":5,"currency":"EUR","billing_frequency":"monthly"`}, 0, false},
		"taxes on top":        {[]string{`"item_price":5,"quantity":1,"sum":5,"currency":"EUR","tax":19,"tax_method":"exclusive"`}, 0, false},
		"taxes within":        {[]string{`"item_price":5,"quantity":1,"sum":5,"currency":"EUR","tax":19,"tax_method":"inclusive","billing_frequency":"one-time"`}, 50_000, true},
		"not a number":        {[]string{`"item_price":"x","quantity":1,"sum":5,"currency":"EUR"`}, 0, false},
	} {
		var l lineSum
		for _, text := range tt.products {
			var p product
			if err := json.Unmarshal([]byte("{"+text+"}"), &p); err != nil {
				t.Fatal(err)
			}
			l.add(p)
		}
		if l.bad == tt.known || tt.known && l.sum != tt.sum {
			t.Errorf("%s: %s, known %v", name, l.sum, !l.bad)
		}
	}
}
