package csvfile

import (
	"encoding/csv"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/internal/crm"
)

func TestSplitRecovers(t *testing.T) {
	text := "a,b\n1,\"x\ny\"\n2,\"open\n3,c\n4,\"q\" z\n5,7\" pipe\n\n6,\"\"\"\"\n"
	want := []record{
		{line: 1, cells: []string{"a", "b"}},
		{line: 2, cells: []string{"1", "x\ny"}},
		{line: 4, bad: "there is text behind the quotation mark that closes a cell"},
		{line: 5, cells: []string{"3", "c"}},
		{line: 6, bad: "there is text behind the quotation mark that closes a cell"},
		{line: 7, cells: []string{"5", "7\" pipe"}},
		{line: 9, cells: []string{"6", "\""}},
	}
	if diff := cmp.Diff(want, split(text, ','), cmp.AllowUnexported(record{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestSplitAgreesWithCSV checks the splitter against the standard library's on what that one writes.
func TestSplitAgreesWithCSV(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cell := rapid.StringMatching(`[a-z",;\n é]{0,6}`)
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, 2, 4), 1, 6).Draw(rt, "rows")
		var b strings.Builder
		w := csv.NewWriter(&b)
		if err := w.WriteAll(rows); err != nil {
			rt.Fatal(err)
		}
		var got [][]string
		for _, rec := range split(b.String(), ',') {
			got = append(got, rec.cells)
		}
		if diff := cmp.Diff(rows, got); diff != "" {
			rt.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestDates(t *testing.T) {
	zone := mustZone(t, "America/Sao_Paulo")
	for _, c := range []struct {
		in    string
		order dateOrder
		want  string
	}{
		{"2017-03-01", 0, "2017-03-01T03:00:00Z"},
		{"2018-11-04", 0, "2018-11-04T03:00:00Z"}, // midnight does not exist: clocks go from 0:00 to 1:00
		{"2017-03-01 14:05", 0, "2017-03-01T17:05:00Z"},
		{"2017-03-01T14:05:06.5Z", 0, "2017-03-01T14:05:06.5Z"},
		{"2017-03-01T14:05:06+02:00", 0, "2017-03-01T12:05:06Z"},
		{"2017-03-01 14:05:06 UTC", 0, "2017-03-01T14:05:06Z"},
		{"2017-03-01 14:05:06 CEST", 0, "error"},
		{"31.12.2017", 0, "2017-12-31T02:00:00Z"},
		{"31/12/2017 2:05 pm", 0, "2017-12-31T16:05:00Z"},
		{"12/31/2017", 0, "2017-12-31T02:00:00Z"},
		{"03/04/2017", dayFirst, "2017-04-03T03:00:00Z"},
		{"03/04/2017", monthFirst, "2017-03-04T03:00:00Z"},
		{"03/04/2017", undecided, "error"},
		{"03/03/2017", undecided, "2017-03-03T03:00:00Z"},
		{"1488377106500", 0, "2017-03-01T14:05:06.5Z"},
		{"2017-02-29", 0, "error"}, {"2017-13-01", 0, "error"}, {"13/13/2017", 0, "error"}, {"soon", 0, "error"}, {"2017-03-01 25:00", 0, "error"},
		{"", 0, ""},
	} {
		d := dates{zone: zone, order: c.order}
		at, err := d.parse(c.in)
		got := at.String()
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%q: %s (%v), want %s", c.in, got, err, c.want)
		}
	}
}

func TestFirstOfDaySkipped(t *testing.T) {
	// Samoa had no 30 December 2011.
	got := firstOfDay(2011, time.December, 30, mustZone(t, "Pacific/Apia"))
	if want := "2011-12-30T10:00:00Z"; got.UTC().Format(time.RFC3339) != want {
		t.Errorf("got %s, want %s", got.UTC().Format(time.RFC3339), want)
	}
}

func TestParseAsOf(t *testing.T) {
	for in, want := range map[string]string{"2017-12-31": "2018-01-01T00:00:00Z", "2017-12-31T18:00:00+01:00": "2017-12-31T17:00:00Z", "yesterday": "", "": ""} {
		at, err := ParseAsOf(in, nil)
		if at.String() != want || (err != nil) != (want == "") {
			t.Errorf("%q: %s, %v; want %s", in, at, err, want)
		}
	}
}

func TestAmounts(t *testing.T) {
	for _, c := range []struct{ in, dot, comma string }{
		{"1054", "1054.00", "1054.00"},
		{"1054.5", "1054.50", "error"},
		{"1,054", "1054.00", "1.054"},
		{"1.054", "1.054", "1054.00"},
		{"1,054.25", "1054.25", "error"},
		{"1.054,25 €", "error", "1054.25"},
		{"-$1,054.25", "-1054.25", "error"},
		{"EUR 12 000.10", "12000.10", "error"},
		{"1'000'000", "1000000.00", "1000000.00"},
		{"Fr. 5", "5.00", "5.00"}, {".5", "0.50", "error"},
		{"1e5", "error", "error"}, {"5%", "error", "error"}, {"12-13", "error", "error"}, {"n/a", "error", "error"}, {"1,05,4", "error", "error"},
		{"", "0.00", "0.00"},
	} {
		for _, comma := range []bool{false, true} {
			a := amounts{decimalComma: comma}
			v, err := a.parse(c.in)
			got, want := v.String(), c.dot
			if comma {
				want = c.comma
			}
			if err != nil {
				got = "error"
			}
			if got != want {
				t.Errorf("%q, decimal comma %v: %s, want %s", c.in, comma, got, want)
			}
		}
	}
}

func TestDecimalCommaIsLearned(t *testing.T) {
	for _, c := range []struct {
		in   string
		want bool
	}{{"1054,5", true}, {"1.054,50", true}, {"1.054.000", true}, {"1,054", false}, {"1.054", false}, {"1,234,567", false}, {"1,234.5", false}} {
		var a amounts
		a.learn(c.in)
		if a.decimalComma != c.want {
			t.Errorf("%q: %v", c.in, a.decimalComma)
		}
	}
}

// FuzzParse checks that no file makes the parser panic, and that every line is accounted for.
func FuzzParse(f *testing.F) {
	f.Add("id,stage,amount,created\n1,A,5,2017-01-01\n1,A,x,\n,,,\n", "deal,stage,entered\n1,A,2017-01-01\n")
	f.Add("Record ID;Deal Stage;Pipeline;Date entered \"A (P (x))\"\n1;A;P (x);2017-01-01\n", "")
	f.Add("Deal - ID\tDeal - Stage\tDeal - Status\n1\tA\tLost\n2\t\"B\n", "deal\n")
	f.Add("\uFEFFid,stage\r\n\"1\",\"a\"b\r\n2", "sep=;\n")
	f.Fuzz(func(t *testing.T, deals, history string) {
		file, err := Parse([]byte(deals), []byte(history), Options{File: "f.csv", History: "h.csv", Zone: time.UTC})
		if err != nil {
			return
		}
		accounts(t, file)
		for _, d := range file.deals {
			if d.Known.Has(crm.FactHistory) && (len(d.Moves) == 0 || d.Moves[len(d.Moves)-1].Stage != d.Stage) {
				t.Errorf("deal %q: its history does not end where it is", d.ID)
			}
		}
	})
}

// FuzzSplit checks the splitter against the standard library's on whatever that one accepts.
func FuzzSplit(f *testing.F) {
	f.Add("a,b\n\"c\"\"d\",\"e\nf\"\n\ng,h")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(strings.ReplaceAll(text, "\r\n", "\n"), "\r") {
			return // the standard library drops a lone carriage return at the end of the file
		}
		r := csv.NewReader(strings.NewReader(text))
		r.FieldsPerRecord = -1
		var want [][]string
		for {
			cells, err := r.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				return
			}
			want = append(want, cells)
		}
		var got [][]string
		for _, rec := range split(strings.ReplaceAll(text, "\r\n", "\n"), ',') {
			got = append(got, rec.cells)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got)\n%s", text, diff)
		}
	})
}
