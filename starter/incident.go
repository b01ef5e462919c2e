package main

import (
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"kyso/internal/apiclient"
)

func (c *cli) incidentCommand() *cobra.Command {
	var all bool
	list := &cobra.Command{Use: "list", Short: "List parked steps, oldest first; -o ids prints the signings", Args: exactly(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			incidents, raw, err := client.Incidents(cmd.Context(), all)
			if err != nil {
				return err
			}
			// The ids are for: starter incident list -o ids | starter signing repair - …
			return c.printIncidents("SIGNING", incidents.Items, raw)
		}}
	list.Flags().BoolVar(&all, "all", false, "closed ones too")
	return group("incident", "See which signings are parked", list)
}

// printIncidents shows incidents; the ids are those of the processes.
func (c *cli) printIncidents(kind string, list []apiclient.Incident, raw apiclient.Raw) error {
	var ids []string
	for _, i := range list {
		ids = append(ids, i.Process())
	}
	return c.print(raw, ids, func(w io.Writer) {
		row(w, kind, "STEP", "CODE", "SINCE", "ATTEMPTS", "CLOSED BY", "MESSAGE")
		for _, i := range list {
			closed := "-"
			if i.Action != "" {
				closed = i.Action + " " + i.Actor
			}
			row(w, i.Process(), i.Attention.Step, string(i.Attention.Code), shown(i.Attention.Since),
				strconv.Itoa(i.Attention.Attempts), closed, i.Attention.Message)
		}
	})
}
