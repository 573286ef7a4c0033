// Package own makes policies out of YAML files: rules that an account writes for itself, as typed expressions over documented
// fields of deals.
//
// Its one idea: what the expressions may speak of is one table, which checks them, evaluates them, says what they need and
// documents itself. Its one rule: a field that is not known makes a deal unknown wherever the answer depends on it, never found
// and never fine.
package own
