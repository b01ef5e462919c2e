package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"kyso/internal/apiclient"
	"kyso/internal/cli"
)

// typedAbove is how many incidents may be repaired without typing their number.
const typedAbove = 20

// recheckEvery is how often a repair that has no result yet is looked at again.
const recheckEvery = 500 * time.Millisecond

// bulkRepair is a repair of one incident or of many.
type bulkRepair struct {
	filter  incidentFilter
	action  string
	reason  string
	apply   bool
	most    int
	rate    float64
	confirm int
	wait    time.Duration
	key     string
}

func (c *commands) incidentRepairCommand() *cobra.Command {
	b := &bulkRepair{}
	cmd := &cobra.Command{Use: "repair [ID…]", Short: "Repair incidents, by ID (- reads them from stdin) or by what they have in common",
		Long: `Repair incidents: retry runs the parked step again, cancel gives the process up with its compensation; registrations offer
fix and skip where they are safe. A process that was lost (process-missing, record-missing) offers begin-again, a new run from its
record, and close, which compensates; a certificate and its money that do not agree (certificate-unpaid, certificate-lost,
certificate-left) offer close and accept, which says that it was settled elsewhere ("show" lists what an incident offers). Without IDs the flags choose: at least one of
--code, --provider, --process, --step, --assignee or --older has to be given.

It is a dry run until --apply is given. More than 20 need --confirm N with their number, so that no operator repairs a thousand
where ten were meant. Repairs are paced by --per-second, at most --max in one go, and each is looked at until it has a
result or --wait is over: recovered, skipped, given-up (exit code 0), failed-again, not-done (1), still-waiting (8).`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case !slices.Contains([]string{"retry", "cancel", "skip", "fix", "begin-again", "close", "accept"}, b.action):
				return cli.Usage("--action: retry, cancel, skip, fix, begin-again, close or accept")
			case b.reason == "":
				return cli.Usage("--reason is required: why, in a few words without personal data")
			case b.rate <= 0 || b.most <= 0:
				return cli.Usage("--per-second and --max are above 0")
			}
			return c.repairIncidents(cmd.Context(), b, args)
		}}
	flags := cmd.Flags()
	b.filter.register(cmd)
	flags.StringVar(&b.action, "action", "retry", "retry, cancel, skip, fix, begin-again, close or accept")
	flags.StringVar(&b.reason, "reason", "", "why, in a few words without personal data; they stay in the history (required)")
	flags.BoolVar(&b.apply, "apply", false, "do it; without, only show what would be done")
	flags.IntVar(&b.most, "max", 500, "repair no more than this, the oldest first")
	flags.Float64Var(&b.rate, "per-second", 10, "begin at most so many in a second")
	flags.IntVar(&b.confirm, "confirm", 0, "the number of incidents, when there are more than 20")
	flags.DurationVar(&b.wait, "wait", time.Minute, "how long to look for results")
	keyFlag(cmd, &b.key)
	return cmd
}

func (c *commands) repairIncidents(ctx context.Context, b *bulkRepair, args []string) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	list, err := c.chosenIncidents(ctx, client, b, args)
	if err != nil {
		return err
	}
	if !b.apply {
		c.Say("Chạy thử: %s %d sự cố. Thêm --apply để thực hiện.", "Dry run: %s %d incidents. Add --apply to do it.", b.action, len(list))
		var ids []string
		for _, i := range list {
			ids = append(ids, i.ID)
		}
		return c.PrintLines(ids)
	}
	if len(list) > typedAbove && b.confirm != len(list) {
		return cli.Usage("there are %d incidents: type their number as --confirm %d, or narrow the choice", len(list), len(list))
	}
	return c.printOutcomes(c.repairAll(ctx, client, b, list))
}

// chosenIncidents are those that are named, else those that the filter finds; open ones only.
func (c *commands) chosenIncidents(ctx context.Context, client *apiclient.Client, b *bulkRepair, args []string) ([]apiclient.Incident, error) {
	if len(args) == 0 {
		filter, narrows := b.filter.given()
		if !narrows {
			return nil, cli.Usage("give IDs, or at least one of --code, --provider, --process, --step, --assignee and --older")
		}
		filter.Limit = b.most
		list, _, err := client.Incidents(ctx, filter)
		return list.Items, err
	}
	ids, err := c.ids(args)
	if err != nil {
		return nil, err
	}
	var list []apiclient.Incident
	for _, id := range ids[:min(len(ids), b.most)] {
		i, _, err := client.Incident(ctx, id)
		if err != nil {
			return nil, err
		}
		if i.Action == "" {
			list = append(list, apiclient.Incident{ID: i.ID, Process: i.Process, ProcessID: i.ProcessID, Attention: i.Attention})
		}
	}
	return list, nil
}

// repairAll begins every repair, then looks for the results that were not there at once.
func (c *commands) repairAll(ctx context.Context, client *apiclient.Client, b *bulkRepair, list []apiclient.Incident) *outcomes {
	found := make([]string, len(list))
	problems := make([]string, len(list))
	pace := time.NewTicker(time.Duration(float64(time.Second) / b.rate))
	defer pace.Stop()
	key, begun := orNewKey(b.key), make(chan int, len(list))
	running := make(chan struct{}, 32) // a repair waits up to 20 s for its result
	for n, i := range list {
		select {
		case <-ctx.Done():
			found[n], problems[n] = "not-done", "interrupted"
			begun <- n
			continue
		case <-pace.C:
		}
		running <- struct{}{}
		go func() {
			defer func() { <-running; begun <- n }()
			outcome, err := client.RepairIncident(ctx, key+"/"+i.ID, i, apiclient.RegistrationRepairRequest{Action: b.action, Actor: c.As, Reason: b.reason})
			if err != nil {
				outcome, problems[n] = "not-done", err.Error()
			}
			found[n] = outcome
		}()
	}
	for range list {
		<-begun
	}
	c.recheck(ctx, client, list, found, time.Now().Add(b.wait))
	out := &outcomes{Items: []itemOutcome{}}
	for n, i := range list {
		out.add(i, found[n], problems[n])
	}
	return out
}

// recheck looks at repairs without a result until they have one.
func (c *commands) recheck(ctx context.Context, client *apiclient.Client, list []apiclient.Incident, found []string, until time.Time) {
	for {
		waiting := 0
		for n, before := range list {
			if found[n] != "still-waiting" {
				continue
			}
			now, _, err := client.Incident(ctx, before.ID)
			switch {
			case err == nil && now.Action != "":
				found[n] = map[string]string{"skip": "skipped", "cancel": "given-up"}[now.Action]
				if found[n] == "" {
					found[n] = "recovered"
				}
			case err == nil && now.Attention.Attempts > before.Attention.Attempts:
				found[n] = "failed-again"
			default:
				waiting++
			}
		}
		if waiting == 0 || time.Now().After(until) || ctx.Err() != nil {
			return
		}
		time.Sleep(recheckEvery)
	}
}
