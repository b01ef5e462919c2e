package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"kyso/internal/cli"
)

func (c *commands) reconcileCommand() *cobra.Command {
	return &cobra.Command{Use: "reconcile", Short: "Compare all records with Temporal and the payment gateways, and list what does not agree", Args: cli.Exactly(0, "no argument"),
		Long: `Compare every record that has not ended with its process, every process with its record, attempts to pay with their gateways, and every
registration that has ended with its money and with its certificate at the CA.

Each mismatch is an incident: process-missing, record-missing, certificate-unpaid, certificate-lost or certificate-left. "incident
show" lists what it offers, "incident repair --action begin-again", "--action close" or "--action accept" resolves it. Comparing repeats no effect: it may run at any time, also twice at once. The API does the same in its own loop.
Run it after a restore (docs/restore.md). Exit code 0: all records agree. 1: they do not. 8: something could
not be compared, or a process was behind its record and has now got it again; run reconcile again.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			total, err := client.Reconcile(cmd.Context())
			if err != nil {
				return err
			}
			raw, err := json.Marshal(total)
			if err != nil {
				return fmt.Errorf("encoding the result: %w", err)
			}
			var ids []string
			for _, f := range total.Findings {
				ids = append(ids, f.ProcessID)
			}
			err = c.Print(raw, ids, func(w io.Writer) {
				cli.Row(w, "PROCESS", "ID", "CODE", "NEW", "MESSAGE")
				for _, f := range total.Findings {
					cli.Row(w, f.Process, f.ProcessID, f.Code, fmt.Sprint(f.New), f.Message)
				}
				for _, f := range total.Failed {
					cli.Row(w, f.Process, f.ProcessID, f.Code, "-", f.Message)
				}
				for _, b := range total.Behind {
					cli.Row(w, b.Process, b.ProcessID, "-", "-", b.Message)
				}
				c.Say("Đã đối chiếu %d mục: %d sai lệch, %d sự cố đã tự đóng, %d giao dịch thanh toán được bổ sung, %d thông báo gửi lại, %d mục chưa đối chiếu được, %d tiến trình đang được cập nhật.",
					"Compared %d: %d mismatches, %d incidents closed by themselves, %d payments written down, %d messages carried again, %d could not be compared, %d processes are told again.",
					total.Checked, len(total.Findings), total.Closed, total.Payments, total.Carried, len(total.Failed), len(total.Behind))
			})
			switch {
			case err != nil:
				return err
			case len(total.Findings) > 0:
				return &cli.ExitError{Code: cli.ExitFailed, Err: errors.New("the books do not agree"), Silent: true}
			case len(total.Failed)+len(total.Behind) > 0:
				return &cli.ExitError{Code: cli.ExitPending, Err: errors.New("not everything agrees or could be compared yet"), Silent: true}
			}
			return nil
		}}
}
