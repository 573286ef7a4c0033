/*
Plumbline keeps CRM sales pipelines straight.

It pulls a portal's deals with their stage history, audits them against documented best practices, plans the fixes, applies
the approved ones, can undo them, and exports the figures to Prometheus.

# Usage

	plumbline demo                       simulated portals, a full cycle, pages and metrics until Ctrl-C
	plumbline audit --csv deals.csv      audit a file, without any account
	plumbline portal connect acme --crm hubspot
	plumbline sync && plumbline audit    pull and judge
	plumbline plan && plumbline approve --all && plumbline apply
	plumbline undo --run RUN             put everything back
	plumbline serve                      do all that on a schedule

Every command has --help with an example.

# Exit codes

0 done and complete; 1 failed; 2 wrong usage or configuration; 3 findings at or above --fail-on; 4 finished but incomplete.

# A tour of the code, bottom up

internal/crm holds the nouns; connectors read a portal; internal/mirror copies it into internal/store and notices moves;
audit judges a snapshot by policies; internal/remedy plans, applies, journals and undoes; internal/report and
internal/exporter show it; internal/daemon does it all on a schedule; this package wires it.
*/
package main
