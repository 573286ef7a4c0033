// Package connectors says what Plumbline needs of a CRM: a small interface to read a portal, and optional abilities found
// by type assertion.
//
// Its one rule: a [Connector] is read-only by construction; whatever can change a portal is in [Editor].
package connectors

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// Connector reads one portal.
type Connector interface {
	// Schema reads pipelines, stages, owners and what else the portal's set-up tells. What cannot be read for lack of a
	// scope is said in Schema.Unknown; any other failure is an error.
	Schema(ctx context.Context) (crm.Schema, error)
	// Deals walks over the portal's deals, page by page. The last page has Last set; a walk that ends in an error can be
	// taken up again with Work.From set to the Next of the last page that came. The schema is the one that Schema gave.
	Deals(ctx context.Context, schema crm.Schema, work crm.Work) iter.Seq2[crm.Page, error]
}

// Counter counts deals by a way that the walk does not use, so that completeness can be proved.
type Counter interface {
	Count(ctx context.Context, since crm.Instant) (int64, error)
}

// Sweeper lists what a portal no longer has, which a walk by modification time cannot see.
type Sweeper interface {
	// Gone returns which of the known ids are no longer listed, and why.
	Gone(ctx context.Context, known []string) (gone []crm.Gone, err error)
}

// Refresher reads again what of a portal's set-up changes often, so that a poll between two full walks stays cheap.
type Refresher interface {
	// Refresh returns the schema with its pipelines and stages read again and everything else as it was.
	Refresh(ctx context.Context, schema crm.Schema) (crm.Schema, error)
}

// Surveyor reads what of a portal's set-up costs requests of its own and few policies look at.
type Surveyor interface {
	// Survey returns the schema with what the facts ask for filled in: Pipeline.Rules (FactRules), Schema.Outreach
	// (FactOutreach). What cannot be read for lack of a scope is said in Schema.Unknown; any other failure is an error.
	Survey(ctx context.Context, schema crm.Schema, facts crm.Fact) (crm.Schema, error)
}

// Historian reads the stage history of deals one by one, where it costs too much to come with a walk.
type Historian interface {
	// History yields the history of deals, of which it reads ID, Stage, Status, Created, Origin and, where it is known,
	// CloseDate, in the order given. It ends with the first error; a deal whose history did not come can be asked for again. What it spends leaves enough of the day's budget for
	// the walks of that day.
	History(ctx context.Context, schema crm.Schema, deals []crm.Deal) iter.Seq2[crm.History, error]
	// HistoryTokens is what the history of one deal costs of the CRM's budget; 0 where nothing is counted.
	HistoryTokens() int64
	// Reserve says how many tokens the walks of the rest of the day will take, as far as is foreseen: History leaves them.
	Reserve(tokens int64)
}

// Estimator tells what a full pull will cost, before it is made.
type Estimator interface {
	Estimate(ctx context.Context, facts crm.Fact) (Estimate, error)
}

// Estimate is what a full pull will cost, and what it cost to find that out.
type Estimate struct {
	Requests, Tokens         int64
	Seconds                  float64
	OwnRequests, OwnTokens   int64 // of the estimate itself
	Deals, OpenDeals         int64 // counted
	TokensPerDay, DailyShare int64 // the CRM's daily budget and the part of it that may be used; 0 where nothing is counted
	// HistoryTokens is what all stage history costs beside the pull, at most, and HistoryDays over how many days it is read,
	// where it is read deal by deal; 0 where it comes with the pull.
	HistoryTokens, HistoryDays int64
	Assumed                    []string // what was assumed because no count tells it
}

// Comparer tells whether two texts of a field mean the same, such as 1500 and 1500.00, where a CRM may store another text
// than it was sent.
type Comparer interface {
	Same(field, a, b string) bool
}

// Prober tells what a connection may do.
type Prober interface {
	Probe(ctx context.Context) ([]Access, error)
}

// Access is one thing that a connection may or may not do.
type Access struct {
	Scope   string // the CRM's own name of the permission
	Granted bool
	Needed  bool   // Plumbline cannot work at all without it
	Cost    string // what is lost without it: "owner-missing and owner-inactive cannot be judged"
}

// Editor writes. Every method may be called again after a crash.
type Editor interface {
	// Feasible tells beforehand, for each edit in order, whether it can be done.
	Feasible(ctx context.Context, schema crm.Schema, edits []crm.Edit) ([]Verdict, error)
	// Read returns the live values of fields. A record that no longer exists is absent from the map; deals that were
	// merged or archived count as absent. Records to be created have no id yet: see Lookup.
	Read(ctx context.Context, schema crm.Schema, refs []crm.Ref, fields ...string) (map[crm.Ref]crm.Fields, error)
	// Lookup finds the records that earlier tries of creating edits made, by the key that was written into them; an edit
	// whose record does not exist is absent.
	Lookup(ctx context.Context, schema crm.Schema, edits []crm.Edit) (map[string]string, error)
	// Apply sends the edits, in as few requests as the CRM allows, and returns one receipt per edit in order. It never
	// retries a request that may have taken effect.
	Apply(ctx context.Context, schema crm.Schema, edits []crm.Edit) []crm.Receipt
}

// Feasibility is whether an edit can be done through the CRM's API.
type Feasibility string

// The feasibilities.
const (
	FeasibleOK         Feasibility = "ok"
	FeasibleManual     Feasibility = "manual"     // a person must do it, Words say how
	FeasibleImpossible Feasibility = "impossible" // Words say why
)

// Verdict is what Feasible says of one edit.
type Verdict struct {
	Key          string
	Feasible     Feasibility
	Words        string
	Irreversible []string // fields that an undo cannot restore
}

// Ledger keeps a portal's budgets: how much was taken within a window, over all processes. A connector without one
// (Options.Ledger nil) keeps the count to itself.
type Ledger interface {
	// Take asks for want units of the named window, of which at most limit may be taken in all, and returns how many are granted.
	Take(ctx context.Context, portal, window string, want, limit int64) (granted int64, err error)
}

// Call describes one request that was answered, or failed, for metrics and run totals.
type Call struct {
	Operation string // "deals.list", "deals.search", …: a small closed set
	Status    int    // 0 when no answer came
	Tokens    int64
	Throttled bool          // answered 429
	Budget    int64         // what remains of the CRM's own limit, -1 when it does not say
	Wait      time.Duration // time spent waiting for the pace
}

// Type is one kind of CRM.
type Type struct {
	Name string // "hubspot"
	Open func(Options) (Connector, error)
	Auth Auth
}

// Auth is how an account of this kind of CRM is connected by OAuth.
type Auth struct {
	Authorize string   // path of the consent page, under oauth_url
	Token     string   // path of the token endpoint, under api_url
	Scopes    []string // without which nothing can be read
	Optional  []string // without which something cannot be judged or written
	// TokenAtConsent says that the token endpoint is under oauth_url, as the consent page is.
	TokenAtConsent bool
	// SecretInHeader says that the token endpoint takes client id and secret by HTTP Basic authentication.
	SecretInHeader bool
	// APIField is where the token reply names the API's URL; "": it is as configured.
	APIField string
	// DefaultAPI is the API's URL where neither the configuration nor a token reply names one.
	DefaultAPI string
	// StaticHeader is the header that takes a static token; "": Authorization, as a bearer token.
	StaticHeader string
	// AccountField and ScopesField are where the token reply names the account and the granted scopes, beside what OAuth says.
	AccountField, ScopesField string
}

// Options are what a connector is made of.
type Options struct {
	Portal string
	APIURL string
	// Client authorises its requests by itself; connectors see no token.
	Client *http.Client
	Ledger Ledger
	Log    *slog.Logger
	Now    func() time.Time
	// Sleep waits; nil waits in real time. One that is given must move Now forward.
	Sleep func(ctx context.Context, d time.Duration) error
	// Scopes are what was granted, where that is known (OAuth tells it with the token); empty: not known.
	Scopes []string
	// Observe is told of every request; nil: nobody listens. It may be called from several goroutines.
	Observe func(Call)
	// LossReason and LossDetail name the properties that hold loss reasons; "" leaves the choice to the connector.
	LossReason, LossDetail string
	// TokensPerDay is the CRM's daily budget where it counts tokens, 0: not known. DailyShare is the part of it, up to 1,
	// that may be used; 0: a fifth.
	TokensPerDay int64
	DailyShare   float64
	// ReadOnly makes Open return a connector without [Editor].
	ReadOnly bool
}
