package audit

import (
	"context"

	"github.com/plumbline/plumbline/internal/crm"
)

// Input is what an audit runs over.
type Input struct {
	Snapshot *crm.Snapshot
	Checks   []Check
	Waivers  []Waiver
	Now      crm.Instant // the moment judged: facts later than it are ignored
	// Open are the ids of the findings that were open after the run before. An audit remembers nothing, so a finding that rests on
	// a statistic can only stay open within its bounds ([Pass.Compare]) where it is told what was; nil: nothing was.
	Open map[string]bool
	// LossPhrases are the portal's own words for loss reasons, by the option's value; nil: it has none.
	LossPhrases map[string][]string
}

// Result is an audit: kept as one JSON row per portal and run, and the only thing that exporter, web and report read.
type Result struct {
	Portal         string               `json:"portal"`
	CRM            string               `json:"crm"`
	AsOf           crm.Instant          `json:"as_of"`
	Complete       bool                 `json:"complete"`
	Incomplete     []crm.Gap            `json:"incomplete"`
	Read           map[string]crm.Count `json:"read"`
	Score          *float64             `json:"score"` // 0-100; nil when it may not be given
	Grade          string               `json:"grade"` // A-F, "" without a score
	ScoreParts     []ScorePart          `json:"score_parts"`
	PoliciesOff    int                  `json:"policies_off"`
	PointsOff      float64              `json:"points_off"` // points of families that the switched-off policies belong to and would have lost
	ValueAtRisk    []crm.Money          `json:"value_at_risk"`
	ValueAtRiskExp []crm.Money          `json:"value_at_risk_weighted"` // the same, weighted by the calibrated probability
	Judged         map[string]Judged    `json:"judged"`
	MissingNeeds   []MissingNeed        `json:"missing_needs"`
	Findings       []Finding            `json:"findings"`
	Unknown        []Unknown            `json:"unknown"`
	Pipelines      []PipelineStats      `json:"pipelines"`
	// UnclassifiedLosses are the commonest texts of loss reasons that could not be classified, at most 20.
	UnclassifiedLosses []TextCount `json:"unclassified_losses"`
	// LossClassifier is the version of the classifier that read the loss reasons; "" where none did.
	LossClassifier string `json:"loss_classifier"`
	// ScoreGains are what each policy's findings cost by themselves; empty without a score.
	ScoreGains []ScoreGain `json:"score_gains"`
	// ValueByPolicy is the money at stake in the records of each policy with an unwaived finding, open or closed; ValueAtStake that
	// of all of them that are no closed deals, each once. Nothing is converted.
	ValueByPolicy map[string][]crm.Money `json:"value_by_policy"`
	ValueAtStake  []crm.Money            `json:"value_at_stake"`
	Cases         []CaseSum              `json:"cases"`
}

// ScorePart is one family's share of the score.
type ScorePart struct {
	Family Family  `json:"family"`
	Points float64 `json:"points"` // k_f
	Lost   float64 `json:"lost"`   // k_f x r_f
	Judged int     `json:"judged"` // n_f
	// Policies tells which policy costs how many of the lost points.
	Policies map[string]float64 `json:"policies"`
}

// Judged counts a policy's records. Passed and findings are the judged ones; unknown are not among them.
type Judged struct {
	Judged  int `json:"judged"`
	Passed  int `json:"passed"`
	Unknown int `json:"unknown"`
}

// MissingNeed names data that policies lacked, once per portal.
type MissingNeed struct {
	Need     Need     `json:"need"`
	Policies []string `json:"policies"`
	Records  int      `json:"records"` // how many records could not be judged for it, at most over the policies
	Why      string   `json:"why"`
	Cure     string   `json:"cure"`
}

// PipelineStats are the numbers of one pipeline; a nil number is undefined, n says on how many records each rests.
type PipelineStats struct {
	ID              string      `json:"id"`
	Name            string      `json:"name"`
	OpenDeals       int         `json:"open_deals"`
	OpenValue       []crm.Money `json:"open_value"`
	AverageDealSize []crm.Money `json:"average_deal_size"`
	AverageWonSize  []crm.Money `json:"average_won_size"`
	// WithoutAmount counts the open deals that are known to have no amount, and so are in no forecast.
	WithoutAmount      int            `json:"open_deals_without_amount"`
	WinRate90          *float64       `json:"win_rate_90d"`
	WinRate365         *float64       `json:"win_rate_365d"`
	AdjustedWinRate365 *float64       `json:"adjusted_win_rate_365d"`
	AverageCycleDays   *float64       `json:"average_cycle_days"`
	MedianCycleDays    *float64       `json:"median_cycle_days"`
	P90CycleDays       *float64       `json:"p90_cycle_days"`
	VelocityPerDay     []crm.Money    `json:"velocity_per_day"`
	RealisedPerDay     []crm.Money    `json:"realised_per_day"`
	WeightedForecast   []ForecastPart `json:"weighted_forecast"`
	CalibratedForecast []ForecastPart `json:"calibrated_forecast"`
	N                  map[string]int `json:"n"`
	Stages             []StageStats   `json:"stages"`

	// WinRateByMoney90 and WinRateByMoney365 are the win rates by money, each with its own n.
	WinRateByMoney90  []MoneyRate `json:"win_rate_90d_by_money"`
	WinRateByMoney365 []MoneyRate `json:"win_rate_365d_by_money"`
	AdjustedWinRate90 *float64    `json:"adjusted_win_rate_90d"`
	// CreatedToWon is the share won within the p90 cycle of their creation: [Stats.CreatedToWon].
	CreatedToWon  *float64 `json:"created_to_won"`
	MedianCycle90 *float64 `json:"median_cycle_days_90d"`
	// LiveVelocity is velocity over the open deals that are not past twice the average cycle (at least 30 days; 180 days below 20
	// cycles), VelocityBefore what velocity was 90 days ago.
	LiveVelocity   []crm.Money `json:"live_velocity_per_day"`
	VelocityBefore []crm.Money `json:"velocity_per_day_90d_ago"`
	Bloat          []Bloat     `json:"bloat"`
	// NewDeals30 are the deals created in 30 days, NewDealsBefore the mean of 30 days over the 180 days before; imports are no new deals.
	NewDeals30     int     `json:"new_deals_30d"`
	NewDealsBefore float64 `json:"new_deals_month_before"`
	// Active30 is the share of open deals that moved or had buyer activity in 30 days: [Stats.ActiveOpen].
	Active30         *float64 `json:"active_30d"`
	AutomatedMoves90 *float64 `json:"automated_moves_90d"`
}

// Bloat is velocity / realised in one currency: above 1.5 the open deals promise more than is ever won.
type Bloat struct {
	Currency string   `json:"currency"`
	Ratio    float64  `json:"ratio"`
	Before   *float64 `json:"ratio_90d_ago"`
}

// ForecastPart is the weighted sum of one currency: in all, and by expected close month and the buckets past and none.
type ForecastPart struct {
	Amount   string            `json:"amount"`
	Currency string            `json:"currency"`
	Months   map[string]string `json:"months"` // "2026-12", "past", "none" → amount
}

// StageStats are the numbers of one stage.
type StageStats struct {
	ID                    string         `json:"id"`
	Name                  string         `json:"name"`
	Order                 int            `json:"order"`
	Kind                  string         `json:"kind"` // open | won | lost
	OpenDeals             int            `json:"open_deals"`
	OpenValue             []crm.Money    `json:"open_value"`
	MedianDays            *float64       `json:"median_days"`
	P90Days               *float64       `json:"p90_days"`
	Conversion            *float64       `json:"conversion"`
	CohortConversion      *float64       `json:"cohort_conversion"` // [Stats.CohortConversion]
	SkipRate              *float64       `json:"skip_rate"`
	BackwardRate          *float64       `json:"backward_rate"`
	ConfiguredProbability *float64       `json:"configured_probability"`
	ObservedProbability   *float64       `json:"observed_probability"`
	N                     map[string]int `json:"n"`
}

// Run judges a snapshot by every check. It fails only when ctx ends or the checks are not valid; a policy that panics is
// a bug and is reported as an error naming it.
func Run(ctx context.Context, in Input) (*Result, error) { return run(ctx, in) }
