package crm

// Fact is a set of things that can be known of a deal. A fact that is known and empty (no owner, no reason) is something
// else than a fact that is not known: the first can be a finding, the second never is.
type Fact uint32

// The facts. Stage, pipeline, id and status are always known.
const (
	FactName         Fact = 1 << iota // name
	FactCreated                       // creation time
	FactClosed                        // closing time of a closed deal
	FactOwner                         // owner, or that there is none
	FactAmount                        // amount, or that there is none
	FactCloseDate                     // expected close date, or that there is none
	FactStageEntry                    // entry into the present stage
	FactHistory                       // every stage move since creation
	FactTouch                         // last touch, or that there was none
	FactBuyer                         // last buyer activity, or that there was none
	FactPlanned                       // next activity planned by a person, or that there is none
	FactLossReason                    // loss reason, or that there is none
	FactLossDetail                    // detail beside the loss reason
	FactCompany                       // company, or that there is none
	FactOrigin                        // how the deal was made
	FactModified                      // the CRM's own modification time
	FactUpdated                       // the "last updated" clock that the CRM shows
	FactType                          // the portal's own kind of deal, or that there is none
	FactSource                        // the channel that the deal came by, or that it is none
	FactContacts                      // number of people associated
	FactTouches                       // number of touches by the team
	FactFirstTouch                    // first touch by the team, or that there was none
	FactFirstMeeting                  // first meeting held, or that there was none
	FactFirstMail                     // first e-mail sent by a person of the team, or that there was none
	FactNextDue                       // earliest activity planned by a person and not done, or that there is none
	FactQuotes                        // the furthest valid quote, or that there is none
	FactLineItems                     // sum of the line items, or that there are none
	FactEditor                        // who changed the deal last, or that it was nobody (an automation)
	FactDates                         // every value of the expected close date since creation
	FactCloser                        // who closed a closed deal, or that it was nobody (an automation)

	// The last two are of the portal's set-up and no deal has them: what a policy asks for that looks at them.

	FactRules    // Pipeline.Rules
	FactOutreach // Schema.Outreach
)

// FactEvidence is what the record itself holds of the team's work: the first meeting and the first e-mail.
const FactEvidence = FactFirstMeeting | FactFirstMail

// AllFacts is the set of every fact.
const AllFacts Fact = 1<<32 - 1

// Us stands for this program where a deal names who changed or closed it.
const Us = "plumbline"

// Has reports whether every fact of g is in f.
func (f Fact) Has(g Fact) bool { return f&g == g }

// Status is the state of a deal by the CRM's own flags.
type Status uint8

// The states of a deal.
const (
	Open Status = iota
	Won
	Lost
)

// String gives "open", "won" or "lost".
func (s Status) String() string { return [...]string{"open", "won", "lost"}[s] }

// Origin tells how a deal was made or who made a move.
type Origin uint8

// The origins, from least to most known.
const (
	OriginUnknown     Origin = iota
	OriginPerson             // a person, in the CRM's own pages or app
	OriginAutomation         // a workflow or another automation of the portal
	OriginIntegration        // another program, through the API
	OriginImport             // a file import or a migration
	OriginPlumbline          // we
)

// Deal is the row that a connector yields: the CRM's own ids and texts. Only mirror, csvfile and the Builder see it.
type Deal struct {
	ID       string
	Name     string
	Pipeline string // id
	Stage    string // id
	// Status overrules the stage's kind where the CRM keeps a status of its own (Pipedrive); nil: the stage's kind says it.
	Status   *Status
	Owner    string // id, "" when none
	Currency string // ISO 4217 code
	Company  string // id or, in files, name; "" when none
	Amount   Amount

	Created    Instant
	Modified   Instant // the CRM's own clock; watermarks are taken from it, policies never look at it
	Closed     Instant // last entry into the closed stage, else the CRM's closing time; none while open
	StageEntry Instant // entry into the present stage
	CloseDate  Instant // expected close; a date is the first instant of that day in the account's zone
	Touch      Instant // last e-mail, call or meeting by a person of the team; ours never count
	Buyer      Instant // last activity of the buyer
	Planned    Instant // next activity planned by a person; ours never count

	LossReason string // as text, or the option's value where Schema.LossReason.Kind is options
	LossText   string // the CRM's own free text, where the reason is read from a property beside it
	LossDetail string

	Origin   Origin
	Archived bool
	Known    Fact
	Moves    []StageMove // oldest first, beginning with the entry at creation; complete when Known has FactHistory
	Merged   []string    // ids of deals that were merged into this one

	Updated Instant // the CRM's own "last updated" clock, which policies may show but never judge by
	Type    string  // the portal's own kind of deal, as the option's value; "" when none
	Source  string  // the channel that the deal came by; "" when none, and what is entered by hand, by API or import came by none

	Contacts     int32   // people associated
	Touches      int32   // touches by the team so far; ours never count
	FirstTouch   Instant // first touch by the team; it may lie before the deal's creation
	FirstMeeting Instant // first meeting held
	FirstMail    Instant // first e-mail sent by a person of the team
	NextDue      Instant // earliest activity planned by a person that is not done, past or ahead; ours never count

	Quote     Quote  // the furthest valid quote; zero when there is none
	LineTotal Amount // sum of the line items in the deal's currency; 0 when there are none

	Editor string // user id of who changed the deal at Modified, [Us], or "" for nobody; only touched-in-bulk may look at both
	Closer string // user id of who closed it, [Us], or "" for nobody or while open

	Dates []DateChange // every value of the expected close date, oldest first, beginning with the one at creation
}

// Quote is how far a deal's quote has come; a moment that it has not reached is none. Of several valid quotes of a deal the
// furthest counts: paid before signed before published. A draft and a quote that was taken back are none.
type Quote struct {
	Published Instant
	Expires   Instant // the first instant at which it is valid no more; none: it does not expire
	Signed    Instant
	Paid      Instant
}

// DateChange is one value that a deal's expected close date was given.
type DateChange struct {
	At     Instant // when it was set
	To     Instant // the value, as [Deal].CloseDate; none: it was cleared, or empty at creation
	Origin Origin  // by whom
}

// StageMove is one entry of a deal into a stage, as a connector reads it.
type StageMove struct {
	Stage  string // id
	At     Instant
	Origin Origin
}

// Gone is a deal that the portal no longer lists.
type Gone struct {
	ID   string
	Why  string // deleted | archived | merged
	Into string // the survivor of a merge
}
