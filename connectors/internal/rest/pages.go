package rest

import (
	"context"
	"fmt"
	"iter"
)

// Pages walks over a list that is given page by page: fetch gets the page that begins at a cursor ("" is the beginning)
// and returns it with the cursor of the next one, "" after the last. The walk ends with the first error. Cursors that lead
// back to where the walk was already are an error, for it would never end.
func Pages[P any](ctx context.Context, from string, fetch func(ctx context.Context, after string) (page P, next string, err error)) iter.Seq2[P, error] {
	return func(yield func(P, error) bool) {
		mark, left := from, 1 // a page passed before, and how many more until a later one is marked (Brent's way to find a circle)
		for after, span := from, 1; ; left-- {
			if left == 0 {
				span *= 2
				mark, left = after, span
			}
			page, next, err := fetch(ctx, after)
			if err != nil {
				var none P
				yield(none, err)
				return
			}
			if !yield(page, nil) || next == "" {
				return
			}
			if next == after || next == mark {
				var none P
				yield(none, fmt.Errorf("the list's page %q names %q as the next one, which was there before: it would never end", after, next))
				return
			}
			after = next
		}
	}
}
