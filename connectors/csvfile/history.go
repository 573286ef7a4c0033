package csvfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// history is what the history file tells of one deal.
type history struct {
	moves  []entry
	broken bool // a row of it could not be read
}

// entry is one row of the history file.
type entry struct {
	stage string
	at    crm.Instant
}

// historyTitles are the titles of the history file's columns, the best first.
var historyTitles = [3][]string{
	{"deal", "deal id", "id", "record id", "deal - id"},
	{"stage", "deal stage", "deal - stage"},
	{"entered", "date", "entered at", "timestamp"},
}

// readHistory reads the stage moves.
func (r *reader) readHistory(b []byte, name string) error {
	t, ok := parseTable(b)
	if !ok {
		return &OptionError{[]string{fmt.Sprintf("%s: there is no line of titles to begin with", name)}}
	}
	var at [3]int
	for i, names := range historyTitles {
		at[i] = slices.IndexFunc(t.titles, func(title string) bool { return fold(title) == names[0] })
		for _, n := range names[1:] {
			if at[i] < 0 {
				at[i] = slices.IndexFunc(t.titles, func(title string) bool { return fold(title) == n })
			}
		}
		if at[i] < 0 {
			return &OptionError{[]string{fmt.Sprintf("%s: no title %q; a history has the columns deal, stage and entered, this one has %s", name, names[0], quoteAll(t.titles))}}
		}
	}
	d := dates{zone: r.opts.Zone}
	for _, rec := range t.rows {
		if at[2] < len(rec.cells) {
			d.learn(rec.cells[at[2]])
		}
	}
	r.history = map[string]*history{}
	for _, rec := range t.rows {
		id, e, why := historyRow(rec, at, &d)
		if id != "" && r.history[id] == nil {
			r.history[id] = &history{}
		}
		if why != "" {
			r.drops = append(r.drops, Row{File: name, Line: rec.line, ID: id, Why: why})
			if id != "" {
				r.history[id].broken = true
			}
			continue
		}
		r.history[id].moves = append(r.history[id].moves, e)
	}
	for _, h := range r.history {
		slices.SortStableFunc(h.moves, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
	}
	return nil
}

func historyRow(rec record, at [3]int, d *dates) (id string, e entry, why string) {
	if rec.bad != "" {
		return "", e, rec.bad
	}
	cell := func(i int) string {
		if at[i] >= len(rec.cells) {
			return ""
		}
		return strings.TrimSpace(rec.cells[at[i]])
	}
	id, e.stage = cell(0), cell(1)
	entered, err := d.parse(cell(2))
	e.at = entered
	switch {
	case id == "":
		return "", e, "it has no deal"
	case e.stage == "":
		return id, e, "it has no stage"
	case err != nil:
		return id, e, fmt.Sprintf("entered: %v", err)
	case entered.IsZero():
		return id, e, "it has no time of entry"
	}
	return id, e, ""
}

// trace gives a deal its moves: from the history file where it names the deal, else from the export's own columns of the
// times at which each stage was entered.
func (r *reader) trace(rec record, p *placed) {
	if h := r.history[p.deal.ID]; h != nil {
		for _, e := range h.moves {
			p.moves = append(p.moves, visit{r.setup.stage(p.pipe, e.stage), e.at})
		}
		r.accept(p, !h.broken)
		return
	}
	if len(r.entered) == 0 {
		return
	}
	broken := false
	for _, e := range r.entered {
		if e.pipe != p.pipe || e.at >= len(rec.cells) {
			continue
		}
		at, err := r.dates.parse(rec.cells[e.at])
		if err != nil || at.IsZero() {
			broken = broken || err != nil
			continue
		}
		p.moves = append(p.moves, visit{e.stage, at})
	}
	slices.SortStableFunc(p.moves, func(a, b visit) int { return cmp.Compare(a.at, b.at) })
	// The columns hold the last entry into each stage. That the first of them is the deal's creation proves that its first
	// stage was not entered again.
	whole := len(p.moves) > 0 && p.deal.Known.Has(crm.FactCreated) && p.moves[0].at.Sub(p.deal.Created).Abs() < 24*time.Hour
	r.accept(p, whole && !broken)
}

// accept takes moves for a deal's history if they are whole and lead to where the deal is. Moves that lead elsewhere prove
// that some are missing: they are not taken.
func (r *reader) accept(p *placed, whole bool) {
	var visited []*stage
	for _, m := range p.moves {
		visited = append(visited, m.stage)
	}
	learnOrder(visited)
	if len(p.moves) == 0 || p.moves[len(p.moves)-1].stage != p.stage {
		if len(p.moves) > 0 {
			r.astray++
		}
		p.moves = nil
		return
	}
	p.deal.StageEntry = p.moves[len(p.moves)-1].at
	p.deal.Known |= crm.FactStageEntry
	if !whole {
		p.moves = nil
		return
	}
	p.deal.Known |= crm.FactHistory
}

// historyNotes tells what of the stage history could not be used.
func (r *reader) historyNotes() (notes []string) {
	if r.astray > 0 {
		notes = append(notes, fmt.Sprintf("deals whose stage history was not used, since it does not end in the stage that they are in: %d", r.astray))
	}
	strange := 0
	for id := range r.history {
		if r.seen[id] == 0 {
			strange++
		}
	}
	if strange > 0 {
		notes = append(notes, fmt.Sprintf("deals of the stage history that the file does not have: %d", strange))
	}
	return notes
}

// enteredColumn is a column of the times at which a stage was last entered: HubSpot's Date entered "Stage (Pipeline)".
type enteredColumn struct {
	at    int
	label string // Stage (Pipeline)
	pipe  *pipeline
	stage *stage
}

func enteredColumns(titles []string) []enteredColumn {
	var out []enteredColumn
	for i, t := range titles {
		const prefix = "date entered "
		if len(t) <= len(prefix) || !strings.EqualFold(t[:len(prefix)], prefix) {
			continue
		}
		label := strings.Trim(t[len(prefix):], `"' `)
		if strings.HasSuffix(label, ")") && strings.Contains(label, " (") {
			out = append(out, enteredColumn{at: i, label: label})
		}
	}
	return out
}

// placeEntered finds the pipeline and the stage that each such column means. Both names may hold parentheses, so the
// pipelines that the file's rows name decide where to cut; without a pipeline column the last one does.
func (r *reader) placeEntered() {
	kept := r.entered[:0]
	for _, e := range r.entered {
		for cut := strings.Index(e.label, " ("); cut >= 0; {
			stageName, pipeName := e.label[:cut], strings.TrimSuffix(e.label[cut+2:], ")")
			if p := r.setup.byName[fold(pipeName)]; p != nil {
				e.pipe, e.stage = p, r.setup.stage(p, stageName)
			}
			next := strings.Index(e.label[cut+1:], " (")
			if next < 0 {
				if e.pipe == nil && !r.cols.known(colPipeline) {
					e.pipe = r.setup.pipeline(soleName)
					e.stage = r.setup.stage(e.pipe, stageName)
				}
				break
			}
			cut += 1 + next
		}
		if e.pipe != nil {
			kept = append(kept, e)
		}
	}
	r.entered = kept
}
