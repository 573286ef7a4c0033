package mirror

import (
	"cmp"
	"slices"

	"github.com/plumbline/plumbline/internal/crm"
)

// lastClosed is how many of the deals last won, and of those last lost, of each pipeline go before the older ones: the
// medians of its stages rest on them.
const lastClosed = 200

// How useful a deal's history is, the most useful first.
const (
	useOpen = iota
	useLastClosed
	useClosed
	useArchived
)

// queue is the deals that wait for their history in the order of its use: open ones, those that moved last first; then the
// last ones closed of each pipeline; then the older ones; then the archived. Closed ones are in the order of their closing,
// the last first.
func (b *backfill) queue() []int32 {
	c := b.snap.Columns()
	use := b.uses()
	when := func(i int32) crm.Instant {
		if use[i] == useOpen || c.Closed[i].IsZero() {
			return c.StageEntry[i]
		}
		return c.Closed[i]
	}
	var out []int32
	for i := range int32(b.snap.Len()) {
		if b.waits(i) {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, func(x, y int32) int {
		return cmp.Or(cmp.Compare(use[x], use[y]), cmp.Compare(when(y), when(x)), cmp.Compare(x, y))
	})
	return out
}

// uses tells of every deal how useful its history is.
func (b *backfill) uses() []int {
	c := b.snap.Columns()
	use := make([]int, len(c.ID))
	type group struct {
		pipeline int32
		status   crm.Status
	}
	closed := map[group][]int32{}
	for i := range c.ID {
		switch {
		case c.Archived[i]:
			use[i] = useArchived
		case c.Status[i] != crm.Open:
			use[i] = useClosed
			g := group{b.snap.PipelineOf(c.Stage[i]), c.Status[i]}
			closed[g] = append(closed[g], int32(i))
		}
	}
	for _, deals := range closed {
		slices.SortFunc(deals, func(x, y int32) int { return cmp.Or(cmp.Compare(c.Closed[y], c.Closed[x]), cmp.Compare(x, y)) })
		for _, i := range deals[:min(lastClosed, len(deals))] {
			use[i] = useLastClosed
		}
	}
	return use
}
