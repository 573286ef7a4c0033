package crm

import (
	"math"
	"strconv"
)

// HoldProbability gives the probability nearest to p, from 0 to 1, that the CRM stores for an open stage; p itself where the CRM
// stores any.
func (s *Schema) HoldProbability(p float64) float64 {
	if s.ProbabilityStep > 0 {
		// Divided by whole steps rather than multiplied by a step, so that 0.3 is 0.3.
		steps := math.Round(1 / s.ProbabilityStep)
		p = math.Round(p*steps) / steps
	}
	if s.ProbabilityMax > 0 {
		p = min(max(p, s.ProbabilityMin), s.ProbabilityMax)
	}
	return p
}

// ProbabilityText writes a probability from 0 to 1 as [FieldProbability] of an edit: "0.4" or "40". ok is false where the CRM
// takes none.
func (s *Schema) ProbabilityText(p float64) (text string, ok bool) {
	if s.ProbabilityUnit <= 0 {
		return "", false
	}
	const digits = 1e6 // beyond them is but the error of floating point
	return strconv.FormatFloat(math.Round(p*s.ProbabilityUnit*digits)/digits, 'f', -1, 64), true
}
