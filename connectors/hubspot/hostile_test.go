package hubspot

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/plumbline/plumbline/internal/crm"
)

func TestAHistoryWithAHoleIsNone(t *testing.T) {
	for _, when := range []string{"", "1970-01-01T00:00:00Z", "yesterday"} {
		d, err := decode(t, crm.AllFacts, fmt.Sprintf(`{"id":"1","properties":{"dealstage":"talk","pipeline":"default"},"propertiesWithHistory":{"dealstage":[
			{"value":"talk","timestamp":"2026-02-01T00:00:00Z"},{"value":"new","timestamp":%q}]}}`, when))
		if err != nil || d.Known.Has(crm.FactHistory) || len(d.Moves) != 0 {
			t.Errorf("entered %q: %v, moves %v", when, err, d.Moves)
		}
	}
}

// A list that ends too early, or an answer that does not come from HubSpot, takes no deal away.
func TestGoneOnlyWhatIsNotThere(t *testing.T) {
	live := map[string]bool{"1": true, "2": true}
	proxy := false
	c := opened(t, func(req *http.Request, body []byte) (int, any) {
		switch {
		case req.URL.Query().Get("archived") == "true" && req.Method == http.MethodGet:
			return 200, `{"results":[],"paging":{"next":{"after":"9"}}}`
		case req.Method == http.MethodGet:
			return 200, `{"results":[{"id":"1","properties":{"dealstage":"new"}}]}`
		case proxy:
			return 404, "<html>nothing here</html>"
		case req.URL.Query().Get("archived") == "true":
			return 200, `{"results":[]}`
		}
		var rows []string
		for id := range live {
			if bytes.Contains(body, []byte(`"`+id+`"`)) {
				rows = append(rows, `{"id":"`+id+`","properties":{}}`)
			}
		}
		return 207, `{"results":[` + strings.Join(rows, ",") + `]}`
	})
	gone, err := c.Gone(t.Context(), []string{"1", "2", "3"})
	if err != nil || len(gone) != 1 || gone[0] != (crm.Gone{ID: "3", Why: "deleted"}) {
		t.Errorf("gone %v, %v; want deal 3 alone", gone, err)
	}
	proxy = true
	if gone, err := c.Gone(t.Context(), []string{"1", "2", "3"}); err == nil {
		t.Errorf("a proxy's 404 made %v gone", gone)
	}
}

// What goes round in a circle ends with an error.
func TestCirclesEnd(t *testing.T) {
	calls := 0
	c := opened(t, func(req *http.Request, _ []byte) (int, any) {
		if calls++; calls > 100 {
			t.Fatal("it does not end")
		}
		next := map[string]string{"": "a", "a": "b", "b": "a"}[req.URL.Query().Get("after")]
		if req.Method == http.MethodPost {
			return 200, `{"results":[{"from":{"id":"1"},"to":[{"toObjectId":7}],"paging":{"next":{"after":"a"}}}]}`
		}
		return 200, `{"results":[],"paging":{"next":{"after":"` + next + `"}}}`
	})
	if _, err := c.associated(t.Context(), "deals", "tasks", []string{"1"}); err == nil {
		t.Error("a page of associations that names itself was taken for the last")
	}
	calls = 0
	var last error
	for _, err := range c.Deals(t.Context(), testSchema(), crm.Work{}) {
		last = err
	}
	if last == nil {
		t.Error("a list of deals in a circle was taken for whole")
	}
	calls = 0
	known := make([]string, 10_000)
	for i := range known {
		known[i] = fmt.Sprint(i)
	}
	if gone, err := c.Gone(t.Context(), known); err == nil {
		t.Errorf("a list of deals in a circle made %d deals gone", len(gone))
	}
}

// A task that cannot be read may be the one that is looked for: it must not be made again.
func TestLookupOfATaskThatCannotBeRead(t *testing.T) {
	c := opened(t, func(req *http.Request, _ []byte) (int, any) {
		if strings.HasPrefix(req.URL.Path, pathTasks) {
			return 200, `{"results":[{"id":"7","properties":{"hs_task_body":17}}]}`
		}
		return 200, `{"results":[{"from":{"id":"1"},"to":[{"toObjectId":7}]}]}`
	})
	edit := crm.Edit{Key: "k", Op: crm.OpAddTask, Target: crm.Ref{Kind: crm.KindTask}, After: crm.Fields{crm.FieldDeal: "1"}}
	if found, err := c.Lookup(t.Context(), testSchema(), []crm.Edit{edit}); err == nil {
		t.Errorf("found %v", found)
	}
}

func TestAWriteThatWasNotAuthorisedCanBeSentAgain(t *testing.T) {
	c := opened(t, func(*http.Request, []byte) (int, any) { return 401, `{"category":"EXPIRED_AUTHENTICATION"}` })
	got := c.Apply(t.Context(), testSchema(), []crm.Edit{{Key: "a", Op: crm.OpSet, Target: crm.Ref{Kind: crm.KindDeal, ID: "1"}, After: crm.Fields{"amount": "1"}}})
	if got[0].Outcome != crm.OutcomeRejected || !got[0].Again {
		t.Errorf("receipt %+v", got[0])
	}
}

// An answer without a list is no empty list: nothing is gone for it, and nothing is made again.
func TestAnAnswerWithoutAList(t *testing.T) {
	c := opened(t, func(*http.Request, []byte) (int, any) { return 200, `{}` })
	for name, err := range map[string]error{
		"list": func() error {
			for _, err := range c.Deals(t.Context(), testSchema(), crm.Work{}) {
				return err
			}
			return nil
		}(),
		"count":  func() error { _, err := c.Count(t.Context(), 0); return err }(),
		"read":   func() error { _, err := c.readDeals(t.Context(), []string{"1"}, nil, nil, false); return err }(),
		"owners": func() error { _, err := c.users(t.Context()); return err }(),
		"lookup": func() error {
			_, err := c.Lookup(t.Context(), testSchema(), []crm.Edit{{Key: "k", Op: crm.OpAddTask, After: crm.Fields{crm.FieldDeal: "1"}}})
			return err
		}(),
	} {
		if err == nil {
			t.Errorf("%s: taken for empty", name)
		}
	}
}
