package crm

// Schema is a portal's set-up, and what its CRM can do, as data, so that no policy asks which CRM it is.
type Schema struct {
	Account    string     `json:"account"`     // the CRM's own id of the account
	Currency   string     `json:"currency"`    // home currency, ISO 4217
	Zone       string     `json:"zone"`        // IANA name; "" means UTC
	DealURL    string     `json:"deal_url"`    // a deal's page, with {id}; "" when there is none
	Pipelines  []Pipeline `json:"pipelines"`   // by order
	Users      []User     `json:"users"`       // every owner, active or not
	UsersKnown bool       `json:"users_known"` // false: the list of owners could not be read
	LossReason LossReason `json:"loss_reason"`
	Scopes     []string   `json:"scopes,omitempty"` // granted, where the CRM says
	// HistoryFrom is the moment since which every stage move is known, for CRMs that give no older history; none: all of it.
	// A deal that moved unseen since then is marked by itself: it lacks FactHistory.
	HistoryFrom Instant `json:"history_from"`
	// HistoryByDeal is true where stage history is read deal by deal, over days, and not with every pull.
	HistoryByDeal bool `json:"history_by_deal,omitempty"`
	// Unknown says, per fact that this portal cannot give, why and what would give it.
	Unknown []MissingFact `json:"unknown,omitempty"`
	// StagesOfDeals is true where the pipelines are known by their deals alone (a file): a stage that no deal is in may be missing.
	StagesOfDeals bool `json:"stages_of_deals,omitempty"`
	// ClosedStages is false where the CRM keeps won and lost as a status of the deal (Pipedrive), not as stages.
	ClosedStages bool `json:"closed_stages"`
	// ActivityBased is true where planned activities are first-class in the CRM's own method (Pipedrive).
	ActivityBased bool `json:"activity_based"`
	// CompanyIsContact is true where a deal's company takes the place of a person in the CRM's own method (Pipedrive).
	CompanyIsContact bool `json:"company_is_contact,omitempty"`
	// Channels are those that deals can come by, where the CRM's deals name them by values of their own; nil where that is not needed.
	Channels []Option `json:"channels,omitempty"`
	// ActivityKinds says what the CRM's own types of activities are: call, meeting, email or task; nil where that is not needed.
	ActivityKinds map[string]string `json:"activity_kinds,omitempty"`
	// RulesAvailable is true where the CRM, in this portal's plan, can forbid moves: see Pipeline.Rules.
	RulesAvailable bool `json:"rules_available,omitempty"`
	// RequiredKnown is true where Stage.Required tells every field that the CRM asks for; false: the CRM does not say.
	RequiredKnown bool `json:"required_known,omitempty"`
	// ShippedSets are the names of the open stages that the CRM ships for a new pipeline, in order, one list per language.
	ShippedSets [][]string `json:"shipped_sets,omitempty"`
	// Outreach counts the team's touches of the last 90 days by kind: call, meeting, email. OutreachKnown is false where it was
	// not asked for or could not be read.
	Outreach      map[string]int `json:"outreach,omitempty"`
	OutreachKnown bool           `json:"outreach_known,omitempty"`
	// CloseDateDefault is what the CRM itself enters as the expected close date of a deal that a person makes; "": nothing.
	CloseDateDefault CloseDateDefault `json:"close_date_default,omitempty"`
	// OneCloseDate is true where the CRM keeps one close date: the expected one while a deal is open, the actual one once it is
	// closed. Where it is false, a closed deal's expected date says nothing of when it was closed.
	OneCloseDate bool `json:"one_close_date,omitempty"`
	// Rots is true where the CRM can mark a deal as rotting after days that are set per stage: see Stage.RotDays.
	Rots bool `json:"rots,omitempty"`
	// The CRM stores an open stage's probability (0..1) in steps of ProbabilityStep from ProbabilityMin to ProbabilityMax; all 0:
	// it stores any, or that is not known.
	ProbabilityStep float64 `json:"probability_step,omitempty"`
	ProbabilityMin  float64 `json:"probability_min,omitempty"`
	ProbabilityMax  float64 `json:"probability_max,omitempty"`
	// ProbabilityUnit is what certainty is in the CRM's own unit, in which FieldProbability is written: 1, or 100 for percent; 0: a
	// program cannot write it.
	ProbabilityUnit float64 `json:"probability_unit,omitempty"`
}

// CloseDateDefault is a rule by which a CRM enters an expected close date that nobody chose.
type CloseDateDefault string

// MonthEnd is the last day of the month in which the deal was created, in the account's zone.
const MonthEnd CloseDateDefault = "month-end"

// MissingFact names a fact that a portal cannot give.
type MissingFact struct {
	Fact Fact   `json:"fact"`
	Why  string `json:"why"`  // "the scope crm.objects.owners.read is missing"
	Cure string `json:"cure"` // "grant it and connect again"
}

// Pipeline is one process that deals go through.
type Pipeline struct {
	ID      string  `json:"id"`
	Name    string  `json:"name"`
	Order   int     `json:"order"`
	Created Instant `json:"created"`
	Updated Instant `json:"updated"`
	Stages  []Stage `json:"stages"` // by order
	// Changed is when one of the stages was last made or changed, where the CRM tells; none: it does not.
	Changed Instant `json:"changed,omitzero"`
	// ProbabilitiesOff is true where the CRM does not use the stages' probabilities in this pipeline, and Stage.Probability is nil
	// for that reason.
	ProbabilitiesOff bool `json:"probabilities_off,omitempty"`
	// Rules are what the CRM forbids in this pipeline; nil: it cannot be known, or this portal's plan has none.
	Rules *Rules `json:"rules,omitempty"`
}

// Rules are the moves that a CRM forbids in a pipeline.
type Rules struct {
	NoSkip bool `json:"no_skip"` // no stage may be left out on the way forward
	NoBack bool `json:"no_back"` // no deal may go back
	// Since is when we first saw them as they are; none: never before.
	Since Instant `json:"since,omitzero"`
}

// Stage is one step of a pipeline.
type Stage struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Order       int      `json:"order"`       // from 0, dense
	Kind        Status   `json:"kind"`        // by the CRM's own flags, never by its name
	Probability *float64 `json:"probability"` // 0..1; nil: not set or not in use
	RotDays     *int     `json:"rot_days"`    // Pipedrive's rotting; nil: off
	Created     Instant  `json:"created"`
	Updated     Instant  `json:"updated"`
	// Required are the labels of the fields that the CRM asks for when a deal enters the stage: see Schema.RequiredKnown.
	Required []string `json:"required,omitempty"`
	// Shipped is the English name under which the CRM ships a stage of this id; "" when it ships none.
	Shipped string `json:"shipped,omitempty"`
}

// User is somebody, or a queue, that can own deals.
type User struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Email  string `json:"email,omitempty"`
	Active bool   `json:"active"`
	Queue  bool   `json:"queue,omitempty"`
	// UserID is what the CRM calls the person where it says who changed or closed a deal; "": the same as ID. Connectors give
	// Deal.Editor and Deal.Closer as ID where the person is listed.
	UserID string `json:"user_id,omitempty"`
}

// LossReasonKind tells how a portal records why a deal was lost.
type LossReasonKind string

// The ways to record a loss reason.
const (
	LossText    LossReasonKind = "text"    // free text
	LossOptions LossReasonKind = "options" // one of a list
	LossMixed   LossReasonKind = "mixed"   // a list, and free text beside it (Pipedrive)
)

// LossReason describes where a portal keeps loss reasons.
type LossReason struct {
	Kind        LossReasonKind `json:"kind"`
	Field       string         `json:"field"`        // the CRM's own name of it
	DetailField string         `json:"detail_field"` // "" when there is none
	TextField   string         `json:"text_field"`   // the CRM's built-in free text beside Field; "" when Field is it
	Options     []Option       `json:"options,omitempty"`
	Writable    bool           `json:"writable"`
	// ByHand is true where the list of reasons belongs to the CRM's own settings, which no program can write.
	ByHand bool `json:"by_hand,omitempty"`
}

// Option is one value of an enumeration.
type Option struct {
	Value  string `json:"value"`
	Label  string `json:"label"`
	Hidden bool   `json:"hidden,omitempty"`
}
