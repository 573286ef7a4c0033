package vocabulary

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Fold brings a text to the form in which texts are compared: lower case, no accents, one width, no emoji and no
// punctuation, words separated by single spaces. Turkish dotted and dotless i fall together; kana keep their sound marks.
func Fold(s string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(splitCamel(s)) {
		switch {
		case r == voiced || r == semivoiced:
			b.WriteRune(r)
		case unicode.Is(unicode.M, r), r == '\'', r == '’', r == '‘', r == 'ʼ', r == '\u200d':
			// Accents, keycaps and apostrophes leave no gap.
		case unicode.IsLetter(r), unicode.IsDigit(r):
			b.WriteString(letter(unicode.ToLower(r)))
		default:
			b.WriteByte(' ')
		}
	}
	return norm.NFC.String(strings.Join(strings.Fields(b.String()), " "))
}

// The sound marks of kana are marks to Unicode, but か and が are two letters.
const (
	voiced     = '\u3099'
	semivoiced = '\u309a'
)

// letter spells out letters that do not decompose.
func letter(r rune) string {
	switch r {
	case 'ı':
		return "i"
	case 'ß':
		return "ss"
	case 'æ':
		return "ae"
	case 'œ':
		return "oe"
	case 'ø':
		return "o"
	case 'ł':
		return "l"
	case 'đ':
		return "d"
	default:
		return string(r)
	}
}

// splitCamel parts words that are only told apart by their capitals: OnHold.
func splitCamel(s string) string {
	var b strings.Builder
	lower := false
	for _, r := range s {
		if lower && unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		lower = unicode.IsLower(r)
		b.WriteRune(r)
	}
	return b.String()
}

// FoldName folds the name of a stage: like [Fold], without its numbering ("3. ", "Stage 2:", "#1") and percentages ("(40 %)").
// A name of nothing else keeps its digits. Two names whose folds are equal read the same.
func FoldName(s string) string {
	folded := Fold(Unnumbered(s))
	for {
		again := Fold(Unnumbered(folded))
		if len(again) >= len(folded) {
			return folded
		}
		folded = again
	}
}

// Same reports whether two names of stages read the same: they differ in case, accents, width, emoji, numbering, percentages or
// punctuation at most.
func Same(a, b string) bool { return FoldName(a) == FoldName(b) }

// Length counts what a reader sees of a name in letters and digits: accents, emoji, blanks and punctuation do not count.
// dense is true where most of them are of a script that writes a syllable or a word in one character (Han, kana, Hangul).
func Length(s string) (letters int, dense bool) {
	packed := 0
	for _, r := range norm.NFC.String(s) {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != 'ー' {
			continue
		}
		letters++
		if unbroken(r) || unicode.Is(unicode.Hangul, r) {
			packed++
		}
	}
	return letters, 2*packed > letters
}

// Readable reports whether the letters of a text are of scripts that the vocabulary has words in: Latin, Han and kana. A text
// without letters is not readable.
func Readable(s string) bool {
	letters, known := 0, 0
	for _, r := range norm.NFKC.String(s) {
		if !unicode.IsLetter(r) {
			continue
		}
		letters++
		if unicode.In(r, unicode.Latin, unicode.Han, unicode.Hiragana, unicode.Katakana) || r == 'ー' {
			known++
		}
	}
	return letters > 0 && 2*known >= letters
}

// spaceless reports whether a text has characters of a script that does not part words.
func spaceless(s string) bool { return strings.ContainsFunc(s, unbroken) }

// unbroken reports whether a character is of a script that does not part words.
func unbroken(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) || r == 'ー'
}
