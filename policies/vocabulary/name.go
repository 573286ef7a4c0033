package vocabulary

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// name is a stage's name, cut up for the search.
type name struct {
	words     []string
	parts     [][2]int // between marks of punctuation, as words from and to
	flat      string   // without blanks, for phrases of scripts that do not part words
	flatParts [][2]int // as bytes of flat
}

// marks part a name: "Lost - no budget", "Negotiation / review".
var marks = regexp.MustCompile(`\s+[-–—−~]+\s+|[/\\|:;,()\[\]{}<>•·・→&+=、，。：；（）【】「」]+`)

func newName(text string) name {
	var n name
	for _, segment := range marks.Split(Unnumbered(text), -1) {
		folded := Fold(segment)
		if folded == "" {
			continue
		}
		from, start := len(n.words), len(n.flat)
		n.words = append(n.words, strings.Fields(parted(folded))...)
		n.flat += strings.ReplaceAll(folded, " ", "")
		n.parts = append(n.parts, [2]int{from, len(n.words)})
		n.flatParts = append(n.flatParts, [2]int{start, len(n.flat)})
	}
	return n
}

// bare reports whether the words from and to are the whole name, but for words that say no more than that it is a stage.
func (n name) bare(from, to int) bool {
	for i, w := range n.words {
		if (i < from || i >= to) && !slices.Contains(fillers(), w) {
			return false
		}
	}
	return true
}

func fillers() []string {
	return []string{
		"stage", "stages", "phase", "status", "step", "deal", "deals", "the", "etape", "statut", "stufe", "schritt", "etapa", "fase", "estado",
		"stato", "stadium", "asama", "asamasi", "adim", "durum", "durumu",
	}
}

func fillersInline() []string {
	return []string{"阶段", "階段", "状态", "狀態", "ステージ", "フェーズ", "段階", "客户", "客戶"}
}

// parted puts a blank between letters of scripts that part words and letters of such that do not.
func parted(folded string) string {
	var b strings.Builder
	var last rune
	for _, r := range folded {
		if last != 0 && last != ' ' && r != ' ' && unbroken(last) != unbroken(r) {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		last = r
	}
	return b.String()
}

// respelt writes ae, oe and ue as German does with a, o and u with dots, which fold to the bare letter.
func (n name) respelt() (name, bool) {
	spell := strings.NewReplacer("ae", "a", "oe", "o", "ue", "u")
	words, changed := slices.Clone(n.words), false
	for i, w := range words {
		words[i] = spell.Replace(w)
		changed = changed || words[i] != w
	}
	n.words = words
	return n, changed
}

var (
	percent = regexp.MustCompile(`[-–—~@|:=(\[]?\s*[\d][\d.,]*\s*(?:[%％﹪٪]|(?i:percent|pct)\b)\s*[)\]]?|[%％]\s*\d+`)

	// What stands before a name to say which one in a row it is.
	ordinal   = regexp.MustCompile(`^\d+(?:[ºª°]|(?i:st|nd|rd|th|er|ère|ere|ème|eme|e|re|te|de|o|a|d))(?:\s|$)`)
	stageWord = `(?i:stage|step|phase|étape|etape|stufe|schritt|etapa|fase|stadio|stadium|aşama|adım|阶段|階段|ステージ|フェーズ|段階|第)`
	roman     = `(?:x{0,1}(?:ix|iv|v?i{1,3}|v)|x)`
	numbering = []*regexp.Regexp{
		regexp.MustCompile(`^` + stageWord + `?\s*#?\s*\d{1,2}(?:[.\-]\d+)*[a-zA-Z]?\s*(?:阶段|階段|段階|步|番)?(?:[\s.):\]\-–—_/|、．：）>]+|$)`),
		regexp.MustCompile(`^[(\[#（【<]\s*` + stageWord + `?\s*\d+[a-zA-Z]?\s*[)\]）】>]?[\s.:\-–—]*`),
		regexp.MustCompile(`^\d+(?:\.\d+)*[a-zA-Z]?\s*[.):\-–—_/|、．：）]\s*`),
		regexp.MustCompile(`^(?i:[sp])\d+(?:[\s.):\]\-–—_/|：]+|$)`),
		regexp.MustCompile(`^\d+(?:\p{Han}|\p{Hiragana}|\p{Katakana})`),
		regexp.MustCompile(`^` + stageWord + `\s+(?i:` + roman + `)(?:[\s.):\-–—]+|$)`),
		regexp.MustCompile(`^(?:` + strings.ToUpper(roman) + `|` + roman + `)\s*[.):]\s*`),
		regexp.MustCompile(`^` + strings.ToUpper(roman) + `\s*[\-–—]\s+`),
		regexp.MustCompile(`^\(?[A-Za-z][.):]\s+|^[A-Za-z]\s+[\-–—]\s+`),
		regexp.MustCompile(`^第?[一二三四五六七八九十]+(?:阶段|階段|段階|步)?[、.．：:)）]\s*|^第[一二三四五六七八九十]+(?:阶段|階段|段階|步)\s*|^[（(][一二三四五六七八九十]+[)）]\s*`),
	}
	trailing = regexp.MustCompile(`\s*[(\[]?\s*` + stageWord + `?\s*\d+\s*(?:/|of|de|von)\s*\d+\s*[)\]]?\s*$`)
)

// Unnumbered returns a name without what numbers it ("3. ", "Stage 2:", "S2 -", "IV. ", "第一阶段：") and without percentages
// ("(40 %)"), otherwise as it was but for its width. A name of nothing else stays as it is.
func Unnumbered(s string) string {
	plain := strings.TrimSpace(percent.ReplaceAllString(narrow(s), " "))
	plain = trailing.ReplaceAllString(plain, "")
	plain = strings.TrimLeftFunc(plain, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("([#（【<", r)
	})
	if !ordinal.MatchString(plain) {
		for _, n := range numbering {
			at := n.FindStringIndex(plain)
			if at == nil {
				continue
			}
			if last := plain[:at[1]]; n == numbering[4] {
				at[1] = len(strings.TrimRightFunc(last, unbroken))
			}
			plain = plain[at[1]:]
			break
		}
	}
	if Fold(plain) == "" {
		return s
	}
	return strings.TrimSpace(plain)
}

// narrow brings digits, letters and punctuation to one width and keycaps to digits; º and ª stay what they are.
func narrow(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\ufe0f' || r == '\u20e3':
		case r == 'º' || r == 'ª':
			b.WriteRune(r)
		case r >= '①' && r <= '⓿' || r >= '❶' && r <= '➓':
			b.WriteString(norm.NFKC.String(string(r)) + ". ")
		default:
			b.WriteString(norm.NFKC.String(string(r)))
		}
	}
	return b.String()
}
