package crm

// Completeness tells what a sync expected, read and failed to read, per object ("deals", "pipelines", "owners", …).
type Completeness struct {
	Read map[string]Count `json:"read"`
	Gaps []Gap            `json:"incomplete"`
}

// Complete reports whether nothing is missing.
func (c Completeness) Complete() bool { return len(c.Gaps) == 0 }

// Count is one object's figures. Expected comes from a count that the walk itself does not produce; nil where there is none.
type Count struct {
	Expected *int64 `json:"expected"`
	Read     int64  `json:"read"`
	Failed   int64  `json:"failed"`
}

// Gap is one thing that could not be read.
type Gap struct {
	Object  string  `json:"object"`
	Why     string  `json:"why"`
	RetryAt Instant `json:"retry_at"`
}

// Cursor is the place at which an interrupted walk goes on; the zero value is its beginning. Only its connector reads it.
type Cursor struct {
	After string  `json:"after,omitempty"`
	Since Instant `json:"since,omitempty"`
}

// Work is what a walk over deals is asked for.
type Work struct {
	// Since limits the walk to deals modified at or after it, by the CRM's own clock; none: every deal.
	Since Instant
	// From is where an earlier, interrupted walk of the same work ended.
	From Cursor
	// Facts are the facts that the enabled checks need; others need not be read.
	Facts Fact
	// Known reports whether a deal is already kept as of a modification time: it need not be read any further, nor
	// yielded. nil: nothing is known. A walk by modification time that finds only known deals ends after its one request.
	Known func(id string, modified Instant) bool `json:"-"`
	// Sweep asks a walk by modification time to read again, too, what no modification time shows: once a day.
	Sweep bool
}

// Page is one page of a walk over deals.
type Page struct {
	Deals  []Deal
	Gone   []Gone
	Failed []string // ids, or a description, of records that could not be read, each with its reason
	Next   Cursor   // where the walk goes on after this page
	Last   bool
}

// History is a deal's way through the stages, as read for that deal alone, and what was told beside.
type History struct {
	Deal  string
	Moves []StageMove // oldest first, beginning with the entry at creation
	// Complete reports that no move is missing: what the CRM keeps reaches back to the deal's creation, and its moves follow
	// one another.
	Complete bool
	// Known are the facts that were told beside the moves, whether or not those are complete: FactDates, FactCloser.
	Known  Fact
	Dates  []DateChange // as [Deal].Dates
	Closer string       // as [Deal].Closer
}

// HistoryRecord is what was heard of a deal's history, asked for that deal alone, and of which state of the deal.
type HistoryRecord struct {
	History
	Stage   string  // of the deal when its history was asked for
	Entered Instant // entry into that stage; none: not known
	// CloseDate is the deal's expected close date when its history was asked for.
	CloseDate Instant
}

// HistoryState is how far a portal's stage history is known, where it is read deal by deal. Deals of every kind count:
// Known + Partial + Waiting is how many there are.
type HistoryState struct {
	Known   int64 `json:"known"`   // deals whose way is known whole
	Partial int64 `json:"partial"` // deals that were asked for, and of whose way the CRM does not tell all
	Waiting int64 `json:"waiting"` // deals that are still to be asked for: for their way, or for the values of their close date
	// RetryAt is when reading can go on, where something stopped it, and Why what that was; none and "" otherwise.
	RetryAt Instant `json:"retry_at"`
	Why     string  `json:"why,omitempty"`
}

// Deals is how many deals there are.
func (s HistoryState) Deals() int64 { return s.Known + s.Partial + s.Waiting }

// Sync is the record of one pull of a portal.
type Sync struct {
	ID           string       `json:"id"`
	Portal       string       `json:"portal"`
	Full         bool         `json:"full"`
	Started      Instant      `json:"started"`
	Ended        Instant      `json:"ended"` // none: interrupted, it goes on at Cursor
	Since        Instant      `json:"since"`
	Watermark    Instant      `json:"watermark"` // the newest modification time seen, by the CRM's own clock
	Cursor       Cursor       `json:"cursor"`
	Completeness Completeness `json:"completeness"`
	Facts        Fact         `json:"facts"` // asked for
	Requests     int64        `json:"requests"`
	Tokens       int64        `json:"tokens"`
	Error        string       `json:"error,omitempty"`
	// FullAt is when the last full walk ended that the kept deals rest on, SweptAt when they were last compared with what
	// the portal still lists; both by our clock, for schedules alone.
	FullAt  Instant `json:"full_at"`
	SweptAt Instant `json:"swept_at"`
}
