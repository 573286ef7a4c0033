package losses

import (
	"iter"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// Within yields the deals that were lost in the time up to the moment of the numbers, as they stood then; archived deals are
// left out.
func Within(s *audit.Stats, window audit.Days) iter.Seq[crm.Row] {
	from := s.Now().Add(-window.Duration())
	return func(yield func(crm.Row) bool) {
		for r := range s.Deals() {
			if r.Status == crm.Lost && !r.Archived && r.Known.Has(crm.FactClosed) && r.Closed > from && r.Closed <= s.Now() && !yield(r) {
				return
			}
		}
	}
}
