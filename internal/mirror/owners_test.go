package mirror

import (
	"testing"

	"github.com/plumbline/plumbline/internal/crm"
)

// Somebody who was hired while a full walk was under way is not gone.
func TestOwnerWhoCameDuringAFullWalk(t *testing.T) {
	g := newRig(20)
	g.portal.during = func(page int) {
		if page == 2 {
			g.portal.schema.Users = append(g.portal.schema.Users, crm.User{ID: "new", Name: "New", Active: true})
			g.portal.deals[g.portal.ids()[15]].Owner = "new"
		}
	}
	_, snap := g.sync(t)
	for _, u := range snap.Schema.Users {
		if u.ID == "new" && !u.Active {
			t.Errorf("the new owner is %+v", u)
		}
	}
	g.portal.during = nil
	g.portal.deals[g.portal.ids()[3]].Owner = "in no list"
	g.opts.Full = true
	g.sync(t)
	clear(g.portal.calls)
	g.sync(t)
	if n := g.portal.calls["schema"]; n != 1 {
		t.Errorf("the set-up was read %d times for an owner who was in no list before", n)
	}
}
