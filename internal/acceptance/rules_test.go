package acceptance

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/connectors/hubspot"
	"github.com/plumbline/plumbline/internal/sandbox"
)

// TestARuleThatIsBypassed looks at a portal whose pipelines forbid skipping, lets another program move a deal from the first stage to
// won, and looks again: what happened before the rule was first seen is no breach, what happened since is.
func TestARuleThatIsBypassed(t *testing.T) {
	world := sandbox.Generate(sandbox.GenOptions{Deals: 120, Seed: 4, Healthy: true})
	o := opened(t, world)
	breaches := func() []audit.Finding {
		t.Helper()
		o.sync(t)
		r := o.audit(t)
		if j := r.Judged["rules-bypassed"]; j.Judged != len(world.Pipelines) || j.Unknown != 0 {
			t.Fatalf("of %d pipelines: %+v", len(world.Pipelines), j)
		}
		var out []audit.Finding
		for _, f := range r.Findings {
			if f.Policy == "rules-bypassed" {
				out = append(out, f)
			}
		}
		return out
	}
	if found := breaches(); len(found) != 0 {
		t.Fatalf("seen for the first time, %v", found)
	}
	o.pass(time.Hour)
	deal, won := "", ""
	for _, p := range world.Pipelines {
		for _, d := range world.Deals {
			if p.ID == "default" && d.Pipeline == p.ID && d.Stage == p.Stages[0].ID && !d.Archived {
				deal, won = d.ID, p.Stages[len(p.Stages)-2].ID
			}
		}
	}
	o.post(t, "/crm/objects/"+hubspot.Version+"/deals/batch/update", fmt.Sprintf(`{"inputs":[{"id":%q,"properties":{"dealstage":%q}}]}`, deal, won))
	o.pass(time.Hour)
	found := breaches()
	if len(found) != 1 || found[0].Subject.ID != "default" {
		t.Fatalf("after the move, %v", found)
	}
	want := audit.Facts{"since_at": found[0].Facts["since_at"], "skips_count": 1.0, "by": []string{"integrations (1)"}}
	if diff := cmp.Diff(want, found[0].Facts); diff != "" {
		t.Error(diff)
	}
}
