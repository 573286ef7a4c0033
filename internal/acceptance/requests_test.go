package acceptance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/plumbline/plumbline/connectors/hubspot"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/sandbox"
)

// TestWhatAPullCosts counts the requests that reach the portal: at first, when nothing changed, and when ten deals did. At
// no time is one refused for a rate limit.
func TestWhatAPullCosts(t *testing.T) {
	for _, n := range []int{0, 1, 49, 50, 51, 230, 2000} {
		t.Run(fmt.Sprint(n, " deals"), func(t *testing.T) {
			t.Parallel()
			o := paged(t, worldOf(n))
			first := o.sync(t)
			limit := int64((n+49)/50 + 6)
			if o.snapshot(t).Len() != n || !first.Completeness.Complete() {
				t.Fatalf("%d of %d deals, %+v", o.snapshot(t).Len(), n, first.Completeness)
			}
			if got := o.requests(); got > limit || got != first.Requests {
				t.Errorf("the first pull made %d requests (%d by its own count), of %d: %v", got, first.Requests, limit, o.server.Counters().Requests)
			}
			o.pass(30 * time.Minute)
			idle := o.cost(t, func() crm.Sync { return o.sync(t) })
			if n > 0 && idle != 2 || idle > limit { // without a deal there is nothing to go on from
				t.Errorf("an idle poll made %d requests", idle)
			}
			changed := int64(0)
			if some := min(n, 10); some > 0 {
				o.rename(t, some)
				o.pass(time.Minute)
				changed = o.cost(t, func() crm.Sync {
					s := o.sync(t)
					if s.Full || s.Completeness.Read["deals"].Read != int64(some) {
						t.Errorf("of %d changed deals the pull read %+v", some, s.Completeness)
					}
					return s
				})
			}
			if changed > 3 {
				t.Errorf("ten changed deals made %d requests", changed)
			}
			c := o.server.Counters()
			if c.Throttled != 0 {
				t.Errorf("%d requests were refused for a rate limit", c.Throttled)
			}
			t.Logf("%d requests at first (of %d), %d idle, %d for ten changed deals, %d of authorization", first.Requests, limit, idle, changed, c.Requests["hubspot"]["oauth.token"])
		})
	}
}

// TestADayOfPolls polls a portal every half hour for a day. Tokens expire and are renewed, searches see every change, and
// nothing is ever refused.
func TestADayOfPolls(t *testing.T) {
	o := paged(t, worldOf(230))
	o.sync(t)
	was := o.requests()
	for poll := range 48 {
		o.pass(29 * time.Minute)
		if poll%6 == 5 {
			o.rename(t, 10)
			was++ // by somebody else
			o.pass(time.Minute)
		}
		if s := o.sync(t); !s.Completeness.Complete() || s.Full {
			t.Fatalf("poll %d: %+v", poll, s)
		}
	}
	c := o.server.Counters()
	spent := o.requests() - was
	if c.Throttled != 0 || spent > 40*2+8*3+4 { // once in the day it also looks at what is no longer listed
		t.Errorf("a day of polls made %d requests, %d refused: %v", spent, c.Throttled, c.Requests)
	}
	if c.Requests["hubspot"]["oauth.token"] < 40 {
		t.Errorf("in a day the token was renewed %d times", c.Requests["hubspot"]["oauth.token"])
	}
	t.Logf("48 polls: %d requests, %d of authorization", spent, c.Requests["hubspot"]["oauth.token"])
}

// worldOf is a generated world of exactly n deals, which may be none.
func worldOf(n int) *sandbox.World {
	w := sandbox.Generate(sandbox.GenOptions{Deals: max(n, 1), Seed: 11})
	if n == 0 {
		w.Deals, w.Truth = nil, nil
	}
	return w
}

// cost is how many requests reach the portal during a pull, which must agree with the pull's own count.
func (o *office) cost(t *testing.T, pull func() crm.Sync) int64 {
	t.Helper()
	was := o.requests()
	s := pull()
	got := o.requests() - was
	if got != s.Requests {
		t.Errorf("the pull counts %d requests, the portal %d", s.Requests, got)
	}
	return got
}

// rename changes the names of the first n deals as somebody else would, in one request.
func (o *office) rename(t *testing.T, n int) {
	t.Helper()
	var inputs []string
	for i := range n {
		inputs = append(inputs, fmt.Sprintf(`{"id":%q,"properties":{"dealname":"Renamed at %d"}}`, o.world.Deals[i].ID, o.clock().UnixNano()))
	}
	o.post(t, "/crm/objects/"+hubspot.Version+"/deals/batch/update", `{"inputs":[`+strings.Join(inputs, ",")+`]}`)
}

// post sends a request to the portal as another program of the account does.
func (o *office) post(t *testing.T, path, body string) {
	t.Helper()
	req := must(http.NewRequestWithContext(t.Context(), http.MethodPost, api+path, strings.NewReader(body)))(t)
	req.Header.Set("Authorization", "Bearer "+sandbox.StaticToken)
	req.Header.Set("Content-Type", "application/json")
	reply := must(o.server.Transport().RoundTrip(req))(t)
	if reply.StatusCode/100 != 2 {
		t.Fatalf("%s: %s", path, reply.Status)
	}
}
