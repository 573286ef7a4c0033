// Package crm holds the nouns that every part of Plumbline shares: deals, their stage moves, a portal's set-up, a
// snapshot of it all, and an edit to it as data.
//
// Its one idea: connectors yield [Deal] rows with the CRM's own ids and texts, [Builder] turns them into a [Snapshot] of
// columns with small indexes, and policies see nothing else. Its one rule: it imports nothing of ours and does no I/O.
package crm
