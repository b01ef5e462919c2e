package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"kyso/activities"
	"kyso/internal/api"
	"kyso/internal/limit"
	"kyso/internal/pades"
	"kyso/internal/signing"
	"kyso/internal/verification"
	"kyso/internal/web"
)

// API assembles the HTTP interface.
func (a *App) API() http.Handler { return api.New(a.apiOptions()) }

func (a *App) apiOptions() api.Options {
	return api.Options{
		Desk:      a.Store,
		Workflows: a.Workflows(),
		Upload:    a.upload,
		Discard: func(ctx context.Context, u signing.Upload) error {
			var errs []error
			for _, one := range u.Segments {
				errs = append(errs, a.Blobs.Delete(ctx, one.Key))
			}
			return errors.Join(errs...)
		},
		GuestBytes: int64(a.Config.GuestStorageMB) << 20,
		Held:       a.held,
		Open: func(ctx context.Context, u signing.Upload) (api.Source, error) {
			return a.source(ctx, u)
		},
		PingBlobs:      a.pingBlobs,
		PDF:            a.pdf(),
		Providers:      a.Config.Fronts(),
		HandOver:       a.inbox().Handle,
		Books:          a.books(),
		Parked:         a.Store.Parked(),
		Access:         a.Store.Access(),
		Decisions:      a.Store.Decisions(),
		Audit:          a.Recorder,
		Endpoints:      a.Store.Webhooks(),
		Trust:          &signing.TrustDesk{Files: a.bundle.Files, Records: a.Store.Trusted()},
		Verifications:  a.Store.Verifications(),
		PlainEndpoints: a.Config.WebhookPrivate,
		AdminKey:       a.Config.AdminKey,
		PublicURL:      strings.TrimSuffix(a.Config.PublicURL, "/"),
		Rate:           a.Config.APIRate,
		PushBudget:     limit.Budget{Name: limit.Pushes, PerHour: a.Config.PushesPerHour, PerDay: a.Config.PushesPerDay},
		Counter:        a.Store.Limits(),
		Parties:        parties(),
		TrustedProxies: a.Config.TrustedProxies,
		Hosts:          a.Config.APIHosts,
		Now:            time.Now,
		Logger:         a.Log,
		Limits:         api.Limits{UploadBytes: a.Config.Policy.MaxSize, Inspections: inspections},

		Registration: a.registrationDoor(),
		People:       a.peopleDoor(),
		Pages:        web.Routes(),
		Missing:      web.Missing(),
	}
}

// inspections is how many files the API reads at the same time, each in a child process that it has alone meanwhile.
const inspections = 4

// pdf does what the API needs of PDF files. What a person hands over is read in a child process.
func (a *App) pdf() *api.PDF {
	child := a.pdfOfAPI()
	return &api.PDF{
		Inspection: reflect.TypeFor[pades.Report](), Verification: reflect.TypeFor[pades.Verification](),
		Inspect: func(ctx context.Context, src api.Source) (json.RawMessage, error) {
			report, err := child.Inspect(ctx, src, a.Config.Policy)
			return encoded(report, err)
		},
		Verify: func(ctx context.Context, src api.Source) (json.RawMessage, error) {
			found, err := a.Verify(ctx, src)
			return encoded(found, err)
		},
		Record: func(ctx context.Context, src api.Source) (signing.Verification, error) {
			trust, err := a.Trust(ctx)
			if err != nil {
				return signing.Verification{}, err
			}
			return verification.Record(ctx, a.pdfOfAPI(), src, trust, a.revocation(), time.Now())
		},
		Report: verification.PDF,
		Preview: func(look api.Look) ([]byte, error) {
			opts := pades.PreviewOptions{Width: look.Width, Height: look.Height}
			opts.SignerName, opts.Reason, opts.Location, opts.SigningTime = look.Name, look.Reason, look.Location, look.At
			return pades.Preview(opts)
		},
		Place: func(ctx context.Context, src api.Source, placement *signing.Placement, reason string) error {
			return child.CheckPlacement(ctx, src, activities.Placed(placement, pades.PrepareOptions{Policy: a.Config.Policy, Reason: reason}))
		},
		Unprintable: pades.Unprintable,
	}
}

// Verify judges a file as a relying party does who is on the network: with the configured trust, and asking the
// issuers for what the file does not say about its certificates.
func (a *App) Verify(ctx context.Context, src pades.Source) (*pades.Verification, error) {
	trust, err := a.Trust(ctx)
	if err != nil {
		return nil, err
	}
	return verification.Verify(ctx, a.pdfOfAPI(), src, trust, a.revocation(), time.Now())
}

func encoded(report any, err error) (json.RawMessage, error) {
	if err != nil {
		return nil, err
	}
	return json.Marshal(report)
}

// Serve answers the API on listener until ctx ends, then lets running requests finish. It also runs the loops of the
// relay.
func (a *App) Serve(ctx context.Context, listener net.Listener) error {
	handler := a.API()
	if err := a.pdfOfAPI().Warm(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var loops sync.WaitGroup
	for _, loop := range a.loops() {
		loops.Go(func() { loop.Run(ctx, a.Log) })
	}
	recording, stopRecording := context.WithCancel(context.WithoutCancel(ctx)) // until the last answer is noted
	var recorder sync.WaitGroup
	a.bundle.Note(a.noteTrust)
	recorder.Go(func() {
		a.noteSettings()
		a.Recorder.Run(recording)
	})
	a.Log.Info("API started", "address", listener.Addr().String())
	err := ServeHTTP(ctx, api.NewServer(handler), listener, a.Config.StopTimeout)
	cancel()
	loops.Wait()
	stopRecording()
	recorder.Wait()
	return err
}

// ServeHTTP serves until ctx ends and then shuts down: running requests get up to patience, streams are cut.
func ServeHTTP(ctx context.Context, server *http.Server, listener net.Listener, patience time.Duration) error {
	shut := make(chan struct{})
	unwatch := context.AfterFunc(ctx, func() {
		defer close(shut)
		limit, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Shutdown(limit); err != nil {
			_ = server.Close() // what is left are streams and stalled peers
		}
	})
	err := server.Serve(listener)
	if !unwatch() {
		<-shut // Serve returns when a shutdown begins, not when it is done
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving on %s: %w", listener.Addr(), err)
	}
	return nil
}
