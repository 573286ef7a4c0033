package csvfile

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// maxCell is the longest cell in quotes: a quote that runs on for longer was never meant to open a cell.
const maxCell = 1 << 20

// record is one line of a table, or several where a cell in quotes spans lines.
type record struct {
	line  int // the line that it begins on, from 1
	cells []string
	bad   string // why it could not be split into cells; "" when it could
}

// decode turns a file's bytes into text: UTF-8 or UTF-16 by its mark, UTF-16 without one by its zeros, else UTF-8 where it
// is valid, else Windows-1252, of which Latin-1's letters are a part.
func decode(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte{0xEF, 0xBB, 0xBF}):
		b = b[3:]
	case bytes.HasPrefix(b, []byte{0xFF, 0xFE}):
		return decodeBy(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder(), b)
	case bytes.HasPrefix(b, []byte{0xFE, 0xFF}):
		return decodeBy(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewDecoder(), b)
	case len(b) >= 4 && b[0] != 0 && b[1] == 0 && b[2] != 0 && b[3] == 0:
		return decodeBy(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder(), b)
	case len(b) >= 4 && b[0] == 0 && b[1] != 0 && b[2] == 0 && b[3] != 0:
		return decodeBy(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder(), b)
	}
	if utf8.Valid(b) {
		return string(b)
	}
	return decodeBy(charmap.Windows1252.NewDecoder(), b)
}

func decodeBy(d *encoding.Decoder, b []byte) string {
	out, err := d.Bytes(b)
	if err != nil { // neither decoder fails: they put U+FFFD for what they cannot read
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(out)
}

// table is a decoded file: its titles, and the records below them.
type table struct {
	titles []string
	rows   []record
}

// parseTable splits a file into titles and rows. ok is false for a file without a title line.
func parseTable(b []byte) (t table, ok bool) {
	text, delim := dialect(decode(b))
	recs := split(text, delim)
	if len(recs) == 0 || recs[0].bad != "" {
		return table{}, false
	}
	for _, c := range recs[0].cells {
		t.titles = append(t.titles, strings.TrimSpace(strings.TrimPrefix(c, "\uFEFF")))
	}
	t.rows = recs[1:]
	return t, true
}

// dialect finds the delimiter: the one that Excel's "sep=" line names, else the one that cuts the first line into most
// cells, a comma in doubt. It returns the text without a "sep=" line's content, so that line numbers stay right.
func dialect(text string) (rest string, delim byte) {
	first, _, _ := strings.Cut(text, "\n")
	first = strings.TrimSuffix(first, "\r")
	if len(first) == 5 && strings.EqualFold(first[:4], "sep=") {
		return text[5:], first[4]
	}
	head := text
	for strings.HasPrefix(head, "\n") || strings.HasPrefix(head, "\r\n") {
		head = head[strings.IndexByte(head, '\n')+1:]
	}
	best := 0
	delim = ','
	for _, d := range []byte{',', ';', '\t', '|'} {
		s := splitter{text: head, delim: d, line: 1}
		if rec, ok := s.next(); ok && rec.bad == "" && len(rec.cells) > best {
			best, delim = len(rec.cells), d
		}
	}
	return text, delim
}

// split cuts a text into records. Blank lines are none.
func split(text string, delim byte) []record {
	s := splitter{text: text, delim: delim, line: 1}
	var recs []record
	for {
		rec, ok := s.next()
		if !ok {
			return recs
		}
		recs = append(recs, rec)
	}
}

// splitter walks over a text record by record. It reads what RFC 4180 allows, and quotes within a cell that does not begin
// with one. After a cell in quotes that does not end properly it goes on with the line below the record's first, so that
// one stray quote costs one row.
type splitter struct {
	text  string
	delim byte
	pos   int
	line  int
}

func (s *splitter) next() (record, bool) {
	for s.pos < len(s.text) {
		n := newline(s.text[s.pos:])
		if n == 0 {
			break
		}
		s.pos += n
		s.line++
	}
	if s.pos >= len(s.text) {
		return record{}, false
	}
	rec := record{line: s.line}
	start, startLine := s.pos, s.line
	for {
		cell, why := s.cell()
		if why != "" {
			s.pos, s.line = start, startLine
			s.skipLine()
			return record{line: rec.line, bad: why}, true
		}
		rec.cells = append(rec.cells, cell)
		if s.pos >= len(s.text) {
			return rec, true
		}
		if n := newline(s.text[s.pos:]); n > 0 {
			s.pos += n
			s.line++
			return rec, true
		}
		s.pos++ // the delimiter
	}
}

// cell reads one cell and stops at the delimiter or the end of line behind it.
func (s *splitter) cell() (cell, why string) {
	if s.pos < len(s.text) && s.text[s.pos] == '"' {
		return s.quoted()
	}
	start := s.pos
	for s.pos < len(s.text) && s.text[s.pos] != s.delim && newline(s.text[s.pos:]) == 0 {
		s.pos++
	}
	return s.text[start:s.pos], ""
}

func (s *splitter) quoted() (cell, why string) {
	start := s.pos + 1
	doubled, lines := false, 0
	for i := start; ; i++ {
		if i >= len(s.text) || i-start > maxCell {
			return "", "a quotation mark opens a cell and is never closed"
		}
		if s.text[i] == '\n' {
			lines++
		}
		if s.text[i] != '"' {
			continue
		}
		if i+1 < len(s.text) && s.text[i+1] == '"' {
			doubled = true
			i++
			continue
		}
		s.pos = i + 1
		if s.pos < len(s.text) && s.text[s.pos] != s.delim && newline(s.text[s.pos:]) == 0 {
			return "", "there is text behind the quotation mark that closes a cell"
		}
		s.line += lines
		cell = s.text[start:i]
		if doubled {
			cell = strings.ReplaceAll(cell, `""`, `"`)
		}
		return cell, ""
	}
}

func (s *splitter) skipLine() {
	end := strings.IndexByte(s.text[s.pos:], '\n')
	if end < 0 {
		s.pos = len(s.text)
		return
	}
	s.pos += end + 1
	s.line++
}

// newline returns the length of the line end that a text begins with: 0, 1 or 2. A lone carriage return ends no line.
func newline(s string) int {
	switch {
	case strings.HasPrefix(s, "\n"):
		return 1
	case strings.HasPrefix(s, "\r\n"):
		return 2
	}
	return 0
}
