package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/report"
	"github.com/plumbline/plumbline/internal/store"
	"github.com/plumbline/plumbline/internal/text"
)

// waiveFlags are the flags of waive.
type waiveFlags struct {
	reason, until, by string
	remove            bool
}

func newWaive(a *app) *cobra.Command {
	f := &waiveFlags{}
	c := &cobra.Command{
		Use: "waive FINDING…", Short: "Accept findings until a date, with a reason; or take that back",
		Long: "A waived finding is listed as such, leaves the score and gets no fix, from the next audit on until its date. Then it counts again.\n" +
			"A finding is named by its id or by the first digits of it, where no other one begins with them.",
		Example: "  plumbline waive 3fa50d34338035c5 --reason \"Budget round in spring\" --until 2027-04-01\n  plumbline waive 3fa5 --remove\n  plumbline findings --state waived",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return misused(cmd, "%s needs a finding", cmd.CommandPath())
			}
			if err := f.check(); err != nil {
				return err
			}
			return failed(a.waive(cmd.Context(), f, args))
		},
	}
	c.Flags().StringVar(&f.reason, "reason", "", "why it is accepted")
	c.Flags().StringVar(&f.until, "until", "", "the `date` (its beginning, in the portal's zone) or time from which it counts again")
	c.Flags().StringVar(&f.by, "by", "", "who accepts it (default: you)")
	c.Flags().BoolVar(&f.remove, "remove", false, "take the waiver back")
	return c
}

func (f *waiveFlags) check() error {
	f.reason = strings.TrimSpace(f.reason)
	var missing []string
	for _, x := range [][2]string{{"--reason", f.reason}, {"--until", f.until}} {
		switch {
		case f.remove && x[1] != "":
			return usage("%s says nothing with --remove", x[0])
		case !f.remove && x[1] == "":
			missing = append(missing, x[0])
		}
	}
	if len(missing) > 0 {
		return usage("a waiver needs %s", strings.Join(missing, " and "))
	}
	return nil
}

// waive accepts every one of the findings, or none where one of them is not right.
func (a *app) waive(ctx context.Context, f *waiveFlags, args []string) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	var found []store.KeptFinding
	var waivers []audit.Waiver
	var problems []error
	for _, arg := range args {
		k, err := s.finding(ctx, arg)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		w := audit.Waiver{Finding: k.ID, Reason: f.reason, Author: f.by}
		if w.Author == "" {
			w.Author = a.who()
		}
		if !f.remove {
			if w.Until, err = s.until(ctx, f.until, k.Subject.Portal); err != nil {
				return err
			}
		} else if k.State != store.FindingWaived {
			problems = append(problems, usage("finding %s is not waived", k.ID))
		}
		found, waivers = append(found, k), append(waivers, w)
	}
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	for i, k := range found {
		name := fmt.Sprintf("%s (%s, %s)", k.ID, k.Policy, text.Record(k.Finding))
		if f.remove {
			if err := s.db.Unwaive(ctx, k.Subject.Portal, k.ID, waivers[i].Author); err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "%s counts again, in the score from the next audit on.\n", report.Printable(name))
			continue
		}
		if err := s.db.Waive(ctx, k.Subject.Portal, waivers[i]); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "%s is waived until %s; it leaves the score with the next audit.\n", report.Printable(name), waivers[i].Until)
	}
	return nil
}

// digits is what a finding's id begins with.
var digits = regexp.MustCompile(`^[0-9a-f]{1,16}$`)

// finding returns the finding that holds and whose id is, or alone begins with, the given digits.
func (s *shop) finding(ctx context.Context, named string) (store.KeptFinding, error) {
	var none store.KeptFinding
	if !digits.MatchString(named) {
		return none, usage("%q is no finding's id; see plumbline findings", named)
	}
	list, err := s.db.FindingsNamed(ctx, named)
	if err != nil {
		return none, err
	}
	switch len(list) {
	case 0:
		return none, usage("there is no open finding %q; see plumbline findings", named)
	case 1:
		return list[0], nil
	}
	var ids []string
	for _, k := range list[:min(5, len(list))] {
		ids = append(ids, k.ID)
	}
	return none, usage("%q begins the ids of %s: %s", named, text.Plural(len(list), "finding"), strings.Join(ids, ", "))
}

// until reads the end of a waiver, which is still to come.
func (s *shop) until(ctx context.Context, written, portal string) (crm.Instant, error) {
	settings, err := s.settings(ctx, portal)
	if err != nil {
		return 0, err
	}
	loc, err := zone(settings.Timezone)
	if err != nil {
		return 0, err
	}
	at, err := parseTime(written, loc)
	if err != nil {
		return 0, usage("--until: %w", err)
	}
	if at <= crm.At(s.now()) {
		return 0, usage("--until %s is over already", written)
	}
	return at, nil
}
