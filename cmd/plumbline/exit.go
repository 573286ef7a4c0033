package main

import (
	"errors"
	"fmt"
)

// The exit codes; where several hold, the first of 2, 1, 4, 3.
const (
	exitDone       = 0
	exitFailed     = 1
	exitUsage      = 2
	exitFindings   = 3
	exitIncomplete = 4
)

// exitError ends the program with a code. A nil err has been told already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage makes an error of wrong usage or configuration.
func usage(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// failed wraps an error as a failure, unless it says its code itself.
func failed(err error) error {
	var e *exitError
	if err == nil || errors.As(err, &e) {
		return err
	}
	return &exitError{code: exitFailed, err: err}
}

// verdict collects the codes of the parts of a command.
type verdict struct{ seen [5]bool }

func (v *verdict) add(code int) { v.seen[code] = true }

// err is the error of the code that comes first, nil for done.
func (v *verdict) err() error {
	for _, code := range []int{exitUsage, exitFailed, exitIncomplete, exitFindings} {
		if v.seen[code] {
			return &exitError{code: code}
		}
	}
	return nil
}
