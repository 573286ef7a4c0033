package vocabulary

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

// Per language what stage names say: "kinds TAB how TAB phrases", kinds separated by blanks, phrases by |. A phrase is written
// folded; "*" at either end of a word stands for any letters, "~" for up to three words. "won!" and "lost!" are words that say
// so outright. A phrase that lies within a longer one of another kind does not count: "not interested" is not "interested".
// Phrases of the kind "none" say nothing and hide what lies within them.
//
//go:embed stages/*.tsv
var stageFiles embed.FS

//go:embed seller.tsv
var sellerTSV string

// how says where a phrase must stand in a name, and how much it weighs.
type how uint8

const (
	whole  how = iota // it is the whole name
	part              // it is the whole name, or all of it between two marks of punctuation
	has               // it stands anywhere in the name
	hint              // as has, but it counts only where nothing else is known of the name
	starts            // it begins the name, or what stands between two marks of punctuation
)

// The words of the tables' second column.
func parseHow(s string) (how, bool) {
	i := slices.Index([]string{"is", "part", "has", "hint", "starts"}, s)
	return how(max(i, 0)), i >= 0
}

// word is one word of a phrase, or a gap of up to maxGap words ("~").
type word struct {
	text           string
	prefix, suffix bool // "text*", "*text"
	gap            bool
}

// maxGap is how many words "~" stands for at most.
const maxGap = 3

// phrase is one phrase of a table, folded.
type phrase struct {
	kind     Kind
	how      how
	explicit bool   // it says "won" or "lost" in so many words
	words    []word // of a script that parts words
	inline   string // of a script that does not
}

// index finds the phrases that may stand in a name by what a name must have for them.
type index struct {
	list     []phrase
	byWord   map[string][]int32 // by the first word
	byHead   map[string][]int32 // "text*" as the first word, by its first letters
	anywhere []int32            // "*text" as the first word
	byRune   map[rune][]int32   // inline, by the first character
}

// headLen is how many bytes of a "text*" word are looked up.
const headLen = 3

func (x *index) add(p phrase) {
	n := int32(len(x.list))
	x.list = append(x.list, p)
	if p.inline != "" {
		r := []rune(p.inline)[0]
		x.byRune[r] = append(x.byRune[r], n)
		return
	}
	switch first := p.words[0]; {
	case first.suffix || len(first.text) < headLen && first.prefix:
		x.anywhere = append(x.anywhere, n)
	case first.prefix:
		x.byHead[first.text[:headLen]] = append(x.byHead[first.text[:headLen]], n)
	default:
		x.byWord[first.text] = append(x.byWord[first.text], n)
	}
}

func newIndex() *index {
	return &index{byWord: map[string][]int32{}, byHead: map[string][]int32{}, byRune: map[rune][]int32{}}
}

// readStages reads the tables of all languages. A malformed line is a mistake in the program.
func readStages() *index {
	x := newIndex()
	for _, lang := range stageLanguages() {
		text, err := stageFiles.ReadFile("stages/" + lang + ".tsv")
		if err != nil {
			panic(err)
		}
		for n, line := range strings.Split(string(text), "\n") {
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			if err := x.addLine(line); err != nil {
				panic(fmt.Sprintf("vocabulary: stages/%s.tsv:%d: %v", lang, n+1, err))
			}
		}
	}
	return x
}

// readSeller reads the table of what a seller does.
func readSeller() *index {
	x := newIndex()
	for n, line := range strings.Split(sellerTSV, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		_, rest, _ := strings.Cut(line, "\t")
		if err := x.addLine(string(none) + "\t" + rest); err != nil {
			panic(fmt.Sprintf("vocabulary: seller.tsv:%d: %v", n+1, err))
		}
	}
	return x
}

// stageLanguages returns the languages that have a table, sorted.
func stageLanguages() []string {
	files, err := stageFiles.ReadDir("stages")
	if err != nil {
		panic(err)
	}
	var list []string
	for _, f := range files {
		list = append(list, strings.TrimSuffix(f.Name(), ".tsv"))
	}
	return list
}

// addLine reads "kinds TAB how TAB phrases": kinds separated by blanks, phrases by |.
func (x *index) addLine(line string) error {
	cells := strings.Split(line, "\t")
	if len(cells) != 3 {
		return fmt.Errorf("%d columns, want 3", len(cells))
	}
	h, ok := parseHow(cells[1])
	if !ok {
		return fmt.Errorf("where %q is not one of is, part, has, hint, starts", cells[1])
	}
	for _, k := range strings.Fields(cells[0]) {
		kind, explicit := strings.CutSuffix(k, "!")
		if kind != string(none) && !slices.Contains(Kinds(), Kind(kind)) {
			return fmt.Errorf("kind %q does not exist", k)
		}
		for _, text := range strings.Split(cells[2], "|") {
			p, ok := newPhrase(text)
			if !ok {
				return fmt.Errorf("phrase %q says nothing", text)
			}
			p.kind, p.how, p.explicit = Kind(kind), h, explicit
			x.add(p)
		}
	}
	return nil
}

// newPhrase folds a phrase as a name is folded; ok is false where nothing is left of it.
func newPhrase(text string) (p phrase, ok bool) {
	if spaceless(text) {
		p.inline = strings.ReplaceAll(Fold(text), " ", "")
		return p, p.inline != ""
	}
	for _, f := range strings.Fields(text) {
		if f == "~" {
			p.words = append(p.words, word{gap: true})
			continue
		}
		folded := strings.Fields(Fold(strings.Trim(f, "*")))
		for i, t := range folded {
			p.words = append(p.words, word{text: t, suffix: i == 0 && strings.HasPrefix(f, "*"), prefix: i == len(folded)-1 && strings.HasSuffix(f, "*")})
		}
	}
	return p, len(p.words) > 0 && !p.words[0].gap && !p.words[len(p.words)-1].gap
}

// rows splits an embedded table of four columns. A malformed line is a mistake in the program.
func rows(tsv string) [][]string {
	var list [][]string
	for _, line := range strings.Split(tsv, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "\t")
		if len(cells) != 4 {
			panic(fmt.Sprintf("vocabulary: line %q has %d columns, want 4", line, len(cells)))
		}
		list = append(list, cells)
	}
	return list
}
