package sandbox

import "time"

// World is a portal's sales history in neutral words: what the generator makes or a CSV file gives, and what a CRM's face
// is filled with. Ids are given by the world, so that truth can name records; a face uses them as its own.
type World struct {
	Account   string // the CRM account's id, digits
	Currency  string
	Zone      string // IANA
	Now       time.Time
	Pipelines []Pipeline
	Owners    []Owner
	Companies []Company
	Contacts  []Contact
	Deals     []Deal
	// LossProperty is the drop-down in which the account keeps loss reasons; nil: it has only the CRM's own free text. A face
	// makes an enumeration property of deals of this name and fills it with each deal's LossOption.
	LossProperty *LossProperty
	// Truth lists the problems that were planted, and what they imply, made without the audit.
	Truth []Planted
}

// LossProperty is an enumeration property of deals that says why a deal was lost.
type LossProperty struct {
	Name, Label string
	Options     []LossOption
}

// LossOption is one value of the drop-down.
type LossOption struct{ Value, Label string }

// Pipeline is a pipeline with its stages in order.
type Pipeline struct {
	ID, Label string
	Created   time.Time
	Stages    []Stage
	// Changed is when a stage was last changed; zero: never since Created.
	Changed time.Time
	// Rules are the moves that the CRM forbids; nil: none. Only some plans have rules at all.
	Rules *Rules
}

// Rules forbid leaving out stages, and going back.
type Rules struct{ NoSkip, NoBack bool }

// Stage is a stage. Probability 1 is won, 0 is lost, anything between is open.
type Stage struct {
	ID, Label   string
	Probability float64
}

// Owner is a user of the CRM, or a queue.
type Owner struct {
	ID, Email, First, Last string
	Active                 bool
	Queue                  bool
}

// Company is an organisation that deals are made with.
type Company struct{ ID, Name string }

// Contact is a person at a company.
type Contact struct{ ID, Email, First, Last, Company string }

// Deal is one deal with its whole history.
type Deal struct {
	ID, Name   string
	Pipeline   string // id
	Stage      string // id of the present stage: that of the last move
	Owner      string // id, "" none
	Company    string // id, "" none
	Contacts   []string
	Amount     string // decimal text, "" none
	Currency   string
	Created    time.Time
	CloseDate  time.Time // expected close while open, closing time when closed; zero: none
	LossReason string    // free text, the CRM's own field; it may be filled beside LossOption
	LossOption string    // value of World.LossProperty, "" none
	Source     string    // "CRM_UI", "INTEGRATION", "IMPORT", …: how it was made
	Archived   bool
	Moves      []Move // oldest first, beginning with the stage at creation; empty: the history is not known
	Activities []Activity
	// StageEntered is the entry into the present stage where Moves is empty and the entry is known all the same.
	StageEntered time.Time
	Type         string       // kind of deal, as the option's value: "newbusiness", "existingbusiness"; "" none
	Channel      string       // as the CRM names where it came from: "ORGANIC_SEARCH", "OFFLINE", …; "" none
	Editor       string       // owner id of who changed it last, "" nobody
	Edited       time.Time    // when Editor did; zero: with the last move
	Dates        []DateChange // every value of CloseDate, oldest first; empty: it was set with the last move
	Quotes       []Quote
	LineItems    []LineItem
	// External is the deal's id in the file it came from; "" for generated deals.
	External string
}

// Move is one entry into a stage.
type Move struct {
	Stage  string
	At     time.Time
	Source string // "CRM_UI", "AUTOMATION_PLATFORM", "INTEGRATION", …
	By     string // owner id of who made it, "" nobody
}

// DateChange is one value that a deal's close date was given.
type DateChange struct {
	At, To time.Time // To zero: cleared
	Source string
	By     string // owner id, "" nobody
}

// Quote is an offer to the buyer. Moments that it has not reached are zero.
type Quote struct {
	Title                            string
	Created, Published, Signed, Paid time.Time
	Expires                          time.Time // the last day on which it is valid
}

// LineItem is one line of what is sold.
type LineItem struct {
	Name   string
	Amount string // decimal text, of the whole line
}

// Activity is one thing done or planned for a deal. A call, e-mail or meeting that is done and not inbound is a touch; a task,
// call or meeting that is not done and lies in the future is a next activity.
type Activity struct {
	Kind    string // task | call | meeting | email | note
	At      time.Time
	Owner   string
	Subject string
	Inbound bool // by the buyer
	Done    bool
}

// Planted is one problem that the generator planted, or that a planted one implies.
type Planted struct {
	Policy  string  `json:"policy"`
	Subject Subject `json:"subject"`
}

// Subject is the record that a problem is about.
type Subject struct {
	Kind string `json:"kind"` // deal | stage | pipeline | property | owner | portal
	ID   string `json:"id"`
}
