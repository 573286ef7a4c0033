// Package snapfile turns a snapshot into Apache Arrow tables and back.
//
// Its one idea: a snapshot is read and written whole, so it is stored as a few blocks of columns, not as rows. A snapshot
// is a small JSON text and chunks of at most [ChunkDeals] deals; a chunk is three Arrow IPC streams, each compressed by zstd
// as a whole (column by column takes a decoder for every one of them, which costs more than the columns):
//
//	deals  one row per deal in ascending order of id: "moves" counts its rows in moves, and the columns id, name, company,
//	       loss_reason, loss_text, loss_detail, merged, type, source, editor and closer are row numbers in texts;
//	       moments count from the deal's creation; the columns from updated on are there where a deal has a value
//	moves  one row per stage entry, in the order of the deals; "at" counts from its deal's creation
//	texts  the texts that appear first in this chunk; row numbers go on from the chunk before
//
// The columns stage, owner and currency are places in the JSON's stages (flattened), users and currencies; -1 is none.
//
// Its one rule: [Decode] gives what [Encode] was given or an error. The JSON holds a checksum of every chunk, which keeps
// damage away from the Arrow reader (it trusts lengths), and no index passes that points nowhere.
//
// [WriteArchive] and [ReadArchive] do the same for a file that leaves the store: a zip of tables with names, decimals and moments
// in UTC, for people and their tools.
package snapfile

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"

	"github.com/klauspost/compress/zstd"

	"github.com/plumbline/plumbline/internal/crm"
)

// ChunkDeals is the largest number of deals in one chunk.
const ChunkDeals = 65_536

// format is the number of this layout. A reader takes older ones, in which no deal has the columns that came later, and
// refuses newer ones.
const format = 3

// wholeFormat is the first layout whose streams are compressed as a whole; in those before it the columns are.
const wholeFormat = 3

// Chunk is a run of deals: three Arrow IPC streams, compressed.
type Chunk struct {
	Deals, Moves, Texts []byte
}

// meta is what a snapshot has beside its tables.
type meta struct {
	Format       int              `json:"format"`
	Portal       string           `json:"portal"`
	CRM          string           `json:"crm"`
	Taken        crm.Instant      `json:"taken"`
	Asked        crm.Fact         `json:"asked"`
	Completeness crm.Completeness `json:"completeness"`
	Schema       crm.Schema       `json:"schema"`
	Currencies   []string         `json:"currencies"`
	Deals        int              `json:"deals"`
	Moves        int              `json:"moves"`
	Texts        int              `json:"texts"`
	Sums         []uint32         `json:"sums"` // CRC-32C of each chunk
}

// sum is the checksum of a chunk.
func (c Chunk) sum() uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := uint32(0)
	for _, part := range [][]byte{c.Deals, c.Moves, c.Texts} {
		sum = crc32.Update(sum, table, binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		sum = crc32.Update(sum, table, part)
	}
	return sum
}

// Encode turns a snapshot into its JSON text and its chunks, of which there is at least one.
func Encode(s *crm.Snapshot) (metaJSON []byte, chunks []Chunk, err error) {
	return encode(s, ChunkDeals)
}

func encode(s *crm.Snapshot, chunkDeals int) ([]byte, []Chunk, error) {
	c := s.Columns()
	m := meta{
		Format: format, Portal: s.Portal, CRM: s.CRM, Taken: s.Taken, Asked: s.Asked, Completeness: s.Completeness,
		Schema: s.Schema, Currencies: c.Currencies, Deals: s.Len(), Moves: len(c.Moves), Texts: len(c.Texts),
	}
	pack, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, nil, fmt.Errorf("encode the snapshot: %w", err)
	}
	defer func() { _ = pack.Close() }() // it writes to nothing
	var chunks []Chunk
	textFrom := 0
	for from := 0; from == 0 || from < s.Len(); from += chunkDeals {
		to := min(from+chunkDeals, s.Len())
		textTo := max(textFrom, textsUsed(c, from, to))
		if to == s.Len() {
			textTo = len(c.Texts)
		}
		chunk, err := encodeChunk(c, from, to, textFrom, textTo)
		if err != nil {
			return nil, nil, fmt.Errorf("encode the snapshot: %w", err)
		}
		chunk = Chunk{pack.EncodeAll(chunk.Deals, nil), pack.EncodeAll(chunk.Moves, nil), pack.EncodeAll(chunk.Texts, nil)}
		chunks = append(chunks, chunk)
		m.Sums = append(m.Sums, chunk.sum())
		textFrom = textTo
	}
	metaJSON, err := json.Marshal(m)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the snapshot: %w", err)
	}
	return metaJSON, chunks, nil
}

// textsUsed returns one more than the highest text that a run of deals refers to.
func textsUsed(c *crm.Columns, from, to int) int {
	highest := crm.TextID(0)
	for _, ids := range textsOf(c) {
		if ids == nil {
			continue
		}
		for _, id := range ids[from:to] {
			highest = max(highest, id)
		}
	}
	return int(highest) + 1
}

func textsOf(c *crm.Columns) [][]crm.TextID {
	return [][]crm.TextID{c.ID, c.Name, c.Company, c.LossReason, c.LossText, c.LossDetail, c.Merged, c.Type, c.Source, c.Editor, c.Closer}
}

// Decode makes a snapshot of what Encode returned, with the chunks in their order.
func Decode(metaJSON []byte, chunks iter.Seq2[Chunk, error]) (*crm.Snapshot, error) {
	var m meta
	if err := json.Unmarshal(metaJSON, &m); err != nil {
		return nil, fmt.Errorf("decode the snapshot: %w", err)
	}
	if m.Format < 1 || m.Format > format {
		return nil, fmt.Errorf("decode the snapshot: its format is %d, this version of Plumbline reads up to %d", m.Format, format)
	}
	unpack, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(tableBytes))
	if err != nil {
		return nil, fmt.Errorf("decode the snapshot: %w", err)
	}
	defer unpack.Close()
	cols := crm.Columns{Currencies: m.Currencies}
	n := 0
	for chunk, err := range chunks {
		if err == nil && (n >= len(m.Sums) || m.Sums[n] != chunk.sum()) {
			err = errors.New("it is damaged")
		}
		if err == nil && m.Format >= wholeFormat {
			chunk, err = unpacked(unpack, chunk)
		}
		if err == nil {
			err = decodeChunk(&cols, chunk, m)
		}
		if err != nil {
			return nil, fmt.Errorf("decode chunk %d of the snapshot: %w", n, err)
		}
		n++
	}
	snap := crm.Assemble(crm.Snapshot{
		Portal: m.Portal, CRM: m.CRM, Taken: m.Taken, Asked: m.Asked, Completeness: m.Completeness, Schema: m.Schema,
	}, cols)
	if err := check(snap, m); err != nil {
		return nil, fmt.Errorf("decode the snapshot: %w", err)
	}
	return snap, nil
}

// unpacked are a chunk's streams as they were before they were compressed.
func unpacked(d *zstd.Decoder, c Chunk) (out Chunk, err error) {
	if out.Deals, err = d.DecodeAll(c.Deals, nil); err != nil {
		return out, fmt.Errorf("deals: %w", err)
	}
	if out.Moves, err = d.DecodeAll(c.Moves, nil); err != nil {
		return out, fmt.Errorf("moves: %w", err)
	}
	if out.Texts, err = d.DecodeAll(c.Texts, nil); err != nil {
		return out, fmt.Errorf("texts: %w", err)
	}
	return out, nil
}

// check makes sure that nothing is missing and that every index points at something.
func check(s *crm.Snapshot, m meta) error {
	c := s.Columns()
	if len(c.ID) != m.Deals || len(c.Moves) != m.Moves || len(c.Texts) != m.Texts {
		return fmt.Errorf("it has %d deals, %d moves and %d texts instead of %d, %d and %d",
			len(c.ID), len(c.Moves), len(c.Texts), m.Deals, m.Moves, m.Texts)
	}
	if !whole(c) {
		return errors.New("a column lacks values")
	}
	if len(c.Texts) == 0 || c.Texts[0] != "" {
		return errors.New("its first text is not empty")
	}
	for _, ids := range textsOf(c) {
		if !within(ids, 0, crm.TextID(len(c.Texts))) {
			return errors.New("a text is missing")
		}
	}
	stages, users := int32(s.NumStages()), int32(len(s.Schema.Users))
	switch {
	case !within(c.Stage, 0, stages):
		return errors.New("a deal's stage is missing")
	case !within(c.Owner, crm.None, users):
		return errors.New("a deal's owner is missing")
	case !within(c.Currency, 0, int32(len(c.Currencies))):
		return errors.New("a deal's currency is missing")
	case !within(c.Status, crm.Open, crm.Lost+1):
		return errors.New("a deal's status is not known")
	}
	for i := range c.Moves {
		if at := c.Moves[i].Stage; at < crm.None || at >= stages {
			return errors.New("a move's stage is missing")
		}
	}
	if n := len(c.MoveEnd); n > 0 && int(c.MoveEnd[n-1]) != len(c.Moves) {
		return errors.New("its moves do not add up")
	}
	return nil
}

// whole reports whether every column that need not be there has a value for every deal, or is not there.
func whole(c *crm.Columns) bool {
	n := len(c.ID)
	for _, col := range [][]crm.Instant{c.Updated, c.FirstTouch, c.FirstMeeting, c.FirstMail, c.NextDue, c.QuotePublished, c.QuoteExpires, c.QuoteSigned, c.QuotePaid} {
		if col != nil && len(col) != n {
			return false
		}
	}
	for _, col := range [][]crm.TextID{c.Type, c.Source, c.Editor, c.Closer} {
		if col != nil && len(col) != n {
			return false
		}
	}
	for _, col := range [][]int32{c.Contacts, c.Touches} {
		if col != nil && len(col) != n {
			return false
		}
	}
	return (c.LineTotal == nil || len(c.LineTotal) == n) && (c.DateEnd == nil || len(c.DateEnd) == n)
}

// within reports whether every value is in [low, high).
func within[T crm.TextID | int32 | crm.Status](values []T, low, high T) bool {
	for _, v := range values {
		if v < low || v >= high {
			return false
		}
	}
	return true
}
