package activities

import (
	"context"
	"errors"
	"regexp"
	"time"
	"unicode/utf8"

	"go.temporal.io/sdk/temporal"

	"kyso/internal/problem"
)

// ErrorPending is the application error type of a poll that found no answer yet. It is retried for ever; the
// workflow's own timer ends it.
const ErrorPending = "pending"

// maxErrorText is how many bytes of an error's text go into a history.
const maxErrorText = 400

// longNumber matches what may be a citizen, phone or card number. Errors with a code hold none by contract; an
// unknown error comes from a library and may quote what it was given.
var longNumber = regexp.MustCompile(`\d{6,}`)

// quoted matches quoted values in unknown errors, for the same reason.
var quoted = regexp.MustCompile(`"[^"]*"|'[^']*'`)

// fail turns an error into what a history keeps: the problem code as type, retryable or not by its kind, and the
// pause that the outside party asked for. An unknown error is retryable and loud.
func fail(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if _, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return err
	}
	code := problem.CodeOf(err)
	return temporal.NewApplicationErrorWithOptions(legible(code, err), string(code),
		temporal.ApplicationErrorOptions{NonRetryable: !retryable(code), NextRetryDelay: problem.RetryAfterOf(err)})
}

// legible is the text of an error as it may be kept.
func legible(code problem.Code, err error) string {
	text := err.Error()
	if code == problem.Internal {
		text = quoted.ReplaceAllString(text, "(…)")
	}
	return clip(longNumber.ReplaceAllString(text, "***"))
}

func retryable(code problem.Code) bool {
	kind := code.Kind()
	return kind == problem.KindUpstream || kind == problem.KindInternal
}

// pending says that there is no answer yet and when to look again.
func pending(again time.Duration) error {
	return temporal.NewApplicationErrorWithOptions("no answer yet", ErrorPending,
		temporal.ApplicationErrorOptions{NextRetryDelay: again, Category: temporal.ApplicationErrorCategoryBenign})
}

func clip(text string) string {
	if len(text) <= maxErrorText {
		return text
	}
	cut := maxErrorText
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
