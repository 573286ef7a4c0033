package main

import "github.com/spf13/cobra"

// commands lists every command, in the order of a user's day.
func commands(a *app) []*cobra.Command {
	return []*cobra.Command{
		newDemo(a), newSandbox(a), newPortal(a), newSync(a), newAudit(a), newFindings(a), newExplain(a), newWaive(a), newBaseline(a), newPlan(a), newApprove(a), newReject(a), newApply(a),
		newUndo(a), newJournal(a), newSnapshot(a), newPolicies(a), newServe(a), newConfig(a), newVersion(a), newGenDocs(a),
	}
}
