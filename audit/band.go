package audit

import (
	"strings"

	"github.com/plumbline/plumbline/internal/crm"
)

// Band is a range of amounts of one currency. The zero value is no band: deals of whatever amount, or of none.
type Band struct {
	From     crm.Amount // the least amount in it; 0: no lower bound
	To       crm.Amount // the least amount above it; 0: no upper bound
	Currency string     // ISO 4217
}

// IsZero reports whether there is no band.
func (b Band) IsZero() bool { return b == Band{} }

// String writes it as the configuration does: ">= 50000.00 EUR".
func (b Band) String() string {
	switch {
	case b.IsZero():
		return ""
	case b.To == 0:
		return ">= " + b.From.String() + " " + b.Currency
	case b.From == 0:
		return "< " + b.To.String() + " " + b.Currency
	default:
		return b.From.String() + " - " + b.To.String() + " " + b.Currency
	}
}

// holds reports whether deal i has an amount that is in the band.
func (b Band) holds(c *crm.Columns, i int) bool {
	a := c.Amount[i]
	return a != 0 && c.Known[i].Has(crm.FactAmount) && (b.From == 0 || a >= b.From) && (b.To == 0 || a < b.To) &&
		strings.EqualFold(c.Currencies[c.Currency[i]], b.Currency)
}

// overlaps reports whether an amount can be in both.
func (b Band) overlaps(o Band) bool {
	return strings.EqualFold(b.Currency, o.Currency) && (b.To == 0 || o.From < b.To) && (o.To == 0 || b.From < o.To)
}
