package vocabulary

import (
	"cmp"
	_ "embed"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

//go:embed reason_words.tsv
var reasonWordsTSV string

//go:embed reason_han.txt
var reasonHan string

// simplified gives the simplified form of a traditional character, so that the two scripts of Chinese teach each other.
var simplified = sync.OnceValue(func() map[rune]rune {
	m := map[rune]rune{}
	for line := range strings.SplitSeq(reasonHan, "\n") {
		pair := []rune(line)
		for i := 0; i+1 < len(pair); i += 2 {
			m[pair[i]] = pair[i+1]
		}
	}
	return m
})

var (
	withSlash = regexp.MustCompile(`(?i)\bw/\s*`)
	moneySign = regexp.MustCompile(`[$€£¥₺]{2,}|[$€£¥₺]\s*\d[\d.,]*\s*[kKmM]?\b|\b\d[\d.,]*\s*[kK]?\s*[$€£₺]`)
)

// reasonForm folds a text for the classifier: like [Fold], with money signs as a word and Han in simplified characters.
func reasonForm(text string) string {
	if strings.Contains(text, "/") {
		text = withSlash.ReplaceAllString(text, "with ")
	}
	if strings.ContainsAny(text, "$€£¥₺") {
		text = moneySign.ReplaceAllString(text, " moneysign ")
	}
	simple := simplified()
	return strings.Map(func(r rune) rune {
		if s, ok := simple[r]; ok {
			return s
		}
		return r
	}, Fold(text))
}

// isHan reports whether a character is of a script that does not part words.
func isHan(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) || r == 'ー'
}

// scripts cuts a folded text into words; a run of Han and kana is one word.
func scripts(form string) []string {
	var list []string
	for field := range strings.FieldsSeq(form) {
		from, han := 0, false
		for i, r := range field {
			if h := isHan(r); i == 0 {
				han = h
			} else if h != han {
				list = append(list, field[from:i])
				from, han = i, h
			}
		}
		list = append(list, field[from:])
	}
	return list
}

// wordsOf cuts a folded text into words, in which numbers fall together by what they can mean.
func wordsOf(form string) []string {
	var list []string
	for _, w := range scripts(form) {
		list = append(list, numberless(w)...)
	}
	return list
}

// numberless replaces figures by what they can mean: a year, a quarter, a number.
func numberless(word string) []string {
	digits := strings.IndexFunc(word, unicode.IsDigit)
	switch {
	case digits < 0:
		return []string{word}
	case len(word) == 4 && (word[:2] == "20"):
		return []string{"#year"}
	case len(word) == 2 && (word[0] == 'q' || word[0] == 'h' || word[0] == 't') && word[1] >= '1' && word[1] <= '4':
		return []string{"#quarter"}
	}
	rest := strings.TrimFunc(word, unicode.IsDigit)
	if rest == "" || utf8.RuneCountInString(rest) < 2 {
		return []string{"#"}
	}
	return []string{"#", rest}
}

// idea is a set of ideas, one bit each.
type idea uint32

// ideas are the words that carry one: whole words and phrases, stems, and what is looked for within Han.
type ideas struct {
	names []string
	whole map[string]idea
	stems map[string]idea
	han   map[string]idea
}

var reasonIdeas = sync.OnceValue(func() *ideas {
	t := &ideas{whole: map[string]idea{}, stems: map[string]idea{}, han: map[string]idea{}}
	bits := map[string]idea{}
	for _, l := range cells(reasonWordsTSV, 3) {
		if _, ok := bits[l[0]]; !ok {
			bits[l[0]] = 1 << len(t.names)
			t.names = append(t.names, l[0])
		}
		for w := range strings.SplitSeq(l[2], "|") {
			stem := strings.HasSuffix(w, "*")
			switch form := reasonForm(w); {
			case strings.IndexFunc(form, isHan) >= 0:
				t.han[form] |= bits[l[0]]
			case stem:
				t.stems[form] |= bits[l[0]]
			default:
				t.whole[form] |= bits[l[0]]
			}
		}
	}
	return t
})

// cells cuts a table of ours at its tabs; lines that begin with # are comments.
func cells(tsv string, n int) [][]string {
	var list [][]string
	for line := range strings.SplitSeq(tsv, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		row := strings.Split(line, "\t")
		if len(row) != n {
			panic("vocabulary: a line has not the columns it needs: " + line)
		}
		list = append(list, row)
	}
	return list
}

// of gives the ideas of one word.
func (t *ideas) of(word string) idea {
	found := t.whole[word]
	for k := 3; k <= len(word); k++ {
		found |= t.stems[word[:k]]
	}
	return found
}

// longestIdea is the most characters that an idea of Han has.
const longestIdea = 8

// within gives the ideas found anywhere in a run of Han.
func (t *ideas) within(run string) idea {
	var found idea
	r := []rune(run)
	for i := range r {
		for n := min(longestIdea, len(r)-i); n > 0; n-- {
			if in, ok := t.han[string(r[i:i+n])]; ok {
				found |= in
				break
			}
		}
	}
	return found
}

// in gives the ideas of a text's words, phrases of up to three words included.
func (t *ideas) in(words []string) idea {
	var found idea
	for i, w := range words {
		if r, _ := utf8.DecodeRuneInString(w); isHan(r) {
			found |= t.within(w)
			continue
		}
		found |= t.of(w)
		phrase := w
		for n := 1; n < 3 && i+n < len(words); n++ {
			phrase += " " + words[i+n]
			found |= t.whole[phrase]
		}
	}
	return found
}

// The groups of features. Each is counted on its own, and weighs what was found to serve.
const (
	wordGroup = iota
	pairGroup
	charGroup
	ideaGroup
	numGroups
)

// feature is what a text is judged by: a group and its place in the table of all groups.
type feature struct {
	group uint8
	slot  uint32
}

// firstSlot is where each group's part of the table begins; the sizes are powers of two.
var firstSlot = [numGroups + 1]uint32{0, 1 << 14, 2 << 14, 4 << 14, 4<<14 + 1<<10}

// features lists what a text is judged by, each once.
func features(words []string) []feature {
	f := make(featureList, 0, 32*len(words))
	for i, w := range words {
		if r, _ := utf8.DecodeRuneInString(w); isHan(r) {
			f.han(w)
		} else {
			f.latin(w)
		}
		if i > 0 {
			f.add(pairGroup, words[i-1], " ", w)
		}
	}
	f.ideas(reasonIdeas().in(words))
	slices.SortFunc(f, func(a, b feature) int { return cmp.Compare(a.slot, b.slot) })
	return slices.Compact(f)
}

type featureList []feature

// add hashes a feature's parts (FNV-1a) to its place.
func (f *featureList) add(group uint8, parts ...string) {
	sum := (uint32(2166136261) ^ uint32(group)) * 16777619
	for _, s := range parts {
		for i := range len(s) {
			sum = (sum ^ uint32(s[i])) * 16777619
		}
	}
	*f = append(*f, feature{group, firstSlot[group] + (sum^sum>>16)%(firstSlot[group+1]-firstSlot[group])})
}

// latin adds a word and its runs of four and five letters.
func (f *featureList) latin(w string) {
	f.add(wordGroup, w)
	edged := "^" + w + "$"
	for n := 4; n <= 5; n++ {
		for i := 0; i+n <= len(edged); i++ {
			f.add(charGroup, edged[i:i+n])
		}
	}
}

// han adds the characters of a run, and its runs of two and three.
func (f *featureList) han(w string) {
	var at [3]int // where the last characters begin
	n := 0
	for i, r := range w {
		at[0], at[1], at[2] = at[1], at[2], i
		n++
		end := i + utf8.RuneLen(r)
		f.add(charGroup, w[i:end])
		if n >= 2 {
			f.add(wordGroup, w[at[1]:end])
		}
		if n >= 3 {
			f.add(pairGroup, w[at[0]:end])
		}
	}
}

// ideas adds the ideas, and every two of them together.
func (f *featureList) ideas(set idea) {
	names := reasonIdeas().names
	for i := range names {
		if set>>i&1 == 0 {
			continue
		}
		f.add(ideaGroup, names[i])
		for j := range i {
			if set>>j&1 == 1 {
				f.add(ideaGroup, names[i], " ", names[j])
			}
		}
	}
	if set == 0 {
		f.add(ideaGroup, "none")
	}
}
