package vocabulary

import (
	"slices"
	"strings"
)

// span is where a phrase was found.
type span struct {
	kind     Kind
	how      how
	explicit bool
	inline   bool // from and to count in the text without blanks
	from, to int  // bytes of inline phrases, else words
}

// find returns every place of every phrase in a name.
func (x *index) find(n name) []span {
	var found []span
	for i, w := range n.words {
		for _, p := range x.byWord[w] {
			found = x.list[p].at(found, n, i)
		}
		if len(w) >= headLen {
			for _, p := range x.byHead[w[:headLen]] {
				found = x.list[p].at(found, n, i)
			}
		}
		for _, p := range x.anywhere {
			found = x.list[p].at(found, n, i)
		}
	}
	for i, r := range n.flat {
		for _, p := range x.byRune[r] {
			found = x.list[p].inlineAt(found, n, i)
		}
	}
	return found
}

// at adds the phrase's place at the i-th word of a name, if it stands there.
func (p *phrase) at(found []span, n name, i int) []span {
	end, ok := stands(p.words, n.words[i:])
	if !ok {
		return found
	}
	end += i
	switch p.how {
	case whole:
		ok = n.bare(i, end)
	case part:
		ok = n.bare(i, end) || slices.Contains(n.parts, [2]int{i, end})
	case starts:
		ok = slices.ContainsFunc(n.parts, func(p [2]int) bool { return p[0] == i })
	case has, hint:
	}
	if !ok {
		return found
	}
	return append(found, span{kind: p.kind, how: p.how, explicit: p.explicit, from: i, to: end})
}

// stands reports whether a phrase stands at the beginning of a list of words, and how many of them it takes.
func stands(phrase []word, words []string) (taken int, ok bool) {
	for i, w := range phrase {
		if w.gap {
			for skip := 0; skip <= maxGap && taken+skip <= len(words); skip++ {
				if n, ok := stands(phrase[i+1:], words[taken+skip:]); ok {
					return taken + skip + n, true
				}
			}
			return 0, false
		}
		if taken == len(words) || !w.is(words[taken]) {
			return 0, false
		}
		taken++
	}
	return taken, true
}

func (w word) is(text string) bool {
	switch {
	case w.prefix && w.suffix:
		return strings.Contains(text, w.text)
	case w.prefix:
		return strings.HasPrefix(text, w.text)
	case w.suffix:
		return strings.HasSuffix(text, w.text)
	default:
		return text == w.text
	}
}

// inlineAt adds the phrase's place at byte i of a name without blanks, if it stands there.
func (p *phrase) inlineAt(found []span, n name, i int) []span {
	if !strings.HasPrefix(n.flat[i:], p.inline) {
		return found
	}
	end := i + len(p.inline)
	switch p.how {
	case whole:
		if i > 0 || end < len(n.flat) && !slices.Contains(fillersInline(), n.flat[end:]) {
			return found
		}
	case part:
		if !slices.Contains(n.flatParts, [2]int{i, end}) {
			return found
		}
	case starts:
		if !slices.ContainsFunc(n.flatParts, func(p [2]int) bool { return p[0] == i }) {
			return found
		}
	case has, hint:
	}
	return append(found, span{kind: p.kind, how: p.how, explicit: p.explicit, inline: true, from: i, to: end})
}

// outermost leaves out what lies within a longer place of another kind: "not interested" is not "interested".
func outermost(all []span) []span {
	var list []span
	for _, s := range all {
		if !slices.ContainsFunc(all, func(o span) bool { return o.hides(s) }) {
			list = append(list, s)
		}
	}
	return list
}

func (s span) hides(o span) bool {
	if s.kind == o.kind || s.inline != o.inline || s.from > o.from || s.to < o.to {
		return false
	}
	return s.to-s.from > o.to-o.from
}
