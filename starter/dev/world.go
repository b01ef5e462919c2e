package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"sync"
	"time"

	"kyso/internal/app"
	"kyso/internal/sandbox"
	"kyso/internal/telemetry"
	"kyso/internal/vault"
)

// Options says what kind of world to start. The zero value is a whole one in .kyso.
type Options struct {
	// Data is the data folder; empty means .kyso.
	Data string
	// NoWorker leaves the worker out, for those who run it as a process of its own to be able to kill it.
	NoWorker bool
	// Progress is told what takes long; nil is silent.
	Progress func(format string, args ...any)
	// SandboxInMemory lets the outside parties forget everything at the end, for measurements: they write all that they
	// know at every change.
	SandboxInMemory bool
	// SandboxKeys gives the outside parties their RSA keys; nil draws fresh ones.
	SandboxKeys func() (*rsa.PrivateKey, error)
	// OnPush is called when a request reaches a phone.
	OnPush func(sandbox.PhoneRequest)
	// KysoURL is where the outside parties call kyso, when that is another address than browsers use.
	KysoURL string
	// Environment is what differs from the world's configuration, such as KYSO_RETRY_PAUSES=1h.
	Environment []string
}

// World is a running world. Close it, or kill the process: both leave a data folder from which it starts again.
type World struct {
	Addresses Addresses
	App       *app.App
	Sandbox   *sandbox.World

	folder   *folder
	ports    ports
	temporal *temporalServer
	log      *slog.Logger
	logs     []*os.File

	running sync.WaitGroup
	stops   []func() // in the order of starting
	failed  chan error
}

// Addresses is addresses.json in the data folder: where everything is, for programs that want to use it.
type Addresses struct {
	API        string `json:"api"`
	APIKey     string `json:"api_key"` // may do everything in this world
	Temporal   string `json:"temporal"`
	TemporalUI string `json:"temporal_ui"`
	Phone      string `json:"phone"`
	VNeID      string `json:"vneid"` // the app in which a citizen asks for a certificate
	Inbox      string `json:"inbox"` // text messages that reached phones
	Control    string `json:"control"`
	Parties    string `json:"parties"`
	Trust      string `json:"trust"` // path of the PEM bundle with the sandbox's root
}

const addressesFile = "addresses.json"

// Start starts a world and returns when all of it answers.
func Start(ctx context.Context, opts Options) (*World, error) {
	if opts.Data == "" {
		opts.Data = ".kyso"
	}
	if opts.Progress == nil {
		opts.Progress = func(string, ...any) {}
	}
	w := &World{failed: make(chan error, 8)}
	if err := w.start(ctx, opts); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (w *World) start(ctx context.Context, opts Options) error {
	var err error
	if w.folder, err = openFolder(opts.Data); err != nil {
		return err
	}
	if w.log, err = w.openLog("kyso.log"); err != nil {
		return err
	}
	if w.ports, err = w.folder.reservePorts(ctx); err != nil {
		return err
	}
	if _, err := os.Stat(w.folder.file("temporal.db")); errors.Is(err, fs.ErrNotExist) {
		opts.Progress("Lần chạy đầu · first start: creating databases and keys in %s", w.folder.path)
	}
	if w.temporal, err = startTemporal(ctx, w.folder, w.ports); err != nil {
		return err
	}
	secrets, err := w.folder.secrets()
	if err != nil {
		return err
	}
	api := w.ports.url(portAPI)
	if err := w.startSandbox(opts, api, api+"/v1/webhooks/"+webhookProvider+"/"+secrets.WebhookToken); err != nil {
		return err
	}
	w.Addresses = w.addresses()
	w.Addresses.APIKey = secrets.AdminKey
	if err := w.startKyso(ctx, opts, secrets); err != nil {
		return err
	}
	// Last, so that whoever finds the file finds a world that answers.
	return writeJSON(w.folder.file(addressesFile), w.Addresses)
}

func (w *World) addresses() Addresses {
	return Addresses{
		API:        w.ports.url(portAPI),
		Temporal:   w.ports.hostPort(portTemporal),
		TemporalUI: w.ports.url(portUI),
		Phone:      w.ports.url(portPhone),
		VNeID:      w.ports.url(portPhone) + "/vneid/",
		Inbox:      w.ports.url(portPhone) + "/sms",
		Control:    w.ports.url(portControl),
		Parties:    w.ports.url(portParties),
		Trust:      w.folder.file("trust.pem"),
	}
}

func (w *World) openLog(name string) (*slog.Logger, error) {
	file, err := w.folder.openLog(name)
	if err != nil {
		return nil, err
	}
	w.logs = append(w.logs, file)
	return telemetry.NewLog(file, slog.LevelInfo), nil
}

// startSandbox starts the outside parties. api is where browsers find kyso, and the parties unless opts.KysoURL is; webhook is where they tell about decisions, if
// anywhere.
func (w *World) startSandbox(opts Options, api, webhook string) error {
	log, err := w.openLog("sandbox.log") // apart from kyso's own: the outside world may name people
	if err != nil {
		return err
	}
	dir := w.folder.path
	if opts.SandboxInMemory {
		dir = ""
	}
	called := cmp.Or(opts.KysoURL, api)
	w.Sandbox, err = sandbox.New(sandbox.Options{Dir: dir, Logger: log, OnPush: opts.OnPush, Keys: opts.SandboxKeys, WebhookURL: webhook,
		KysoURL: called, HandoffURL: api + registerPage, IPNURL: sandbox.IPNAddress(called)})
	if err != nil {
		return fmt.Errorf("starting the sandbox: %w", err)
	}
	if err := w.Sandbox.SetBaseURL(w.ports.url(portParties)); err != nil {
		return err
	}
	trust, err := w.Sandbox.TrustPEM()
	if err != nil {
		return fmt.Errorf("reading the sandbox's certificates: %w", err)
	}
	if err := writeFile(w.folder.file("trust.pem"), trust); err != nil {
		return err
	}
	for _, s := range seals {
		if err := w.keepSeal(s); err != nil {
			return err
		}
	}
	if err := w.keepParty(); err != nil {
		return err
	}
	w.serve(portParties, w.Sandbox.Parties())
	w.serve(portPhone, w.Sandbox.Phone())
	w.serve(portControl, w.Sandbox.Control())
	return nil
}

func (w *World) startKyso(ctx context.Context, opts Options, secrets secrets) error {
	if _, err := vault.ReadOrCreateMasterKey(w.folder.file("master.key")); err != nil {
		return fmt.Errorf("making the master key: %w", err)
	}
	cfg, err := app.FromEnvironment(append(environment(w.folder.path, w.Addresses, secrets), opts.Environment...))
	if err != nil {
		return err
	}
	if err := app.Migrate(ctx, cfg); err != nil {
		return err
	}
	if w.App, err = app.Open(ctx, cfg, w.log); err != nil {
		return err
	}
	w.run(func(ctx context.Context) error { return w.App.Serve(ctx, w.ports[portAPI]) })
	w.run(w.App.ServeHealth)
	if !opts.NoWorker {
		w.run(func(ctx context.Context) error { return w.App.RunWorker(ctx) })
	}
	return waitFor(ctx, "the API", func() error { return get(ctx, w.Addresses.API+"/readyz") })
}

// run runs a part until Close. A part that ends by itself with an error ends the world; see Failed.
func (w *World) run(part func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	w.stops = append(w.stops, func() { cancel(); <-done })
	w.running.Go(func() {
		defer close(done)
		if err := part(ctx); err != nil {
			w.failed <- err
		}
	})
}

func (w *World) serve(name string, handler http.Handler) {
	listener := w.ports[name]
	w.run(func(ctx context.Context) error {
		return app.ServeHTTP(ctx, &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}, listener, time.Second)
	})
}

// Failed delivers the error of a part that ended by itself.
func (w *World) Failed() <-chan error { return w.failed }

// Close stops everything, the last started first.
func (w *World) Close() error {
	for _, stop := range slices.Backward(w.stops) {
		stop()
	}
	w.running.Wait()
	var errs []error
	if w.App != nil {
		errs = append(errs, w.App.Close())
	}
	if w.Sandbox != nil {
		errs = append(errs, w.Sandbox.Close())
	}
	if w.temporal != nil {
		errs = append(errs, w.temporal.stop())
	}
	errs = append(errs, w.ports.close())
	for _, file := range w.logs {
		errs = append(errs, file.Close())
	}
	if w.folder != nil {
		errs = append(errs, w.folder.close())
	}
	return errors.Join(errs...)
}

// closePatience is longer than any part may take to stop: the worker and the API have KYSO_STOP_TIMEOUT, five seconds, one
// after the other.
const closePatience = 20 * time.Second

// closeWithin closes the world, and gives up on a part that does not stop: a signal always ends the program. What every
// goroutine was doing then goes to stderr. A killed world starts again from its data folder as a closed one does.
func (w *World) closeWithin(patience time.Duration) error {
	done := make(chan error, 1)
	go func() { done <- w.Close() }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1) // the terminal may be gone
		return fmt.Errorf("a part did not stop within %s", patience)
	}
}

// webhookProvider is the provider whose webhooks the sandbox sends: it has one address for all of them.
const webhookProvider = "intrustca"

// secrets are drawn at the first start.
type secrets struct {
	WebhookToken string `json:"webhook_token"`
	AdminKey     string `json:"admin_key"`
}

func (f *folder) secrets() (secrets, error) {
	var s secrets
	err := readJSON(f.file("secrets.json"), &s)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("reading the world's secrets: %w", err)
	}
	for _, secret := range []*string{&s.WebhookToken, &s.AdminKey} {
		if *secret == "" { // also in a folder of an earlier release
			*secret = "kyso_" + rand.Text() + rand.Text()
		}
	}
	if err := writeJSON(f.file("secrets.json"), s); err != nil {
		return s, fmt.Errorf("keeping the world's secrets: %w", err)
	}
	return s, nil
}

// registerPage is where citizens enter kyso, coming from VNeID or back from the gateway.
const registerPage = "/register"

// environment is the configuration of a world as the environment variables of internal/config.Config. A worker of its
// own process gets the same one.
func environment(data string, a Addresses, s secrets) []string {
	return slices.Concat(registrationEnvironment(data, a), []string{
		"KYSO_DATABASE=sqlite:" + filepath.Join(data, "kyso.db"),
		"KYSO_MASTER_KEY_FILE=" + filepath.Join(data, "master.key"),
		"KYSO_PDF_PROGRAM=" + os.Getenv("KYSO_PDF_PROGRAM"), // a part of this program, not of its world
		"KYSO_AUDIT_FILE=" + filepath.Join(data, "audit-checkpoints.jsonl"),
		"KYSO_BLOBS=" + (&url.URL{Scheme: "file", Path: filepath.Join(data, "blobs")}).String(),
		"KYSO_TRUST=" + a.Trust,
		"KYSO_PROVIDERS=intrustca,vnpt",
		"KYSO_INTRUSTCA_URL=" + a.Parties,
		"KYSO_INTRUSTCA_SP_ID=" + sandbox.DefaultSPID,
		"KYSO_INTRUSTCA_SP_PASSWORD=" + sandbox.DefaultSPPassword,
		"KYSO_INTRUSTCA_WEBHOOK_TOKEN=" + s.WebhookToken,
		"KYSO_VNPT_URL=" + a.Parties + "/sca/sp769",
		"KYSO_VNPT_SP_ID=" + sandbox.DefaultSPID,
		"KYSO_VNPT_SP_PASSWORD=" + sandbox.DefaultSPPassword,
		"KYSO_TSA=" + a.Parties + "/tsa",
		"KYSO_REVOCATION_PRIVATE=true", // the sandbox's OCSP responder is on loopback
		"KYSO_STOP_TIMEOUT=5s",
		"KYSO_PUBLIC_URL=" + a.API,
		"KYSO_TRUSTED_PROXIES=127.0.0.0/8,::1", // a proxy on this machine, for who tries one
		"KYSO_WEBHOOK_PRIVATE=true",            // receivers of developers are on this machine
		"KYSO_ADMIN_KEY=" + s.AdminKey,
		"TEMPORAL_ADDRESS=" + a.Temporal,
		"TEMPORAL_CONFIG_FILE=" + os.DevNull, // not the developer's own clusters
	})
}

func registrationEnvironment(data string, a Addresses) []string {
	return append(sandbox.PaymentSettings(a.Parties, a.API+registerPage),
		"KYSO_VNEID_URL="+a.Parties+"/vneid",
		"KYSO_VNEID_SECRET="+sandbox.DefaultVNeIDSecret,
		"KYSO_SMS_URL="+a.Parties,
		"KYSO_SMS_API_KEY="+sandbox.DefaultSMSAPIKey,
		"KYSO_SMS_SECRET_KEY="+sandbox.DefaultSMSSecretKey,
		"KYSO_CA_URL="+a.Parties,
		"KYSO_CA_KEY="+sandbox.DefaultCAKey,
		"KYSO_SEAL_KEY_FILE="+filepath.Join(data, sealKeyFile),
		"KYSO_SEAL_CERT_FILE="+filepath.Join(data, sealCertificateFile),
		"KYSO_ACCEPTANCE_PROVIDER=vnpt",
		"KYSO_ISSUERS="+sandbox.FirstIssuer+","+sandbox.SecondIssuer,
		"KYSO_CA_AUTHORITIES="+filepath.Join(data, seals[0].authorities),
		"KYSO_ISSUER_INTRUST_CA_URL="+a.Parties+sandbox.SecondIssuerPath,
		"KYSO_ISSUER_INTRUST_CA_KEY="+sandbox.DefaultSecondCAKey,
		"KYSO_ISSUER_INTRUST_CA_PARTY="+filepath.Join(data, secondPartyFile),
		"KYSO_ISSUER_INTRUST_CA_SEAL_KEY_FILE="+filepath.Join(data, seals[1].key),
		"KYSO_ISSUER_INTRUST_CA_SEAL_CERT_FILE="+filepath.Join(data, seals[1].certificate),
		"KYSO_ISSUER_INTRUST_CA_AUTHORITIES="+filepath.Join(data, seals[1].authorities),
	)
}
