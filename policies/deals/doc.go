// Package deals holds the catalogue's policies about single deals.
//
// Its one idea: every policy is one file with its settings, its check and, beside it, its document. Its one rule: a fact that
// is not known makes a deal unjudged, never wrong and never right.
package deals
