package exporter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Metric describes one metric, for its documentation.
type Metric struct {
	Name, Help string
	Type       string   // gauge, summary or counter
	Labels     []string // sorted
}

// mostLabels is more labels than any metric has.
const mostLabels = 8

// Catalogue describes every metric of the collector and the request counters, by name. It asks the Prometheus client
// itself, so that what is documented is what a scrape shows.
func Catalogue() ([]Metric, error) {
	reg := prometheus.NewRegistry()
	r := NewRequests(prometheus.NewRegistry())
	shown := zeros{}
	f := newFamilies()
	for _, d := range f.all() {
		kind := valueOf(prometheus.GaugeValue)
		if slices.Contains(f.summaries(), d) {
			kind = summaryOf
		}
		if slices.Contains(f.counters(), d) {
			kind = valueOf(prometheus.CounterValue)
		}
		if err := shown.add(d, kind); err != nil {
			return nil, err
		}
	}
	for _, v := range []struct {
		vec  prometheus.Collector
		kind prometheus.ValueType
	}{{r.total, prometheus.CounterValue}, {r.tokens, prometheus.CounterValue}, {r.wait, prometheus.CounterValue}, {r.budget, prometheus.GaugeValue}} {
		ch := make(chan *prometheus.Desc, 1)
		v.vec.Describe(ch)
		if err := shown.add(<-ch, valueOf(v.kind)); err != nil {
			return nil, err
		}
	}
	if err := reg.Register(shown); err != nil {
		return nil, fmt.Errorf("describe the metrics: %w", err)
	}
	gathered, err := reg.Gather()
	if err != nil {
		return nil, fmt.Errorf("describe the metrics: %w", err)
	}
	var out []Metric
	for _, f := range gathered {
		m := Metric{Name: f.GetName(), Help: f.GetHelp(), Type: strings.ToLower(f.GetType().String())}
		for _, l := range f.GetMetric()[0].GetLabel() {
			m.Labels = append(m.Labels, l.GetName())
		}
		if m.Type == "summary" {
			m.Labels = append(m.Labels, "quantile")
			slices.Sort(m.Labels)
		}
		out = append(out, m)
	}
	return out, nil
}

// zeros holds one value of each metric, with empty labels.
type zeros map[*prometheus.Desc]prometheus.Metric

// maker makes an example of a metric.
type maker func(d *prometheus.Desc, labels ...string) (prometheus.Metric, error)

func valueOf(kind prometheus.ValueType) maker {
	return func(d *prometheus.Desc, labels ...string) (prometheus.Metric, error) {
		return prometheus.NewConstMetric(d, kind, 0, labels...)
	}
}

func summaryOf(d *prometheus.Desc, labels ...string) (prometheus.Metric, error) {
	return prometheus.NewConstSummary(d, 0, 0, nil, labels...)
}

// add makes a metric of a description, which does not tell how many labels it has.
func (z zeros) add(d *prometheus.Desc, example maker) error {
	for n := range mostLabels {
		m, err := example(d, make([]string, n)...)
		if err == nil {
			z[d] = m
			return nil
		}
	}
	return fmt.Errorf("describe the metrics: %s has too many labels", d)
}

// Describe implements [prometheus.Collector].
func (z zeros) Describe(ch chan<- *prometheus.Desc) {
	for d := range z {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (z zeros) Collect(ch chan<- prometheus.Metric) {
	for _, m := range z {
		ch <- m
	}
}
