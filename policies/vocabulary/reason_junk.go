package vocabulary

import (
	_ "embed"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

//go:embed reason_junk.tsv
var reasonJunkTSV string

// junk recognises what is typed to get past a required field: placeholders, names, dates and numbers, and keys struck at random.
type junk struct {
	placeholders map[string]bool // whole texts
	words        map[string]bool // single words of placeholders, and what may stand beside them
	names        map[string]bool
	calendar     map[string]bool // months and days
	pairs        [27][27]float64 // logarithms of how likely a letter follows another in the vocabulary's words
}

var reasonJunk = sync.OnceValue(func() *junk {
	j := &junk{placeholders: map[string]bool{}, words: map[string]bool{}, names: map[string]bool{}, calendar: map[string]bool{}}
	for _, l := range cells(reasonJunkTSV, 2) {
		for p := range strings.SplitSeq(l[1], "|") {
			form := reasonForm(p)
			switch l[0] {
			case "placeholder":
				j.placeholders[form] = true
				if !strings.Contains(form, " ") {
					j.words[form] = true
				}
			case "filler":
				j.words[form] = true
			case "calendar":
				j.calendar[form] = true
			case "name":
				for _, w := range strings.Fields(form) {
					j.names[w] = true
				}
			}
		}
	}
	j.learn()
	return j
})

// learn counts which letters follow which.
func (j *junk) learn() {
	var n [27][27]float64
	var sum [27]float64
	for w := range reasonSpeller().words {
		letters(w, func(a, b int) { n[a][b]++; sum[a]++ })
	}
	for a := range n {
		for b := range n[a] {
			j.pairs[a][b] = math.Log((n[a][b] + 0.3) / (sum[a] + 0.3*27))
		}
	}
}

// letters calls f for every two letters that follow each other, the word's edges being letter 0.
func letters(w string, f func(a, b int)) {
	at := 0
	for i := range len(w) {
		if w[i] < 'a' || w[i] > 'z' {
			continue
		}
		f(at, int(w[i]-'a')+1)
		at = int(w[i]-'a') + 1
	}
	f(at, 0)
}

var address = regexp.MustCompile(`(?i)^\s*(?:\S+@\S+\.\w+|https?://\S+|www\.\S+)\s*$`)

// afterDigits are what stands behind the figures of dates and times.
func afterDigits() []string {
	return []string{"", "st", "nd", "rd", "th", "am", "pm", "h", "t", "z", "er", "e"}
}

// is reports whether a text says nothing about a reason. form is the text as [reasonForm] gives it.
func (j *junk) is(text, form string) bool {
	if Blank(text) || form == "" || j.placeholders[form] || strings.ContainsAny(text, "@./") && address.MatchString(text) {
		return true
	}
	words := scripts(form)
	return strings.ContainsFunc(form, unicode.IsDigit) && j.dated(words) || j.places(words) || j.named(text, words) || j.struck(text, words)
}

// dated reports whether a text is a date or a time, or figures.
func (j *junk) dated(words []string) bool {
	for _, w := range words {
		rest := strings.TrimLeft(w, "0123456789")
		if rest == w && !j.calendar[w] || rest != w && !slices.Contains(afterDigits(), strings.TrimRight(rest, "0123456789")) {
			return false
		}
	}
	return true
}

// places reports whether a text is made of placeholders and what stands beside them.
func (j *junk) places(words []string) bool {
	holder := false
	for _, w := range words {
		w = strings.TrimFunc(w, unicode.IsDigit)
		if w != "" && !j.words[w] {
			return false
		}
		holder = holder || j.placeholders[w]
	}
	return holder
}

// named reports whether a text is a name: names alone, or a name and one more word with a capital, which no reason has.
func (j *junk) named(text string, words []string) bool {
	if len(words) > 4 {
		return false
	}
	names, others := 0, 0
	for _, w := range words {
		switch {
		case j.names[w]:
			names++
		case utf8.RuneCountInString(w) == 1 && w[0] < utf8.RuneSelf:
		case reasonSpeller().knows(w):
			return false
		default:
			others++
		}
	}
	if others == 1 && names == 1 {
		for _, w := range strings.Fields(text) {
			if r, _ := utf8.DecodeRuneInString(w); !unicode.IsUpper(r) {
				return false
			}
		}
	}
	return names > 0 && others <= 1 && (others == 0 || names == 1)
}

// struck reports whether all words are keys struck at random. Capitals speak for an abbreviation.
func (j *junk) struck(text string, words []string) bool {
	small := text == strings.ToLower(text)
	sum, n, whole := 0.0, 0, true
	for _, w := range words {
		if meant := numberless(w)[0]; meant == "#quarter" || meant == w && reasonSpeller().knows(w) {
			return false
		}
		whole = whole && j.random(w, small)
		small = small && w[0] < utf8.RuneSelf
		letters(w, func(a, b int) { sum += j.pairs[a][b]; n++ })
	}
	return whole || small && len(words) > 1 && n > 0 && sum/float64(n) < unlikely
}

// The mean logarithm of two letters' likelihood below which a word is no word of any language that the vocabulary knows, and
// below which it is none although a slip or a capital would explain it.
const (
	unlikely     = -3.25
	veryUnlikely = -4
	homeRow      = -2.9 // of a word that the fingers strike without moving
)

// random reports whether a word is keys struck at random; small tells that the text has no capitals.
func (j *junk) random(w string, small bool) bool {
	r := []rune(w)
	known := reasonSpeller()
	switch {
	case strings.Trim(w, "0123456789") == "":
		return true
	case isHan(r[0]), r[0] >= utf8.RuneSelf:
		return repeats(r, 1) && len(r) > 2 || len(r) == 1 && !isHan(r[0])
	case known.knows(w), known.bones[w] != "":
		return false
	case len(r) < 3, repeats(r, 1), repeats(r, 2) && len(r) > 3, repeats(r, 3) && len(r) > 5, row(w):
		return true
	case len(r) == 3:
		return small || !vowels(w)
	case !vowels(w):
		return true
	}
	sum, n := 0.0, 0
	letters(w, func(a, b int) { sum += j.pairs[a][b]; n++ })
	limit := unlikely
	if _, near := known.nearest(w); near || !small {
		limit = veryUnlikely
	} else if len(r) >= 5 && strings.Trim(w, keyRows[1]) == "" {
		limit = homeRow
	}
	return sum/float64(n) < limit
}

// repeats reports whether a word is one run of n letters again and again.
func repeats(r []rune, n int) bool {
	if len(r) < 2*n {
		return false
	}
	for i := n; i < len(r); i++ {
		if r[i] != r[i-n] {
			return false
		}
	}
	return true
}

func vowels(w string) bool { return strings.ContainsAny(w, "aeiouy") }

// row reports whether a word is struck along a row of the keyboard, forward or backward.
func row(w string) bool {
	if len(w) < 3 {
		return false
	}
	for _, keys := range keyRows {
		back := []byte(keys)
		slices.Reverse(back)
		if strings.Contains(keys+keys, w) || strings.Contains(string(back)+string(back), w) {
			return true
		}
	}
	// A few neighbours again and again: asdasd, sdfsdfg, jkjkl.
	near := 0
	for i := 1; i < len(w); i++ {
		if w[i] == w[i-1] || besideKey(w[i-1], w[i]) {
			near++
		}
	}
	return len(w) >= 4 && 4*near >= 3*(len(w)-1)
}
