package mirror

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/internal/crm"
)

// When something happened first stays known after a walk can no longer tell it; that it never happened does not.
func TestWhatCameFirstIsRemembered(t *testing.T) {
	lost := crm.Lost
	before := crm.Deal{FirstTouch: 5, FirstMail: 5, Closer: "9", Closed: 8, Status: &lost, CloseDate: 3, Dates: []crm.DateChange{{At: 1, To: 3}},
		Known: crm.FactFirstTouch | crm.FactFirstMail | crm.FactFirstMeeting | crm.FactCloser | crm.FactClosed | crm.FactDates | crm.FactCloseDate}
	for name, tt := range map[string]struct {
		now, want crm.Deal
		asked     crm.Fact
	}{
		"nothing is told":      {crm.Deal{}, crm.Deal{FirstTouch: 5, FirstMail: 5, Known: crm.FactFirstTouch | crm.FactFirstMail}, crm.AllFacts},
		"nothing is asked for": {crm.Deal{}, crm.Deal{}, 0},
		"what is told counts":  {crm.Deal{FirstMail: 4, Known: crm.FactFirstMail}, crm.Deal{FirstMail: 4, Known: crm.FactFirstMail}, crm.FactFirstMail},
		"closed as it was": {
			crm.Deal{Closed: 8, Status: &lost, Known: crm.FactClosed}, crm.Deal{Closed: 8, Status: &lost, Closer: "9", Known: crm.FactClosed | crm.FactCloser}, crm.FactCloser},
		"closed again": {crm.Deal{Closed: 9, Status: &lost, Known: crm.FactClosed}, crm.Deal{Closed: 9, Status: &lost, Known: crm.FactClosed}, crm.FactCloser},
		"open again":   {crm.Deal{Known: crm.FactClosed}, crm.Deal{Known: crm.FactClosed}, crm.FactCloser},
		"the same date": {
			crm.Deal{CloseDate: 3, Known: crm.FactCloseDate},
			crm.Deal{CloseDate: 3, Dates: before.Dates, Known: crm.FactCloseDate | crm.FactDates}, crm.FactDates},
		"another date": {crm.Deal{CloseDate: 4, Known: crm.FactCloseDate}, crm.Deal{CloseDate: 4, Known: crm.FactCloseDate}, crm.FactDates},
	} {
		remember(&tt.now, &before, tt.asked)
		if diff := cmp.Diff(tt.want, tt.now); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
