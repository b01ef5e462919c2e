package workflows_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"kyso/activities"
	"kyso/internal/incident"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/sandbox"
	"kyso/internal/signing"
	"kyso/workflows"
)

// partySteps are all steps that an outside party can stop, by the activity that asks it.
var partySteps = map[string]string{
	"CheckHolder": workflows.StepCheckHolder, "SendCode": workflows.StepSendCode, "QueryPayment": workflows.StepPayment, "AskPayment": workflows.StepPayment,
	"SealContract": workflows.StepSeal, activities.StageKey: workflows.StepKey, activities.StageIssue: workflows.StepIssue,
	activities.StageInstall: workflows.StepInstall, "AwaitPIN": workflows.StepPIN, activities.StageActivate: workflows.StepActivate,
	activities.StagePapers: workflows.StepPapers, activities.StageAcceptance: workflows.StepAcceptance, "RequestAcceptance": workflows.StepAcceptance, "RevokeCertificate": workflows.StepRevoke, "RefundPayment": workflows.StepRefund,
	"ReportStatus": workflows.StepReport, "WritePapers": workflows.StepPapers,

	activities.StageInspect: workflows.StepInspect, activities.StageFindCertificates: workflows.StepFindCertificates,
	"PrepareDocuments": workflows.StepPrepare, "RequestApproval": workflows.StepRequest, "PollApproval": workflows.StepAwaitApproval,
	activities.StageEmbed: workflows.StepEmbed, activities.StageTimestamp: workflows.StepTimestamp, activities.StageExtend: workflows.StepExtend,
	activities.StageArchive: workflows.StepArchive, activities.StageDeliver: workflows.StepDeliver,
	"ArchiveDue": workflows.StepReadArchive, "RenewArchive": workflows.StepRenewArchive,
	"ContractDue": workflows.StepReadArchive, "ArchiveContract": workflows.StepRenewArchive,
}

// notHere are steps whose way to recover has a test of its own.
var notHere = map[string]string{workflows.StepSettle: "TestWatcherGivesLateMoneyBack"}

// The table above names every step that the processes run under the rules of incidents.
func TestEveryStepThatParksIsTried(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`(?:\.step\(ctx, |\.carry\(ctx, |parkable\{step: |stage\{|\{)(Step\w+)`)
	constant := regexp.MustCompile(`(?m)^\s+(?:Step|Stage)(\w+)\s+= "([a-z-]+)"`)
	value, called := map[string]string{}, map[string]bool{}
	for _, file := range append(files, "../activities/stages.go") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range constant.FindAllStringSubmatch(string(text), -1) {
			value["Step"+m[1]] = m[2]
		}
		for _, m := range call.FindAllStringSubmatch(string(text), -1) {
			called[m[1]] = true
		}
	}
	tried := slices.Collect(maps.Values(partySteps))
	for name := range called {
		if step := value[name]; !slices.Contains(tried, step) && notHere[step] == "" {
			t.Errorf("no test stops %s and lets it recover by itself", name)
		}
	}
	if len(called) < 20 {
		t.Errorf("only %d steps found", len(called))
	}
}

// outage makes each activity fail from its first call on, for a while, as when its party is down. Those in final fail in a way that
// the activity itself does not try again.
type outage struct {
	interceptor.WorkerInterceptorBase
	now    func() time.Time
	length time.Duration
	later  time.Duration   // that the party asks for after its first failure (Retry-After)
	only   map[string]bool // empty means all of partySteps
	mu     sync.Mutex
	code   problem.Code // of the failure
	began  map[string]time.Time
	failed bool
}

type outageInbound struct {
	interceptor.ActivityInboundInterceptorBase
	*outage
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (o *outage) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &outageInbound{interceptor.ActivityInboundInterceptorBase{Next: next}, o}
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (o *outageInbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	if err := o.meets(activity.GetInfo(ctx).ActivityType.Name); err != nil {
		return nil, err
	}
	return o.Next.ExecuteActivity(activities.AroundStages(ctx, func(ctx context.Context, stage string, do func(context.Context) error) error {
		if stage == activities.StageRequest { // RequestApproval follows
			if o.stops("RequestApproval") {
				return problem.New(o.code, "the party is down")
			}
		} else if err := o.meets(stage); err != nil {
			return err
		}
		return do(ctx)
	}), in)
}

// meets returns the failure of an activity, or of a stage of one, whose party is down.
func (o *outage) meets(name string) error {
	if !o.stops(name) {
		return nil
	}
	if o.later > 0 && o.again() {
		return temporal.NewApplicationErrorWithOptions("the party is busy", string(problem.ProviderUnavailable), temporal.ApplicationErrorOptions{NextRetryDelay: o.later})
	}
	return temporal.NewNonRetryableApplicationError("the party is down", string(o.code), nil)
}

func (o *outage) stops(name string) bool {
	return partySteps[name] != "" && (len(o.only) == 0 || o.only[name]) && o.down(name)
}

// again reports whether it was called before.
func (o *outage) again() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := o.failed
	o.failed = true
	return before
}

// look is a look of a watcher, which is down with the activity that asks the same. A party that is merely away would not park the process
// before its wait is over.
func (o *outage) look(at process.Wait) error {
	name := map[process.WaitKind]string{process.WaitApproval: "PollApproval", process.WaitPIN: "AwaitPIN", process.WaitPayment: "QueryPayment"}[at.Kind]
	if name != "" && (len(o.only) == 0 || o.only[name]) && o.down(name) {
		return problem.New(problem.PaymentUnclear, "the party says neither yes nor no")
	}
	return nil
}

func (o *outage) down(name string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.began[name].IsZero() {
		o.began[name] = o.now()
	}
	return o.now().Sub(o.began[name]) < o.length
}

// stop lets the parties of all activities, or of some, be down for a while, each from its first call on.
func (j *journey) stop(length time.Duration, only ...string) *outage {
	o := &outage{now: j.env.Now, length: length, only: map[string]bool{}, began: map[string]time.Time{}, code: problem.ProviderUnavailable}
	for _, name := range only {
		o.only[name] = true
	}
	options := patient
	options.Interceptors = []interceptor.WorkerInterceptor{o}
	j.env.SetWorkerOptions(options)
	j.watch.stop = o.look
	j.acts.Retries, j.reg.Retries = nil, nil // as the product has it
	return o
}

// recoveredAlone checks that each step was parked and recovered without an operator, with every failed try in the incident.
func (j *journey) recoveredAlone(steps ...string) {
	j.Helper()
	all, err := j.store.Parked().List(context.Background(), incident.Filter{All: true})
	j.must(err)
	seen := map[string]bool{}
	for _, in := range all {
		if in.Action != process.RepairAuto || in.Actor != "kyso" || in.ClosedAt.IsZero() {
			j.Errorf("%s was closed by %q, %q", in.Step, in.Action, in.Actor)
		}
		_, entries, err := j.store.Parked().Show(context.Background(), in.IncidentID)
		j.must(err)
		if len(entries) != in.Attempts {
			j.Errorf("%s: %d entries for %d attempts", in.Step, len(entries), in.Attempts)
		}
		seen[in.Step] = true
	}
	for _, step := range steps {
		if !seen[step] {
			j.Errorf("%s was never parked", step)
		}
	}
}

// Each party is down for ten minutes when it is first asked. Nobody repairs anything, and everything is done once.
func TestEveryStepRecoversAlone(t *testing.T) {
	t.Run("signing", func(t *testing.T) {
		j := newJourney(t)
		j.window(2 * time.Hour)
		j.stop(10 * time.Minute)
		j.request(signing.Signing{Level: signing.LevelLTA}, page("x"))
		var look func()
		look = func() {
			if n, _ := j.world.Approve(user); n == 0 {
				j.at(time.Minute, look)
			}
		}
		j.at(time.Minute, look)
		j.run(signing.StatusSigned)
		j.recoveredAlone(workflows.StepInspect, workflows.StepFindCertificates, workflows.StepPrepare, workflows.StepRequest, workflows.StepAwaitApproval,
			workflows.StepEmbed, workflows.StepTimestamp, workflows.StepExtend, workflows.StepArchive, workflows.StepDeliver)
	})
	t.Run("registration", func(t *testing.T) {
		e := newEnrolment(t, "PS1")
		e.stop(10*time.Minute, "SendCode", "CheckHolder", "WritePapers", "QueryPayment", "SealContract", activities.StageKey, activities.StageIssue,
			activities.StageInstall, "AwaitPIN", activities.StageActivate, activities.StagePapers, activities.StageAcceptance, "ReportStatus")
		var look func() // the phone rings as soon as the key is active, whenever that is
		look = func() {
			if n, _ := e.world.Approve(citizen); n == 0 && !e.registration().Status.Final() {
				e.at(time.Minute, look)
			}
		}
		e.at(time.Minute, look)
		e.checkActive(e.enrol(registration.StatusActive))
		e.recoveredAlone(workflows.StepCheckHolder, workflows.StepSendCode, workflows.StepPapers, workflows.StepSeal, workflows.StepKey, workflows.StepIssue,
			workflows.StepInstall, workflows.StepPIN, workflows.StepActivate, workflows.StepAcceptance, workflows.StepReport)
	})
	t.Run("made good", func(t *testing.T) {
		e := newEnrolment(t, "PS1")
		e.stop(10*time.Minute, "RevokeCertificate", "RefundPayment", "ReportStatus")
		e.acts[registration.StatusActivating] = func() {
			e.once("withdraw", e.update(workflows.UpdateWithdraw, workflows.Withdraw{Actor: "citizen"}, nil))
		}
		e.enrol(registration.StatusWithdrawn)
		e.recoveredAlone(workflows.StepRevoke, workflows.StepRefund, workflows.StepReport)
	})
}

// A process is parked where its party's word frees it, with the next try far away. The word comes.
func TestParkedSigningHearsTheWebhook(t *testing.T) {
	for name, c := range map[string]struct {
		activity, step string
		first          problem.Code
	}{
		"the request": {"RequestApproval", workflows.StepRequest, problem.ProviderUnavailable},
		"the answer":  {"PollApproval", workflows.StepAwaitApproval, problem.PaymentUnclear},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJourney(t)
			j.window(4 * time.Hour)
			j.stop(30*time.Minute, c.activity)
			j.acts.Retries = []time.Duration{10 * 365 * 24 * time.Hour}
			j.request(signing.Signing{}, page("x"))
			j.at(20*time.Minute, func() {
				j.parked(c.step, string(c.first))
				j.env.SignalWorkflow(workflows.SignalNudge, nil) // too early: it is tried, and fails again
			})
			j.at(25*time.Minute, func() { j.parked(c.step, "provider-unavailable") })
			began := time.Time{}
			j.at(40*time.Minute, func() {
				began = j.env.Now()
				_, _ = j.world.Approve(user) // the phone may not have been asked yet
				j.env.SignalWorkflow(workflows.SignalNudge, nil)
			})
			j.at(41*time.Minute, func() { _, _ = j.world.Approve(user) })
			s := j.run(signing.StatusSigned)
			j.recoveredAlone(c.step)
			if took := s.FinishedAt.Sub(began); took > 3*time.Minute {
				t.Errorf("signed %s after the webhook", took)
			}
		})
	}
}

// A storm of webhooks makes a parked process look a few times and no more.
func TestParkedProcessIsNotDrivenByAStorm(t *testing.T) {
	j := newJourney(t)
	j.window(10 * time.Hour)
	j.stop(time.Hour, "PollApproval")
	j.acts.Retries = []time.Duration{2 * time.Hour}
	j.request(signing.Signing{}, page("x"))
	for i := range 50 {
		j.at(10*time.Minute+time.Duration(i)*10*time.Second, func() { j.env.SignalWorkflow(workflows.SignalNudge, nil) })
	}
	j.at(50*time.Minute, func() {
		if a := j.status().Attention; a == nil || a.Attempts > 10 || a.RetryAt.IsZero() {
			t.Errorf("after the storm: %+v", a)
		}
	})
	j.at(90*time.Minute, j.approve(user))
	j.run(signing.StatusSigned)
	j.recoveredAlone(workflows.StepAwaitApproval)
}

// While a process tries by itself, an operator's repair acts at once, whatever it is.
func TestRepairTakesThePlaceOfATry(t *testing.T) {
	for name, c := range map[string]struct {
		repair  process.Repair
		want    signing.Status
		outcome string
	}{
		"retry":   {retry(), signing.StatusSigned, process.RepairRecovered},
		"give up": {giveUp(), signing.StatusCancelled, process.RepairGivenUp},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJourney(t)
			j.window(10 * time.Hour)
			j.stop(time.Hour, "RequestApproval").later = 3 * time.Hour
			j.acts.Retries = []time.Duration{20 * time.Minute}
			j.request(signing.Signing{}, page("x"))
			j.at(10*time.Minute, func() { j.parked(workflows.StepRequest, "provider-unavailable") })
			j.at(2*time.Hour, func() { // it tries by itself, and the party takes its time
				if a := j.status().Attention; a == nil || !a.RetryAt.IsZero() {
					t.Errorf("attention while it tries: %+v", a)
				}
				j.update(workflows.UpdateRepair, c.repair, func(result any, err error) { j.wantRepair(result, err, c.outcome) })()
			})
			j.at(3*time.Hour, func() { _, _ = j.world.Approve(user) })
			j.run(c.want)
			all, err := j.store.Parked().List(context.Background(), incident.Filter{All: true})
			j.must(err)
			if len(all) != 1 || all[0].Action != c.repair.Action || all[0].Actor != "ops-1" {
				t.Errorf("incidents: %+v", all)
			}
		})
	}
}

// What only an operator can change is not tried again and again.
func TestWhatIsTheOperatorsWaits(t *testing.T) {
	j := newJourney(t)
	j.must(j.world.SetKnobs(user, sandbox.Knobs{WrongKey: true}))
	j.acts.Retries = nil
	j.request(signing.Signing{}, page("x"))
	j.at(10*time.Second, j.approve(user))
	j.at(5*24*time.Hour, func() {
		if a := j.status().Attention; a == nil || a.Attempts != 1 || a.Reason != string(problem.SignatureInvalid) || !a.RetryAt.IsZero() {
			t.Errorf("attention: %+v", a)
		}
	})
	j.at(6*24*time.Hour, j.update(workflows.UpdateRepair, giveUp(), nil))
	j.run(signing.StatusCancelled)
}

// A party that is down for a month costs a bounded number of tries, and the process recovers all the same.
func TestAMonthOfOutage(t *testing.T) {
	j := newJourney(t)
	j.stop(30*24*time.Hour, activities.StageInspect)
	j.request(signing.Signing{}, page("x"))
	j.at(30*24*time.Hour-time.Hour, func() {
		a := j.status().Attention
		// 3 tries in the first half hour, 48 hours, then four a day.
		if a == nil || a.Attempts < 140 || a.Attempts > 200 {
			t.Errorf("attention: %+v", a)
		}
	})
	var look func()
	look = func() {
		if n, _ := j.world.Approve(user); n == 0 {
			j.at(time.Minute, look)
		}
	}
	j.at(30*24*time.Hour, look)
	j.run(signing.StatusSigned)
	j.recoveredAlone(workflows.StepInspect)
}
