package telemetry_test

import (
	"bytes"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"kyso/internal/app"
	"kyso/internal/telemetry"
)

// TestTheLastTracesAreSent ends a program right after a trace, long before its batch is full or due.
func TestTheLastTracesAreSent(t *testing.T) {
	const name = "the last span"
	var received atomic.Bool
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// Messages of other types keep as unknown fields in an empty one what they hold.
	receiver := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		var request emptypb.Empty
		if err := stream.RecvMsg(&request); err != nil {
			return err
		}
		if bytes.Contains(request.ProtoReflect().GetUnknown(), []byte(name)) {
			received.Store(true)
		}
		return stream.SendMsg(&emptypb.Empty{})
	}))
	go func() { _ = receiver.Serve(listener) }()
	t.Cleanup(receiver.Stop)

	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+listener.Addr().String())
	if err := telemetry.Instrument(&client.Options{}); err != nil {
		t.Fatal(err)
	}
	_, span := otel.Tracer("kyso").Start(t.Context(), name)
	span.End()
	if err := (&app.App{Log: slog.New(slog.DiscardHandler)}).Close(); err != nil {
		t.Fatal(err)
	}
	if !received.Load() {
		t.Error("the trace was not sent")
	}
}
