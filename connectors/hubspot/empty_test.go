package hubspot_test

import (
	"testing"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/sandbox"
	face "github.com/plumbline/plumbline/internal/sandbox/hubspot"
)

// A portal without anything in it is empty, not out of order.
func TestAnEmptyPortal(t *testing.T) {
	world := sandbox.Generate(sandbox.GenOptions{Deals: 1, Seed: 3, Healthy: true})
	world.Deals, world.Owners = nil, nil
	server, err := sandbox.New(sandbox.Options{Clock: world.Now}, face.New(world))
	if err != nil {
		t.Fatal(err)
	}
	p := &portal{world: world, server: server}
	p.reopen(t, nil)
	schema, err := p.conn.Schema(t.Context())
	if err != nil || len(schema.Users) != 0 || !schema.UsersKnown {
		t.Fatalf("%d users, %v", len(schema.Users), err)
	}
	pages := 0
	for page, err := range p.conn.Deals(t.Context(), schema, crm.Work{Facts: crm.AllFacts}) {
		if pages++; err != nil || !page.Last || len(page.Deals) != 0 {
			t.Fatalf("%+v, %v", page, err)
		}
	}
	if n, err := p.conn.(connectors.Counter).Count(t.Context(), 0); n != 0 || err != nil || pages != 1 {
		t.Errorf("%d deals, %v, %d pages", n, err, pages)
	}
	edit := crm.Edit{Key: "k", Op: crm.OpAddTask, After: crm.Fields{crm.FieldDeal: "17"}}
	if found, err := p.Lookup(t.Context(), schema, []crm.Edit{edit}); len(found) != 0 || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
	if live, err := p.Read(t.Context(), schema, []crm.Ref{{Kind: crm.KindDeal, ID: "17"}}, crm.FieldOwner); len(live) != 0 || err != nil {
		t.Errorf("live %v, %v", live, err)
	}
}
