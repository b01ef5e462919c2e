package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kyso/internal/apiclient"
	"kyso/internal/cli"
	"kyso/internal/registration"
)

func (c *commands) registrationCommand() *cobra.Command {
	return cli.Group("registration", "List, show, watch, decide, repair and cancel registrations of certificates",
		c.registrationListCommand(), c.registrationShowCommand(), c.registrationWatchCommand(),
		c.approveCommand(), c.askCommand(), c.refuseCommand(), c.registrationRepairCommand(), c.registrationCancelCommand())
}

func (c *commands) registrationListCommand() *cobra.Command {
	var f apiclient.Filter
	cmd := &cobra.Command{Use: "list", Short: "List registrations, newest first", Args: cli.Exactly(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			list, raw, err := client.Registrations(cmd.Context(), f)
			if err != nil {
				return err
			}
			var ids []string
			for _, r := range list.Items {
				ids = append(ids, r.ID)
			}
			return c.Print(raw, ids, func(w io.Writer) {
				cli.Row(w, "ID", "STATUS", "ISSUER", "PACKAGE", "CREATED", "DEADLINE", "ATTENTION")
				for _, r := range list.Items {
					cli.Row(w, r.ID, r.Status, r.Issuer, cli.Or(r.Package), cli.Shown(r.CreatedAt), cli.Shown(r.Deadline), attentionCell(r.Attention))
				}
			})
		}}
	filterFlags(cmd, &f, "in-review")
	return cmd
}

func (c *commands) registrationShowCommand() *cobra.Command {
	return &cobra.Command{Use: "show ID", Short: "Show a registration", Args: cli.Exactly(1, "the ID of a registration"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			r, raw, err := client.Registration(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return c.Print(raw, []string{r.ID}, func(w io.Writer) { c.registrationTable(w, r) })
		}}
}

func (c *commands) registrationTable(w io.Writer, r apiclient.Registration) {
	pair := c.pairs(w)
	pair("Mã", "ID", r.ID)
	pair("Mã yêu cầu VNeID", "VNeID request", r.RequestID)
	pair("Trạng thái", "Status", r.Status+" · "+c.Text(r.Title, r.TitleEN))
	pair("Lý do kết thúc", "Outcome", c.outcomeWords(r.Outcome))
	pair("Cần xử lý", "Attention", c.attentionWords(r.Attention))
	pair("Tổ chức cấp", "Issuer", r.Issuer)
	pair("Tạo lúc", "Created", cli.Shown(r.CreatedAt))
	if !r.Deadline.IsZero() {
		pair("Hạn", "Deadline", cli.Shown(r.Deadline))
	}
	if p := r.Person; p != nil {
		pair("Người đăng ký", "Person", strings.Join([]string{p.FullName, p.BirthDate, p.IDNumber, p.Phone}, " · "))
		pair("Nơi thường trú", "Residence", strings.Join([]string{p.Address, p.Commune, p.Province}, ", "))
	}
	for _, warning := range r.Warnings {
		pair("Lưu ý", "Warning", warning)
	}
	for _, p := range r.Packages {
		pair("Gói có thể chọn", "May be chosen", fmt.Sprintf("%s · %s · %d VND · %d months", p.Code, c.Text(p.NameVI, p.NameEN), p.PriceVND, p.Months))
	}
	if r.Package != "" {
		pair("Gói", "Package", fmt.Sprintf("%s · %d VND · %d months", r.Package, r.PriceVND, r.Months))
	}
	for _, p := range r.Payments {
		pair("Thanh toán", "Payment", fmt.Sprintf("%s · %s · %d VND · %s", p.TxnRef, p.Status, p.AmountVND, cli.Shown(p.CreatedAt)))
	}
	for _, d := range r.Documents {
		pair("Tài liệu", "Paper", strings.Join([]string{d.Name, d.Number, d.SHA256, d.Content}, " · "))
	}
	if v := r.Review; v != nil {
		cells := slices.DeleteFunc([]string{v.Decision, v.Officer, v.Reason, v.ReasonText, strings.Join(v.Fields, ", "), v.PublicNote},
			func(s string) bool { return s == "" })
		pair("Thẩm định", "Review", strings.Join(cells, " · "))
	}
	if i := r.Certificate; i != nil {
		pair("Chứng thư số", "Certificate", i.Serial+" · "+i.KeyID+" · "+cli.Shown(i.NotAfter))
	}
	pair("Phiên ký nghiệm thu", "Acceptance signing", r.SigningID)
	for _, t := range r.Transitions {
		transitionRow(w, t.At, t.Status, t.Detail)
	}
}

func (c *commands) registrationWatchCommand() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{Use: "watch ID", Short: "Follow a registration until its end, which may take days", Args: cli.Exactly(1, "the ID of a registration"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			return c.watchRegistration(cmd.Context(), client, args[0], timeout)
		}}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "stop watching after this long (exit code 8)")
	return cmd
}

func (c *commands) watchRegistration(ctx context.Context, client *apiclient.Client, id string, timeout time.Duration) error {
	w := &watcher{commands: c, client: client, kind: "registration", id: id, events: client.FollowRegistration}
	w.end = func(ctx context.Context) (int, error) {
		r, _, err := client.Registration(ctx, id)
		if err != nil {
			return cli.ExitFailed, err
		}
		w.sayOutcome(c.Text(r.Title, r.TitleEN), r.Outcome)
		return registrationCode(r.Status), nil
	}
	code, err := w.watch(ctx, timeout)
	if err != nil {
		return err
	}
	return cli.Ended(code)
}

// registrationCode is the exit code of a status.
func registrationCode(status string) int {
	switch status {
	case "active":
		return cli.ExitOK
	case "refused", "withdrawn":
		return cli.ExitDeclined
	case "expired":
		return cli.ExitExpired
	case "ineligible", "cancelled":
		return cli.ExitFailed
	}
	return cli.ExitPending
}

// decisionCommand is one of the three decisions of an officer.
func (c *commands) decisionCommand(decision, use, short string) (*cobra.Command, *apiclient.ReviewRequest) {
	b := &bulk{vi: "yêu cầu đăng ký", en: "registrations"}
	d := &apiclient.ReviewRequest{Decision: decision}
	cmd := &cobra.Command{Use: use, Short: short, Args: cli.AtLeast("the ID of a registration (or -)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case decision != "approve" && d.Reason == "":
				return cli.Usage("--reason is required: data-mismatch, identity-expired, address-unclear, contact-invalid, suspected-fraud, not-eligible or other")
			case decision == "ask" && len(d.Fields) == 0:
				return cli.Usage("--field is required: province, commune, address, id_issued_on, id_issued_by, id_expires_on or email")
			}
			return c.each(cmd.Context(), b, decision, args, func(client *apiclient.Client, key, id string) (string, apiclient.Raw, error) {
				status, raw, err := client.Review(cmd.Context(), key, id, *d)
				return status.Status, raw, err
			})
		}}
	flags := cmd.Flags()
	flags.StringVar(&d.Officer, "officer", "", "who decides (default: the key's owner, and only the administrator's key may give another)")
	flags.StringVar(&d.PublicNote, "public-note", "", "words for the citizen")
	flags.StringVar(&d.InternalNote, "internal-note", "", "words for officers")
	b.registerApply(cmd)
	if decision != "approve" {
		flags.StringVar(&d.Reason, "reason", "", "code of the reason (required)")
	}
	return cmd, d
}

func (c *commands) approveCommand() *cobra.Command {
	cmd, d := c.decisionCommand("approve", "approve ID…", "Approve dossiers; - reads IDs from stdin")
	decide := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if slices.Equal(d.Checks, []string{"all"}) {
			d.Checks = checkCodes()
		}
		if len(d.Checks) == 0 {
			return cli.Usage("--checked is required: all, or each of %s that was compared", strings.Join(checkCodes(), ", "))
		}
		return decide(cmd, args)
	}
	cmd.Flags().StringSliceVar(&d.Checks, "checked", nil, "what was compared: "+strings.Join(checkCodes(), ", ")+", or all (required)")
	return cmd
}

// checkCodes are what an officer compares before an approval.
func checkCodes() []string {
	var codes []string
	for _, check := range registration.Checks() {
		codes = append(codes, check.Code)
	}
	return codes
}

func (c *commands) askCommand() *cobra.Command {
	cmd, d := c.decisionCommand("ask", "ask ID…", "Ask the citizen to correct named fields; - reads IDs from stdin")
	cmd.Flags().StringSliceVar(&d.Fields, "field", nil, "a field to correct; may be given several times (required)")
	return cmd
}

func (c *commands) refuseCommand() *cobra.Command {
	cmd, _ := c.decisionCommand("refuse", "refuse ID…", "Refuse dossiers; kyso refunds what was paid; - reads IDs from stdin")
	return cmd
}

func (c *commands) registrationRepairCommand() *cobra.Command {
	b := &bulk{vi: "yêu cầu đăng ký", en: "registrations"}
	var action string
	var fields []string
	cmd := &cobra.Command{Use: "repair ID…", Short: "Repair parked registrations; - reads IDs from stdin", Args: cli.AtLeast("the ID of a registration (or -)"),
		Long: `Repair parked registrations: retry runs the failed step again, fix does so after data was corrected (--set field=value),
what says who the person is (id_issued_on, id_issued_by, id_expires_on) once a second person sends equal values; skip goes on without the step, cancel gives the registration up with its compensation. Not every step allows each; "show
-o json" lists attention.actions. It reports what became of each: recovered, skipped or given-up (exit code 0),
failed-again (1) or still-waiting (8).`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains([]string{"retry", "fix", "skip", "cancel"}, action) {
				return cli.Usage("--action: retry, fix, skip or cancel")
			}
			if b.reason == "" {
				return cli.Usage("--reason is required: why, in a few words without personal data")
			}
			repair := apiclient.RegistrationRepairRequest{Action: action, Actor: c.As, Reason: b.reason}
			var err error
			if repair.Fields, err = assignments(fields); err != nil {
				return err
			}
			if len(repair.Fields) > 0 && (action != "fix" || len(args) != 1 || args[0] == "-") {
				return cli.Usage("--set goes with --action fix and one ID")
			}
			return c.each(cmd.Context(), b, action, args, func(client *apiclient.Client, key, id string) (string, apiclient.Raw, error) {
				repaired, raw, err := client.RepairRegistration(cmd.Context(), key, id, repair)
				for _, change := range repaired.Changes {
					c.Say("%s: %s → %s", "%s: %s → %s", change.Field, change.Old, change.New)
				}
				return repaired.Outcome, raw, err
			})
		}}
	cmd.Flags().StringVar(&action, "action", "", "retry, fix, skip or cancel (required)")
	cmd.Flags().StringArrayVar(&fields, "set", nil, "field=value of the person, for fix; may be given several times")
	b.register(cmd)
	return cmd
}

func (c *commands) registrationCancelCommand() *cobra.Command {
	b := &bulk{vi: "yêu cầu đăng ký", en: "registrations"}
	cmd := &cobra.Command{Use: "cancel ID…", Short: "Give registrations up before they are active; - reads IDs from stdin", Args: cli.AtLeast("the ID of a registration (or -)"),
		Long: `Give registrations up before they are active; kyso refunds what was paid and revokes what was issued. A parked one ends as cancelled, by a
repair; one that runs ends as withdrawn, in the name of the operator.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if b.reason == "" {
				return cli.Usage("--reason is required: why, in a few words without personal data")
			}
			return c.each(cmd.Context(), b, "cancel", args, func(client *apiclient.Client, key, id string) (string, apiclient.Raw, error) {
				r, _, err := client.Registration(cmd.Context(), id)
				if err != nil {
					return "", nil, err
				}
				if r.Attention != nil && slices.Contains(r.Attention.Actions, "cancel") {
					repaired, raw, err := client.RepairRegistration(cmd.Context(), key, id, apiclient.RegistrationRepairRequest{Action: "cancel", Actor: c.As, Reason: b.reason})
					return repaired.Outcome, raw, err
				}
				status, raw, err := client.Withdraw(cmd.Context(), key, id, c.As, b.reason)
				return status.Status, raw, err
			})
		}}
	b.register(cmd)
	return cmd
}

// assignments reads field=value pairs.
func assignments(args []string) (map[string]string, error) {
	fields := map[string]string{}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, cli.Usage("%s: field=value", strconv.Quote(arg))
		}
		fields[name] = value
	}
	return fields, nil
}
