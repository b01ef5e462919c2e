// Package telemetry is what a program of kyso tells of itself: metrics, traces and its log.
package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.temporal.io/sdk/client"
	temporalotel "go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
)

// telemetry is what this process tells of itself. OpenTelemetry's providers are global, so there is one for a process,
// however many Apps are in it.
type telemetry struct {
	registry *prometheus.Registry
	traces   *sdktrace.TracerProvider // nil without an endpoint
}

// seconds are the bounds of every histogram of durations: from what a store takes to what a party may take.
var seconds = []float64{0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300}

var ofThisProcess = sync.OnceValues(func() (*telemetry, error) {
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

// Instrument has the client of Temporal and its workers tell of themselves.
func Instrument(options *client.Options) error {
	t, err := ofThisProcess()
	if err != nil {
		return err
	}
	return t.instrument(options)
}

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

// Metrics answers /metrics in the format of Prometheus.
func Metrics() http.Handler {
	t, err := ofThisProcess()
	if err != nil {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		})
	}
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// FlushTraces sends the traces that wait for their batch to fill, as a program does at its end.
func FlushTraces(ctx context.Context) error {
	t, err := ofThisProcess()
	if err != nil || t.traces == nil {
		return err
	}
	if err := t.traces.ForceFlush(ctx); err != nil {
		return fmt.Errorf("sending the last traces: %w", err)
	}
	return nil
}
