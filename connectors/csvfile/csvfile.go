package csvfile

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/crm"
)

// Name is what a snapshot of a file gives as its CRM.
const Name = "csv"

// pageSize is how many deals a page of the walk holds.
const pageSize = 5000

// Options say how a file is to be read. Map and Stages are the texts of the flags of the same names.
type Options struct {
	// File is the path of the deals; its base name becomes the portal's name.
	File string
	// History is the path of a file of stage moves with the columns deal, stage and entered; "" when there is none.
	History string
	// Map is "ours=theirs,…": which title feeds which of our columns. A title may feed several; "ours=" says that the CRM
	// has no such value. A comma within a title needs CSV quotes around the pair.
	Map string
	// Stages is "A,B,C,Won=won,Lost=lost": the stages in order, with the outcome of those that are closed.
	Stages string
	// Zone is the time zone of dates and of times that name none; nil is UTC.
	Zone *time.Location
}

// OptionError lists everything that is wrong with the options, or with a file's titles, at once: nothing was read.
type OptionError struct{ Problems []string }

// Error joins the problems, one per line.
func (e *OptionError) Error() string { return strings.Join(e.Problems, "\n") }

// Row is a line that could not be read, or of which a part could not be read.
type Row struct {
	File string // base name of the file that it is in
	Line int    // the line that it begins on, from 1
	ID   string // of the deal, "" where even that is missing
	Why  string
}

// String gives "deals.csv:12: why".
func (r Row) String() string { return fmt.Sprintf("%s:%d: %s", r.File, r.Line, r.Why) }

// File is a file that was read whole. It is a [connectors.Connector] and a [connectors.Counter].
type File struct {
	// Portal is the file's base name.
	Portal string
	// Layout is whose titles were recognised: "plain", "hubspot" or "pipedrive".
	Layout string
	// Unreadable are the rows that could not be read, in order of their lines, those of the history file last.
	Unreadable []Row
	// Notes are what a reader of the audit should know about how the file was understood, one sentence each.
	Notes []string

	schema crm.Schema
	deals  []crm.Deal
	gone   []crm.Gone
	lines  int64
}

var (
	_ connectors.Connector = (*File)(nil)
	_ connectors.Counter   = (*File)(nil)
)

// Open reads the file, and the history file where one is named. Its error is an [*OptionError] where the caller can put it
// right by other options.
func Open(o Options) (*File, error) {
	deals, err := os.ReadFile(o.File)
	if err != nil {
		return nil, fmt.Errorf("read the deals: %w", err)
	}
	var history []byte
	if o.History != "" {
		if history, err = os.ReadFile(o.History); err != nil {
			return nil, fmt.Errorf("read the stage history: %w", err)
		}
	}
	return Parse(deals, history, o)
}

// Parse is [Open] on contents that are at hand; the paths in the options serve as names alone. history is looked at only
// when Options.History is not "".
func Parse(deals, history []byte, o Options) (*File, error) {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	r, err := newReader(deals, o)
	if err != nil {
		return nil, err
	}
	if o.History != "" {
		if err := r.readHistory(history, filepath.Base(o.History)); err != nil {
			return nil, err
		}
	}
	r.readRows()
	return r.finish(), nil
}

// Rows returns every deal that could be read, in the order of the file. The caller does not change them.
func (f *File) Rows() []crm.Deal { return f.deals }

// Schema returns pipelines, stages and owners as the file shows them.
func (f *File) Schema(context.Context) (crm.Schema, error) { return f.schema, nil }

// Count is the number of the file's lines that stand for a living deal, readable or not. Archived deals are none of them, as
// in the counts that CRMs give.
func (f *File) Count(context.Context, crm.Instant) (int64, error) {
	n := f.lines - int64(len(f.gone))
	for i := range f.deals {
		if f.deals[i].Archived {
			n--
		}
	}
	return n, nil
}

// Deals walks over the file's deals. A file has no modification times to rely on, so Work.Since is not looked at. The last
// page also names the rows that could not be read, and the deals that the file marks as deleted.
func (f *File) Deals(ctx context.Context, _ crm.Schema, work crm.Work) iter.Seq2[crm.Page, error] {
	return func(yield func(crm.Page, error) bool) {
		at := 0
		if work.From.After != "" {
			n, err := strconv.Atoi(work.From.After)
			if err != nil || n < 0 || n > len(f.deals) {
				yield(crm.Page{}, fmt.Errorf("deals of %s: the cursor %q is not of this file", f.Portal, work.From.After))
				return
			}
			at = n
		}
		for {
			if err := ctx.Err(); err != nil {
				yield(crm.Page{}, err)
				return
			}
			end := min(at+pageSize, len(f.deals))
			page := crm.Page{Deals: f.deals[at:end], Next: crm.Cursor{After: strconv.Itoa(end)}, Last: end == len(f.deals)}
			if page.Last {
				page.Gone = f.gone
				for _, row := range f.Unreadable {
					page.Failed = append(page.Failed, row.String())
				}
			}
			if !yield(page, nil) || page.Last {
				return
			}
			at = end
		}
	}
}
