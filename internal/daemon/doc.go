// Package daemon runs every portal's cycle on its schedule: sync, audit, plan, and apply what may be applied by itself.
//
// Its one idea: rows say what is to be done and jobs carry ids, so that a run that dies is taken up where it stood. Its one
// rule: whoever calls a portal's CRM holds that portal's lease first.
package daemon
