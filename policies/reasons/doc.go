// Package reasons holds the catalogue's policies about how a portal records why deals are lost.
//
// Its one idea: a reason that cannot be counted cannot be learned from. Its one rule: what people wrote stays where they wrote
// it; whatever is filled is filled beside it.
package reasons
