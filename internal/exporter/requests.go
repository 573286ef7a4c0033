package exporter

import (
	"net/http"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Requests counts what the connectors ask of the CRMs. It is fed by the Observe hook of a connector's options.
type Requests struct {
	mu      sync.Mutex
	objects map[string]bool // the operations that have a series

	total  *prometheus.CounterVec
	tokens *prometheus.CounterVec
	wait   *prometheus.CounterVec
	budget *prometheus.GaugeVec
}

// mostObjects is how many operations have a series of their own. Connectors name a few dozen; one that put an id into a
// name by mistake must not fill Prometheus.
const mostObjects = 64

// NewRequests registers the counters.
func NewRequests(reg prometheus.Registerer) *Requests {
	r := &Requests{
		objects: map[string]bool{},
		total: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_api_requests_total",
			Help: "Requests to the CRM's API by operation (object; other beyond the first 64) and outcome: the status class (2xx, 4xx, 5xx), throttled (429) or failed (no answer)."}, []string{"portal", "object", "outcome"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_api_tokens_total",
			Help: "API tokens spent, for CRMs that count in tokens."}, []string{"portal"}),
		wait: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_api_wait_seconds_total",
			Help: "Time spent waiting for the pace that the portal's limits allow."}, []string{"portal"}),
		budget: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "plumbline_api_budget_remaining",
			Help: "What the CRM last said remains of its limit; unit is requests or tokens."}, []string{"portal", "unit"}),
	}
	reg.MustRegister(r.total, r.tokens, r.wait, r.budget)
	return r
}

// Observe counts one request. status is 0 when no answer came; budget is what remains in unit, negative when unknown.
func (r *Requests) Observe(portal, operation string, status int, tokens int64, waitSeconds float64, budget int64, unit string) {
	r.total.WithLabelValues(portal, r.object(operation), outcome(status)).Inc()
	if tokens > 0 {
		r.tokens.WithLabelValues(portal).Add(float64(tokens))
	}
	r.wait.WithLabelValues(portal).Add(waitSeconds)
	if budget >= 0 {
		r.budget.WithLabelValues(portal, unit).Set(float64(budget))
	}
}

// object is the label of an operation: its name, or "other" once too many have come.
func (r *Requests) object(operation string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.objects[operation] && len(r.objects) >= mostObjects {
		return "other"
	}
	r.objects[operation] = true
	return operation
}

func outcome(status int) string {
	switch {
	case status < 100 || status > 599:
		return "failed"
	case status == http.StatusTooManyRequests:
		return "throttled"
	default:
		return strconv.Itoa(status/100) + "xx"
	}
}
