package reasons

import (
	"fmt"
	"slices"

	"github.com/plumbline/plumbline/policies/vocabulary"
)

// known refuses values that are none of the recommended reasons.
func known(values []string) error {
	for _, v := range values {
		if !slices.ContainsFunc(vocabulary.Options(), func(o vocabulary.Option) bool { return o.Value == v }) {
			return fmt.Errorf("%q is none of the recommended loss reasons", v)
		}
	}
	return nil
}

// labels are what people read for values of the recommended reasons.
func labels(values []string) []string {
	var list []string
	for _, v := range values {
		list = append(list, vocabulary.Label(v))
	}
	return list
}
