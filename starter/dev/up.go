package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func newUpCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start the whole world and keep it running (the default)",
		Long: "Starts Temporal with its Web UI, the store, the sandbox with its phone, a worker and the API, each on a loopback\n" +
			"port that stays the same over restarts. Everything is kept in the data folder: stop it with Ctrl-C or kill -9 and\n" +
			"start it again, and running processes go on. A stop takes 20 seconds at most; a second signal ends the program at once.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return up(cmd.Context(), cmd.OutOrStdout(), data) },
	}
	cmd.Flags().StringVar(&data, "data", dataFolder(), "data folder (or KYSO_DATA)")
	return cmd
}

// dataFolder is the default of --data.
func dataFolder() string {
	if data := os.Getenv("KYSO_DATA"); data != "" {
		return data
	}
	return ".kyso"
}

// ownHealth is what the caller says of health, metrics and profiles; a world has no port for them by itself.
func ownHealth() []string {
	var env []string
	for _, name := range []string{"KYSO_HEALTH_LISTEN", "KYSO_PPROF"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func up(ctx context.Context, out io.Writer, data string) error {
	begin := time.Now()
	w, err := Start(ctx, Options{Data: data, Environment: ownHealth(), Progress: func(format string, args ...any) { tellf(out, format+"\n", args...) }})
	if err != nil {
		return err
	}
	w.Addresses.print(out)
	tellf(out, "\nSẵn sàng · ready in %.1f s. Data and logs: %s. Ctrl-C stops; the next start goes on.\n",
		time.Since(begin).Seconds(), w.folder.path)
	select {
	case <-ctx.Done():
		tellf(out, "Đang dừng · stopping …\n")
		return w.closeWithin(closePatience)
	case err := <-w.Failed():
		return errors.Join(err, w.closeWithin(closePatience))
	}
}

// print shows people where everything is.
func (a Addresses) print(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	tellf(table, "\n")
	for _, row := range [][3]string{
		{"Trang web", a.API, "ký, đăng ký, kiểm tra · the pages: sign, register, verify"},
		{"Cán bộ", a.API + "/officer", "thẩm định, đăng nhập bằng api_key trong addresses.json · officers log in with that key"},
		{"API", a.API + "/docs", "giao diện lập trình · documents, signings, OpenAPI"},
		{"Điện thoại", a.Phone, "phê duyệt ở đây · approve here, as the owner of the key"},
		{"VNeID", a.VNeID, "xin cấp chứng thư số ở đây · ask for a certificate here"},
		{"Tin nhắn", a.Inbox, "mã OTP gửi tới điện thoại · text messages to phones"},
		{"Temporal UI", a.TemporalUI, "các tiến trình · every process, step by step"},
		{"Điều khiển", a.Control, "gây lỗi, sổ tác động · faults, delays, ledger of effects"},
		{"Bên ngoài", a.Parties, "RSSP, TSA, CA · the outside parties"},
		{"Temporal", a.Temporal, "gRPC"},
		{"Chứng thư số gốc", a.Trust, "trust this to check signatures of this world"},
	} {
		tellf(table, "  %s\t%s\t%s\n", row[0], row[1], row[2])
	}
	_ = table.Flush() // a terminal that is gone is noticed elsewhere
}

// defaultAPI is where "kyso serve" answers when not told otherwise.
const defaultAPI = "http://127.0.0.1:8680"

func newSandboxCommand() *cobra.Command {
	var data, listen, kyso string
	var published bool
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Run the outside parties alone, on fixed ports",
		Long: "Runs the stand-ins of signing provider, time-stamp authority, CA, VNeID, payment gateway and eSMS on the port of --listen, their\n" +
			"phone on the next one and their control on the one after it: the defaults of internal/config.Config reach them. Trust\n" +
			"bundle and seal are written into the data folder.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runSandbox(cmd.Context(), cmd.OutOrStdout(), data, listen, kyso, published)
		},
	}
	cmd.Flags().StringVar(&data, "data", dataFolder(), "data folder (or KYSO_DATA)")
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8769", "loopback address of the parties; phone and control follow")
	cmd.Flags().StringVar(&kyso, "kyso", defaultAPI, "where the parties call the API; browsers are sent to "+defaultAPI)
	cmd.Flags().BoolVar(&published, "published", false, "allow --listen 0.0.0.0:…, in a container whose ports are published on loopback only")
	return cmd
}

func runSandbox(ctx context.Context, out io.Writer, data, at, kyso string, published bool) error {
	address, err := net.ResolveTCPAddr("tcp", at)
	if err != nil {
		return fmt.Errorf("reading --listen: %w", err)
	}
	if !address.IP.IsLoopback() && (!published || !address.IP.IsUnspecified()) {
		return fmt.Errorf("the sandbox answers every caller, so --listen has to be a loopback address")
	}
	f, err := openFolder(data)
	if err != nil {
		return err
	}
	w := &World{folder: f, failed: make(chan error, 8), ports: ports{}}
	for i, name := range []string{portParties, portPhone, portControl} {
		listener, err := listen(ctx, (&net.TCPAddr{IP: address.IP, Port: address.Port + i}).String())
		if err != nil {
			return errors.Join(fmt.Errorf("listening for the %s: %w", name, err), w.Close())
		}
		w.ports[name] = listener
	}
	if err := w.startSandbox(Options{KysoURL: kyso}, defaultAPI, ""); err != nil {
		return errors.Join(err, w.Close())
	}
	tellf(out, "parties %s\nphone   %s\ncontrol %s\ntrust   %s\n", w.ports.url(portParties), w.ports.url(portPhone),
		w.ports.url(portControl), filepath.Join(f.path, "trust.pem"))
	select {
	case <-ctx.Done():
		return w.closeWithin(closePatience)
	case err := <-w.Failed():
		return errors.Join(err, w.closeWithin(closePatience))
	}
}
