package party

import (
	"context"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// requestSeconds is the one metric of all parties: how long each party takes, by what it answered.
var requestSeconds = sync.OnceValue(func() metric.Float64Histogram {
	h, err := otel.Meter("kyso/internal/party").Float64Histogram("kyso_provider_request_seconds",
		metric.WithDescription("Requests to outside parties by party and outcome: 2xx, 4xx, 5xx, other or unreachable"))
	if err != nil { // a mistake in the name; a test sees it
		otel.Handle(err)
	}
	return h
})

func tell(ctx context.Context, party string, status int, err error, took time.Duration) {
	outcome := "unreachable"
	switch {
	case err != nil:
	case status >= 200 && status < 300, status >= 400 && status < 600:
		outcome = strconv.Itoa(status/100) + "xx"
	default:
		outcome = "other"
	}
	requestSeconds().Record(context.WithoutCancel(ctx), took.Seconds(), metric.WithAttributes(attribute.String("party", party), attribute.String("outcome", outcome)))
}
