package snapfile

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/plumbline/plumbline/internal/crm"
)

// column is one column of a table: how a run of it becomes an array, and how an array is appended to it.
type column struct {
	name string
	typ  arrow.DataType
	put  func(c *crm.Columns, from, to int) arrow.Array
	get  func(c *crm.Columns, a arrow.Array)
	// here reports whether the column is there at all, nil: it always is. One that is not there is not written.
	here func(c *crm.Columns) bool
}

// The types of moments, null where there is none: a deal's creation in microseconds UTC, every other as the time after it,
// which takes half the room, in milliseconds where that is exact.
var (
	createdType = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	afterMicro  = &arrow.DurationType{Unit: arrow.Microsecond}
	afterMilli  = &arrow.DurationType{Unit: arrow.Millisecond}
)

// dealColumns are the columns of the table deals, in order.
func dealColumns() []column {
	type C = crm.Columns
	return []column{
		texts("id", func(c *C) *[]crm.TextID { return &c.ID }),
		texts("name", func(c *C) *[]crm.TextID { return &c.Name }),
		texts("company", func(c *C) *[]crm.TextID { return &c.Company }),
		texts("loss_reason", func(c *C) *[]crm.TextID { return &c.LossReason }),
		texts("loss_text", func(c *C) *[]crm.TextID { return &c.LossText }),
		texts("loss_detail", func(c *C) *[]crm.TextID { return &c.LossDetail }),
		texts("merged", func(c *C) *[]crm.TextID { return &c.Merged }),
		counts("stage", func(c *C) *[]int32 { return &c.Stage }),
		counts("owner", func(c *C) *[]int32 { return &c.Owner }),
		counts("currency", func(c *C) *[]int32 { return &c.Currency }),
		number("status", func(c *C) *[]crm.Status { return &c.Status }, arrow.PrimitiveTypes.Uint8),
		number("origin", func(c *C) *[]crm.Origin { return &c.Origin }, arrow.PrimitiveTypes.Uint8),
		flag("archived", func(c *C) *[]bool { return &c.Archived }),
		number("known", func(c *C) *[]crm.Fact { return &c.Known }, arrow.PrimitiveTypes.Uint32),
		amounts("amount", func(c *C) *[]crm.Amount { return &c.Amount }),
		{name: "created", typ: createdType, put: putCreated, get: getCreated}, // before those that count from it
		instant("modified", func(c *C) *[]crm.Instant { return &c.Modified }),
		instant("closed", func(c *C) *[]crm.Instant { return &c.Closed }),
		instant("stage_entry", func(c *C) *[]crm.Instant { return &c.StageEntry }),
		instant("close_date", func(c *C) *[]crm.Instant { return &c.CloseDate }),
		instant("touch", func(c *C) *[]crm.Instant { return &c.Touch }),
		instant("buyer", func(c *C) *[]crm.Instant { return &c.Buyer }),
		instant("planned", func(c *C) *[]crm.Instant { return &c.Planned }),
		{name: "moves", typ: arrow.PrimitiveTypes.Uint32, put: putMoveCounts, get: getMoveCounts},
		sparse(instant, "updated", func(c *C) *[]crm.Instant { return &c.Updated }),
		sparse(texts, "type", func(c *C) *[]crm.TextID { return &c.Type }),
		sparse(texts, "source", func(c *C) *[]crm.TextID { return &c.Source }),
		sparse(counts, "contacts", func(c *C) *[]int32 { return &c.Contacts }),
		sparse(counts, "touches", func(c *C) *[]int32 { return &c.Touches }),
		sparse(instant, "first_touch", func(c *C) *[]crm.Instant { return &c.FirstTouch }),
		sparse(instant, "first_meeting", func(c *C) *[]crm.Instant { return &c.FirstMeeting }),
		sparse(instant, "first_mail", func(c *C) *[]crm.Instant { return &c.FirstMail }),
		sparse(instant, "next_due", func(c *C) *[]crm.Instant { return &c.NextDue }),
		sparse(instant, "quote_published", func(c *C) *[]crm.Instant { return &c.QuotePublished }),
		sparse(instant, "quote_expires", func(c *C) *[]crm.Instant { return &c.QuoteExpires }),
		sparse(instant, "quote_signed", func(c *C) *[]crm.Instant { return &c.QuoteSigned }),
		sparse(instant, "quote_paid", func(c *C) *[]crm.Instant { return &c.QuotePaid }),
		sparse(amounts, "line_total", func(c *C) *[]crm.Amount { return &c.LineTotal }),
		sparse(texts, "editor", func(c *C) *[]crm.TextID { return &c.Editor }),
		sparse(texts, "closer", func(c *C) *[]crm.TextID { return &c.Closer }),
		{name: "dates", typ: datesType, put: putDates, get: getDates, here: func(c *C) bool { return c.DateEnd != nil }},
	}
}

// sparse makes a column that is there only where a deal has a value.
func sparse[T any](kind func(string, func(*crm.Columns) *[]T) column, name string, of func(*crm.Columns) *[]T) column {
	col := kind(name, of)
	col.here = func(c *crm.Columns) bool { return *of(c) != nil }
	return col
}

// texts makes a column of row numbers in texts.
func texts(name string, of func(*crm.Columns) *[]crm.TextID) column {
	return number(name, of, arrow.PrimitiveTypes.Uint32)
}

func counts(name string, of func(*crm.Columns) *[]int32) column {
	return number(name, of, arrow.PrimitiveTypes.Int32)
}

func amounts(name string, of func(*crm.Columns) *[]crm.Amount) column {
	return number(name, of, arrow.PrimitiveTypes.Int64)
}

// number makes a column of a numeric type; typ is the Arrow type with the same width and sign as T.
func number[T ~int64 | ~int32 | ~uint32 | ~uint8](name string, of func(*crm.Columns) *[]T, typ arrow.DataType) column {
	return column{name: name, typ: typ,
		put: func(c *crm.Columns, from, to int) arrow.Array { return numbers(typ, (*of(c))[from:to]) },
		get: func(c *crm.Columns, a arrow.Array) { *of(c) = appendNumbers(*of(c), a) }}
}

// numbers makes an array of a slice.
func numbers[T ~int64 | ~int32 | ~uint32 | ~uint8](typ arrow.DataType, values []T) arrow.Array {
	var raw []byte
	switch typ.ID() {
	case arrow.INT64:
		raw = arrow.Int64Traits.CastToBytes(converted[int64](values))
	case arrow.INT32:
		raw = arrow.Int32Traits.CastToBytes(converted[int32](values))
	case arrow.UINT32:
		raw = arrow.Uint32Traits.CastToBytes(converted[uint32](values))
	default:
		raw = converted[byte](values)
	}
	return array.MakeFromData(array.NewData(typ, len(values), []*memory.Buffer{nil, memory.NewBufferBytes(raw)}, nil, 0, 0))
}

func converted[To, From ~int64 | ~int32 | ~uint32 | ~uint8](in []From) []To {
	out := make([]To, len(in))
	for i, v := range in {
		out[i] = To(v)
	}
	return out
}

// appendNumbers appends an array's values.
func appendNumbers[T ~int64 | ~int32 | ~uint32 | ~uint8](to []T, a arrow.Array) []T {
	switch a := a.(type) {
	case *array.Int64:
		return appendConverted(to, a.Int64Values())
	case *array.Int32:
		return appendConverted(to, a.Int32Values())
	case *array.Uint32:
		return appendConverted(to, a.Uint32Values())
	case *array.Uint8:
		return appendConverted(to, a.Uint8Values())
	}
	return to
}

func appendConverted[To, From ~int64 | ~int32 | ~uint32 | ~uint8](to []To, in []From) []To {
	n := len(to)
	to = slices.Grow(to, len(in))[:n+len(in)]
	for i, v := range in {
		to[n+i] = To(v)
	}
	return to
}

// flag makes a column of yes and no.
func flag(name string, of func(*crm.Columns) *[]bool) column {
	return column{name: name, typ: arrow.FixedWidthTypes.Boolean,
		put: func(c *crm.Columns, from, to int) arrow.Array {
			b := array.NewBooleanBuilder(memory.DefaultAllocator)
			b.AppendValues((*of(c))[from:to], nil)
			return b.NewArray()
		},
		get: func(c *crm.Columns, a arrow.Array) {
			in, out := a.(*array.Boolean), of(c)
			for i := range in.Len() {
				*out = append(*out, in.Value(i))
			}
		}}
}

func putCreated(c *crm.Columns, from, to int) arrow.Array {
	b := array.NewTimestampBuilder(memory.DefaultAllocator, createdType)
	b.Reserve(to - from)
	for _, v := range c.Created[from:to] {
		if v.IsZero() {
			b.UnsafeAppendBoolToBitmap(false)
			continue
		}
		b.UnsafeAppend(arrow.Timestamp(v))
	}
	return b.NewArray()
}

func getCreated(c *crm.Columns, a arrow.Array) {
	in := a.(*array.Timestamp)
	for i, v := range in.TimestampValues() {
		if in.IsNull(i) {
			v = 0
		}
		c.Created = append(c.Created, crm.Instant(v))
	}
}

// instant makes a column of moments.
func instant(name string, of func(*crm.Columns) *[]crm.Instant) column {
	return column{name: name, typ: afterMicro,
		put: func(c *crm.Columns, from, to int) arrow.Array { return after((*of(c))[from:to], c.Created[from:to]) },
		get: func(c *crm.Columns, a arrow.Array) {
			at, unit := a.(*array.Duration), unitOf(a)
			col, n, values := *of(c), len(*of(c)), at.DurationValues()
			base := c.Created[n:]
			col = slices.Grow(col, len(values))[:n+len(values)]
			for i, v := range values {
				if col[n+i] = 0; at.IsValid(i) {
					col[n+i] = base[i] + crm.Instant(v)*unit
				}
			}
			*of(c) = col
		}}
}

// after makes an array of moments, each as the time after its base.
func after(values, base []crm.Instant) arrow.Array {
	typ, unit := afterMilli, crm.Instant(1000)
	for i, v := range values {
		if v != 0 && (v-base[i])%1000 != 0 {
			typ, unit = afterMicro, 1
			break
		}
	}
	b := array.NewDurationBuilder(memory.DefaultAllocator, typ)
	b.Reserve(len(values))
	for i, v := range values {
		if v.IsZero() {
			b.UnsafeAppendBoolToBitmap(false)
			continue
		}
		b.UnsafeAppend(arrow.Duration((v - base[i]) / unit))
	}
	return b.NewArray()
}

// unitOf is the unit of an array of durations in microseconds.
func unitOf(a arrow.Array) crm.Instant {
	if a.DataType().(*arrow.DurationType).Unit == arrow.Millisecond {
		return 1000
	}
	return 1
}

func moveStart(c *crm.Columns, deal int) uint32 {
	if deal == 0 {
		return 0
	}
	return c.MoveEnd[deal-1]
}

func putMoveCounts(c *crm.Columns, from, to int) arrow.Array {
	counts := make([]uint32, to-from)
	last := moveStart(c, from)
	for i := range counts {
		counts[i] = c.MoveEnd[from+i] - last
		last = c.MoveEnd[from+i]
	}
	return numbers(arrow.PrimitiveTypes.Uint32, counts)
}

func getMoveCounts(c *crm.Columns, a arrow.Array) {
	end := uint64(moveStart(c, len(c.MoveEnd)))
	for _, n := range a.(*array.Uint32).Uint32Values() {
		if end += uint64(n); end > math.MaxUint32 {
			end = math.MaxUint32 // more than there can be: found out when they are added up
		}
		c.MoveEnd = append(c.MoveEnd, uint32(end))
	}
}

// moveColumns are the columns of the table moves. Rows of deals [from, to) are those of their moves.
func moveColumns() []column {
	return []column{
		{name: "at", typ: afterMicro, put: func(c *crm.Columns, from, to int) arrow.Array {
			base := make([]crm.Instant, 0, moveStart(c, to)-moveStart(c, from))
			for i := from; i < to; i++ {
				base = append(base, slices.Repeat(c.Created[i:i+1], int(c.MoveEnd[i]-moveStart(c, i)))...)
			}
			return after(movesOf(c, from, to, func(m crm.Move) crm.Instant { return m.At }), base)
		}},
		{name: "stage", typ: arrow.PrimitiveTypes.Int32, put: func(c *crm.Columns, from, to int) arrow.Array {
			return numbers(arrow.PrimitiveTypes.Int32, movesOf(c, from, to, func(m crm.Move) int32 { return m.Stage }))
		}},
		{name: "origin", typ: arrow.PrimitiveTypes.Uint8, put: func(c *crm.Columns, from, to int) arrow.Array {
			return numbers(arrow.PrimitiveTypes.Uint8, movesOf(c, from, to, func(m crm.Move) crm.Origin { return m.Origin }))
		}},
	}
}

func movesOf[T any](c *crm.Columns, from, to int, field func(crm.Move) T) []T {
	moves := c.Moves[moveStart(c, from):moveStart(c, to)]
	out := make([]T, len(moves))
	for i := range moves {
		out[i] = field(moves[i])
	}
	return out
}

func textColumns() []column { return []column{{name: "text", typ: arrow.BinaryTypes.LargeString}} }

func encodeChunk(c *crm.Columns, from, to, textFrom, textTo int) (chunk Chunk, err error) {
	if chunk.Deals, err = encodeTable(dealColumns(), c, from, to); err != nil {
		return chunk, fmt.Errorf("deals: %w", err)
	}
	if chunk.Moves, err = encodeTable(moveColumns(), c, from, to); err != nil {
		return chunk, fmt.Errorf("moves: %w", err)
	}
	b := array.NewLargeStringBuilder(memory.DefaultAllocator)
	b.AppendValues(c.Texts[textFrom:textTo], nil)
	if chunk.Texts, err = encodeArrays(textColumns(), []arrow.Array{b.NewArray()}); err != nil {
		return chunk, fmt.Errorf("texts: %w", err)
	}
	return chunk, nil
}

func encodeTable(columns []column, c *crm.Columns, from, to int) ([]byte, error) {
	columns = slices.DeleteFunc(columns, func(col column) bool { return col.here != nil && !col.here(c) })
	arrays := make([]arrow.Array, len(columns))
	for i, col := range columns {
		arrays[i] = col.put(c, from, to)
	}
	return encodeArrays(columns, arrays)
}

func encodeArrays(columns []column, arrays []arrow.Array) ([]byte, error) {
	fields := make([]arrow.Field, len(columns))
	for i, col := range columns {
		fields[i] = arrow.Field{Name: col.name, Type: arrays[i].DataType(), Nullable: nullable(col)}
	}
	schema := arrow.NewSchema(fields, nil)
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(schema))
	err := w.Write(array.NewRecordBatch(schema, arrays, int64(arrays[0].Len())))
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func nullable(col column) bool { return col.typ == createdType || col.typ == afterMicro }

// decodeChunk appends a chunk to the columns.
func decodeChunk(c *crm.Columns, chunk Chunk, m meta) (err error) {
	defer func() { // the Arrow reader trusts offsets and lengths; what they lead to is caught here
		if r := recover(); r != nil {
			err = fmt.Errorf("it is damaged: %v", r)
		}
	}()
	deals := dealColumns()
	arrays, err := decodeTable(deals, chunk.Deals)
	if err != nil {
		return fmt.Errorf("deals: %w", err)
	}
	if c.ID == nil && arrays[0].Len() > 0 {
		reserve(c, m)
	}
	firstDeal := len(c.ID)
	for i, col := range deals {
		if arrays[i] != nil {
			col.get(c, arrays[i])
		}
	}
	if arrays, err = decodeTable(moveColumns(), chunk.Moves); err != nil {
		return fmt.Errorf("moves: %w", err)
	}
	if err := decodeMoves(c, firstDeal, arrays); err != nil {
		return err
	}
	if arrays, err = decodeTable(textColumns(), chunk.Texts); err != nil {
		return fmt.Errorf("texts: %w", err)
	}
	texts := arrays[0].(*array.LargeString)
	c.Texts = slices.Grow(c.Texts, texts.Len())
	for i := range texts.Len() {
		c.Texts = append(c.Texts, texts.Value(i))
	}
	return nil
}

// decodeMoves appends the moves of the deals from firstDeal on.
func decodeMoves(c *crm.Columns, firstDeal int, arrays []arrow.Array) error {
	at, unit := arrays[0].(*array.Duration), unitOf(arrays[0])
	after, stage, origin := at.DurationValues(), arrays[1].(*array.Int32).Int32Values(), arrays[2].(*array.Uint8).Uint8Values()
	first := len(c.Moves)
	if int(moveStart(c, len(c.MoveEnd))) != first+len(after) {
		return errors.New("its moves do not add up")
	}
	c.Moves = slices.Grow(c.Moves, len(after))
	deal := firstDeal
	for i := range after {
		for int(c.MoveEnd[deal]) <= first+i {
			deal++
		}
		m := crm.Move{Stage: stage[i], Origin: crm.Origin(origin[i])}
		if at.IsValid(i) {
			m.At = c.Created[deal] + crm.Instant(after[i])*unit
		}
		c.Moves = append(c.Moves, m)
	}
	return nil
}

// reserve makes room for as much as the snapshot says that it has, within reason: it may be damaged.
func reserve(c *crm.Columns, m meta) {
	deals := min(max(m.Deals, 0), 16*ChunkDeals)
	c.Moves = make([]crm.Move, 0, min(max(m.Moves, 0), 8*deals))
	c.Texts = make([]string, 0, min(max(m.Texts, 0), 4*deals))
	c.Created = make([]crm.Instant, 0, deals)
	for _, col := range []*[]crm.Instant{&c.Modified, &c.Closed, &c.StageEntry, &c.CloseDate, &c.Touch, &c.Buyer, &c.Planned} {
		*col = make([]crm.Instant, 0, deals)
	}
	for _, col := range []*[]crm.TextID{&c.ID, &c.Name, &c.Company, &c.LossReason, &c.LossText, &c.LossDetail, &c.Merged} {
		*col = make([]crm.TextID, 0, deals)
	}
	for _, col := range []*[]int32{&c.Stage, &c.Owner, &c.Currency} {
		*col = make([]int32, 0, deals)
	}
	c.Status, c.Origin = make([]crm.Status, 0, deals), make([]crm.Origin, 0, deals)
	c.Archived, c.Known = make([]bool, 0, deals), make([]crm.Fact, 0, deals)
	c.Amount, c.MoveEnd = make([]crm.Amount, 0, deals), make([]uint32, 0, deals)
}

// places finds the column that each field of a stream is: all columns in their order, but for those that need not be there.
func places(columns []column, fields []arrow.Field) ([]int, error) {
	var at []int
	for i, col := range columns {
		n := len(at)
		switch {
		case n < len(fields) && fields[n].Name == col.name && fields[n].Nullable == nullable(col) && typed(col, fields[n].Type):
			at = append(at, i)
		case col.here == nil:
			return nil, errors.New("its columns are not those of this version")
		}
	}
	if len(at) < len(fields) {
		return nil, errors.New("its columns are not those of this version")
	}
	return at, nil
}

func typed(col column, t arrow.DataType) bool {
	return arrow.TypeEqual(t, col.typ) || col.typ == afterMicro && arrow.TypeEqual(t, afterMilli)
}

// decodeTable reads a stream of one batch with exactly these columns. An array is nil for a column that is not there.
func decodeTable(columns []column, stream []byte) ([]arrow.Array, error) {
	r, err := ipc.NewReader(bytes.NewReader(stream), ipc.WithAllocator(&limited{left: tableBytes}), ipc.WithBodySizeLimit(tableBytes))
	if err != nil {
		return nil, err
	}
	at, err := places(columns, r.Schema().Fields())
	if err != nil {
		return nil, err
	}
	if !r.Next() {
		return nil, errors.Join(errors.New("it is empty"), r.Err())
	}
	arrays := make([]arrow.Array, len(columns))
	for i, a := range r.RecordBatch().Columns() {
		a.Retain() // the next read would let go of them
		if a.NullN() > 0 && !nullable(columns[at[i]]) {
			return nil, errors.New("a value is missing")
		}
		arrays[at[i]] = a
	}
	if r.Next() || r.Err() != nil {
		return nil, errors.Join(errors.New("it goes on behind its end"), r.Err())
	}
	return arrays, nil
}

// tableBytes is the most memory that one table of one chunk may take, so that a damaged length cannot take all.
const tableBytes = 1 << 30

// limited gives memory from Go's heap up to a limit, beyond which it panics.
type limited struct {
	memory.GoAllocator
	left int
}

// Allocate gives a piece of memory.
func (l *limited) Allocate(size int) []byte {
	if size < 0 || size > l.left {
		panic("a length is beyond all measure")
	}
	l.left -= size
	return l.GoAllocator.Allocate(size)
}

// Reallocate makes a piece of memory smaller or larger.
func (l *limited) Reallocate(size int, b []byte) []byte {
	if size > len(b) {
		if size-len(b) > l.left {
			panic("a length is beyond all measure")
		}
		l.left -= size - len(b)
	}
	return l.GoAllocator.Reallocate(size, b)
}
