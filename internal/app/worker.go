package app

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"kyso/activities"
	"kyso/internal/party/receiver"
	"kyso/internal/party/revocation"
	"kyso/workflows"
)

// NewWorker assembles a worker with every process and activity. The interceptors are for tools that watch or
// disturb it; the product has its guard alone.
func (a *App) NewWorker(interceptors ...interceptor.WorkerInterceptor) (*Worker, error) {
	registrations, err := a.registration()
	if err != nil {
		return nil, err
	}
	signings := a.signing()
	if err := a.pdfOfWorker().Warm(); err != nil {
		return nil, err
	}
	worker.SetStickyWorkflowCacheSize(cachedProcesses)
	w := &Worker{Worker: worker.New(a.Temporal, workflows.TaskQueue, a.workerOptions(interceptors)), log: a.Log, watchers: a.watchers(signings, registrations)}
	workflows.Register(w)
	activities.Register(w, signings, registrations, &activities.Webhook{Messages: a.Store.Webhooks(),
		Sender: &receiver.Client{AllowPrivate: a.Config.WebhookPrivate}, Now: time.Now}, &activities.Decisions{Records: a.Store.Decisions(), Now: time.Now})
	return w, nil
}

// cachedProcesses is how many processes a worker holds unfolded, some 70 KB each. Those that do something are among them; one that has
// waited for long is read and replayed again when its answer comes, which takes some milliseconds.
const cachedProcesses = 500

func (a *App) workerOptions(interceptors []interceptor.WorkerInterceptor) worker.Options {
	return worker.Options{
		DeploymentOptions: a.deployment(),
		// The default of zero abandons running activities at SIGTERM; their effects would be repeated after
		// the time-out of the attempt.
		WorkerStopTimeout: a.Config.StopTimeout,
		// How long a process that a killed worker held in its cache waits before another worker takes it.
		StickyScheduleToStartTimeout: 2 * time.Second,
		// The number of pollers follows the load, from a handful up.
		WorkflowTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
		ActivityTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
		// A place is taken while an activity runs: PDF work, which PDFParallel bounds by itself, and calls to
		// parties, which are short because waiting is done by retries. Enough for all calls that may be slow at
		// once, and far below what the default of 1,000 would do to memory when every one holds documents.
		MaxConcurrentActivityExecutionSize: 64,
		// Code that does not fit a history blocks that process and is logged; the next correct release goes on
		// where it stood. The other choice fails the process, and that cannot be undone.
		WorkflowPanicPolicy: worker.BlockWorkflow,
		Interceptors:        append([]interceptor.WorkerInterceptor{workflows.Guard()}, interceptors...),
	}
}

// deployment makes a worker with a build id a version of kyso. Processes are pinned: one that waits for weeks ends with the
// code that began it, or is moved on purpose.
func (a *App) deployment() worker.DeploymentOptions {
	if a.Config.BuildID == "" {
		return worker.DeploymentOptions{}
	}
	return worker.DeploymentOptions{
		UseVersioning:             true,
		Version:                   worker.WorkerDeploymentVersion{DeploymentName: workflows.DeploymentName, BuildID: a.Config.BuildID},
		DefaultVersioningBehavior: workflow.VersioningBehaviorPinned,
	}
}

func (a *App) revocation() *revocation.Client {
	return &revocation.Client{Rewrite: a.Config.RevocationRewrite, AllowPrivate: a.Config.RevocationPrivate}
}

// signing assembles what the activities of a signing need.
func (a *App) signing() *activities.Signing {
	return &activities.Signing{
		Records:    a.Store,
		Decisions:  a.Store.Decisions(),
		Waits:      a.Store.Waits(),
		Segments:   a.Blobs,
		Signers:    a.Config.Signers(),
		TSA:        a.Config.TSA,
		Revocation: a.revocation(),
		PDF:        func() activities.PDF { return a.pdfOfWorker().Session() },
		Trust:      a.Trust,
		Policy:     a.Config.Policy,
		Archiving:  a.Config.Archiving,
		Open:       a.source,
		Now:        time.Now,
		Pace:       &activities.Pace{PerSecond: a.Config.PollsPerSecond},
		Retries:    a.Config.RetryPauses,
	}
}

// RunWorker polls until ctx ends, then lets running activities finish.
func (a *App) RunWorker(ctx context.Context, interceptors ...interceptor.WorkerInterceptor) error {
	w, err := a.NewWorker(interceptors...)
	if err != nil {
		return err
	}
	if err := w.Start(); err != nil {
		return fmt.Errorf("starting the worker: %w", err)
	}
	a.logConfinement()
	a.Log.Info("worker started", "task_queue", workflows.TaskQueue, "providers", a.Config.ProviderNames())
	<-ctx.Done()
	w.Stop()
	a.Log.Info("worker stopped")
	return nil
}
