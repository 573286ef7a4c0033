package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/plumbline/plumbline/config"
	"github.com/plumbline/plumbline/internal/text"
	"github.com/plumbline/plumbline/policies/own"
)

func newPoliciesTest(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "test [FILE…]", Short: "Run the tests of own policies",
		Long:    "Checks own policies and runs the tests in their files: those given, else those that the configuration names.\nA failed test gives exit code 1, a mistake in a file 2.",
		Example: "  plumbline policies test\n  plumbline policies test ours.yaml",
		RunE: func(cmd *cobra.Command, files []string) error {
			set, err := a.ownToTest(files)
			if err != nil {
				return err
			}
			return failed(a.testPolicies(cmd.Context(), set))
		},
	}
}

// ownToTest reads the named files, or those of the configuration.
func (a *app) ownToTest(names []string) (*own.Set, error) {
	if len(names) == 0 {
		if _, err := a.loadConfig(); err != nil {
			return nil, err
		}
		if a.own == nil {
			return nil, usage("there are no own policies: name a file, or list files under own_policies in the configuration")
		}
		return a.own, nil
	}
	var files []own.File
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, usage("%w", err)
		}
		files = append(files, own.File{Path: filepath.Clean(name), Text: b})
	}
	set := loadOwn(files)
	if len(set.Problems) > 0 {
		problems := make(config.Problems, len(set.Problems))
		for i, p := range set.Problems {
			problems[i] = config.Problem(p)
		}
		return nil, usage("own policies have %s:\n%w", text.Plural(len(problems), "problem"), problems)
	}
	return set, nil
}

// testPolicies runs the tests and writes a line per policy, and one per deal that was judged otherwise than wanted.
func (a *app) testPolicies(ctx context.Context, set *own.Set) error {
	outcomes, err := set.Test(ctx)
	if err != nil {
		return err
	}
	if _, err := catalogue(set.Policies).words(); err != nil {
		return err
	}
	failed := 0
	for _, p := range set.Policies {
		n, bad := 0, 0
		for _, o := range outcomes {
			if o.Policy != p.ID {
				continue
			}
			n++
			if o.Failed {
				bad++
				why := ""
				if o.Why != "" {
					why = " (" + o.Why + ")"
				}
				fmt.Fprintf(a.stdout, "--- FAIL: %s/%s\n    %s:%d: want %s, got %s%s\n", o.Policy, o.Name, o.File, o.Line, o.Want, o.Got, why)
			}
		}
		switch {
		case n == 0:
			fmt.Fprintf(a.stdout, "?     %s  no tests\n", p.ID)
		case bad > 0:
			fmt.Fprintf(a.stdout, "FAIL  %s  %d of %s\n", p.ID, bad, text.Plural(n, "deal"))
		default:
			fmt.Fprintf(a.stdout, "ok    %s  %s\n", p.ID, text.Plural(n, "deal"))
		}
		failed += bad
	}
	if failed > 0 {
		return errors.New("own policies failed their tests: " + text.Plural(failed, "deal"))
	}
	return nil
}
