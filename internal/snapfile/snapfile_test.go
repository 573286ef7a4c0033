package snapfile

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/internal/crm"
)

func each(chunks []Chunk) iter.Seq2[Chunk, error] {
	return func(yield func(Chunk, error) bool) {
		for _, c := range chunks {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// portal is a set-up with two pipelines, all kinds of stages and two owners.
func portal() crm.Schema {
	half, rot := 0.5, 14
	return crm.Schema{
		Account: "42", Currency: "EUR", Zone: "Europe/Paris", DealURL: "https://crm.example/{id}", UsersKnown: true, HistoryFrom: 12_345_678,
		Pipelines: []crm.Pipeline{
			{ID: "sales", Name: "Sales", Created: 1, Stages: []crm.Stage{
				{ID: "new", Name: "New", Order: 0, Probability: &half, RotDays: &rot},
				{ID: "won", Name: "Won", Order: 1, Kind: crm.Won}, {ID: "lost", Name: "Lost", Order: 2, Kind: crm.Lost}}},
			{ID: "renewals", Name: "Renewals", Order: 1, Stages: []crm.Stage{{ID: "due", Name: "Due", Order: 0}}},
		},
		Users:      []crm.User{{ID: "u1", Name: "Ada", Active: true}, {ID: "u2", Name: "Brian", Queue: true}},
		LossReason: crm.LossReason{Kind: crm.LossOptions, Field: "reason", Options: []crm.Option{{Value: "budget", Label: "Budget"}}, Writable: true},
		Scopes:     []string{"deals.read"}, Unknown: []crm.MissingFact{{Fact: crm.FactBuyer, Why: "no scope", Cure: "grant it"}}, ClosedStages: true,
	}
}

func drawInstant(t *rapid.T, name string) crm.Instant {
	return crm.Instant(rapid.Int64Range(-1<<55, 1<<55).Draw(t, name)) * crm.Instant(rapid.IntRange(0, 1).Draw(t, name+" known"))
}

// drawDeal draws a deal with every field filled now and then, odd values included.
func drawDeal(t *rapid.T, id string) crm.Deal {
	text := rapid.OneOf(rapid.Just(""), rapid.SampledFrom([]string{"Acme", "prix trop élevé", "预算"}), rapid.String())
	stage := rapid.SampledFrom([][2]string{{"sales", "new"}, {"sales", "won"}, {"sales", "lost"}, {"renewals", "due"}}).Draw(t, "stage")
	d := crm.Deal{
		ID: id, Name: text.Draw(t, "name"), Pipeline: stage[0], Stage: stage[1],
		Owner:    rapid.SampledFrom([]string{"", "u1", "u2", "gone"}).Draw(t, "owner"),
		Currency: rapid.SampledFrom([]string{"EUR", "USD", ""}).Draw(t, "currency"), Company: text.Draw(t, "company"),
		Amount:  crm.Amount(rapid.Int64().Draw(t, "amount")),
		Created: drawInstant(t, "created"), Modified: drawInstant(t, "modified"), Closed: drawInstant(t, "closed"), StageEntry: drawInstant(t, "entry"),
		CloseDate: drawInstant(t, "close date"), Touch: drawInstant(t, "touch"), Buyer: drawInstant(t, "buyer"), Planned: drawInstant(t, "planned"),
		LossReason: text.Draw(t, "reason"), LossText: text.Draw(t, "text"), LossDetail: text.Draw(t, "detail"),
		Origin: crm.Origin(rapid.IntRange(0, 5).Draw(t, "origin")), Archived: rapid.Bool().Draw(t, "archived"),
		Known: crm.Fact(rapid.Uint32Range(0, uint32(crm.AllFacts)).Draw(t, "facts")),
	}
	if rapid.IntRange(0, 3).Draw(t, "more") == 0 {
		d.Updated, d.Type, d.Source = drawInstant(t, "updated"), text.Draw(t, "type"), text.Draw(t, "source")
		d.Contacts, d.Touches, d.FirstTouch = rapid.Int32().Draw(t, "contacts"), rapid.Int32().Draw(t, "touches"), drawInstant(t, "first touch")
		d.FirstMeeting, d.FirstMail, d.NextDue = drawInstant(t, "meeting"), drawInstant(t, "mail"), drawInstant(t, "due")
		d.Quote = crm.Quote{Published: drawInstant(t, "published"), Expires: drawInstant(t, "expires"), Signed: drawInstant(t, "signed"), Paid: drawInstant(t, "paid")}
		d.LineTotal, d.Editor, d.Closer = crm.Amount(rapid.Int64().Draw(t, "lines")), text.Draw(t, "editor"), text.Draw(t, "closer")
		for range rapid.IntRange(0, 3).Draw(t, "dates") {
			d.Dates = append(d.Dates, crm.DateChange{At: drawInstant(t, "set"), To: drawInstant(t, "to"), Origin: crm.Origin(rapid.IntRange(0, 5).Draw(t, "set by"))})
		}
	}
	if rapid.Bool().Draw(t, "own status") {
		s := crm.Status(rapid.IntRange(0, 2).Draw(t, "status"))
		d.Status = &s
	}
	for range rapid.IntRange(0, 4).Draw(t, "moves") {
		d.Moves = append(d.Moves, crm.StageMove{Stage: rapid.SampledFrom([]string{"new", "won", "due", "deleted"}).Draw(t, "to"),
			At: drawInstant(t, "at"), Origin: crm.Origin(rapid.IntRange(0, 5).Draw(t, "by"))})
	}
	if rapid.Bool().Draw(t, "merged") {
		d.Merged = []string{"51", id + "-old"}
	}
	return d
}

func drawSnapshot(t *rapid.T) *crm.Snapshot {
	b := crm.NewBuilder("acme", "hubspot", portal())
	for i := range rapid.IntRange(0, 12).Draw(t, "deals") {
		if err := b.Add(drawDeal(t, fmt.Sprint(100+i*7))); err != nil {
			t.Fatal(err)
		}
	}
	expected, day := int64(9), crm.At(time.Date(2026, 11, 22, 6, 0, 0, 123_456_000, time.UTC))
	c := crm.Completeness{Read: map[string]crm.Count{"deals": {Expected: &expected, Read: 8, Failed: 1}}, Gaps: []crm.Gap{{Object: "deals", Why: "one is locked", RetryAt: day}}}
	return b.Build(day, crm.AllFacts, c)
}

func compare(t rapid.TB, got, want *crm.Snapshot) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(crm.Snapshot{})); d != "" {
		t.Errorf("what is beside the deals differs (-want +got):\n%s", d)
	}
	if d := cmp.Diff(want.Columns(), got.Columns(), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("the deals differ (-want +got):\n%s", d)
	}
	if got.NumStages() != want.NumStages() || got.Zone().String() != want.Zone().String() {
		t.Errorf("%d stages in zone %s, want %d in %s", got.NumStages(), got.Zone(), want.NumStages(), want.Zone())
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawSnapshot(t)
		size := rapid.IntRange(1, 14).Draw(t, "deals per chunk")
		meta, chunks, err := encode(want, size)
		if err != nil {
			t.Fatal(err)
		}
		if n := max(1, (want.Len()+size-1)/size); len(chunks) != n {
			t.Errorf("%d deals by %d are %d chunks, want %d", want.Len(), size, len(chunks), n)
		}
		got, err := Decode(meta, each(chunks))
		if err != nil {
			t.Fatal(err)
		}
		compare(t, got, want)
	})
}

// TestIndexes gives tables whose checksums are right and whose indexes are not.
func TestIndexes(t *testing.T) {
	for name, spoil := range map[string]func(c *crm.Columns){
		"text":           func(c *crm.Columns) { c.Name[3] = crm.TextID(len(c.Texts)) },
		"stage":          func(c *crm.Columns) { c.Stage[3] = 4 },
		"negative stage": func(c *crm.Columns) { c.Stage[3] = crm.None },
		"owner":          func(c *crm.Columns) { c.Owner[3] = 2 },
		"currency":       func(c *crm.Columns) { c.Currency[3] = 1 },
		"status":         func(c *crm.Columns) { c.Status[3] = 3 },
		"move":           func(c *crm.Columns) { c.Moves[3].Stage = 4 },
		"first text":     func(c *crm.Columns) { c.Texts[0] = "x" },
	} {
		s := bulk(t, 10)
		spoil(s.Columns())
		meta, chunks, err := Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(meta, each(chunks)); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}

// TestDamage cuts, drops and swaps what was stored: whatever is missing must be noticed.
func TestDamage(t *testing.T) {
	s := bulk(t, 40)
	meta, chunks, err := encode(s, 16)
	if err != nil {
		t.Fatal(err)
	}
	cut := func(b []byte) []byte { return b[:len(b)*2/3] }
	with := func(i int, change func(c *Chunk)) []Chunk {
		out := append([]Chunk(nil), chunks...)
		change(&out[i])
		return out
	}
	for name, damaged := range map[string][]Chunk{
		"no chunks":          nil,
		"last chunk lost":    chunks[:2],
		"first chunk lost":   chunks[1:],
		"chunk twice":        append([]Chunk{chunks[0]}, chunks...),
		"deals cut":          with(1, func(c *Chunk) { c.Deals = cut(c.Deals) }),
		"moves cut":          with(1, func(c *Chunk) { c.Moves = cut(c.Moves) }),
		"texts cut":          with(1, func(c *Chunk) { c.Texts = cut(c.Texts) }),
		"tables exchanged":   with(1, func(c *Chunk) { c.Deals, c.Moves = c.Moves, c.Deals }),
		"texts of another":   with(2, func(c *Chunk) { c.Texts = chunks[0].Texts }),
		"moves of another":   with(2, func(c *Chunk) { c.Moves = chunks[0].Moves }),
		"two streams in one": with(0, func(c *Chunk) { c.Texts = nil }),
	} {
		if _, err := Decode(meta, each(damaged)); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	if _, err := Decode([]byte(strings.Replace(string(meta), `"format":3`, `"format":4`, 1)), each(chunks)); err == nil || !strings.Contains(err.Error(), "format") {
		t.Errorf("another format: %v", err)
	}
	if _, err := Decode([]byte(strings.Replace(string(meta), `"id":"renewals"`, `"id":"renewals","stages":[],"x":"`, 1)), each(chunks)); err == nil {
		t.Error("a broken JSON text was taken")
	}
	lost := errors.New("the disk is gone")
	if _, err := Decode(meta, func(yield func(Chunk, error) bool) { yield(Chunk{}, lost) }); !errors.Is(err, lost) {
		t.Errorf("reading failed: %v", err)
	}
}

// bulk is a snapshot of n deals much as a portal has them: five moves each, a few owners, some loss reasons.
func bulk(t testing.TB, n int) *crm.Snapshot {
	t.Helper()
	r := rand.New(rand.NewPCG(1, uint64(n)))
	b := crm.NewBuilder("acme", "hubspot", portal())
	start := crm.At(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))
	for i := range n {
		created := start.Add(time.Duration(r.Int64N(900*24*3600*1000)) * time.Millisecond)
		later := func(days int64) crm.Instant {
			return created.Add(time.Duration(r.Int64N(days*24*3600*1000)) * time.Millisecond)
		}
		stage := []string{"new", "won", "lost"}[r.IntN(3)]
		d := crm.Deal{
			ID: fmt.Sprint(10_000_000_000 + i*13), Name: fmt.Sprintf("Deal %d of company %d", i, r.IntN(n)), Pipeline: "sales", Stage: stage,
			Owner: []string{"u1", "u2", ""}[r.IntN(3)], Currency: "EUR", Company: fmt.Sprint(20_000_000 + r.IntN(n/3+1)), Amount: crm.Amount(r.IntN(100_000) * 10_000),
			Created: created, Modified: later(90), StageEntry: later(60), CloseDate: start.Add(time.Duration(r.IntN(1000)) * 24 * time.Hour), Touch: later(60),
			Buyer: later(60), Planned: later(90), Origin: crm.OriginPerson, Known: crm.AllFacts,
		}
		if stage == "lost" {
			d.LossReason, d.Closed = fmt.Sprintf("too expensive, variant %d", r.IntN(200)), later(90)
		}
		for k := range 5 {
			d.Moves = append(d.Moves, crm.StageMove{Stage: "new", At: later(int64(k)*12 + 1), Origin: crm.OriginPerson})
		}
		if err := b.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	return b.Build(start, crm.AllFacts, crm.Completeness{})
}

// TestFullChunk crosses the border of a full chunk.
func TestFullChunk(t *testing.T) {
	want := bulk(t, ChunkDeals+3)
	meta, chunks, err := Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	if len(chunks) != 2 {
		t.Fatalf("%d chunks, want 2", len(chunks))
	}
	got, err := Decode(meta, each(chunks))
	if err != nil {
		t.Fatal(err)
	}
	if i, ok := got.Find(want.ID(ChunkDeals + 1)); !ok || cmp.Diff(want.Export(i), got.Export(i)) != "" {
		t.Error("a deal of the second chunk differs")
	}
	bytes := len(meta)
	for _, c := range chunks {
		bytes += len(c.Deals) + len(c.Moves) + len(c.Texts)
	}
	if per := bytes / want.Len(); per > 100 {
		t.Errorf("%d bytes per deal on disk, want at most 100", per)
	}
}

func FuzzDecode(f *testing.F) {
	meta, chunks, err := encode(bulk(f, 20), 20)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(meta, chunks[0].Deals, chunks[0].Moves, chunks[0].Texts)
	f.Fuzz(func(t *testing.T, meta, deals, moves, texts []byte) {
		s, err := Decode(meta, each([]Chunk{{deals, moves, texts}}))
		if err != nil {
			return
		}
		for i := range int32(s.Len()) { // what was taken must be safe to read
			s.Export(i)
		}
	})
}

// FuzzDecodeFlip changes single bytes of good tables: no change may pass.
func FuzzDecodeFlip(f *testing.F) {
	meta, chunks, err := encode(bulk(f, 50), 50)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint(0), uint(100), byte(1))
	f.Add(uint(1), uint(40), byte(255))
	f.Add(uint(2), uint(300), byte(7))
	f.Fuzz(func(t *testing.T, table, at uint, x byte) {
		c := chunks[0]
		b := []*[]byte{&c.Deals, &c.Moves, &c.Texts}[table%3]
		*b = append([]byte(nil), *b...)
		(*b)[at%uint(len(*b))] ^= x
		if _, err := Decode(meta, each([]Chunk{c})); (err == nil) != (x == 0) {
			t.Errorf("byte %d of table %d changed by %#x: %v", at, table%3, x, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			if n > 100_000 && testing.Short() {
				b.Skip("a million deals take a while to make")
			}
			meta, chunks, err := Encode(bulk(b, n))
			if err != nil {
				b.Fatal(err)
			}
			size := 0
			for _, c := range chunks {
				size += len(c.Deals) + len(c.Moves) + len(c.Texts)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(meta, each(chunks)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(size)/float64(n), "disk-B/deal")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/deal")
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	s := bulk(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Encode(s); err != nil {
			b.Fatal(err)
		}
	}
}
