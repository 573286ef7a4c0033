package vocabulary

import (
	"unicode/utf8"
)

// The constants of FNV-1a over 64 bits.
const (
	hashStart uint64 = 14695981039346656037
	hashPrime uint64 = 1099511628211
)

// FoldHash hashes what [Fold] makes of a text, so that texts which read the same have the same hash. Texts of ASCII alone, which most
// names are, are folded and hashed in one pass without an allocation. ok is false where nothing is left of the text.
func FoldHash(s string) (hash uint64, ok bool) {
	hash = hashStart
	lower, gap := false, false // the byte before was a lower case letter; there is something to part
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			return foldedHash(Fold(s))
		case c == '\'':
			lower = false
			continue
		case c >= 'A' && c <= 'Z':
			gap = gap || lower
			lower, c = false, c+'a'-'A'
		case c >= 'a' && c <= 'z':
			lower = true
		case c >= '0' && c <= '9':
			lower = false
		default:
			lower, gap = false, true
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

func foldedHash(folded string) (hash uint64, ok bool) {
	hash = hashStart
	for i := range len(folded) {
		hash = (hash ^ uint64(folded[i])) * hashPrime
	}
	return hash, folded != ""
}
