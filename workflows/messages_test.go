package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"kyso/internal/decision"
	"kyso/internal/problem"
	"kyso/internal/process"
	"kyso/internal/registration"
	"kyso/internal/sandbox"
	"kyso/internal/signing"
	"kyso/workflows"
)

// invented are arguments that somebody who reaches Temporal may send, for every update of every process.
var invented = map[string]any{
	workflows.UpdateHandOff:           workflows.HandOff{},
	workflows.UpdateSendCode:          workflows.SendCode{CodeID: "code-of-another"},
	workflows.UpdateAccount:           workflows.AccountReady{AccountID: "acct-of-another"},
	workflows.UpdatePackage:           workflows.ChoosePackage{Code: "PS0"},
	workflows.UpdatePay:               workflows.Pay{},
	workflows.UpdateConsent:           workflows.CodeUsed{CodeID: "code-of-another"},
	workflows.UpdateReview:            workflows.ReviewMade{Review: registration.Review{ID: "rev-x", Officer: "the-minister", Decision: registration.DecisionApprove}},
	workflows.UpdateCorrect:           workflows.Corrected{CorrectionID: "corr-x"},
	workflows.UpdateActivate:          workflows.CodeUsed{CodeID: "code-of-another"},
	workflows.UpdateSignAcceptance:    workflows.SignAcceptance{},
	workflows.UpdateWithdraw:          workflows.Withdraw{Actor: "the-minister", Reason: "x"},
	workflows.UpdateRepair:            process.Repair{Action: process.RepairCancel, Actor: "the-minister", Reason: "x"},
	workflows.UpdateChooseCertificate: workflows.ChooseCertificate{Fingerprint: strings.Repeat("a", 64)},
	workflows.UpdatePlace:             workflows.Place{Placements: []signing.Placement{{Page: 1, X: 1, Y: 1, Width: 100, Height: 50}}},
	workflows.UpdateCancel:            workflows.Cancel{Actor: "the-minister", Reason: "x"},
}

// constants are the values of the package's string constants whose names have a prefix.
func constants(t *testing.T, prefix string) []string {
	t.Helper()
	var values []string
	each(t, func(_ string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, name := range spec.Names {
				if strings.HasPrefix(name.Name, prefix) && i < len(spec.Values) {
					if literal, ok := spec.Values[i].(*ast.BasicLit); ok && literal.Kind == token.STRING {
						value, err := strconv.Unquote(literal.Value)
						if err != nil {
							t.Fatal(err)
						}
						values = append(values, value)
					}
				}
			}
			return true
		})
	})
	slices.Sort(values)
	return slices.Compact(values)
}

// each parses every file of the package that is no test.
func each(t *testing.T, do func(name string, file *ast.File)) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, "_test.go") {
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			do(name, file)
		}
	}
}

// TestEveryMessageIsKnown holds the constants of the package against the messages that the tests below send, and the code
// against the one place that takes messages: a new one cannot be forgotten.
func TestEveryMessageIsKnown(t *testing.T) {
	if names := slices.Sorted(maps.Keys(invented)); !slices.Equal(names, constants(t, "Update")) {
		t.Errorf("updates %v, sent are %v", constants(t, "Update"), names)
	}
	if signals := constants(t, "Signal"); !slices.Equal(signals, []string{workflows.SignalNudge, workflows.SignalRepair}) {
		t.Errorf("signals %v: say below what an invented one does", signals)
	}
	each(t, func(name string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if selector, ok := call.Fun.(*ast.SelectorExpr); ok && strings.HasPrefix(selector.Sel.Name, "SetUpdateHandler") && name != "decisions.go" {
				t.Errorf("%s sets the handler of an update beside setUpdate", name)
			}
			if selector, ok := call.Fun.(*ast.SelectorExpr); ok && selector.Sel.Name == "GetSignalChannel" && name != "decisions.go" {
				if argument, ok := call.Args[1].(*ast.Ident); !ok || argument.Name != "SignalNudge" {
					t.Errorf("%s receives a signal that carries something", name)
				}
			}
			return true
		})
	})
}

// attacker sends messages that nobody decided.
type attacker struct {
	*journey
	sent   int
	denied map[string]int // by update and variety
}

func newAttacker(j *journey) *attacker { return &attacker{journey: j, denied: map[string]int{}} }

// varieties are the ids that an attacker may put into a message; each returns "" for none.
func (a *attacker) varieties(name string) map[string]func() string {
	record := func(kind string, about decision.Object) string {
		return a.decideOn(decision.Decision{Kind: kind, Object: about}, invented[name])
	}
	return map[string]func() string{
		"no id":          func() string { return "" },
		"unknown id":     func() string { return "dec-nowhere" },
		"another object": func() string { return record(name, decision.Object{Process: a.object().Process, ID: "another"}) },
		"another process": func() string {
			other := map[process.Kind]process.Kind{process.Signing: process.Registration, process.Registration: process.Signing}
			return record(name, decision.Object{Process: other[a.object().Process], ID: a.object().ID})
		},
		"another kind": func() string { return record("not-"+name, a.object()) },
		"taken": func() string {
			id := record(name, a.object())
			_, err := a.store.Decisions().Take(context.Background(), decision.Take{DecisionID: id, Kind: name, Process: a.object().Process, Object: a.object().ID,
				Taker: "update of somebody"}, a.env.Now())
			a.must(err)
			return id
		},
	}
}

// updates sends every update in every variety. None may succeed.
func (a *attacker) updates() {
	for name, argument := range invented {
		for variety, draw := range a.varieties(name) {
			a.sent++
			a.send(name, fmt.Sprintf("attack-%d", a.sent), carrying(argument, draw()), func(_ any, err error) {
				if err == nil {
					a.Errorf("update %s with %s was taken", name, variety)
				}
				if app, ok := errors.AsType[*temporal.ApplicationError](err); ok && app.Type() == string(problem.Denied) {
					a.denied[name+" with "+variety]++
				}
			})
		}
	}
}

// signals sends the repair signal in every variety, and a nudge.
func (a *attacker) signals() {
	for _, draw := range a.varieties(workflows.UpdateRepair) {
		a.env.SignalWorkflow(workflows.SignalRepair, carrying(invented[workflows.UpdateRepair], draw()))
	}
	for _, cause := range [][2]string{{"another-step", "provider-refused"}, {workflows.StepIssue, "another-reason"}} {
		id := a.decideForMany(cause[0], cause[1], invented[workflows.UpdateRepair].(process.Repair))
		a.env.SignalWorkflow(workflows.SignalRepair, process.Repair{Recorded: process.Recorded{DecisionID: id}})
	}
	a.env.SignalWorkflow(workflows.SignalNudge, nil)
}

// wantDenied fails unless each of the updates was denied in every variety while the process would have taken it.
func (a *attacker) wantDenied(names ...string) {
	a.Helper()
	for _, name := range names {
		for variety := range a.varieties(name) {
			if a.denied[name+" with "+variety] == 0 {
				a.Errorf("update %s with %s was never denied", name, variety)
			}
		}
	}
}

// TestInventedMessagesToARegistration sends every update and signal at every status, and while the registration is parked.
// It goes on as if nothing had come.
func TestInventedMessagesToARegistration(t *testing.T) {
	e := newEnrolment(t, "PS1")
	a := newAttacker(e.journey)
	// Faults that are drawn may park it for another reason than the refusal that this test is about.
	e.must(e.world.UpdateSettings(func(s *sandbox.Settings) { s.FaultRate = 0 }))
	e.must(e.world.UpdateKnobs(citizen, func(k *sandbox.Knobs) { k.IssueFails = "refused" }))
	first := func(status registration.Status, then func()) func() {
		return func() {
			e.once("attack "+string(status), func() { a.updates(); a.signals() })
			then()
		}
	}
	for _, status := range []registration.Status{registration.StatusRequested, registration.StatusHandedOff, registration.StatusAccountReady,
		registration.StatusAwaitingPayment, registration.StatusAwaitingConsent, registration.StatusNeedsMore, registration.StatusActivating} {
		e.acts[status] = first(status, func() {
			if act := e.usual(e.registration()); act != nil && e.registration().Status == status {
				act()
			}
		})
	}
	e.acts[registration.StatusInReview] = first(registration.StatusInReview, func() {
		if r := e.registration(); r.Reviews == 0 {
			e.once("ask", func() { e.at(time.Minute, func() { e.decide(registration.DecisionAsk, "address") }) })
		} else {
			e.once("approve", func() { e.decide(registration.DecisionApprove) })
		}
	})
	e.acts[registration.StatusActivating] = first(registration.StatusActivating, func() {
		if r := e.registration(); r.Activation != nil && !r.Activation.PINSetAt.IsZero() {
			e.once("attack activate", a.updates)
		}
		e.activateKey()
	})
	e.acts[registration.StatusAccepting] = func() {
		if r := e.registration(); r.Acceptance == nil || r.Acceptance.Attempt > 1 {
			_, _ = e.world.Approve(citizen)
		} else if n, _ := e.world.Decline(citizen); n > 0 {
			e.at(5*time.Minute, func() { a.updates(); a.signals() })
			e.at(6*time.Minute, e.update(workflows.UpdateSignAcceptance, workflows.SignAcceptance{}, nil))
		}
	}
	var look func()
	look = func() {
		if !e.registration().Attention.Open() {
			e.at(time.Minute, look)
			return
		}
		a.updates()
		a.signals()
		e.at(time.Minute, func() {
			e.parkedAt(workflows.StepIssue, problem.ProviderRefused)
			e.must(e.world.UpdateKnobs(citizen, func(k *sandbox.Knobs) { k.IssueFails = "" }))
			e.update(workflows.UpdateRepair, retry(), nil)()
		})
	}
	e.at(time.Minute, look)
	r := e.enrol(registration.StatusActive)
	a.wantDenied(workflows.UpdateHandOff, workflows.UpdateSendCode, workflows.UpdateAccount, workflows.UpdatePackage, workflows.UpdatePay, workflows.UpdateConsent,
		workflows.UpdateReview, workflows.UpdateCorrect, workflows.UpdateActivate, workflows.UpdateSignAcceptance, workflows.UpdateWithdraw, workflows.UpdateRepair)
	if r.Package != "PS1" || r.Reviews != 2 || r.Review.Officer != "officer-1" {
		t.Errorf("the record holds what was invented: %+v", r.Facts)
	}
	if payments, err := e.records.Payments(context.Background(), e.id); err != nil || len(payments) != 1 {
		t.Errorf("%d attempts to pay, %v", len(payments), err)
	}
}

// TestInventedMessagesToASigning is the same for a signing: while a certificate and a place are asked for, on the phone,
// and parked. One that began with a release without decisions is protected as well.
func TestInventedMessagesToASigning(t *testing.T) {
	for _, begun := range []workflow.Version{1, workflow.DefaultVersion} {
		t.Run(fmt.Sprint("begun-with-", begun), func(t *testing.T) {
			j := newJourney(t)
			j.env.OnGetVersion("decisions", workflow.DefaultVersion, workflow.Version(1)).Return(begun)
			attackSigning(j)
		})
	}
}

func attackSigning(j *journey) {
	a := newAttacker(j)
	j.window(5 * time.Hour)
	j.must(j.world.UpdateKnobs(user, func(k *sandbox.Knobs) { k.Certificates = []string{"valid", "valid+p256"} }))
	j.request(signing.Signing{Documents: []signing.Document{{Placement: nil}}}, page("x"))
	attack := func() { a.updates(); a.signals() }
	j.at(time.Hour, attack)
	j.at(time.Hour+time.Minute, func() {
		list, err := j.store.Certificates(context.Background(), j.id)
		j.must(err)
		j.update(workflows.UpdateChooseCertificate, workflows.ChooseCertificate{Fingerprint: list[0].Fingerprint}, nil)()
	})
	j.at(2*time.Hour, attack)
	j.at(2*time.Hour+time.Minute, j.update(workflows.UpdatePlace, workflows.Place{Placements: []signing.Placement{{Page: 1, X: 50, Y: 60, Width: 180, Height: 70}}}, nil))
	j.at(3*time.Hour, attack)
	j.at(3*time.Hour+time.Minute, func() { j.must(j.world.Revoke(j.serial(), 1, j.env.Now())) })
	j.at(4*time.Hour, j.approve(user))
	j.at(5*time.Hour, func() {
		j.parked(workflows.StepEmbed, "certificate-revoked")
		attack()
	})
	j.at(6*time.Hour, func() {
		j.parked(workflows.StepEmbed, "certificate-revoked")
		j.update(workflows.UpdateRepair, giveUp(), nil)()
	})
	s := j.run(signing.StatusCancelled)
	a.wantDenied(workflows.UpdateChooseCertificate, workflows.UpdatePlace, workflows.UpdateCancel, workflows.UpdateRepair)
	if p := s.Documents[0].Placement; p == nil || p.X != 50 {
		j.Errorf("placement is %+v", p)
	}
}
