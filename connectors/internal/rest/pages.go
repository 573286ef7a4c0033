package rest

import (
	"context"
	"fmt"
	"iter"
)

// Pages walks over a list that is given page by page: fetch gets the page that begins at a cursor ("" is the beginning)
// and returns it with the cursor of the next one, "" after the last. The walk ends with the first error. A cursor that
// leads back to itself is an error, for it would never end.
func Pages[P any](ctx context.Context, from string, fetch func(ctx context.Context, after string) (page P, next string, err error)) iter.Seq2[P, error] {
	return func(yield func(P, error) bool) {
		for after := from; ; {
			page, next, err := fetch(ctx, after)
			if err != nil {
				var none P
				yield(none, err)
				return
			}
			if !yield(page, nil) || next == "" {
				return
			}
			if next == after {
				var none P
				yield(none, fmt.Errorf("the list's page %q names itself as the next one", after))
				return
			}
			after = next
		}
	}
}
