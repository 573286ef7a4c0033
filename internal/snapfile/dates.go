package snapfile

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/plumbline/plumbline/internal/crm"
)

// datesType is the column of the values of the close date: per deal a list, of which "at" and "to" count from the deal's
// creation as the other moments do.
var datesType = arrow.ListOfNonNullable(arrow.StructOf(
	arrow.Field{Name: "at", Type: afterMicro, Nullable: true},
	arrow.Field{Name: "to", Type: afterMicro, Nullable: true},
	arrow.Field{Name: "origin", Type: arrow.PrimitiveTypes.Uint8},
))

func dateStart(c *crm.Columns, deal int) uint32 {
	if deal == 0 {
		return 0
	}
	return c.DateEnd[deal-1]
}

func putDates(c *crm.Columns, from, to int) arrow.Array {
	b := array.NewListBuilderWithField(memory.DefaultAllocator, datesType.ElemField())
	defer b.Release()
	s := b.ValueBuilder().(*array.StructBuilder)
	at, value, origin := s.FieldBuilder(0).(*array.DurationBuilder), s.FieldBuilder(1).(*array.DurationBuilder), s.FieldBuilder(2).(*array.Uint8Builder)
	put := func(b *array.DurationBuilder, v, base crm.Instant) {
		if v.IsZero() {
			b.AppendNull()
			return
		}
		b.Append(arrow.Duration(v - base))
	}
	for i := from; i < to; i++ {
		b.Append(true)
		for _, d := range c.Dates[dateStart(c, i):c.DateEnd[i]] {
			s.Append(true)
			put(at, d.At, c.Created[i])
			put(value, d.To, c.Created[i])
			origin.Append(uint8(d.Origin))
		}
	}
	return b.NewArray()
}

func getDates(c *crm.Columns, a arrow.Array) {
	lists := a.(*array.List)
	s := lists.ListValues().(*array.Struct)
	at, value, origin := s.Field(0).(*array.Duration), s.Field(1).(*array.Duration), s.Field(2).(*array.Uint8)
	get := func(a *array.Duration, k int, base crm.Instant) crm.Instant {
		if a.IsNull(k) {
			return 0
		}
		return base + crm.Instant(a.Value(k))
	}
	for i := range lists.Len() {
		base := c.Created[len(c.DateEnd)]
		from, to := lists.ValueOffsets(i)
		for k := int(from); k < int(to); k++ {
			c.Dates = append(c.Dates, crm.DateChange{At: get(at, k, base), To: get(value, k, base), Origin: crm.Origin(origin.Value(k))})
		}
		c.DateEnd = append(c.DateEnd, uint32(min(len(c.Dates), math.MaxUint32)))
	}
}
