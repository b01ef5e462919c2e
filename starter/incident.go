package main

import (
	"io"
	"strconv"

	"github.com/spf13/cobra"
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
			var ids []string // of signings, for: starter incident list -o ids | starter signing repair - …
			for _, i := range incidents.Items {
				ids = append(ids, i.SigningID)
			}
			return c.print(raw, ids, func(w io.Writer) {
				row(w, "SIGNING", "STEP", "CODE", "SINCE", "ATTEMPTS", "CLOSED BY", "MESSAGE")
				for _, i := range incidents.Items {
					closed := "-"
					if i.Action != "" {
						closed = i.Action + " " + i.Actor
					}
					row(w, i.SigningID, i.Attention.Step, string(i.Attention.Code), shown(i.Attention.Since),
						strconv.Itoa(i.Attention.Attempts), closed, i.Attention.Message)
				}
			})
		}}
	list.Flags().BoolVar(&all, "all", false, "closed ones too")
	return group("incident", "See which signings are parked", list)
}
