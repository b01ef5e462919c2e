package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kyso/internal/apiclient"
	"kyso/internal/app"
	"kyso/internal/audit"
	"kyso/internal/cli"
	"kyso/internal/registration"
	"kyso/internal/vn"
)

// auditPage is how many entries or checkpoints are read at once.
const auditPage = 1000

func (c *commands) auditCommand() *cobra.Command {
	return cli.Group("audit", "Check the audit log, and copy its signed checkpoints", c.auditVerifyCommand(), c.auditExportCommand(), c.auditKeyCommand())
}

func (c *commands) auditVerifyCommand() *cobra.Command {
	var opt verifyOptions
	verify := &cobra.Command{Use: "verify", Short: "Check on this machine that the audit log is whole", Args: cli.Exactly(0, "no argument"),
		Long: `Read the whole audit log and check on this machine that every entry carries the hash of the one before it, that it agrees
with every signed checkpoint, and that the checkpoints of the database agree with those that the server copied to
KYSO_AUDIT_FILE. A log whose end was cut off, that was emptied, put in another order, changed, written anew or put back
from an older copy is exit code 1, with one line for each thing that is wrong.

The server says which key signed. Who does not trust it gives the key that "kyso audit key" printed (--key), and
checkpoints that were kept elsewhere (--checkpoints): a file of "kyso audit export", or the JSON log of the server.
Entries that came after the last checkpoint have only the chain, and the output counts them: those of a second when the server
has a KYSO_AUDIT_FILE, next to which it keeps a signed head, else those of a minute.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.verifyAudit(cmd.Context(), opt) }}
	flags := verify.Flags()
	flags.StringVar(&opt.known, "known", "", "SEQ:HASH of an entry that was seen before")
	flags.StringVar(&opt.key, "key", "", "public key of the checkpoints, base64 (default: the one that the server names)")
	flags.StringVar(&opt.file, "checkpoints", "", "file with checkpoints that were kept elsewhere")
	return verify
}

type verifyOptions struct{ known, key, file string }

// auditReport is the result of a verification.
type auditReport struct {
	Entries     int64           `json:"entries"`
	Head        string          `json:"head"`
	Checkpoints int             `json:"checkpoints"`
	Exported    int             `json:"exported"` // checkpoints and heads of the server's files, and checkpoints of --checkpoints
	Key         string          `json:"key"`
	Uncovered   audit.Uncovered `json:"uncovered"`
	Findings    []audit.Finding `json:"findings"`
}

func (c *commands) verifyAudit(ctx context.Context, opt verifyOptions) error {
	known, err := parsePin(opt.known)
	if err != nil {
		return err
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	report, err := examineAudit(ctx, client, opt, known)
	if err != nil {
		return err
	}
	for _, f := range report.Findings {
		c.Say("SAI (%s), mục %d: %s", "WRONG (%s), entry %d: %s", f.Kind, f.Seq, f.Text)
	}
	if report.Exported == 0 {
		c.Say("Không có điểm kiểm tra nào được giữ ngoài cơ sở dữ liệu: nếu cả nhật ký lẫn điểm kiểm tra bị thay thì không thể biết. Hãy đặt KYSO_AUDIT_FILE.",
			"No checkpoint is kept outside of the database: that log and checkpoints were replaced together cannot be seen. Set KYSO_AUDIT_FILE.")
	}
	if u := report.Uncovered; u.Entries > 0 {
		c.Say("Các mục từ %s (%d mục) chưa có điểm kiểm tra nào: nếu chúng bị cắt bỏ thì không thể biết.",
			"Entries since %s (%d) are covered by no checkpoint: that some of them were cut off could not be seen.", u.Since.In(vn.Zone).Format("15:04:05 02/01/2006"), u.Entries)
	}
	raw, err := json.Marshal(report)
	if err != nil {
		return fmt.Errorf("encoding the result: %w", err)
	}
	if err := c.Print(raw, []string{report.Head}, func(w io.Writer) {
		cli.Row(w, c.Text("Số mục", "Entries"), strconv.FormatInt(report.Entries, 10))
		cli.Row(w, c.Text("Mã băm cuối", "Last hash"), report.Head)
		cli.Row(w, c.Text("Điểm kiểm tra", "Checkpoints"), strconv.Itoa(report.Checkpoints))
		cli.Row(w, c.Text("Giữ bên ngoài", "Kept outside"), strconv.Itoa(report.Exported))
		cli.Row(w, c.Text("Khóa công khai", "Public key"), cli.Or(report.Key))
	}); err != nil {
		return err
	}
	if len(report.Findings) > 0 {
		c.Say("Nhật ký KHÔNG toàn vẹn.", "The log is BROKEN.")
		return cli.Ended(cli.ExitFailed)
	}
	return nil
}

// examineAudit reads everything and compares it. The checkpoints are read before the entries: what they speak of is
// there by then.
func examineAudit(ctx context.Context, client *apiclient.Client, opt verifyOptions, known audit.Head) (auditReport, error) {
	evidence, err := gatherEvidence(ctx, client, opt)
	if err != nil {
		return auditReport{}, err
	}
	if known.Seq > 0 {
		evidence.Known = []audit.Head{known}
	}
	checker := audit.NewChecker(evidence)
	for after := int64(0); ; {
		page, _, err := client.Audit(ctx, after, auditPage)
		if err != nil {
			return auditReport{}, err
		}
		entries := make([]audit.Entry, len(page.Items))
		for i, one := range page.Items {
			entries[i] = audit.Entry{Seq: int64(one.Seq), At: one.At, Kind: one.Kind, Object: one.Object, Actor: one.Actor, Detail: one.Detail, Prev: one.Prev, Hash: one.Hash}
			after = entries[i].Seq
		}
		checker.Read(entries)
		if len(page.Items) < auditPage {
			break
		}
	}
	head, findings := checker.Done()
	report := auditReport{Entries: head.Seq, Head: head.Hash, Checkpoints: len(evidence.Table), Exported: len(evidence.File) + len(evidence.Heads) + len(evidence.Kept),
		Uncovered: checker.Uncovered(), Findings: findings}
	if report.Findings == nil {
		report.Findings = []audit.Finding{}
	}
	if evidence.Key != nil {
		report.Key = audit.EncodeKey(evidence.Key)
	}
	return report, nil
}

func gatherEvidence(ctx context.Context, client *apiclient.Client, opt verifyOptions) (audit.Evidence, error) {
	e := audit.Evidence{Now: time.Now()}
	table, said, err := checkpoints(ctx, client, "/v1/audit/checkpoints")
	if err != nil {
		return e, err
	}
	file, kept, err := checkpoints(ctx, client, "/v1/audit/exported")
	if err != nil {
		return e, err
	}
	for _, one := range kept.Heads {
		e.Heads = append(e.Heads, checkpoint(one))
	}
	e.Head, e.Table, e.File, e.Exported = audit.Head{Seq: int64(said.Head.Seq), Hash: said.Head.Hash}, table, file, said.Exported
	key := opt.key
	if key == "" {
		key = said.PublicKey
	}
	if key == "" {
		return e, nil
	}
	if e.Key, err = audit.DecodeKey(key); err != nil {
		return e, cli.Usage("--key: %v", err)
	}
	if opt.file == "" {
		return e, nil
	}
	if e.Kept, err = audit.ReadFile(opt.file); err != nil {
		return e, cli.Usage("--checkpoints: %v", err)
	}
	if len(e.Kept) == 0 {
		return e, cli.Usage("--checkpoints %s: there is no checkpoint in it", opt.file)
	}
	return e, nil
}

// checkpoints reads all of a list, and the last page with what it says besides.
func checkpoints(ctx context.Context, client *apiclient.Client, path string) ([]audit.Checkpoint, apiclient.CheckpointList, error) {
	var list []audit.Checkpoint
	next := path + "?limit=" + strconv.Itoa(auditPage)
	for {
		page, err := client.Checkpoints(ctx, next)
		if err != nil {
			return nil, page, err
		}
		for _, one := range page.Items {
			list = append(list, checkpoint(one))
		}
		if page.Next == "" {
			return list, page, nil
		}
		next = page.Next
	}
}

func checkpoint(c apiclient.Checkpoint) audit.Checkpoint {
	return audit.Checkpoint{Number: int64(c.Number), Seq: int64(c.Seq), Hash: c.Hash, At: c.At, Previous: c.Previous, Key: c.Key, Signature: c.Signature}
}

func (c *commands) auditExportCommand() *cobra.Command {
	return &cobra.Command{Use: "export", Short: "Print the signed checkpoints, one JSON object a line, to keep them elsewhere", Args: cli.Exactly(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.Client()
			if err != nil {
				return err
			}
			list, _, err := checkpoints(cmd.Context(), client, "/v1/audit/checkpoints")
			if err != nil {
				return err
			}
			for _, one := range list {
				line, err := json.Marshal(one)
				if err != nil {
					return fmt.Errorf("encoding a checkpoint: %w", err)
				}
				if err := c.PrintLines([]string{string(line)}); err != nil {
					return err
				}
			}
			return nil
		}}
}

func (c *commands) auditKeyCommand() *cobra.Command {
	return &cobra.Command{Use: "key", Short: "Print the public key of the checkpoints, from the settings of this machine", Args: cli.Exactly(0, "no argument"),
		RunE: func(*cobra.Command, []string) error {
			config, err := app.FromEnvironment(os.Environ())
			if err != nil {
				return &cli.ExitError{Code: cli.ExitUsage, Err: err}
			}
			key, err := app.AuditKey(config)
			if err != nil {
				return err
			}
			raw, err := json.Marshal(map[string]string{"public_key": key})
			if err != nil {
				return fmt.Errorf("encoding the key: %w", err)
			}
			return c.Print(raw, []string{key}, func(w io.Writer) { cli.Row(w, key) })
		}}
}

// parsePin reads SEQ:HASH; an empty one pins nothing.
func parsePin(text string) (audit.Head, error) {
	if text == "" {
		return audit.Head{}, nil
	}
	number, hash, ok := strings.Cut(text, ":")
	seq, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || seq < 1 || len(hash) != len(registration.FirstPrev) {
		return audit.Head{}, cli.Usage("--known %s: SEQ:HASH", text)
	}
	return audit.Head{Seq: seq, Hash: strings.ToLower(hash)}, nil
}
