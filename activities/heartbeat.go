package activities

import (
	"context"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
)

// heartbeatEvery is how often a running heavy activity shows that its worker lives. Its heartbeat time-out is a few
// times that, so that a killed worker costs seconds and not the activity's whole time.
const heartbeatEvery = 4 * time.Second

// alive shows that the worker lives until the returned function is called.
func alive(ctx context.Context) (stop func()) {
	return beat(ctx, func() { activity.RecordHeartbeat(ctx) })
}

// aliveAt is alive for an activity that says where it is.
func aliveAt(ctx context.Context, at AtStage) (tell func(AtStage), stop func()) {
	var now atomic.Pointer[AtStage]
	now.Store(&at)
	return func(at AtStage) { now.Store(&at) }, beat(ctx, func() { activity.RecordHeartbeat(ctx, *now.Load()) })
}

// beat heartbeats now and then until the returned function is called. An activity that is done before the first costs none.
func beat(ctx context.Context, heartbeat func()) (stop func()) {
	done := make(chan struct{})
	go func() {
		ticker := time.NewTicker(heartbeatEvery)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				return
			case <-ticker.C:
				heartbeat()
			}
		}
	}()
	return func() { close(done) }
}
