package audit

import (
	"slices"

	"github.com/plumbline/plumbline/internal/crm"
)

// Visit is one stay of a deal in one stage.
type Visit struct {
	Stage         int32       // flat index, crm.None for a stage that no longer exists
	Entered, Left crm.Instant // Left is none for the present stay
	Origin        crm.Origin  // of the entry
}

// layout is what walks over histories need to know of the stages, by flat index.
type layout struct {
	order    []int32
	pipeline []int32
	kind     []crm.Status
	counted  []bool  // open, and not ordered after won: it can be skipped
	first    []int32 // per pipeline, the flat index of its first stage; one more entry at the end
	marks    []int   // scratch: the last walk that came by
	walk     int
}

func newLayout(snap *crm.Snapshot) *layout {
	n := snap.NumStages()
	l := &layout{order: make([]int32, n), pipeline: make([]int32, n), kind: make([]crm.Status, n), counted: make([]bool, n), marks: make([]int, n)}
	flat := int32(0)
	for p := range snap.Schema.Pipelines {
		l.first = append(l.first, flat)
		won := false
		for i, s := range snap.Schema.Pipelines[p].Stages {
			l.order[flat], l.pipeline[flat], l.kind[flat] = int32(i), int32(p), s.Kind
			won = won || s.Kind == crm.Won
			l.counted[flat] = s.Kind == crm.Open && !won
			flat++
		}
	}
	l.first = append(l.first, flat)
	return l
}

// visits appends the stays of deal r to buf, oldest first. Entries into the stage where the deal already is are no moves. A deal
// closed by a status of its own leaves its last open stage then. ok is false where the history is not known, or does not lead to
// the present stage and nothing says when that was entered.
func (l *layout) visits(snap *crm.Snapshot, r *crm.Row, buf []Visit) (visits []Visit, ok bool) {
	return l.visitsBy(r, snap.Moves(r.Index), buf)
}

// visitsBy is visits by some of the deal's moves: those that it had made when it was r.
func (l *layout) visitsBy(r *crm.Row, moves []crm.Move, buf []Visit) (visits []Visit, ok bool) {
	if !r.Known.Has(crm.FactHistory) {
		return buf, false
	}
	from := len(buf)
	for _, m := range moves {
		if n := len(buf); n > from {
			if buf[n-1].Stage == m.Stage {
				continue
			}
			buf[n-1].Left = m.At
		}
		buf = append(buf, Visit{Stage: m.Stage, Entered: m.At, Origin: m.Origin})
	}
	n := len(buf)
	if n == from {
		return buf, false
	}
	last := &buf[n-1]
	if last.Stage != r.Stage {
		if !r.Known.Has(crm.FactStageEntry) || r.StageEntry < last.Entered {
			return buf[:from], false
		}
		last.Left = r.StageEntry
		buf = append(buf, Visit{Stage: r.Stage, Entered: r.StageEntry})
		last = &buf[n]
	}
	if r.Status != crm.Open && last.Stage != crm.None && l.kind[last.Stage] == crm.Open && r.Closed >= last.Entered {
		last.Left = r.Closed
	}
	return buf, true
}

// skipped appends the open stages of a pipeline that a deal skipped to buf, in order. Every stretch of visits within the
// pipeline counts by itself, so that a deal which came over from another pipeline skipped nothing on the way.
func (l *layout) skipped(visits []Visit, pipeline int32, won bool, buf []int32) []int32 {
	l.walk++
	lo, hi := l.first[pipeline], l.first[pipeline+1]
	for _, v := range visits {
		if v.Stage != crm.None {
			l.marks[v.Stage] = l.walk
		}
	}
	from, to := int32(-1), int32(-1) // the stretch: the order of its entry stage, and the furthest one reached
	start := len(buf)
	flush := func() {
		for s := lo; from >= 0 && s < hi; s++ {
			if o := l.order[s]; o > from && o < to && l.counted[s] && l.marks[s] != l.walk {
				l.marks[s] = l.walk // each once
				buf = append(buf, s)
			}
		}
		from, to = -1, -1
	}
	for i, v := range visits {
		switch {
		case v.Stage == crm.None:
			continue
		case l.pipeline[v.Stage] != pipeline:
			flush()
			continue
		case l.kind[v.Stage] == crm.Lost:
		default:
			o := l.order[v.Stage]
			if from < 0 {
				from = o
			}
			to = max(to, o)
		}
		if won && i == len(visits)-1 && from >= 0 && l.kind[v.Stage] == crm.Open {
			to = hi - lo // won by a status: past the last open stage
		}
	}
	flush()
	slices.Sort(buf[start:])
	return buf
}
