// Package exporter shows the state of every portal's pipelines to Prometheus.
//
// Its one idea: gauges are read from the last kept results at the moment of a scrape, so that nothing is reset and nothing
// goes stale. Its one rule: no label without a bound; a deal is never a label.
package exporter

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/remedy"
	"github.com/plumbline/plumbline/internal/store"
)

// Source is where the state is read: numbers that are kept, none of which costs more the more is wrong with a portal.
type Source interface {
	// LastFigures returns the newest audit of every portal; its lists of findings are not used.
	LastFigures(ctx context.Context) ([]*audit.Result, error)
	// CountFindings counts the findings that hold.
	CountFindings(ctx context.Context) ([]store.FindingCount, error)
	// CountChanges counts, by portal, the findings that were resolved and those whose waiver ends soon.
	CountChanges(ctx context.Context) ([]store.FindingChanges, error)
	// CountNew counts the findings that are new since each portal's baseline.
	CountNew(ctx context.Context) ([]store.NewCount, error)
	// LastSyncs returns the newest sync of every portal, and when one last was complete.
	LastSyncs(ctx context.Context) ([]store.SyncState, error)
	// Portals returns every connected portal.
	Portals(ctx context.Context) ([]store.Portal, error)
	// Schedules tells when every portal's next cycle is due.
	Schedules(ctx context.Context) ([]store.Schedule, error)
	// StepStates counts a portal's steps by state.
	StepStates(ctx context.Context, portal string) (map[remedy.State]int, error)
	// HistoryStates tells how far stage history is known, by portal, of those where it is read deal by deal.
	HistoryStates(ctx context.Context) (map[string]crm.HistoryState, error)
}

// Collector reads a Source at scrape time. Register it once.
type Collector struct {
	source  Source
	log     *slog.Logger
	timeout time.Duration
	families
}

// NewCollector returns a collector over a source. Where the source fails or takes longer than 10 s, a scrape shows
// plumbline_state_up 0 and no other gauge: half a state is none.
func NewCollector(source Source, log *slog.Logger) *Collector {
	return &Collector{source: source, log: log, timeout: 10 * time.Second, families: newFamilies()}
}

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.all() {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	g := gauges{ch}
	s, err := read(ctx, c.source)
	if err != nil {
		c.log.Error("read state for metrics", "error", err)
		g.set(c.up, 0)
		return
	}
	g.set(c.up, 1)
	c.show(g, s)
}

// state is what one scrape shows.
type state struct {
	results   []*audit.Result
	findings  []store.FindingCount
	changes   []store.FindingChanges
	news      []store.NewCount
	syncs     []store.SyncState
	portals   []store.Portal
	schedules []store.Schedule
	steps     map[string]map[remedy.State]int // by portal
	histories map[string]crm.HistoryState     // by portal
}

// read reads all of it before anything is shown.
func read(ctx context.Context, from Source) (s state, err error) {
	if s.results, err = from.LastFigures(ctx); err != nil {
		return s, err
	}
	if s.findings, err = from.CountFindings(ctx); err != nil {
		return s, err
	}
	if s.changes, err = from.CountChanges(ctx); err != nil {
		return s, err
	}
	if s.news, err = from.CountNew(ctx); err != nil {
		return s, err
	}
	if s.syncs, err = from.LastSyncs(ctx); err != nil {
		return s, err
	}
	if s.portals, err = from.Portals(ctx); err != nil {
		return s, err
	}
	if s.schedules, err = from.Schedules(ctx); err != nil {
		return s, err
	}
	if s.histories, err = from.HistoryStates(ctx); err != nil {
		return s, err
	}
	s.steps = map[string]map[remedy.State]int{}
	for portal := range s.crms() {
		if s.steps[portal], err = from.StepStates(ctx, portal); err != nil {
			return s, err
		}
	}
	return s, nil
}

// crms are the portals that are connected or were audited, each with the name of its CRM.
func (s state) crms() map[string]string {
	out := map[string]string{}
	for _, r := range s.results {
		out[r.Portal] = r.CRM
	}
	for _, p := range s.portals {
		out[p.Name] = p.CRM
	}
	return out
}
