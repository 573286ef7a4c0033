package audit

import (
	"fmt"
	"reflect"

	"github.com/plumbline/plumbline/internal/crm"
)

// Severity says how bad a finding is.
type Severity uint8

// The severities. NoSeverity means "as the policy grades it".
const (
	NoSeverity Severity = iota
	Info
	Low
	Medium
	High
	Critical
)

var severityNames = [...]string{"", "info", "low", "medium", "high", "critical"}

// String gives "info" to "critical".
func (s Severity) String() string { return severityNames[s] }

// MarshalText writes the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name.
func (s *Severity) UnmarshalText(b []byte) error {
	for i, n := range severityNames {
		if n == string(b) {
			*s = Severity(i)
			return nil
		}
	}
	return fmt.Errorf("severity %q is not one of info, low, medium, high, critical", b)
}

// Group is one of the catalogue's four tables.
type Group string

// The groups.
const (
	Design  Group = "design"
	Reasons Group = "reasons"
	Deals   Group = "deals"
	People  Group = "people"
	Own     Group = "own" // not of the catalogue: the account's own policies
)

// Family is a family of the score; policies of no family are not scored.
type Family string

// The families.
const (
	FamilyActivity Family = "activity"
	FamilyForecast Family = "forecast"
	FamilyRecord   Family = "record"
	FamilyPath     Family = "path"
	FamilyLosses   Family = "losses"
	FamilySetup    Family = "setup"
)

// Need is a kind of data without which a policy cannot judge a record.
type Need string

// The needs. Those of the catalogue first, then the single columns that a file can lack.
const (
	NeedHistory    Need = "stage history"
	NeedDates      Need = "date history"
	NeedActivity   Need = "activity"
	NeedMail       Need = "mail"
	NeedQuotes     Need = "quotes"
	NeedContacts   Need = "contacts"
	NeedOwners     Need = "owners"
	NeedCreated    Need = "creation date"
	NeedStageEntry Need = "stage entry"
	NeedCloseDate  Need = "expected close date"
	NeedAmount     Need = "amount"
	NeedLossReason Need = "loss reason"
	NeedClosed     Need = "closing date"
	NeedType       Need = "deal type"
	NeedChannel    Need = "channel"
	NeedTouches    Need = "touches by the team" // how many, and the first
	NeedEvidence   Need = "meetings and e-mails"
	NeedPlanned    Need = "planned activities" // the earliest that is not done
	NeedLineItems  Need = "line items"
	NeedEditor     Need = "last editor"
	NeedCloser     Need = "who closed it"
	NeedRules      Need = "pipeline rules"  // of the portal, not of deals
	NeedRequired   Need = "required fields" // of the portal, not of deals
	NeedOutreach   Need = "touches by kind" // of the portal, not of deals
	NeedOdds       Need = "stage probabilities"
	NeedSetup      Need = "the whole set-up"  // of the portal, not of deals
	NeedTarget     Need = "a target cycle"    // of the configuration, not of the portal
	NeedHistoryN   Need = "enough past deals" // a statistic's minimum is not reached
	NeedLanguage   Need = "a known language"  // a name is in a script that the vocabulary does not cover
	NeedName       Need = "name"
	NeedOrigin     Need = "origin" // how a deal was made
	NeedCompany    Need = "company"
	NeedReopenings Need = "earlier closings" // whether a deal was closed before
	NeedExpression Need = "a result"         // the expression of an own policy fails on the record
)

// Mode is what the daemon may do about a finding.
type Mode string

// The modes, from least to most.
const (
	ModeReport  Mode = "report"
	ModePropose Mode = "propose"
	ModeAuto    Mode = "auto"
)

// Meta describes a policy.
type Meta struct {
	ID       string
	Title    string // one line, without a full stop
	Doc      string // the Markdown document beside the code
	Group    Group
	Family   Family
	Rank     int      // place in the family's order: 1 leads
	Severity Severity // the highest that it reports by default, for lists
	Needs    []Need
	Sources  string // "S1 S2"
	Fix      FixKind
	Subject  crm.Kind
	Off      bool // off by default
	// After are the policies whose verdicts this one asks for with [Pass.Flagged]; they run before it.
	After []string
	// Facts are what must be read of deals for it.
	Facts crm.Fact
	// Message is the finding's sentence in English, as a text/template over its Facts with the functions of internal/text.
	Message string
}

// Checker is a policy's own settings, which know how to check. Check reports on every record that the pass gives it:
// [Pass.OK], [Pass.Found] or [Pass.Unknown], exactly once per record.
type Checker interface{ Check(p *Pass) }

// Policy is one thing that can be wrong. Make one with [Define] or [DefineOwn].
type Policy struct {
	Meta
	defaults Checker
	settings func() any
	bind     func(settings any) (Checker, error)
}

// Define makes a policy of its description and its settings' defaults. S is a struct type with a Check method on the
// value; its exported fields carry `yaml:"…"` names and `desc:"…"` texts.
func Define[S Checker](meta Meta, defaults S) *Policy {
	if reflect.TypeOf(defaults).Kind() != reflect.Struct {
		panic("audit.Define " + meta.ID + ": settings must be a struct")
	}
	return &Policy{Meta: meta, defaults: defaults, settings: func() any { s := defaults; return &s }, bind: itself}
}

func itself(settings any) (Checker, error) {
	c, ok := settings.(Checker)
	if !ok {
		return nil, fmt.Errorf("settings of type %T cannot check", settings)
	}
	return c, nil
}

// DefineOwn makes a policy whose settings are known only when its description is read: settings returns a pointer to a fresh
// struct of the defaults, with tags as in [Define], and bind makes what checks by such a struct. Where the result of bind has a
// method Values() any, that gives the struct back.
func DefineOwn(meta Meta, settings func() any, bind func(settings any) (Checker, error)) (*Policy, error) {
	defaults, err := bind(settings())
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", meta.ID, err)
	}
	return &Policy{Meta: meta, defaults: defaults, settings: settings, bind: bind}, nil
}

// NewSettings returns a pointer to a fresh copy of the defaults, for the configuration to decode into.
func (p *Policy) NewSettings() any { return p.settings() }

// Defaults returns the default settings.
func (p *Policy) Defaults() Checker { return p.defaults }

// Checker returns what checks by settings that [Policy.NewSettings] made.
func (p *Policy) Checker(settings any) (Checker, error) {
	c, err := p.bind(settings)
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", p.ID, err)
	}
	return c, nil
}

// Check is a policy with settings, severity and scope. The checks of one policy never overlap: the narrowest scope wins.
type Check struct {
	Policy   *Policy
	Settings Checker
	Severity Severity // NoSeverity: the policy grades
	Off      bool     // finds nothing, but still counts as able to judge in the score
	Why      string   // why it is off
	Mode     Mode
	Grace    Days
	Pipeline string // id or name; "" is every pipeline that no narrower check names
	Stage    string // id or name within Pipeline; "" is every stage that no narrower check names
	// Band narrows the check to deals of an amount. The deals of the same pipeline and stage that are in no band, among them those
	// without an amount or in another currency, are judged by the check of that scope that has none, which must be there.
	Band Band
	// Origin tells, per setting that is not the policy's default, where it comes from: "policies", "portal acme", "pipeline Sales", ….
	Origin map[string]string
}
