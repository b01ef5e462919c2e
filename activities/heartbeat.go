package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
)

// heartbeatEvery is how often a running heavy activity shows that its worker lives. Its heartbeat time-out is a few
// times that, so that a killed worker costs seconds and not the activity's whole time.
const heartbeatEvery = 4 * time.Second

// alive shows that the worker lives until the returned function is called.
func alive(ctx context.Context) (stop func()) {
	done := make(chan struct{})
	go func() {
		ticker := time.NewTicker(heartbeatEvery)
		defer ticker.Stop()
		for {
			activity.RecordHeartbeat(ctx)
			select {
			case <-done:
				return
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}()
	return func() { close(done) }
}
