package snapfile

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/internal/crm"
)

// older are the facts that the first layout knew.
const older = crm.Fact(1<<16 - 1)

// TestOlderLayout reads a snapshot that was written in the first layout: what came later is not known of its deals.
func TestOlderLayout(t *testing.T) {
	text, err := os.ReadFile("testdata/format1.json")
	if err != nil {
		t.Fatal(err)
	}
	var kept struct {
		Meta   json.RawMessage
		Chunks []Chunk
	}
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	got, err := Decode(kept.Meta, each(kept.Chunks))
	if err != nil {
		t.Fatal(err)
	}
	want := bulk(t, 12)
	if got.Len() != want.Len() {
		t.Fatalf("%d deals, want %d", got.Len(), want.Len())
	}
	for i := range int32(got.Len()) {
		d := want.Export(i)
		d.Known = older
		if diff := cmp.Diff(d, got.Export(i)); diff != "" {
			t.Error(diff)
		}
		if got.Engagement(i) != (crm.Engagement{}) || got.Quote(i) != (crm.Quote{}) || got.DateChanges(i) != nil || got.Type(i) != 0 {
			t.Error("a deal of the first layout has what came later")
		}
	}
}

// TestColumnsCompressedOneByOne reads a snapshot of the layout in which every column was compressed by itself.
func TestColumnsCompressedOneByOne(t *testing.T) {
	text, err := os.ReadFile("testdata/format2.json")
	if err != nil {
		t.Fatal(err)
	}
	var kept struct {
		Meta   json.RawMessage
		Chunks []Chunk
	}
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	got, err := Decode(kept.Meta, each(kept.Chunks))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, got, bulk(t, 12))
}

// TestRareValuesCostNothing compares a portal in which one deal has a value with one in which none has.
func TestRareValuesCostNothing(t *testing.T) {
	none := bulk(t, 2000)
	b := crm.NewBuilder("acme", "hubspot", portal())
	for i := range int32(none.Len()) {
		d := none.Export(i)
		if i == 1500 {
			d.Quote.Signed, d.Contacts, d.Dates = d.Created+5, 3, []crm.DateChange{{At: d.Created, To: d.CloseDate}, {At: d.Created + 9}}
		}
		if err := b.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	one := b.Build(none.Taken, crm.AllFacts, crm.Completeness{})
	_, with, err := Encode(one)
	if err != nil {
		t.Fatal(err)
	}
	_, without, err := Encode(none)
	if err != nil {
		t.Fatal(err)
	}
	if more := len(with[0].Deals) - len(without[0].Deals); more <= 0 || more > 2000 {
		t.Errorf("one deal's rare values take %d bytes among 2,000 deals", more)
	}
	if c := one.Columns(); c.Touches != nil || c.QuotePaid != nil || c.Contacts[1499] != 0 || c.Contacts[1500] != 3 || c.QuoteSigned[1500] == 0 {
		t.Error("columns are there that no deal needs, or hold another deal's value")
	}
	if len(one.DateChanges(1499)) != 0 || len(one.DateChanges(1500)) != 2 || len(one.DateChanges(1501)) != 0 {
		t.Error("the close date's values are another deal's")
	}
}

// TestColumnsThatDoNotAddUp gives chunks of which one has a column that the other lacks.
func TestColumnsThatDoNotAddUp(t *testing.T) {
	s := bulk(t, 20)
	plain, chunks, err := encode(s, 10)
	if err != nil {
		t.Fatal(err)
	}
	s.Columns().Contacts = make([]int32, 20)
	_, full, err := encode(s, 10)
	if err != nil {
		t.Fatal(err)
	}
	chunks[1] = full[1]
	var m meta
	if err := json.Unmarshal(plain, &m); err != nil {
		t.Fatal(err)
	}
	m.Sums[1] = full[1].sum()
	mixed, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(mixed, each(chunks)); err == nil {
		t.Error("a column of half the deals was taken")
	}
}
