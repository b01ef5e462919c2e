package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kyso/internal/apiclient"
	"kyso/internal/cli"
)

func (c *commands) incidentCommand() *cobra.Command {
	return cli.Group("incident", "List what is parked, assign it, and repair it, one or many",
		c.incidentListCommand(), c.incidentGroupCommand(), c.incidentShowCommand(), c.incidentNoteCommand(), c.incidentAssignCommand(), c.incidentRepairCommand(), c.incidentDecideCommand())
}

// incidentFilter is the flags that narrow incidents.
type incidentFilter struct {
	apiclient.IncidentFilter
	older time.Duration
}

func (f *incidentFilter) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.Process, "process", "", "signing or registration")
	flags.StringVar(&f.Code, "code", "", "problem code, such as provider-unavailable")
	flags.StringVar(&f.Provider, "provider", "", "outside party, such as vnpt")
	flags.StringVar(&f.Step, "step", "", "step that is parked")
	flags.StringVar(&f.Assignee, "assignee", "", "who works on it")
	flags.DurationVar(&f.older, "older", 0, "parked for at least this long, such as 2h")
}

// given returns the filter, and whether it narrows anything.
func (f *incidentFilter) given() (apiclient.IncidentFilter, bool) {
	out := f.IncidentFilter
	if f.older > 0 {
		out.ParkedBefore = time.Now().Add(-f.older)
	}
	return out, out.Process+out.Code+out.Provider+out.Step+out.Assignee != "" || f.older > 0
}

func (c *commands) incidentListCommand() *cobra.Command {
	var f incidentFilter
	cmd := &cobra.Command{Use: "list", Short: "List parked signings and registrations, oldest first", Args: cli.Exactly(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			filter, _ := f.given()
			list, raw, err := client.Incidents(cmd.Context(), filter)
			if err != nil {
				return err
			}
			var ids []string
			for _, i := range list.Items {
				ids = append(ids, i.ID)
			}
			return c.Print(raw, ids, func(w io.Writer) {
				cli.Row(w, "INCIDENT", "PROCESS", "STEP", "CODE", "PROVIDER", "SINCE", "ATTEMPTS", "ASSIGNEE", "CLOSED BY", "MESSAGE")
				for _, i := range list.Items {
					cli.Row(w, i.ID, i.Process, i.Attention.Step, i.Attention.Code, cli.Or(i.Attention.Provider), cli.Shown(i.Attention.Since),
						strconv.Itoa(i.Attention.Attempts), cli.Or(i.Assignee), cli.Or(strings.TrimSpace(i.Action+" "+i.Actor)), i.Attention.Message)
				}
			})
		}}
	f.register(cmd)
	cmd.Flags().BoolVar(&f.All, "all", false, "closed ones too")
	cmd.Flags().IntVar(&f.Limit, "limit", 0, "how many (default all)")
	return cmd
}

func (c *commands) incidentGroupCommand() *cobra.Command {
	var f incidentFilter
	cmd := &cobra.Command{Use: "group", Short: "Count what is parked by cause, the largest group first; -o ids prints the codes", Args: cli.Exactly(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			filter, _ := f.given()
			list, raw, err := client.IncidentGroups(cmd.Context(), filter)
			if err != nil {
				return err
			}
			var codes []string
			for _, g := range list.Items {
				codes = append(codes, g.Code)
			}
			return c.Print(raw, codes, func(w io.Writer) {
				cli.Row(w, "COUNT", "OLDEST", "PROCESS", "STEP", "CODE", "PROVIDER", "WHAT")
				for _, g := range list.Items {
					cli.Row(w, strconv.Itoa(g.Count), cli.Shown(g.Oldest), g.Process, g.Step, g.Code, cli.Or(g.Provider), c.Text(g.Title, g.TitleEN))
				}
			})
		}}
	f.register(cmd)
	return cmd
}

func (c *commands) incidentShowCommand() *cobra.Command {
	return &cobra.Command{Use: "show ID", Short: "Show an incident with its attempts and notes", Args: cli.Exactly(1, "the ID of an incident"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			i, raw, err := client.Incident(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return c.printIncident(i, raw)
		}}
}

func (c *commands) printIncident(i apiclient.IncidentHistory, raw apiclient.Raw) error {
	return c.Print(raw, []string{i.ID}, func(w io.Writer) {
		pair := c.pairs(w)
		pair("Sự cố", "Incident", i.ID)
		pair("Tiến trình", "Process", i.Process+" "+i.ProcessID)
		pair("Bước", "Step", i.Attention.Step)
		pair("Nguyên nhân", "Cause", i.Attention.Code+" · "+c.Text(i.Attention.Title, i.Attention.TitleEN))
		pair("Bên ngoài", "Provider", i.Attention.Provider)
		pair("Từ", "Since", cli.Shown(i.Attention.Since))
		pair("Người xử lý", "Assignee", i.Assignee)
		if i.Action != "" {
			pair("Đã đóng", "Closed", strings.Join([]string{cli.Shown(i.ClosedAt), i.Action, i.Actor, i.Note}, " · "))
		}
		pair("Có thể làm", "Actions", strings.Join(i.Attention.Actions, ", "))
		pair("Hướng dẫn", "Runbook", "docs/operations.md#"+i.Attention.Code)
		for _, e := range i.Entries {
			what := e.Kind
			if e.Kind == "failed" {
				what = fmt.Sprintf("failed %d: %s", e.Attempt, e.Code)
			}
			cli.Row(w, cli.Shown(e.At), strings.Join([]string{what, cli.Or(e.Actor), e.Text}, " · "))
		}
	})
}

func (c *commands) incidentNoteCommand() *cobra.Command {
	var key string
	cmd := &cobra.Command{Use: "note ID TEXT", Short: "Add a note for other operators, without personal data", Args: cli.Exactly(2, "the ID of an incident and the text"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			i, raw, err := client.NoteIncident(cmd.Context(), orNewKey(key), args[0], args[1])
			if err != nil {
				return err
			}
			return c.printIncident(i, raw)
		}}
	keyFlag(cmd, &key)
	return cmd
}

func (c *commands) incidentAssignCommand() *cobra.Command {
	var key, to string
	cmd := &cobra.Command{Use: "assign ID", Short: "Say who works on an incident; no operator without --to", Args: cli.Exactly(1, "the ID of an incident"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			i, raw, err := client.AssignIncident(cmd.Context(), orNewKey(key), args[0], to)
			if err != nil {
				return err
			}
			return c.printIncident(i, raw)
		}}
	cmd.Flags().StringVar(&to, "to", "", "an opaque id, not a name")
	keyFlag(cmd, &key)
	return cmd
}

// outcomes is what became of the items of a bulk repair.
type outcomes struct {
	Items   []itemOutcome  `json:"items"`
	Summary map[string]int `json:"summary"`
}

type itemOutcome struct {
	Incident  string `json:"incident"`
	Process   string `json:"process"`
	ProcessID string `json:"process_id"`
	Outcome   string `json:"outcome"`         // recovered, failed-again, skipped, given-up, still-waiting or not-done
	Error     string `json:"error,omitempty"` // why it was not done
}

func (o *outcomes) add(i apiclient.Incident, outcome, problem string) {
	o.Items = append(o.Items, itemOutcome{i.ID, i.Process, i.ProcessID, outcome, problem})
}

// code is the exit code: the worst that happened.
func (o *outcomes) code() int {
	o.Summary = map[string]int{}
	for _, item := range o.Items {
		o.Summary[item.Outcome]++
	}
	switch {
	case o.Summary["failed-again"]+o.Summary["not-done"] > 0:
		return cli.ExitFailed
	case o.Summary["still-waiting"] > 0:
		return cli.ExitPending
	}
	return cli.ExitOK
}

func (o *outcomes) words() string {
	var words []string
	for _, name := range []string{"recovered", "skipped", "given-up", "failed-again", "still-waiting", "not-done"} {
		if n := o.Summary[name]; n > 0 {
			words = append(words, fmt.Sprintf("%s %d", name, n))
		}
	}
	return strings.Join(words, ", ")
}

func (c *commands) printOutcomes(o *outcomes) error {
	code := o.code()
	raw, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("encoding the outcomes: %w", err)
	}
	var ids []string
	for _, item := range o.Items {
		ids = append(ids, item.Incident)
	}
	err = c.Print(raw, ids, func(w io.Writer) {
		cli.Row(w, "INCIDENT", "PROCESS", "OUTCOME", "")
		for _, item := range o.Items {
			cli.Row(w, item.Incident, item.Process, item.Outcome, item.Error)
		}
	})
	if err != nil {
		return err
	}
	c.Say("Kết quả: %s", "Outcome: %s", o.words())
	return cli.Ended(code)
}
