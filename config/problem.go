package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Problem is one mistake in a configuration.
type Problem struct {
	File   string
	Line   int // from 1; 0 where the mistake is in no line of the file
	Column int // from 1, in characters
	Path   string
	Text   string
	// Source is the line itself, with the values of secrets and of unknown keys blotted out; "" when Line is 0.
	Source string
}

// String gives "file:line:column: path: text" and, below it, the line with a caret.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Text)
	if p.Source != "" {
		fmt.Fprintf(&b, "\n  %4d | %s\n       | %s^", p.Line, p.Source, strings.Repeat(" ", max(p.Column-1, 0)))
	}
	return b.String()
}

// Problems are all mistakes of a configuration, in the order of their lines. They are an error.
type Problems []Problem

// Error lists the problems.
func (ps Problems) Error() string {
	var lines []string
	for _, p := range ps {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}

// blot is a stretch of a line that must not be shown.
type blot struct {
	column int // from 1, in characters
	length int // in characters; 0 is to the end of the line
}

// source returns a line of the file without what must not be shown of it.
func (d *decoder) source(line int) string {
	if line < 1 || line > len(d.lines) {
		return ""
	}
	runes := []rune(strings.TrimRight(d.lines[line-1], "\r"))
	for _, b := range d.blots[line] {
		from := min(max(b.column-1, 0), len(runes))
		to := len(runes)
		if b.length > 0 {
			to = min(from+b.length, to)
		}
		for i := from; i < to; i++ {
			runes[i] = '*'
		}
	}
	for i, r := range runes {
		if r == '\t' || r < ' ' || r == utf8.RuneError {
			runes[i] = ' '
		}
	}
	return string(runes)
}

// nearest finds what a misspelt word was probably meant to be: the candidate at the smallest edit distance, if that is at
// most a third of the word's length and 3.
func nearest(word string, candidates []string) string {
	limit := min(3, max(1, len(word)/3))
	best := ""
	slices.Sort(candidates)
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d <= limit {
			best, limit = c, d-1
		}
	}
	return best
}

// distance is the least number of letters to insert, delete or exchange, or of neighbours to swap, to turn a into b.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}

// Meant is the tail of a message about a word that is none of the candidates: what it was probably meant to be, or what it can
// be where that is few words.
func Meant(word string, candidates []string) string {
	if n := nearest(word, slices.Clone(candidates)); n != "" {
		return fmt.Sprintf("; did you mean %q?", n)
	}
	if len(candidates) == 0 || len(candidates) > 12 {
		return ""
	}
	sorted := slices.Sorted(slices.Values(candidates))
	return "; it can be " + strings.Join(sorted, ", ")
}
