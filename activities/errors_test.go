package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"kyso/internal/problem"
)

func TestFailMapsEveryCodeOnce(t *testing.T) {
	for _, code := range problem.Codes() {
		app, ok := errors.AsType[*temporal.ApplicationError](fail(fmt.Errorf("doing: %w", problem.New(code, "x"))))
		if !ok || app.Type() != string(code) {
			t.Fatalf("%s became %v", code, app)
		}
		again := code.Kind() == problem.KindUpstream || code.Kind() == problem.KindInternal
		if app.NonRetryable() == again {
			t.Errorf("%s: retryable is %v", code, !app.NonRetryable())
		}
	}
}

func TestFailKeepsThePauseThatWasAskedFor(t *testing.T) {
	err := fail(&problem.Error{Code: problem.ProviderUnavailable, Message: "429", RetryAfter: 40 * time.Second})
	app, _ := errors.AsType[*temporal.ApplicationError](err)
	if app.NextRetryDelay() != 40*time.Second {
		t.Errorf("the next try is in %s", app.NextRetryDelay())
	}
}

func TestFailLetsCancellationThrough(t *testing.T) {
	if err := fail(fmt.Errorf("polling: %w", context.Canceled)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if fail(nil) != nil {
		t.Error("no error became one")
	}
}

func TestUnknownErrorsLeaveNoPersonInTheHistory(t *testing.T) {
	err := fail(errors.New(`insert failed: value "Nguyễn Văn Minh" for 079095012345 in 'hợp đồng.pdf'`))
	app, _ := errors.AsType[*temporal.ApplicationError](err)
	for _, canary := range []string{"Minh", "079095012345", "hợp đồng"} {
		if strings.Contains(app.Message(), canary) {
			t.Errorf("%q is in %q", canary, app.Message())
		}
	}
	if app.Type() != string(problem.Internal) || app.NonRetryable() {
		t.Errorf("type %s, non-retryable %v", app.Type(), app.NonRetryable())
	}
}

func TestLongTextsAreClippedBetweenLetters(t *testing.T) {
	text := clip(strings.Repeat("ễ", 500))
	if len(text) > maxErrorText+len("…") || strings.ContainsRune(text, '�') {
		t.Errorf("clipped to %d bytes: %q", len(text), text[len(text)-10:])
	}
}
