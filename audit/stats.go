package audit

import "github.com/plumbline/plumbline/internal/crm"

// Stats are the numbers of a snapshot, worked out on first use and shared by all policies. Indexes are those of the snapshot.
type Stats struct {
	snap *crm.Snapshot
	now  crm.Instant
	*layout
}

func newStats(snap *crm.Snapshot, now crm.Instant, l *layout) *Stats { return &Stats{snap, now, l} }

func (s *Stats) numbers() []PipelineStats { return []PipelineStats{} }

func (s *Stats) probability(stage int32) (p float64, observed, ok bool) { return 0, false, false }

// Sample is a sorted sample of lengths in days.
type Sample struct{ days []float64 }

// N is the number of values.
func (s Sample) N() int { return len(s.days) }

// Mean is the average; 0 when there are no values.
func (s Sample) Mean() float64 { return 0 }

// Quantile is x[ceil(p n)] of the n sorted values (practices.md); 0 when there are no values.
func (s Sample) Quantile(p float64) float64 { return 0 }

// WonCycles are the cycles of the pipeline's deals won in the last 365 days; left out: negative ones, and deals created closed.
func (s *Stats) WonCycles(pipeline int32) Sample { return Sample{} }

// WonVisits are the stays in a stage by won deals, ended in the last 365 days and at least 10 minutes long.
func (s *Stats) WonVisits(stage int32) Sample { return Sample{} }

// Remaining are the times that deals won in 365 days still needed to win once they had been in the stage for age days.
func (s *Stats) Remaining(stage int32, ageDays float64) Sample { return Sample{} }

// Passed counts, among deals that did not come from an import and have known history, those that passed the stage in the
// last days days (they entered before it and reached a later open stage or won), and how many of them never visited it.
func (s *Stats) Passed(stage int32, days float64) (passed, skipped int) { return 0, 0 }

// Entered counts the visits of a stage that began in the last days days.
func (s *Stats) Entered(stage int32, days float64) int { return 0 }

// HistoryKnown is the share of the snapshot's unarchived deals with a known history in a pipeline, and their number.
func (s *Stats) HistoryKnown(pipeline int32) (known, deals int) { return 0, 0 }

// PresumedLost reports whether an open deal is older than both twice the average cycle and p99 of won cycles.
func (s *Stats) PresumedLost(r crm.Row) bool { return false }

// Ago are the numbers as they stood the given days before, worked out from the same history. Only those that rest on stage
// history can be asked: Passed, Entered.
func (s *Stats) Ago(days float64) *Stats { return s }

// WilsonLower and WilsonUpper bound a share of k in n with 95 % confidence (Wilson 1927).
func WilsonLower(k, n int) float64 { return 0 }

// WilsonUpper is the upper bound; see [WilsonLower].
func WilsonUpper(k, n int) float64 { return 0 }
