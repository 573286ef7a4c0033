// Package remedy turns the fixes of findings into steps and carries them out: plan, approve, apply, journal, undo.
//
// Its one idea: a [Step] is one edit with a state, and each change of its state is written, with its row in the journal,
// in one transaction before anything else happens. Its one rule: a request leaves only after its step is on record as
// being applied, and nothing that may have left is ever sent again without looking first.
package remedy
