package workflows_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"kyso/activities"
	"kyso/internal/problem"
)

// An attempt resumes at the stage that failed, and a stage is tried as often as an activity of its own would be, and with the same
// pauses, however often the stages before it were.
func TestAStageIsTriedAsOftenAsAnActivity(t *testing.T) {
	j := newJourney(t)
	for _, c := range []struct {
		before *activities.AtStage // where the attempt before was; the environment knows first attempts only
		met    []string
		pause  time.Duration
		final  bool
	}{
		{nil, []string{activities.StageInspect, activities.StageFindCertificates}, time.Second, false},
		{&activities.AtStage{Stage: activities.StageFindCertificates, Since: 1}, []string{activities.StageFindCertificates}, time.Second, false},
		{&activities.AtStage{Stage: activities.StageFindCertificates, Since: -1}, []string{activities.StageFindCertificates}, 4 * time.Second, false},
		{&activities.AtStage{Stage: activities.StageFindCertificates, Since: -5}, []string{activities.StageFindCertificates}, 30 * time.Second, false},
		{&activities.AtStage{Stage: activities.StageFindCertificates, Since: -6}, []string{activities.StageFindCertificates}, 30 * time.Second, true},
	} {
		var met []string
		err := j.stages(c.before, func(stage string) error {
			met = append(met, stage)
			if stage == activities.StageFindCertificates {
				return problem.New(problem.ProviderUnavailable, "away")
			}
			return nil
		})
		app, ok := errors.AsType[*temporal.ApplicationError](err)
		if !ok {
			t.Fatalf("after %+v: %v", c.before, err)
		}
		var at activities.AtStage
		j.must(app.Details(&at))
		if !slices.Equal(met, c.met) || app.NextRetryDelay() != c.pause || app.NonRetryable() != c.final || at.Stage != activities.StageFindCertificates {
			t.Errorf("after %+v: stages %v, again after %s, final %v, at %+v", c.before, met, app.NextRetryDelay(), app.NonRetryable(), at)
		}
	}
}

// stages runs an activity of two stages as one attempt of eight, with do in the place of each stage.
func (j *journey) stages(before *activities.AtStage, do func(stage string) error) error {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&stageInterceptor{around: func(_ string, work activities.Work, _ func() error) error { return do(work.Stages[0]) }}}})
	env.RegisterActivity(j.acts.InspectAndFind)
	if before != nil {
		env.SetHeartbeatDetails(*before)
	}
	_, err := env.ExecuteActivity(j.acts.InspectAndFind, activities.Work{SigningID: j.id, Attempts: 8,
		Stages: []string{activities.StageInspect, activities.StageFindCertificates}})
	return err
}

// stageInterceptor stands around each stage of an activity. It gets the stage as work of that stage alone.
type stageInterceptor struct {
	interceptor.WorkerInterceptorBase
	around func(activity string, work activities.Work, do func() error) error
}

type stageInbound struct {
	interceptor.ActivityInboundInterceptorBase
	*stageInterceptor
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (s *stageInterceptor) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &stageInbound{interceptor.ActivityInboundInterceptorBase{Next: next}, s}
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (s *stageInbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	name := activity.GetInfo(ctx).ActivityType.Name
	return s.Next.ExecuteActivity(activities.AroundStages(ctx, func(ctx context.Context, stage string, do func(context.Context) error) error {
		asked, ok := in.Args[0].(activities.Work)
		if !ok { // of a registration
			return do(ctx)
		}
		work := activities.Work{SigningID: asked.SigningID, Stages: []string{stage}}
		return s.around(name, work, func() error { return do(ctx) })
	}), in)
}
