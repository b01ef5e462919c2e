package relay

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"kyso/internal/problem"
)

// looks counts the looks of this worker's watchers.
var looks = sync.OnceValue(func() metric.Int64Counter {
	c, err := otel.Meter("kyso/internal/relay").Int64Counter("kyso_looks", metric.WithDescription("Looks at what processes wait for by party and outcome: answered, undecided or a problem code"))
	if err != nil { // a mistake in the name; a test sees it
		otel.Handle(err)
	}
	return c
})

func noteLook(ctx context.Context, party string, answered bool, err error) {
	outcome := "undecided"
	switch {
	case err != nil:
		outcome = string(problem.CodeOf(err))
	case answered:
		outcome = "answered"
	}
	looks().Add(context.WithoutCancel(ctx), 1, metric.WithAttributes(attribute.String("party", party), attribute.String("outcome", outcome)))
}
