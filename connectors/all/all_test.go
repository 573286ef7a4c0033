package all

import "testing"

func TestTypes(t *testing.T) {
	seen := map[string]bool{}
	for _, typ := range Types() {
		if typ.Name == "" || typ.Open == nil || seen[typ.Name] {
			t.Errorf("type %q is nameless, twice in the list, or cannot be opened", typ.Name)
		}
		seen[typ.Name] = true
		if got, ok := Find(typ.Name); !ok || got.Name != typ.Name {
			t.Errorf("Find(%q) gives %q, %v", typ.Name, got.Name, ok)
		}
	}
	if _, ok := Find("salesforce"); ok || !seen["hubspot"] || !seen["pipedrive"] {
		t.Error("the list holds a kind that does not exist, or lacks HubSpot or Pipedrive")
	}
}
