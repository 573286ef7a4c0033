package pipedrive_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
	face "github.com/plumbline/plumbline/internal/sandbox/pipedrive"
)

// send does what somebody else would do in the account.
func (a *account) send(t *testing.T, method, path, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://sandbox.test/pipedrive/api/v2/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := authorised{a.Transport()}.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, text)
	}
	a.pass(time.Minute)
}

// follower polls an account and keeps what it saw, as the mirror does.
type follower struct {
	*account
	conn   connectors.Connector
	schema crm.Schema
	kept   map[string]crm.Deal
}

func follow(t *testing.T, a *account) *follower {
	t.Helper()
	f := &follower{account: a, conn: a.open(t)}
	f.schema, f.kept = fullPull(t, f.conn)
	a.pass(time.Hour)
	a.spent()
	return f
}

// poll returns what was new and what is gone.
func (f *follower) poll(t *testing.T, sweep bool) (fresh map[string]crm.Deal, gone []string) {
	t.Helper()
	var newest crm.Instant
	for _, d := range f.kept {
		newest = max(newest, d.Modified)
	}
	fresh, pages, err := pull(t.Context(), f.conn, f.schema, crm.Work{Since: newest.Add(-5 * time.Minute), Facts: crm.AllFacts, Sweep: sweep,
		Known: func(id string, at crm.Instant) bool { return f.kept[id].Modified == at }})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		for _, g := range p.Gone {
			gone = append(gone, g.ID)
			delete(f.kept, g.ID)
		}
	}
	for id, d := range fresh {
		f.kept[id] = d
	}
	return fresh, gone
}

// Whether Pipedrive counts an activity as an update of its deal is seen differently: polls find what it tells both ways.
func TestActivitiesAreFollowed(t *testing.T) {
	for _, touches := range []string{"true", "false"} {
		t.Run("activities touch deals: "+touches, func(t *testing.T) {
			w := bulk(40, 20, 3)
			for i := range w.Deals {
				w.Deals[i].Activities = nil
			}
			f := follow(t, newAccount(t, w, face.Unlimited, face.With("activity_touches_deal", touches), face.With("long_due_time", touches)))
			id := "1039"
			expect := func(what string, planned, touch time.Time) {
				t.Helper()
				fresh, _ := f.poll(t, false)
				d, ok := fresh[id]
				if !ok || len(fresh) != 1 || !d.Known.Has(crm.FactPlanned|crm.FactTouch) || d.Planned != crm.At(planned) || d.Touch != crm.At(touch) {
					t.Errorf("%s: came %v of %d, planned %s, touch %s, known %b; want %s and %s", what, ok, len(fresh), d.Planned, d.Touch, d.Known, planned, touch)
				}
				f.spent()
				if fresh, _ = f.poll(t, false); len(fresh) != 0 {
					t.Errorf("%s: the next poll finds %d deals again", what, len(fresh))
				}
				if requests, tokens := f.spent(); requests != 2 || tokens != 20 {
					t.Errorf("%s: the next poll made %d requests for %d tokens", what, requests, tokens)
				}
			}
			activity := func(kind string, due time.Time, done bool) {
				f.send(t, "POST", "activities", fmt.Sprintf(`{"subject":"x","type":%q,"deal_id":%s,"due_date":%q,"due_time":%q,"done":%v,"owner_id":61}`,
					kind, id, due.Format(time.DateOnly), due.Format("15:04"), done))
			}
			later, sooner, past := day(9), day(4), day(-2)
			activity("task", later, false)
			expect("a task", later, time.Time{})
			activity("meeting", sooner, false)
			expect("a meeting before it", sooner, time.Time{})
			activity("task", past, false)
			expect("an overdue one does not hide what is planned", sooner, time.Time{})
			activity("call", past, true)
			expect("a call", sooner, past)
			r := f.conn.(connectors.Editor).Apply(t.Context(), f.schema, []crm.Edit{{Key: "0f1e", Op: crm.OpAddTask, Target: crm.Ref{Kind: crm.KindTask}, After: crm.Fields{
				crm.FieldDeal: id, crm.FieldOwner: "61", crm.FieldSubject: "Look", crm.FieldBody: "x", crm.FieldDue: day(1).Format(time.RFC3339)}}})
			if r[0].Outcome != crm.OutcomeApplied {
				t.Fatal(r)
			}
			f.pass(time.Minute)
			expect("our own task is nothing", sooner, past)
		})
	}
}

// What was deleted is gone by the next poll; what was archived comes with the day's sweep, which also reads open deals again.
func TestDeletedAndArchived(t *testing.T) {
	f := follow(t, newAccount(t, bulk(40, 20, 3), face.Unlimited))
	f.send(t, "DELETE", "deals/1001", "")
	f.send(t, "PATCH", "deals/1002", `{"is_archived":true}`)
	fresh, gone := f.poll(t, false)
	if len(fresh) != 0 || len(gone) != 1 || gone[0] != "1001" {
		t.Errorf("came %d, gone %v; want 1001 gone", len(fresh), gone)
	}
	f.send(t, "PATCH", "deals/1003", `{"title":"the watermark moves on"}`)
	f.poll(t, false)
	f.pass(20 * time.Hour)
	if fresh, _ = f.poll(t, true); !fresh["1002"].Archived || len(fresh) < 21 {
		t.Errorf("the sweep gave %d deals, 1002 archived: %v; want it and 20 open ones", len(fresh), fresh["1002"].Archived)
	}
	list, err := f.conn.(connectors.Sweeper).Gone(t.Context(), []string{"1001", "1002", "1039"})
	if err != nil || len(list) != 1 || list[0].ID != "1001" || list[0].Why != "deleted" {
		t.Errorf("gone %v, %v; want 1001", list, err)
	}
}

// Every setting of the sandbox that nobody knows the truth of leaves the pull and the figures as they are.
func TestWhateverPipedriveDoes(t *testing.T) {
	for _, set := range [][2]string{
		{"daily_headers", "false"}, {"reset_unix", "true"}, {"retry_after", "true"}, {"limit_body", "html"}, {"limit_body", "empty"},
		{"failed_calls_cost", "false"}, {"lost_reason_options", "false"}, {"reopen_keeps", "true"}, {"noop_bumps", "false"}, {"withhold", "users:read"},
	} {
		t.Run(set[0]+" "+set[1], func(t *testing.T) {
			a := newAccount(t, bulk(700, 150, 20), "lite:1", face.With(set[0], set[1]))
			_, deals := fullPull(t, a.open(t))
			if requests, tokens := a.spent(); requests != 7+2+1+1+2 || tokens != 102+20+20+10+20 || len(deals) != 720 {
				t.Errorf("%d deals in %d requests for %d tokens", len(deals), requests, tokens)
			}
			if n := a.Counters().Throttled; n != 0 {
				t.Errorf("%d requests were refused", n)
			}
		})
	}
}

// A stage's rotting and probability are set, read back from the answer, and taken back.
func TestStageEdits(t *testing.T) {
	a := newAccount(t, bulk(5, 1, 0), face.Unlimited)
	c := a.open(t)
	s := schema(t, c)
	e := c.(connectors.Editor)
	ref := crm.Ref{Kind: crm.KindStage, ID: "12"}
	before, err := e.Read(t.Context(), s, []crm.Ref{ref}, crm.FieldRotDays, crm.FieldProbability)
	if err != nil || before[ref][crm.FieldRotDays] != "" || before[ref][crm.FieldProbability] != "60" {
		t.Fatalf("before: %v, %v", before, err)
	}
	edit := crm.Edit{Key: "k", Target: ref, Op: crm.OpSet, Before: before[ref], After: crm.Fields{crm.FieldRotDays: "14", crm.FieldProbability: "40"}}
	if v, err := e.Feasible(t.Context(), s, []crm.Edit{edit}); err != nil || v[0].Feasible != connectors.FeasibleOK || len(v[0].Irreversible) != 1 {
		t.Errorf("verdict %+v, %v; want ok, and the days said to stay behind", v, err)
	}
	r := e.Apply(t.Context(), s, []crm.Edit{edit})[0]
	if r.Outcome != crm.OutcomeApplied || r.After[crm.FieldRotDays] != "14" || r.After[crm.FieldProbability] != "40" {
		t.Fatalf("receipt %+v", r)
	}
	if st := schema(t, c).Pipelines[0].Stages[1]; st.RotDays == nil || *st.RotDays != 14 || st.Probability == nil || *st.Probability != 0.4 {
		t.Errorf("stage %+v", st)
	}
	undo, err := edit.Inverse(r)
	if err != nil {
		t.Fatal(err)
	}
	if r = e.Apply(t.Context(), s, []crm.Edit{undo})[0]; r.Outcome != crm.OutcomeApplied {
		t.Fatalf("undo %+v", r)
	}
	if after, err := e.Read(t.Context(), s, []crm.Ref{ref}, crm.FieldRotDays, crm.FieldProbability); err != nil || after[ref][crm.FieldRotDays] != "" || after[ref][crm.FieldProbability] != "60" {
		t.Errorf("after the undo: %v, %v", after, err)
	}
}
