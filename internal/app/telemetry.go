package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.temporal.io/sdk/client"
	temporalotel "go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"

	"kyso/internal/incident"
)

// telemetry is what this process tells of itself. OpenTelemetry's providers are global, so there is one for a process,
// however many Apps are in it.
type telemetry struct {
	registry *prometheus.Registry
	traces   *sdktrace.TracerProvider // nil without an endpoint
}

// seconds are the bounds of every histogram of durations: from what a store takes to what a party may take.
var seconds = []float64{0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300}

var process = sync.OnceValues(func() (*telemetry, error) {
	t := &telemetry{registry: prometheus.NewRegistry()}
	t.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(t.registry), otelprometheus.WithoutScopeInfo(), otelprometheus.WithoutTargetInfo())
	if err != nil {
		return nil, fmt.Errorf("making metrics: %w", err)
	}
	view := sdkmetric.NewView(sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindHistogram}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: seconds}})
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithView(view)))
	return t, t.startTraces()
})

// startTraces sends traces where OTEL_EXPORTER_OTLP_ENDPOINT says. The exporter reads the other OTEL_… variables.
func (t *telemetry) startTraces() error {
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" {
		return nil
	}
	exporter, err := otlptracegrpc.New(context.Background())
	if err != nil {
		return fmt.Errorf("exporting traces: %w", err)
	}
	name := resource.NewSchemaless(attribute.String("service.name", "kyso"))
	t.traces = sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(name))
	otel.SetTracerProvider(t.traces)
	return nil
}

// instrument has the client and its workers tell of themselves.
func (t *telemetry) instrument(options *client.Options) error {
	options.MetricsHandler = temporalotel.NewMetricsHandler(temporalotel.MetricsHandlerOptions{Meter: otel.Meter("temporal"),
		OnError: func(error) {}}) // a name that is taken is not worth a crash
	if t.traces == nil {
		return nil
	}
	tracing, err := temporalotel.NewTracingInterceptor(temporalotel.TracerOptions{Tracer: otel.Tracer("kyso")})
	if err != nil {
		return fmt.Errorf("tracing: %w", err)
	}
	options.Interceptors = append(options.Interceptors, interceptor.ClientInterceptor(tracing))
	return nil
}

// watchIncidents tells how many processes are parked for each cause, and since when the oldest is. Every API and worker
// tells the same, from the store: take the maximum over them.
func (a *App) watchIncidents() error {
	meter := otel.Meter("kyso")
	parked, err := meter.Int64ObservableGauge("kyso_incidents", metric.WithDescription("Parked processes by cause"))
	if err != nil {
		return fmt.Errorf("making metrics: %w", err)
	}
	oldest, err := meter.Float64ObservableGauge("kyso_incident_oldest_seconds", metric.WithDescription("Age of the oldest parked process by cause"))
	if err != nil {
		return fmt.Errorf("making metrics: %w", err)
	}
	registered, err := meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		groups, err := a.Store.Parked().Groups(ctx, incident.Filter{})
		if err != nil {
			return err
		}
		for _, g := range groups {
			cause := metric.WithAttributes(attribute.String("process", string(g.Process)), attribute.String("step", g.Step),
				attribute.String("reason", g.Reason), attribute.String("provider", g.Provider))
			o.ObserveInt64(parked, int64(g.Count), cause)
			o.ObserveFloat64(oldest, time.Since(g.Oldest).Seconds(), cause)
		}
		return nil
	}, parked, oldest)
	if err != nil {
		return fmt.Errorf("making metrics: %w", err)
	}
	a.unwatch = registered.Unregister
	return nil
}

// Metrics answers /metrics in the format of Prometheus.
func Metrics() http.Handler {
	t, err := process()
	if err != nil {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		})
	}
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// FlushTraces sends what is left when the program ends.
func FlushTraces(ctx context.Context) error {
	t, err := process()
	if err != nil || t.traces == nil {
		return err
	}
	return errors.Join(t.traces.ForceFlush(ctx), t.traces.Shutdown(ctx))
}
