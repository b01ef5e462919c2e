package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kyso/internal/apiclient"
	"kyso/internal/forms"
)

type demoOptions struct {
	pdf, outDir, data, level, user, plan string
}

func newDemoCommand() *cobra.Command {
	var opts demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Register a certificate and sign a PDF with it, and kill the worker on the way",
		Long: "Starts a world; takes a citizen from VNeID to an active certificate (account, package, payment, contract, review,\n" +
			"issuance, activation, acceptance record); signs a PDF with it through the HTTP interface, kills the worker with SIGKILL\n" +
			"while the request is on the phone, approves meanwhile, starts another worker; and leaves all files in the output folder\n" +
			"with what is needed to check them with other tools. Ends with an error when anything is not as it should be.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo(cmd.Context(), cmd.OutOrStdout(), opts)
		},
	}
	cmd.Flags().StringVar(&opts.pdf, "pdf", "", "PDF to sign (default: a Vietnamese page that kyso writes)")
	cmd.Flags().StringVar(&opts.outDir, "out", "out", "folder for the results")
	cmd.Flags().StringVar(&opts.data, "data", "", "data folder (default: a temporary one)")
	cmd.Flags().StringVar(&opts.level, "level", "B-T", "PAdES level: B-B, B-T, B-LT or B-LTA")
	cmd.Flags().StringVar(&opts.user, "user", "", "sign as this user of the sandbox, and register no person (such as ICA.079095012345)")
	cmd.Flags().StringVar(&opts.plan, "package", "PS1", "package to register with; PS0 is free")
	return cmd
}

// demonstration is one run of demo.
type demonstration struct {
	demoOptions
	out      io.Writer
	begin    time.Time
	world    *World
	client   *client
	worker   *workerProcess
	seen     int // transitions shown
	before   int // effects in the ledger before the signing
	enrolled apiclient.Registration
	base     string
	box      *apiclient.Placement
}

func demo(ctx context.Context, out io.Writer, opts demoOptions) (err error) {
	d := &demonstration{demoOptions: opts, out: out, begin: time.Now()}
	pdf, err := d.document()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(opts.outDir, 0o750); err != nil {
		return fmt.Errorf("making the output folder: %w", err)
	}
	if d.data == "" {
		if d.data, err = os.MkdirTemp("", "kyso-demo-"); err != nil {
			return fmt.Errorf("making a data folder: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(d.data)) }()
	}
	d.sayf("Khởi động · starting the world (Temporal, store, sandbox, API)")
	if d.world, err = Start(ctx, Options{Data: d.data, NoWorker: true}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.world.Close()) }()
	d.client = newClient(d.world.Addresses)
	d.sayf("Sẵn sàng · ready: API %s, Temporal UI %s", d.world.Addresses.API, d.world.Addresses.TemporalUI)
	return d.run(ctx, pdf)
}

// sayf prints one line of progress with the time since the start.
func (d *demonstration) sayf(format string, args ...any) {
	tellf(d.out, "%6.2fs  %s\n", time.Since(d.begin).Seconds(), fmt.Sprintf(format, args...))
}

// document reads the file or writes the sample.
func (d *demonstration) document() ([]byte, error) {
	if d.pdf == "" {
		d.base = "hop-dong"
		d.box = &apiclient.Placement{Page: 1, X: 335, Y: 262, Width: 200, Height: 72} // under "ĐẠI DIỆN BÊN B"
		return forms.Sample(time.Now())
	}
	d.base = strings.TrimSuffix(filepath.Base(d.pdf), filepath.Ext(d.pdf))
	d.box = &apiclient.Placement{} // the default box on the last page
	pdf, err := os.ReadFile(d.pdf)
	if err != nil {
		return nil, fmt.Errorf("reading the PDF: %w", err)
	}
	return pdf, nil
}

// run signs and shows; everything before was preparation.
func (d *demonstration) run(ctx context.Context, pdf []byte) error {
	if err := d.startWorker(ctx); err != nil {
		return err
	}
	defer func() { d.worker.kill() }()
	if d.user == "" {
		if err := d.enrol(ctx); err != nil {
			return err
		}
	}
	id, err := d.request(ctx, pdf)
	if err != nil {
		return err
	}
	if _, err := d.client.await(ctx, id, d.show, func(s apiclient.Signing) bool { return s.Status == "awaiting-approval" }); err != nil {
		return err
	}
	if err := d.approveWithoutWorker(ctx, id); err != nil {
		return err
	}
	if err := d.startWorker(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	s, err := d.client.await(ctx, id, d.show, func(s apiclient.Signing) bool { return s.Final })
	if err != nil {
		return err
	}
	if s.Status != "signed" {
		return fmt.Errorf("the signing ended %s", s.Status)
	}
	return d.results(ctx, s, pdf)
}

// enrol registers the citizen who will sign.
func (d *demonstration) enrol(ctx context.Context) error {
	e, err := d.register(ctx)
	if err != nil {
		return fmt.Errorf("registering: %w", err)
	}
	if err := d.papers(ctx, e); err != nil {
		return err
	}
	effects, err := d.client.ledger(ctx)
	if err != nil {
		return err
	}
	d.before, d.user = len(effects), "ICA."+e.citizen
	d.sayf("Ký văn bản bằng chứng thư số vừa cấp · signing with the certificate just issued")
	d.enrolled, err = e.view(ctx)
	return err
}

func (d *demonstration) startWorker(ctx context.Context) error {
	worker, err := startWorkerProcess(ctx, d.data)
	if err != nil {
		return err
	}
	d.worker = worker
	d.sayf("Worker đã chạy · worker process %d is polling", worker.cmd.Process.Pid)
	return nil
}

func (d *demonstration) request(ctx context.Context, pdf []byte) (string, error) {
	uploaded, err := d.client.upload(ctx, d.base+".pdf", bytes.NewReader(pdf))
	if err != nil {
		return "", err
	}
	d.sayf("Đã tải lên · uploaded %s.pdf, %d bytes, SHA-256 %s…", d.base, len(pdf), uploaded.SHA256[:16])
	s, err := d.client.sign(ctx, apiclient.SigningRequest{
		User: d.user, Level: d.level, Reason: "Đồng ý ký kết hợp đồng", Location: "Thành phố Hồ Chí Minh",
		Documents: []apiclient.DocumentRequest{{ID: uploaded.ID, Placement: d.box}},
	})
	if err != nil {
		return "", err
	}
	d.sayf("Yêu cầu ký · signing %s requested, level %s", s.ID, d.level)
	return s.ID, nil
}

// words are the statuses for people.
var words = map[string]string{
	"created":           "Đã nhận · accepted",
	"preparing":         "Kiểm tra chứng thư số, chuẩn bị tài liệu · checking the certificate, preparing",
	"requested":         "Gửi yêu cầu tới nhà cung cấp · handing the digest to the provider",
	"awaiting-approval": "Chờ phê duyệt trên điện thoại · the phone shows the request",
	"completing":        "Đã phê duyệt, đang hoàn tất · approved; verifying, embedding, time-stamping",
	"signed":            "Đã ký · signed",
}

func (d *demonstration) show(s apiclient.Signing) {
	for _, t := range s.Transitions {
		if t.Seq <= d.seen {
			continue
		}
		d.seen = t.Seq
		text, ok := words[t.Status]
		if !ok {
			text = t.Status
		}
		d.sayf("  %s", strings.TrimSpace(text+" "+t.Detail))
	}
}

// approveWithoutWorker kills the worker while the phone shows the request, and approves while there is none.
func (d *demonstration) approveWithoutWorker(ctx context.Context, id string) error {
	pid := d.worker.cmd.Process.Pid
	d.worker.kill()
	if d.worker.alive() {
		return errors.New("the worker survived kill -9")
	}
	d.sayf("kill -9 %d: không còn worker · the worker is dead (%s)", pid, d.worker.cmd.ProcessState)

	s, err := d.client.signing(ctx, id)
	if err != nil {
		return err
	}
	waiting, err := d.client.waiting(ctx, d.user)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(waiting, func(r phoneRequest) bool { return r.ShortCode == s.ShortCode })
	if at < 0 {
		return fmt.Errorf("no request with the code %s is on the phone", s.ShortCode)
	}
	d.sayf("Mã trên trang và trên điện thoại · code on page and phone: %s; digest %s…", s.ShortCode, s.Documents[0].DigestPrefix)
	if err := d.client.approve(ctx, waiting[at].ID); err != nil {
		return err
	}
	d.sayf("Đã phê duyệt trên điện thoại · approved on the phone, with no worker alive")
	time.Sleep(time.Second)
	if s, err = d.client.signing(ctx, id); err != nil {
		return err
	}
	if s.Status != "awaiting-approval" {
		return fmt.Errorf("without a worker the signing went on to %s", s.Status)
	}
	d.sayf("Tiến trình vẫn chờ · the process still stands at %s", s.Status)
	return nil
}
