package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"time"

	"kyso/internal/telemetry"
)

// ServeHealth answers health checks and metrics on KYSO_HEALTH_LISTEN until ctx ends; without an address it only waits.
func (a *App) ServeHealth(ctx context.Context) error {
	if a.Config.HealthListen == "" {
		<-ctx.Done()
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", a.Config.HealthListen)
	if err != nil {
		return fmt.Errorf("listening for health checks: %w", err)
	}
	return ServeHTTP(ctx, &http.Server{Handler: a.Health(), ReadHeaderTimeout: 5 * time.Second}, listener, time.Second)
}

// Health answers /healthz (the process lives), /readyz (store, blobs and Temporal answer) and /metrics, and with KYSO_PPROF
// /debug/pprof/.
func (a *App) Health() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", telemetry.Metrics())
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := a.Ready(r.Context()); err != nil {
			a.Log.Warn("not ready", "error", err)
			http.Error(w, "not ready", http.StatusServiceUnavailable)
		}
	})
	if a.Config.Profiling {
		mux.Handle("GET /debug/pprof/", local(http.HandlerFunc(pprof.Index)))
		mux.Handle("GET /debug/pprof/profile", local(http.HandlerFunc(pprof.Profile)))
		mux.Handle("GET /debug/pprof/trace", local(http.HandlerFunc(pprof.Trace)))
	}
	return mux
}

// local answers callers on this machine only: a profile costs processor time, and a stack may show arguments.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !peer.Addr().Unmap().IsLoopback() {
			http.Error(w, "profiles are for callers on this machine", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
