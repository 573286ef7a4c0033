package connectors

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// What can go wrong between us and a CRM. Errors of connectors wrap one of these where it fits; they carry method, path and
// status, never a query, a body or a token.
var (
	// ErrUnauthorized: the CRM does not accept our token; connecting again is the cure.
	ErrUnauthorized = errors.New("the CRM does not accept our authorization")
	// ErrUnavailable: the CRM could not be reached or failed after all retries; later may work.
	ErrUnavailable = errors.New("the CRM is not available")
	// ErrNotFound: there is no such record.
	ErrNotFound = errors.New("there is no such record")
)

// ScopeError tells that a scope is missing.
type ScopeError struct {
	Operation string
	Scopes    []string // any of them would do; empty where the CRM does not say
}

func (e *ScopeError) Error() string {
	if len(e.Scopes) == 0 {
		return fmt.Sprintf("%s: a scope is missing, the CRM does not say which", e.Operation)
	}
	return fmt.Sprintf("%s: missing scope %s", e.Operation, strings.Join(e.Scopes, " or "))
}

// LimitError tells that a limit of the CRM, or our own budget of it, is used up until a time.
type LimitError struct {
	What    string // "daily limit", "budget of 6,000 tokens", …
	RetryAt time.Time
}

func (e *LimitError) Error() string {
	if e.RetryAt.IsZero() {
		return e.What + " is used up"
	}
	return fmt.Sprintf("%s is used up until %s", e.What, e.RetryAt.UTC().Format(time.RFC3339))
}
