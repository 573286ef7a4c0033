package vocabulary

import (
	"strings"
	"unicode/utf8"
)

// FoldCase is [Fold] for names in which capitals part no words: GmbH and GMBH are one.
func FoldCase(s string) string { return Fold(strings.ToLower(s)) }

// The constants of FNV-1a over 64 bits.
const (
	hashStart uint64 = 14695981039346656037
	hashPrime uint64 = 1099511628211
)

// HashCase hashes what [FoldCase] makes of a text, so that names which read the same have the same hash. Texts of ASCII alone, which
// most names are, are folded and hashed in one pass without an allocation. ok is false where nothing is left of the text.
func HashCase(s string) (hash uint64, ok bool) {
	hash = hashStart
	gap := false // there is something to part
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			return hashOf(FoldCase(s))
		case c == '\'':
			continue
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		default:
			gap = true
			continue
		}
		if gap && ok {
			hash = (hash ^ ' ') * hashPrime
		}
		gap, ok = false, true
		hash = (hash ^ uint64(c)) * hashPrime
	}
	return hash, ok
}

func hashOf(folded string) (hash uint64, ok bool) {
	hash = hashStart
	for i := range len(folded) {
		hash = (hash ^ uint64(folded[i])) * hashPrime
	}
	return hash, folded != ""
}
