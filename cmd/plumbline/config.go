package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/plumbline/plumbline/config"
	"github.com/plumbline/plumbline/internal/text"
)

func newConfig(a *app) *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "The configuration: a sample, a check, a schema for editors", Example: "  plumbline config example > plumbline.yaml\n  plumbline config check"}
	c.AddCommand(
		&cobra.Command{
			Use: "example", Short: "Print the documented sample", Example: "  plumbline config example > plumbline.yaml", Args: noArgs,
			RunE: func(*cobra.Command, []string) error {
				_, err := a.stdout.Write(config.Example())
				return failed(err)
			},
		},
		&cobra.Command{
			Use: "check", Short: "Check the configuration; every problem is listed with its line", Example: "  plumbline config check --config plumbline.yaml", Args: noArgs,
			RunE: func(*cobra.Command, []string) error {
				cfg, err := a.loadConfig()
				if err != nil {
					return err
				}
				if cfg.File == "" {
					fmt.Fprintln(a.stdout, "there is no configuration file; the defaults hold")
					return nil
				}
				fmt.Fprintf(a.stdout, "%s is fine: %s\n", cfg.File, text.Plural(len(cfg.Portals), "portal"))
				return nil
			},
		},
		&cobra.Command{
			Use: "schema", Short: "Print the JSON Schema, for editors", Example: "  plumbline config schema > plumbline.schema.json", Args: noArgs,
			RunE: func(*cobra.Command, []string) error {
				b, err := config.Schema(known())
				if err != nil {
					return failed(err)
				}
				_, err = a.stdout.Write(append(b, '\n'))
				return failed(err)
			},
		},
	)
	return c
}
