package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"kyso/internal/apiclient"
	"kyso/internal/problem"
	"kyso/internal/registration"
)

// auditPage is how many entries are read at once.
const auditPage = 1000

func (c *cli) auditCommand() *cobra.Command {
	var known string
	verify := &cobra.Command{Use: "verify", Short: "Check on this machine that the audit log is whole", Args: exactly(0, "no argument"),
		Long: `Read the whole audit log and check on this machine that every entry carries the hash of the one before it. It prints
how many entries there are and the hash of the last: kept elsewhere and given as --known SEQ:HASH another time, it also
shows whether the end of the log was cut off or the whole was written anew, which the log alone cannot tell. A log that
is broken is exit code 1.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			pin, err := parsePin(known)
			if err != nil {
				return err
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			head, err := verifyAudit(cmd.Context(), client, pin)
			if problem.CodeOf(err) == problem.VerificationFailed {
				c.say("Nhật ký KHÔNG toàn vẹn sau mục %d: %v", "The log is BROKEN after entry %d: %v", head.Seq, err)
				return ended(exitFailed)
			}
			if err != nil {
				return err
			}
			raw, err := json.Marshal(head)
			if err != nil {
				return fmt.Errorf("encoding the result: %w", err)
			}
			return c.print(raw, []string{head.Hash}, func(w io.Writer) {
				row(w, c.text("Số mục", "Entries"), strconv.FormatInt(head.Seq, 10))
				row(w, c.text("Mã băm cuối", "Last hash"), head.Hash)
			})
		}}
	verify.Flags().StringVar(&known, "known", "", "SEQ:HASH of an entry that was seen before")
	return group("audit", "Check the audit log", verify)
}

// auditHead is the last entry of a log. Entries count from 1 without gaps, so Seq is their number.
type auditHead struct {
	Seq  int64  `json:"entries"`
	Hash string `json:"head"`
}

// parsePin reads SEQ:HASH; an empty one pins nothing.
func parsePin(text string) (auditHead, error) {
	if text == "" {
		return auditHead{}, nil
	}
	number, hash, ok := strings.Cut(text, ":")
	seq, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || seq < 1 || len(hash) != len(registration.FirstPrev) {
		return auditHead{}, usage("--known %s: SEQ:HASH", text)
	}
	return auditHead{seq, strings.ToLower(hash)}, nil
}

// verifyAudit reads and checks the log page by page. It returns the last entry that is good, and
// problem.VerificationFailed when there is one that is not.
func verifyAudit(ctx context.Context, client *apiclient.Client, pin auditHead) (auditHead, error) {
	head := auditHead{Hash: registration.FirstPrev}
	for {
		page, _, err := client.Audit(ctx, head.Seq, auditPage)
		if err != nil {
			return head, err
		}
		for _, one := range page.Items {
			entry := registration.AuditEntry(one)
			if err := registration.VerifyAudit(head.Hash, head.Seq, []registration.AuditEntry{entry}); err != nil {
				return head, err
			}
			if entry.Seq == pin.Seq && entry.Hash != pin.Hash {
				return head, problem.New(problem.VerificationFailed, "entry %d is not the one that was seen before", entry.Seq)
			}
			head = auditHead{entry.Seq, entry.Hash}
		}
		if len(page.Items) < auditPage {
			break
		}
	}
	if head.Seq < pin.Seq {
		return head, problem.New(problem.VerificationFailed, "entry %d, which was seen before, is not there", pin.Seq)
	}
	return head, nil
}
