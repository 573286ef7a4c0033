package design

import (
	"errors"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// closings are the facts that counts of closed deals rest on.
const closings = crm.FactClosed | crm.FactCreated | crm.FactCloser | crm.FactHistory

// The windows of the catalogue.
const (
	lately  = audit.Days(90 * 24 * time.Hour)
	oneYear = audit.Days(365 * 24 * time.Hour)
)

// tooYoung is the evidence where history does not reach back far enough to compare with the 12 months before.
func tooYoung() audit.Evidence {
	return audit.CannotCompare(audit.NeedHistoryN, "its history does not reach back a year and a cycle")
}

// wayUnknown is the evidence where a pipeline's deals have no known stage history.
func wayUnknown() audit.Evidence {
	return audit.CannotCompare(audit.NeedHistory, "the deals' way through the stages is not known")
}

// pathless reports whether a pipeline has deals but no stage history of any of them, by the numbers of one moment.
func pathless(st *audit.Stats, pipeline int32) bool {
	known, deals := st.HistoryKnown(pipeline)
	return deals > 0 && known == 0
}

// sized holds the settings that every statistic has: a time looked at, and a least number of records.
func sized(window audit.Days, least int, name string) error {
	switch {
	case window <= 0:
		return errors.New("window must be more than 0d")
	case least < 1:
		return errors.New(name + " must be at least 1")
	}
	return nil
}

// hair keeps a difference of exactly so many points from being lost to floating point.
const hair = 1e-9
