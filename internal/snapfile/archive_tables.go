package snapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/plumbline/plumbline/internal/crm"
)

// archiveTable is one table of an archive: how it is written of a snapshot, and how what is read of it is put into the deals.
type archiveTable struct {
	file    string
	columns []string
	write   func(w io.Writer, s *crm.Snapshot) (rows int64, err error)
	read    func(b []byte, rows int64, deals []crm.Deal) ([]crm.Deal, error)
}

// archiveTables are the tables of an archive, in the order in which they are read.
func archiveTables() []archiveTable {
	return []archiveTable{
		{"deals.arrow", namesOf(dealFields()),
			func(w io.Writer, s *crm.Snapshot) (int64, error) { return writeRows(w, dealFields(), dealRows(s)) },
			func(b []byte, rows int64, deals []crm.Deal) ([]crm.Deal, error) {
				err := readRows(b, rows, dealFields(), func(r *dealRow) error {
					if n := len(deals); r.deal.ID == "" || n > 0 && deals[n-1].ID >= r.deal.ID {
						return fmt.Errorf("deal %q is there twice or out of order", r.deal.ID)
					}
					deals = append(deals, r.deal)
					return nil
				})
				return deals, err
			}},
		{"moves.arrow", namesOf(moveFields()),
			func(w io.Writer, s *crm.Snapshot) (int64, error) { return writeRows(w, moveFields(), moveRows(s)) },
			func(b []byte, rows int64, deals []crm.Deal) ([]crm.Deal, error) {
				at := 0
				return deals, readRows(b, rows, moveFields(), func(r *moveRow) error {
					d, err := find(deals, &at, r.deal)
					if err == nil {
						d.Moves = append(d.Moves, r.move)
					}
					return err
				})
			}},
		{"close_dates.arrow", namesOf(dateFields()),
			func(w io.Writer, s *crm.Snapshot) (int64, error) { return writeRows(w, dateFields(), dateRows(s)) },
			func(b []byte, rows int64, deals []crm.Deal) ([]crm.Deal, error) {
				at := 0
				return deals, readRows(b, rows, dateFields(), func(r *dateRow) error {
					d, err := find(deals, &at, r.deal)
					if err == nil {
						d.Dates = append(d.Dates, r.change)
					}
					return err
				})
			}},
	}
}

// find goes on to the deal of an id: what belongs to deals is in their order.
func find(deals []crm.Deal, at *int, id string) (*crm.Deal, error) {
	for *at < len(deals) && deals[*at].ID != id {
		*at++
	}
	if *at == len(deals) {
		return nil, fmt.Errorf("deal %q is not among the deals, or it is out of order", id)
	}
	return &deals[*at], nil
}

// The rows of the tables. What is there for people alone is not read back.
type (
	dealRow struct {
		deal                   crm.Deal
		status                 crm.Status
		pipeline, stage, owner string // names
	}
	moveRow struct {
		deal                        string
		move                        crm.StageMove
		stage, pipelineID, pipeline string
	}
	dateRow struct {
		deal   string
		change crm.DateChange
	}
)

func dealRows(s *crm.Snapshot) iter.Seq[*dealRow] {
	return func(yield func(*dealRow) bool) {
		for i := range int32(s.Len()) {
			r := s.Deal(i)
			row := dealRow{deal: s.Export(i), status: r.Status, pipeline: s.Schema.Pipelines[r.Pipeline].Name, stage: s.Stage(r.Stage).Name}
			if r.Owner != crm.None {
				row.owner = s.Schema.Users[r.Owner].Name
			}
			if !yield(&row) {
				return
			}
		}
	}
}

func moveRows(s *crm.Snapshot) iter.Seq[*moveRow] {
	return func(yield func(*moveRow) bool) {
		for i := range int32(s.Len()) {
			for _, m := range s.Moves(i) {
				row := moveRow{deal: s.ID(i), move: crm.StageMove{At: m.At, Origin: m.Origin}}
				if m.Stage != crm.None {
					p := s.Schema.Pipelines[s.PipelineOf(m.Stage)]
					row.move.Stage, row.stage, row.pipelineID, row.pipeline = s.Stage(m.Stage).ID, s.Stage(m.Stage).Name, p.ID, p.Name
				}
				if !yield(&row) {
					return
				}
			}
		}
	}
}

func dateRows(s *crm.Snapshot) iter.Seq[*dateRow] {
	return func(yield func(*dateRow) bool) {
		for i := range int32(s.Len()) {
			for _, d := range s.DateChanges(i) {
				if !yield(&dateRow{s.ID(i), d}) {
					return
				}
			}
		}
	}
}

// field is one column of an archive's table.
type field[R any] struct {
	name string
	typ  arrow.DataType
	put  func(b array.Builder, r *R) error
	get  func(a arrow.Array, i int, r *R) error // nil: it is there for people
}

func namesOf[R any](fields []field[R]) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.name
	}
	return out
}

func fieldsOf[R any](fields []field[R]) *arrow.Schema {
	out := make([]arrow.Field, len(fields))
	for i, f := range fields {
		out[i] = arrow.Field{Name: f.name, Type: f.typ, Nullable: true}
	}
	return arrow.NewSchema(out, nil)
}

// writeRows writes rows as an Arrow IPC file of batches of at most ChunkDeals.
func writeRows[R any](w io.Writer, fields []field[R], rows iter.Seq[*R]) (n int64, err error) {
	schema := fieldsOf(fields)
	out, err := ipc.NewFileWriter(w, ipc.WithSchema(schema))
	if err != nil {
		return 0, err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	flush := func() error {
		batch := b.NewRecordBatch()
		defer batch.Release()
		return out.Write(batch)
	}
	for r := range rows {
		for i := range fields {
			if err := fields[i].put(b.Field(i), r); err != nil {
				return n, fmt.Errorf("row %d: %s: %w", n, fields[i].name, err)
			}
		}
		if n++; n%ChunkDeals == 0 {
			if err := flush(); err != nil {
				return n, err
			}
		}
	}
	if n%ChunkDeals != 0 || n == 0 {
		if err := flush(); err != nil {
			return n, err
		}
	}
	return n, out.Close()
}

// fileMagic begins an Arrow IPC file; behind it, padded to eight bytes, is a stream.
const fileMagic = "ARROW1\x00\x00"

// rebased puts our own schema in the place of that of a table, which begins its stream: the Arrow reader makes room for as many
// columns as a schema says that it has, were it billions. That the columns are these is what the manifest says.
func rebased(b []byte, schema *arrow.Schema) (io.Reader, error) {
	stream, ok := bytes.CutPrefix(b, []byte(fileMagic))
	if !ok {
		return nil, errors.New("it is not an Arrow file")
	}
	var own bytes.Buffer
	if err := ipc.NewWriter(&own, ipc.WithSchema(schema)).Close(); err != nil {
		return nil, err
	}
	ours, _, err := firstMessage(own.Bytes())
	if err != nil {
		return nil, err
	}
	_, rest, err := firstMessage(stream)
	return io.MultiReader(bytes.NewReader(ours), bytes.NewReader(rest)), err
}

// firstMessage cuts a stream behind its first message, which has no body.
func firstMessage(stream []byte) (message, rest []byte, err error) {
	const head = 8 // a mark, and the length of what follows
	if len(stream) < head || binary.LittleEndian.Uint32(stream) != math.MaxUint32 {
		return nil, nil, errors.New("it is not an Arrow file")
	}
	length := int64(binary.LittleEndian.Uint32(stream[4:]))
	if length > int64(len(stream)-head) {
		return nil, nil, errors.New("it is cut off")
	}
	return stream[:head+length], stream[head+length:], nil
}

// readRows calls take with every row of a table, which must have these columns and so many rows. The row is good until the
// next call.
func readRows[R any](b []byte, rows int64, fields []field[R], take func(*R) error) (err error) {
	defer func() { // the Arrow reader trusts offsets and lengths; what they lead to is caught here
		if r := recover(); r != nil {
			err = fmt.Errorf("it is damaged: %v", r)
		}
	}()
	stream, err := rebased(b, fieldsOf(fields))
	if err != nil {
		return err
	}
	in, err := ipc.NewReader(stream, ipc.WithAllocator(&limited{left: tableBytes}), ipc.WithBodySizeLimit(tableBytes), ipc.WithMetadataSizeLimit(1<<20))
	if err != nil {
		return err
	}
	defer in.Release()
	n := int64(0)
	for in.Next() {
		batch := in.RecordBatch()
		for i := range int(batch.NumRows()) {
			var row R
			for k, f := range fields {
				if f.get == nil || batch.Column(k).IsNull(i) {
					continue
				}
				if err := f.get(batch.Column(k), i, &row); err != nil {
					return fmt.Errorf("row %d: %s: %w", n, f.name, err)
				}
			}
			if err := take(&row); err != nil {
				return fmt.Errorf("row %d: %w", n, err)
			}
			n++
		}
	}
	if err := in.Err(); err != nil {
		return err
	}
	if n != rows {
		return fmt.Errorf("it has %d rows instead of %d", n, rows)
	}
	return nil
}

// words makes a column of texts; "" is null.
func words[R any](name string, of func(*R) *string) field[R] {
	return field[R]{name, arrow.BinaryTypes.String,
		func(b array.Builder, r *R) error { return putText(b, *of(r)) },
		func(a arrow.Array, i int, r *R) (err error) {
			*of(r), err = text(a, i)
			return err
		}}
}

// shown makes a column of texts that is there for people.
func shown[R any](name string, of func(*R) string) field[R] {
	return field[R]{name: name, typ: arrow.BinaryTypes.String, put: func(b array.Builder, r *R) error { return putText(b, of(r)) }}
}

func putText(b array.Builder, s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%q is not a text in UTF-8", s)
	}
	if s == "" {
		b.AppendNull()
		return nil
	}
	b.(*array.StringBuilder).Append(s)
	return nil
}

func text(a arrow.Array, i int) (string, error) {
	s := a.(*array.String).Value(i)
	if !utf8.ValidString(s) {
		return "", errors.New("it is not a text in UTF-8")
	}
	return strings.Clone(s), nil // else it would keep the whole table in memory
}

// named makes a column of one of a few words by their number.
func named[R any, T ~uint8](name string, words []string, of func(*R) T, set func(*R, T)) field[R] {
	return field[R]{name, arrow.BinaryTypes.String,
		func(b array.Builder, r *R) error {
			if int(of(r)) >= len(words) {
				return fmt.Errorf("there is no word for %d", of(r))
			}
			return putText(b, words[of(r)])
		},
		func(a arrow.Array, i int, r *R) error {
			k := slices.Index(words, a.(*array.String).Value(i))
			if k < 0 {
				return errors.New("it is not a word of this format")
			}
			set(r, T(k))
			return nil
		}}
}

func statusWords() []string { return []string{"open", "won", "lost"} }

func originWords() []string {
	return []string{"unknown", "person", "automation", "integration", "import", "plumbline"}
}

// moment makes a column of moments; none is null.
func moment[R any](name string, of func(*R) *crm.Instant) field[R] {
	return field[R]{name, createdType,
		func(b array.Builder, r *R) error {
			if v := *of(r); !v.IsZero() {
				b.(*array.TimestampBuilder).Append(arrow.Timestamp(v))
			} else {
				b.AppendNull()
			}
			return nil
		},
		func(a arrow.Array, i int, r *R) error {
			*of(r) = crm.Instant(a.(*array.Timestamp).Value(i))
			return nil
		}}
}

// money makes a column of sums as decimals; zero, which stands for none, is null.
func money[R any](name string, of func(*R) *crm.Amount) field[R] {
	return field[R]{name, &arrow.Decimal128Type{Precision: 19, Scale: 4},
		func(b array.Builder, r *R) error {
			if v := *of(r); v != 0 {
				b.(*array.Decimal128Builder).Append(decimal128.FromI64(int64(v)))
			} else {
				b.AppendNull()
			}
			return nil
		},
		func(a arrow.Array, i int, r *R) error {
			v := a.(*array.Decimal128).Value(i)
			low := int64(v.LowBits()) //nolint:gosec // the comparison finds what does not fit
			if decimal128.FromI64(low) != v {
				return errors.New("the sum is beyond all measure")
			}
			*of(r) = crm.Amount(low)
			return nil
		}}
}

// tallied makes a column of numbers; zero where the number is not known is null.
func tallied(name string, fact crm.Fact, of func(*dealRow) *int32) field[dealRow] {
	return field[dealRow]{name, arrow.PrimitiveTypes.Int32,
		func(b array.Builder, r *dealRow) error {
			if v := *of(r); v != 0 || r.deal.Known.Has(fact) {
				b.(*array.Int32Builder).Append(v)
			} else {
				b.AppendNull()
			}
			return nil
		},
		func(a arrow.Array, i int, r *dealRow) error {
			*of(r) = a.(*array.Int32).Value(i)
			return nil
		}}
}

// dealFields are the columns of deals.arrow, one row per deal in ascending order of id.
func dealFields() []field[dealRow] {
	type R = dealRow
	return []field[R]{
		words("id", func(r *R) *string { return &r.deal.ID }),
		words("name", func(r *R) *string { return &r.deal.Name }),
		words("pipeline_id", func(r *R) *string { return &r.deal.Pipeline }),
		shown("pipeline", func(r *R) string { return r.pipeline }),
		words("stage_id", func(r *R) *string { return &r.deal.Stage }),
		shown("stage", func(r *R) string { return r.stage }),
		named("status", statusWords(), func(r *R) crm.Status { return r.status }, func(r *R, s crm.Status) { r.deal.Status = &s }),
		words("owner_id", func(r *R) *string { return &r.deal.Owner }),
		shown("owner", func(r *R) string { return r.owner }),
		words("company", func(r *R) *string { return &r.deal.Company }),
		money("amount", func(r *R) *crm.Amount { return &r.deal.Amount }),
		words("currency", func(r *R) *string { return &r.deal.Currency }),
		moment("created", func(r *R) *crm.Instant { return &r.deal.Created }),
		moment("closed", func(r *R) *crm.Instant { return &r.deal.Closed }),
		moment("stage_entry", func(r *R) *crm.Instant { return &r.deal.StageEntry }),
		moment("close_date", func(r *R) *crm.Instant { return &r.deal.CloseDate }),
		moment("last_touch", func(r *R) *crm.Instant { return &r.deal.Touch }),
		moment("last_buyer_activity", func(r *R) *crm.Instant { return &r.deal.Buyer }),
		moment("next_planned", func(r *R) *crm.Instant { return &r.deal.Planned }),
		moment("next_due", func(r *R) *crm.Instant { return &r.deal.NextDue }),
		moment("modified", func(r *R) *crm.Instant { return &r.deal.Modified }),
		moment("updated", func(r *R) *crm.Instant { return &r.deal.Updated }),
		words("loss_reason", func(r *R) *string { return &r.deal.LossReason }),
		words("loss_text", func(r *R) *string { return &r.deal.LossText }),
		words("loss_detail", func(r *R) *string { return &r.deal.LossDetail }),
		words("type", func(r *R) *string { return &r.deal.Type }),
		words("source", func(r *R) *string { return &r.deal.Source }),
		tallied("contacts", crm.FactContacts, func(r *R) *int32 { return &r.deal.Contacts }),
		tallied("touches", crm.FactTouches, func(r *R) *int32 { return &r.deal.Touches }),
		moment("first_touch", func(r *R) *crm.Instant { return &r.deal.FirstTouch }),
		moment("first_meeting", func(r *R) *crm.Instant { return &r.deal.FirstMeeting }),
		moment("first_mail", func(r *R) *crm.Instant { return &r.deal.FirstMail }),
		moment("quote_published", func(r *R) *crm.Instant { return &r.deal.Quote.Published }),
		moment("quote_expires", func(r *R) *crm.Instant { return &r.deal.Quote.Expires }),
		moment("quote_signed", func(r *R) *crm.Instant { return &r.deal.Quote.Signed }),
		moment("quote_paid", func(r *R) *crm.Instant { return &r.deal.Quote.Paid }),
		money("line_total", func(r *R) *crm.Amount { return &r.deal.LineTotal }),
		words("editor", func(r *R) *string { return &r.deal.Editor }),
		words("closer", func(r *R) *string { return &r.deal.Closer }),
		named("origin", originWords(), func(r *R) crm.Origin { return r.deal.Origin }, func(r *R, o crm.Origin) { r.deal.Origin = o }),
		{"archived", arrow.FixedWidthTypes.Boolean,
			func(b array.Builder, r *R) error { b.(*array.BooleanBuilder).Append(r.deal.Archived); return nil },
			func(a arrow.Array, i int, r *R) error { r.deal.Archived = a.(*array.Boolean).Value(i); return nil }},
		{"merged", arrow.BinaryTypes.String,
			func(b array.Builder, r *R) error { return putText(b, strings.Join(r.deal.Merged, ";")) },
			func(a arrow.Array, i int, r *R) error {
				ids, err := text(a, i)
				r.deal.Merged = strings.Split(ids, ";")
				return err
			}},
		{"known", arrow.PrimitiveTypes.Uint32,
			func(b array.Builder, r *R) error { b.(*array.Uint32Builder).Append(uint32(r.deal.Known)); return nil },
			func(a arrow.Array, i int, r *R) error {
				r.deal.Known = crm.Fact(a.(*array.Uint32).Value(i))
				return nil
			}},
	}
}

// moveFields are the columns of moves.arrow, one row per stage entry, in the order of the deals and then of time.
func moveFields() []field[moveRow] {
	type R = moveRow
	return []field[R]{
		words("deal_id", func(r *R) *string { return &r.deal }),
		moment("at", func(r *R) *crm.Instant { return &r.move.At }),
		shown("pipeline_id", func(r *R) string { return r.pipelineID }),
		shown("pipeline", func(r *R) string { return r.pipeline }),
		words("stage_id", func(r *R) *string { return &r.move.Stage }),
		shown("stage", func(r *R) string { return r.stage }),
		named("origin", originWords(), func(r *R) crm.Origin { return r.move.Origin }, func(r *R, o crm.Origin) { r.move.Origin = o }),
	}
}

// dateFields are the columns of close_dates.arrow, one row per value that a deal's expected close date was given.
func dateFields() []field[dateRow] {
	type R = dateRow
	return []field[R]{
		words("deal_id", func(r *R) *string { return &r.deal }),
		moment("at", func(r *R) *crm.Instant { return &r.change.At }),
		moment("close_date", func(r *R) *crm.Instant { return &r.change.To }),
		named("origin", originWords(), func(r *R) crm.Origin { return r.change.Origin }, func(r *R, o crm.Origin) { r.change.Origin = o }),
	}
}
