// Package audit judges a snapshot by policies: it turns facts into findings, unknowns, pipeline numbers and a score.
//
// Its one idea: a policy is a value made by [Define] whose settings know how to check; a record it can not judge is an
// [Unknown], never a finding and never a pass. Its one rule: it is pure, there is no I/O and no clock in it.
package audit
