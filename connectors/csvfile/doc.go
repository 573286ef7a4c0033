// Package csvfile reads a portal from a CSV file: a CRM's own export of its deals, or a table in the plain layout.
//
// Its one idea: a file says less than an API, so every fact of every deal is either known (a cell), known to be empty (an
// empty cell, or a column that the caller says the CRM does not have) or not known (no column). Its one rule: no row is
// ever dropped silently; one that cannot be read is counted and named with its line.
package csvfile
