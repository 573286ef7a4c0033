package crm

import (
	"cmp"
	"slices"
	"time"
)

// TextID is a text's place in a snapshot's dictionary; 0 is the empty text.
type TextID uint32

// None is the index of an owner, stage or currency that a deal does not have.
const None = -1

// Columns are a snapshot's deals, one slice entry per deal in ascending order of id; they are what is stored. Nobody
// changes them after [Builder.Build].
type Columns struct {
	ID         []TextID
	Name       []TextID
	Company    []TextID
	LossReason []TextID
	LossText   []TextID
	LossDetail []TextID
	Stage      []int32 // index into Snapshot.Stages
	Owner      []int32 // index into Schema.Users, or None; owners that Schema does not list are appended to it as unknown users
	Currency   []int32 // index into Snapshot.Currencies
	Status     []Status
	Origin     []Origin
	Archived   []bool
	Known      []Fact
	Amount     []Amount
	Created    []Instant
	Modified   []Instant
	Closed     []Instant
	StageEntry []Instant
	CloseDate  []Instant
	Touch      []Instant
	Buyer      []Instant
	Planned    []Instant
	MoveEnd    []uint32 // the deal's moves are Moves[MoveEnd[i-1]:MoveEnd[i]]
	Merged     []TextID // ids of merged deals, joined by ";"
	Moves      []Move
	Texts      []string // the dictionary; Texts[0] is ""
	Currencies []string

	// The columns below are nil where no deal has a value.

	Updated        []Instant
	Type           []TextID
	Source         []TextID
	Contacts       []int32
	Touches        []int32
	FirstTouch     []Instant
	FirstMeeting   []Instant
	FirstMail      []Instant
	NextDue        []Instant
	QuotePublished []Instant
	QuoteExpires   []Instant
	QuoteSigned    []Instant
	QuotePaid      []Instant
	LineTotal      []Amount
	Editor         []TextID
	Closer         []TextID
	DateEnd        []uint32 // the deal's values of the close date are Dates[DateEnd[i-1]:DateEnd[i]]
	Dates          []DateChange
}

// Move is one entry of a deal into a stage.
type Move struct {
	At     Instant
	Stage  int32 // index into Snapshot.Stages, or None for a stage that the portal no longer has
	Origin Origin
}

// StageRef is a stage's place in the schema.
type StageRef struct {
	Pipeline int32 // index into Schema.Pipelines
	Index    int32 // index into the pipeline's Stages
}

// Row is one deal of a snapshot, without pointers.
type Row struct {
	Index      int32 // the deal's place in the snapshot
	Pipeline   int32 // index into Schema.Pipelines
	Stage      int32 // index into Snapshot.Stages
	Owner      int32 // index into Schema.Users, or None
	Currency   int32 // index into Columns.Currencies
	Status     Status
	Origin     Origin
	Archived   bool
	Known      Fact
	Amount     Amount
	Created    Instant
	Closed     Instant
	StageEntry Instant
	CloseDate  Instant
	Touch      Instant
	Buyer      Instant
	Planned    Instant
	Name       TextID
	Company    TextID
	LossReason TextID
	LossText   TextID
	LossDetail TextID
}

// Snapshot is a portal at one moment: what policies see. It is made by a [Builder] and never changes.
type Snapshot struct {
	Portal       string
	CRM          string
	Taken        Instant // the moment that it shows
	Schema       Schema
	Completeness Completeness
	Asked        Fact // the facts that were asked for; a fact that was not asked for is not known of any deal

	cols   Columns
	stages []StageRef
	zone   *time.Location
}

// Assemble makes a snapshot of stored columns. The schema must be the one that the columns were built with.
func Assemble(meta Snapshot, cols Columns) *Snapshot {
	s := meta
	s.cols = cols
	s.stages = nil
	for p := range s.Schema.Pipelines {
		for i := range s.Schema.Pipelines[p].Stages {
			s.stages = append(s.stages, StageRef{int32(p), int32(i)})
		}
	}
	s.zone = time.UTC
	if loc, err := time.LoadLocation(s.Schema.Zone); err == nil {
		s.zone = loc
	}
	return &s
}

// Columns returns the columns, to be read only.
func (s *Snapshot) Columns() *Columns { return &s.cols }

// Len is the number of deals.
func (s *Snapshot) Len() int { return len(s.cols.ID) }

// Zone is the account's time zone.
func (s *Snapshot) Zone() *time.Location { return s.zone }

// NumStages is the number of stages of all pipelines.
func (s *Snapshot) NumStages() int { return len(s.stages) }

// Stage returns the stage of a flat index.
func (s *Snapshot) Stage(i int32) *Stage {
	r := s.stages[i]
	return &s.Schema.Pipelines[r.Pipeline].Stages[r.Index]
}

// StageRef returns where the stage of a flat index stands.
func (s *Snapshot) StageRef(i int32) StageRef { return s.stages[i] }

// StageIndex returns the flat index of the stage at a place of a pipeline.
func (s *Snapshot) StageIndex(pipeline, index int32) int32 {
	i, ok := slices.BinarySearchFunc(s.stages, StageRef{pipeline, index}, func(a, b StageRef) int {
		return cmp.Or(cmp.Compare(a.Pipeline, b.Pipeline), cmp.Compare(a.Index, b.Index))
	})
	if !ok {
		return None
	}
	return int32(i)
}

// PipelineOf returns the pipeline of a flat stage index.
func (s *Snapshot) PipelineOf(stage int32) int32 { return s.stages[stage].Pipeline }

// Text returns a text of the dictionary.
func (s *Snapshot) Text(t TextID) string { return s.cols.Texts[t] }

// ID returns the id of deal i.
func (s *Snapshot) ID(i int32) string { return s.cols.Texts[s.cols.ID[i]] }

// Currency returns the currency of an index of the rows.
func (s *Snapshot) Currency(i int32) string { return s.cols.Currencies[i] }

// Moves returns the stage entries of deal i, oldest first. They are complete only where Known has FactHistory.
func (s *Snapshot) Moves(i int32) []Move {
	from := uint32(0)
	if i > 0 {
		from = s.cols.MoveEnd[i-1]
	}
	return s.cols.Moves[from:s.cols.MoveEnd[i]]
}

// Find returns the place of the deal with an id.
func (s *Snapshot) Find(id string) (int32, bool) {
	i, ok := slices.BinarySearchFunc(s.cols.ID, id, func(t TextID, id string) int { return cmp.Compare(s.cols.Texts[t], id) })
	return int32(i), ok
}

// Deal returns deal i.
func (s *Snapshot) Deal(i int32) Row {
	c := &s.cols
	return Row{
		Index: i, Pipeline: s.stages[c.Stage[i]].Pipeline, Stage: c.Stage[i], Owner: c.Owner[i], Currency: c.Currency[i],
		Status: c.Status[i], Origin: c.Origin[i], Archived: c.Archived[i], Known: c.Known[i], Amount: c.Amount[i],
		Created: c.Created[i], Closed: c.Closed[i], StageEntry: c.StageEntry[i], CloseDate: c.CloseDate[i],
		Touch: c.Touch[i], Buyer: c.Buyer[i], Planned: c.Planned[i],
		Name: c.Name[i], Company: c.Company[i], LossReason: c.LossReason[i], LossText: c.LossText[i], LossDetail: c.LossDetail[i],
	}
}

// Money returns the deal's amount in its currency; none when the amount is not known or zero.
func (s *Snapshot) Money(r Row) Money {
	if r.Amount == 0 {
		return Money{}
	}
	return Money{r.Amount, s.cols.Currencies[r.Currency]}
}

// Export returns deal i as the row it was built from.
func (s *Snapshot) Export(i int32) Deal {
	r, c := s.Deal(i), &s.cols
	st := s.Stage(r.Stage)
	d := Deal{
		ID: s.ID(i), Name: s.Text(r.Name), Pipeline: s.Schema.Pipelines[r.Pipeline].ID, Stage: st.ID,
		Currency: s.Currency(r.Currency), Company: s.Text(r.Company), Amount: r.Amount,
		Created: r.Created, Modified: c.Modified[i], Closed: r.Closed, StageEntry: r.StageEntry, CloseDate: r.CloseDate,
		Touch: r.Touch, Buyer: r.Buyer, Planned: r.Planned,
		LossReason: s.Text(r.LossReason), LossText: s.Text(r.LossText), LossDetail: s.Text(r.LossDetail),
		Origin: r.Origin, Archived: r.Archived, Known: r.Known, Merged: splitIDs(s.Text(c.Merged[i])),
	}
	s.exportMore(i, &d)
	if r.Status != st.Kind {
		d.Status = &r.Status
	}
	if r.Owner != None {
		d.Owner = s.Schema.Users[r.Owner].ID
	}
	for _, m := range s.Moves(i) {
		id := ""
		if m.Stage != None {
			id = s.Stage(m.Stage).ID
		}
		d.Moves = append(d.Moves, StageMove{Stage: id, At: m.At, Origin: m.Origin})
	}
	return d
}
