package vocabulary

import (
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// speller knows the words that loss reasons are made of, and puts right what was meant to be one of them.
type speller struct {
	words map[string]bool
	first map[byte][]string   // by first letter
	last  map[string][]string // by the last three letters, for words whose first letter is wrong
	bones map[string]string   // consonants → the one word that has them; "" where several have
}

var reasonSpeller = sync.OnceValue(func() *speller {
	s := &speller{words: map[string]bool{}, first: map[byte][]string{}, last: map[string][]string{}, bones: map[string]string{}}
	for _, e := range examples() {
		for _, w := range wordsOf(e.form) {
			s.learn(w)
		}
	}
	for phrase := range reasonIdeas().whole {
		for _, w := range strings.Fields(phrase) {
			s.learn(w)
		}
	}
	return s
})

// shortest is how many letters a word must have before its spelling is put right.
const shortest = 4

func (s *speller) learn(w string) {
	if r, _ := utf8.DecodeRuneInString(w); s.words[w] || w[0] == '#' || isHan(r) {
		return
	}
	s.words[w] = true
	if len(w) < shortest {
		return
	}
	s.first[w[0]] = append(s.first[w[0]], w)
	s.last[w[len(w)-3:]] = append(s.last[w[len(w)-3:]], w)
	if b := bones(w); len(b) >= 4 {
		if _, twice := s.bones[b]; twice {
			s.bones[b] = ""
		} else {
			s.bones[b] = w
		}
	}
}

// knows reports whether a word is one of the vocabulary, or begins like a stem of it.
func (s *speller) knows(w string) bool {
	return s.words[w] || w[0] == '#' || reasonIdeas().of(w) != 0
}

// bones are a word's consonants, doubled ones once: how people shorten it.
func bones(w string) string {
	var b strings.Builder
	var before rune
	for i, r := range w {
		if r == before || i > 0 && strings.ContainsRune("aeiouy", r) {
			continue
		}
		b.WriteRune(r)
		before = r
	}
	return b.String()
}

// right puts the words of a text right, in place; fixed reports whether it changed any.
func (s *speller) right(words []string) (fixed bool) {
	for i, w := range words {
		if r, _ := utf8.DecodeRuneInString(w); isHan(r) || len(w) < shortest || s.knows(w) {
			continue
		}
		if better, ok := s.nearest(w); ok {
			words[i], fixed = better, true
		}
	}
	return fixed
}

// nearest is the vocabulary's word that a misspelt one is nearest to; ok is false when none is near.
func (s *speller) nearest(w string) (string, bool) {
	if word := s.bones[w]; word != "" {
		return word, true
	}
	best, limit := "", slips(len(w))
	try := func(list []string) {
		for _, c := range list {
			if d := len(c) - len(w); d > 2 || d < -2 {
				continue
			}
			if d := distance(w, c, limit); d < limit || d == limit && best == "" {
				best, limit = c, d
			}
		}
	}
	try(s.first[w[0]])
	try(s.last[w[len(w)-3:]])
	return best, best != ""
}

// The cost of a slip: of one that fingers make, and of any other.
const (
	smallSlip = 1
	slip      = 2
)

// slips is how much may be wrong with a word of a length.
func slips(length int) int {
	switch {
	case length <= 5:
		return slip
	case length <= 8:
		return slip + smallSlip
	default:
		return 2 * slip
	}
}

// longestWord is the most bytes of a word that is compared.
const longestWord = 32

// distance is what it costs to turn one word into another: small slips are a doubled letter, two letters in the wrong order and
// a key beside the right one. What costs more than the limit is told as limit+1.
func distance(a, b string, limit int) int {
	if len(a) > longestWord || len(b) > longestWord {
		return limit + 1
	}
	var rows [3][longestWord + 1]int
	before, prev, cur := &rows[0], &rows[1], &rows[2]
	for j := 1; j <= len(b); j++ {
		prev[j] = prev[j-1] + gap(b, j-1)
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = prev[0] + gap(a, i-1)
		least := cur[0]
		for j := 1; j <= len(b); j++ {
			d := min(prev[j-1]+swap(a[i-1], b[j-1]), prev[j]+gap(a, i-1), cur[j-1]+gap(b, j-1))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, before[j-2]+smallSlip)
			}
			cur[j] = d
			least = min(least, d)
		}
		if least > limit {
			return limit + 1
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}

// gap is what a letter too many or too few costs.
func gap(w string, i int) int {
	if i > 0 && w[i] == w[i-1] {
		return smallSlip
	}
	return slip
}

func swap(a, b byte) int {
	switch {
	case a == b:
		return 0
	case besideKey(a, b):
		return smallSlip
	default:
		return slip
	}
}

// keyRows are the rows of the keyboard; a key's neighbours stand beside it.
var keyRows = [...]string{"qwertyuiop", "asdfghjkl", "zxcvbnm"}

func besideKey(a, b byte) bool {
	for _, row := range keyRows {
		if i := strings.IndexByte(row, a); i >= 0 {
			return i > 0 && row[i-1] == b || i+1 < len(row) && row[i+1] == b
		}
	}
	return false
}

// NearlyEqual reports whether two folded texts are the same but for slips of the keyboard.
func NearlyEqual(a, b string) bool {
	if a == b {
		return true
	}
	one, other := strings.Fields(a), strings.Fields(b)
	if len(one) != len(other) {
		return false
	}
	for i := range one {
		if one[i] == other[i] {
			continue
		}
		if spaceless(one[i]) || min(len(one[i]), len(other[i])) < shortest || !slices.Equal(digits(one[i]), digits(other[i])) {
			return false
		}
		if limit := slips(min(len(one[i]), len(other[i]))); distance(one[i], other[i], limit) > limit {
			return false
		}
	}
	return true
}

func digits(s string) []rune {
	return slices.DeleteFunc([]rune(s), func(r rune) bool { return !unicode.IsDigit(r) })
}
