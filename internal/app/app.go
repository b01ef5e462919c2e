// Package app turns configuration into running parts. It is the only place that knows which concrete store, blob
// store, provider and PDF engine stand behind the interfaces of the other packages: internal/config reads the configuration with
// the parties that stand here (parties.go), Open connects (app.go), and Worker and API assemble the two programs.
//
// It may import everything but internal/sandbox: what stands in for the outside world is not part of the product.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"kyso/internal/audit"
	"kyso/internal/blob"
	"kyso/internal/config"
	"kyso/internal/pades"
	"kyso/internal/pdfchild"
	"kyso/internal/problem"
	"kyso/internal/signing"
	"kyso/internal/store"
	"kyso/internal/telemetry"
	"kyso/internal/truststore"
	"kyso/internal/vault"
	"kyso/workflows"
)

// App holds the parts that the worker and the API share.
type App struct {
	Config   config.Config
	Log      *slog.Logger
	Store    *store.Store
	Blobs    *blob.Blobs
	Temporal client.Client
	Trust    func(context.Context) (signing.Trust, error) // as the files and the changes in the store say now
	Recorder *audit.Recorder

	bundle  *truststore.Bundle // behind Trust
	unwatch func() error       // of the metrics

	workerPDF, apiPDF pdfchild.Runner // use pdfOfWorker and pdfOfAPI
	readsPDF          sync.Once
}

// Open connects to the store, the blobs and Temporal, and reads the trusted certificates. It does not wait: what
// cannot be reached now is an error.
func Open(ctx context.Context, cfg config.Config, log *slog.Logger) (*App, error) {
	a := &App{Config: cfg, Log: log}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) open(ctx context.Context) error {
	trust, err := truststore.Open(a.Config.TrustFile, a.Log)
	if err != nil {
		return err
	}
	if a.Store, err = openStore(ctx, a.Config); err != nil {
		return err
	}
	trust.Records = a.Store.Trusted()
	a.bundle, a.Trust = trust, trust.Now
	if a.Recorder, err = a.newRecorder(); err != nil {
		return err
	}
	if a.Blobs, err = blob.Open(ctx, a.Config.Blobs); err != nil {
		return fmt.Errorf("opening the blobs: %w", err)
	}
	options := a.Config.Temporal
	options.Logger = sdklog.NewStructuredLogger(a.Log)
	if err := telemetry.Instrument(&options); err != nil {
		return err
	}
	if a.unwatch, err = telemetry.Watch(a.Store.Parked().Groups, a.Store.Limits().Refusals, a.Store.Waits().Waited); err != nil {
		return err
	}
	if a.Temporal, err = client.DialContext(ctx, options); err != nil {
		return problem.Wrap(problem.ProviderUnavailable, err, "connecting to Temporal at %s", options.HostPort)
	}
	return nil
}

// pdfOfWorker reads PDF files for activities.
func (a *App) pdfOfWorker() *pdfchild.Runner {
	a.readsPDF.Do(a.configurePDF)
	return &a.workerPDF
}

// pdfOfAPI reads what a person hands over, in processes that yield to requests.
func (a *App) pdfOfAPI() *pdfchild.Runner {
	a.readsPDF.Do(a.configurePDF)
	return &a.apiPDF
}

func (a *App) configurePDF() {
	for _, pdf := range []*pdfchild.Runner{&a.workerPDF, &a.apiPDF} {
		pdf.Program, pdf.Share = a.Config.PDFProgram, pdfchild.Share(a.Config.PDFShare)
	}
	a.workerPDF.MaxParallel, a.workerPDF.MemoryMB = a.Config.PDFParallel, a.Config.PDFMemoryMB
	a.apiPDF.MaxParallel, a.apiPDF.Background = inspections, true
}

// logConfinement warns when PDF processes may do more than they should.
func (a *App) logConfinement() {
	if confined := a.pdfOfWorker().Confined(); len(confined.Missing) > 0 {
		a.Log.Warn("PDF processes are not confined as they should be", "missing", confined.Missing)
	}
}

// flushWait is how long a program that ends waits for the receiver of its traces.
const flushWait = 5 * time.Second

// Close releases what Open took and sends the last traces. Close the worker and the API first.
func (a *App) Close() error {
	var errs []error
	if a.unwatch != nil {
		errs = append(errs, a.unwatch())
	}
	a.workerPDF.Close()
	a.apiPDF.Close()
	if a.Temporal != nil {
		a.Temporal.Close()
	}
	if a.Blobs != nil {
		errs = append(errs, a.Blobs.Close())
	}
	if a.Store != nil {
		errs = append(errs, a.Store.Close())
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushWait)
	defer cancel()
	if err := telemetry.FlushTraces(ctx); err != nil {
		a.Log.Warn("the last traces are lost", "error", err.Error()) // a receiver that is away is no fault of this program
	}
	return errors.Join(errs...)
}

// Ready reports whether the store, the blobs and Temporal answer.
func (a *App) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return errors.Join(a.Store.Ping(ctx), a.Workflows().Ping(ctx), a.pingBlobs(ctx))
}

// pingBlobs asks whether the store of blobs answers and has room.
func (a *App) pingBlobs(ctx context.Context) error { return a.Blobs.Ping(ctx) }

// Workflows returns the client of the processes.
func (a *App) Workflows() *workflows.Client {
	return &workflows.Client{Temporal: a.Temporal, Issuers: a.Config.Registration.IssuerCodes()}
}

// openStore opens the store alone, for Migrate.
func openStore(ctx context.Context, cfg config.Config) (*store.Store, error) {
	key, err := vault.ReadMasterKey(cfg.MasterKeyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	s, err := store.Open(ctx, cfg.Database, key)
	if err != nil {
		return nil, err
	}
	s.AsBefore = !cfg.SealDocuments
	return s, nil
}

// Migrate brings the schema of the store up to date. Several processes may do so at once.
func Migrate(ctx context.Context, cfg config.Config) error {
	s, err := openStore(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(s.Migrate(ctx), s.Close())
}

// MigrateTemporal makes the search attributes of the processes in the configured namespace, and returns the names of
// those that were not there.
func MigrateTemporal(ctx context.Context, cfg config.Config) ([]string, error) {
	c, err := DialTemporal(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer c.Temporal.Close()
	return c.EnsureSearchAttributes(ctx, cfg.Temporal.Namespace)
}

// Release is one version of the workers.
type Release = workflows.Release

// DialTemporal connects to Temporal alone; the caller closes Client.Temporal.
func DialTemporal(ctx context.Context, cfg config.Config) (*workflows.Client, error) {
	c, err := client.DialContext(ctx, cfg.Temporal)
	if err != nil {
		return nil, problem.Wrap(problem.ProviderUnavailable, err, "connecting to Temporal at %s", cfg.Temporal.HostPort)
	}
	return &workflows.Client{Temporal: c}, nil
}

// source gives a stored file as something that is read by range.
func (a *App) source(ctx context.Context, u signing.Upload) (pades.Source, error) {
	return blob.OpenDocument(ctx, a.Blobs, u)
}
