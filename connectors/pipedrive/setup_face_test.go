package pipedrive_test

import (
	"crypto/sha1" //nolint:gosec // keys of the sandbox's custom fields are made by it
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/internal/crm"
	face "github.com/plumbline/plumbline/internal/sandbox/pipedrive"
)

// The set-up tells the channels by their names, which stages ask for which fields, and what Pipedrive does not tell.
func TestSetUp(t *testing.T) {
	world := bulk(4, 4, 0)
	world.Deals[0].Channel, world.Deals[1].Channel, world.Deals[2].Channel = "REFERRALS", "ORGANIC_SEARCH", "OFFLINE"
	a := newAccount(t, world, face.Unlimited)
	key := sha1.Sum([]byte("Next step")) //nolint:gosec // see above
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, "https://sandbox.test/pipedrive/api/v2/dealFields/"+hex.EncodeToString(key[:]),
		strings.NewReader(`{"required_fields":{"enabled":true,"stage_ids":[12,13],"statuses":{}}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	reply, err := authorised{a.Transport()}.RoundTrip(req)
	if err != nil || reply.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", reply, err)
	}
	c := a.open(t)
	s := schema(t, c)
	want := []crm.Option{{Value: "1", Label: "ORGANIC_SEARCH"}, {Value: "2", Label: "REFERRALS"}}
	if diff := cmp.Diff(want, s.Channels); diff != "" {
		t.Errorf("channels (-want +got):\n%s", diff)
	}
	var required []string
	for _, st := range s.Pipelines[0].Stages {
		required = append(required, st.ID+": "+strings.Join(st.Required, ", "))
	}
	if diff := cmp.Diff([]string{"11: ", "12: Next step", "13: Next step"}, required); diff != "" || !s.RequiredKnown {
		t.Errorf("required fields, known %v (-want +got):\n%s", s.RequiredKnown, diff)
	}
	if s.RulesAvailable || s.OutreachKnown || s.CloseDateDefault != "" || s.OneCloseDate || len(s.ShippedSets) != 2 || s.ShippedSets[0][0] != "Qualified" {
		t.Errorf("the set-up is %+v", s)
	}
	unknown := crm.Fact(0)
	for _, m := range s.Unknown {
		unknown |= m.Fact
		if m.Why == "" || m.Cure == "" {
			t.Errorf("%b is not known, without a word", m.Fact)
		}
	}
	if want := crm.FactType | crm.FactQuotes | crm.FactEditor | crm.FactRules | crm.FactOutreach; unknown != want {
		t.Errorf("not known are %b, want %b", unknown, want)
	}
	deals, _, err := pull(t.Context(), c, s, crm.Work{Facts: crm.FactSource})
	if err != nil {
		t.Fatal(err)
	}
	for id, source := range map[string]string{"1000": "REFERRALS", "1001": "ORGANIC_SEARCH", "1002": "", "1003": ""} {
		if d := deals[id]; d.Source != source || !d.Known.Has(crm.FactSource) {
			t.Errorf("deal %s came by %q, known %v; want %q", id, d.Source, d.Known.Has(crm.FactSource), source)
		}
	}
}
