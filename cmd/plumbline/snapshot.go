package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/connectors/all"
	"github.com/plumbline/plumbline/connectors/csvfile"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/daemon"
	"github.com/plumbline/plumbline/internal/snapfile"
	"github.com/plumbline/plumbline/internal/store"
	"github.com/plumbline/plumbline/internal/text"
)

func newSnapshot(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "snapshot", Short: "Keep a portal in one file, to archive it or to audit it elsewhere",
		Example: "  plumbline snapshot export acme acme.zip\n  plumbline audit --snapshot acme.zip",
	}
	c.AddCommand(newSnapshotExport(a), newSnapshotImport(a))
	return c
}

func newSnapshotExport(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "export NAME FILE", Short: "Write what was pulled of a portal to a file",
		Long: "Writes the last pull of a portal: a zip of manifest.json (set-up, completeness) and tables that other programs open\n" +
			"(Apache Arrow: DuckDB, pandas, R). It holds deals with names and amounts, and owners with their e-mail addresses,\n" +
			"but no token. Exits 4 when the pull was incomplete, which the file says too.",
		Example: "  plumbline snapshot export acme acme.zip",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return misused(c, "%s needs the portal's name and a file", c.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return failed(err)
			}
			defer s.Close()
			return failed(a.exportSnapshot(cmd.Context(), s, args[0], args[1]))
		},
	}
}

func (a *app) exportSnapshot(ctx context.Context, s *shop, name, file string) error {
	if _, err := s.portals(ctx, []string{name}); err != nil {
		return err
	}
	snap, err := s.db.LoadSnapshot(ctx, name)
	if err == nil && snap == nil {
		err = fmt.Errorf("export %s: %w", name, daemon.ErrNothingPulled)
	}
	if err != nil {
		return err
	}
	size, err := writeArchive(file, snap)
	if err != nil {
		return fmt.Errorf("export %s: %w", name, err)
	}
	a.tell("%s as of %s: %s with %s in %s (%s kB); it names deals and owners, and holds no token", name, snap.Taken,
		text.Plural(snap.Len(), "deal"), text.Plural(len(snap.Columns().Moves), "stage move"), file, text.Thousands((size+999)/1000))
	if !snap.Completeness.Complete() {
		a.sayIncomplete(name, snap.Completeness.Gaps)
		return &exitError{code: exitIncomplete}
	}
	return nil
}

// writeArchive writes a snapshot's file, readable by its owner alone, in the place of one that is there. Where it fails, what was
// there stays.
func writeArchive(file string, snap *crm.Snapshot) (size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-*")
	if err != nil {
		return 0, err
	}
	err = snapfile.WriteArchive(f, snap, "plumbline "+version())
	if info, e := f.Stat(); e == nil {
		size = info.Size()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first failure is what counts
	}
	return size, err
}

func newSnapshotImport(a *app) *cobra.Command {
	as := ""
	c := &cobra.Command{
		Use: "import FILE", Short: "Take a portal from a file",
		Long: "Keeps the file's snapshot under the portal's name, or the one that --as gives. The portal can be audited, listed, planned\n" +
			"and reported like any other, as of the moment that the file shows; it is not connected, so it is neither synced nor changed.\n" +
			"Several files of one portal make its history: audit --as-of takes the one of that time.",
		Example: "  plumbline snapshot import acme.zip\n  plumbline snapshot import acme.zip --as acme-2026", Args: oneArg("a file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return failed(err)
			}
			defer s.Close()
			return failed(a.importSnapshot(cmd.Context(), s, args[0], as))
		},
	}
	c.Flags().StringVar(&as, "as", "", "the portal's `name` here, instead of the one in the file")
	return c
}

func (a *app) importSnapshot(ctx context.Context, s *shop, file, as string) error {
	snap, err := openSnapshot(file)
	if err != nil {
		return err
	}
	if as != "" {
		snap.Portal = as
	}
	if !portalName().MatchString(snap.Portal) {
		return usage("portal name %q: use lower-case letters, digits, - and _; --as gives it another", snap.Portal)
	}
	if _, ok := all.Find(snap.CRM); !ok {
		return fmt.Errorf("import %s: it is of the CRM %q, which this version does not know", file, snap.CRM)
	}
	if p, ok := s.cfg.Portal(snap.Portal); ok && (p.CRM != snap.CRM || p.TokenFile != "") {
		return usage("portal %s is configured as another one; import the file under another name with --as", snap.Portal)
	}
	err = s.db.ImportSnapshot(ctx, snap)
	if errors.Is(err, store.ErrConnected) {
		return usage("portal %s is there already and is another one; import the file under another name with --as", snap.Portal)
	}
	if err != nil {
		return err
	}
	a.tell("%s as of %s is kept: %s of %s; judge it with plumbline audit %s", snap.Portal, snap.Taken, text.Plural(snap.Len(), "deal"), snap.CRM, snap.Portal)
	if !snap.Completeness.Complete() {
		a.sayIncomplete(snap.Portal, snap.Completeness.Gaps)
	}
	return nil
}

// portalName is what a portal may be called.
func portalName() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`) }

// openSnapshot reads an exported file; that there is none of the name is wrong usage.
func openSnapshot(file string) (*crm.Snapshot, error) {
	snap, err := snapfile.OpenArchive(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usage("%w", err)
	}
	return snap, err
}

// snapshotInput reads an exported file for an audit as of a moment, "" for the one that it shows, with the checks of the portal
// as it is configured here.
func (a *app) snapshotInput(file, asOf string) (in audit.Input, err error) {
	cfg, err := a.loadConfig()
	if err != nil {
		return in, err
	}
	if in.Snapshot, err = openSnapshot(file); err != nil {
		return in, err
	}
	checks, timezone := cfg.Checks, cfg.Defaults.Timezone
	if p, ok := cfg.Portal(in.Snapshot.Portal); ok && p.CRM == in.Snapshot.CRM {
		checks, timezone, in.LossPhrases = p.Checks, p.Timezone, p.LossReasons.Phrases()
	}
	if in.Checks, err = a.catalogue().checks(checks); err != nil {
		return in, err
	}
	in.Now = in.Snapshot.Taken
	if asOf != "" {
		loc, err := zone(timezone)
		if err != nil {
			return in, err
		}
		if in.Now, err = csvfile.ParseAsOf(asOf, loc); err != nil {
			return in, usage("--as-of: %w", err)
		}
	}
	return in, nil
}

// connected are the portals whose CRM can be called: those that are named, which all must be so, or all that are.
func (s *shop) connected(ctx context.Context, names []string) ([]daemon.Portal, error) {
	list, err := s.portals(ctx, names)
	if err != nil {
		return nil, err
	}
	var out []daemon.Portal
	var imported []string
	for _, p := range list {
		if p.Imported {
			imported = append(imported, p.Name)
			continue
		}
		out = append(out, p)
	}
	if len(imported) > 0 && (len(names) > 0 || len(out) == 0) {
		return nil, usage("%s: %w", strings.Join(imported, ", "), daemon.ErrImported)
	}
	return out, nil
}
