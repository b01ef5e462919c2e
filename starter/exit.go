package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"kyso/internal/apiclient"
	"kyso/internal/problem"
)

// Exit codes. They are part of the interface; scripts rely on them.
const (
	exitOK       = 0
	exitFailed   = 1
	exitUsage    = 2
	exitAuth     = 3
	exitNotFound = 4
	exitState    = 5
	exitDeclined = 6
	exitExpired  = 7
	exitPending  = 8

	exitIndeterminate = 9
	exitUnsigned      = 10
	exitUnreadable    = 11

	exitInterrupted = 130
)

func exitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long: `Exit codes:

    0  done; for watch and sign: signed, or the certificate is active; for verify: every file is TOTAL_PASSED;
       for audit verify: the log is whole
    1  failed, or the documents or the certificate cannot be signed with, or the signing or registration was
       cancelled, or the citizen holds a certificate already; for verify: a file is TOTAL_FAILED; for audit
       verify: a broken log
    2  wrong usage: an unknown flag, a missing argument, a field that the API refuses
    3  not allowed
    4  no such signing, registration, document or certificate
    5  the state does not allow this act
    6  the owner of the key declined; the registration was refused or withdrawn
    7  the time to approve or to act ran out, or that of a one-time code
    8  still pending: somebody has to choose a certificate or place a box, --timeout ran out,
       or a repair has no result yet
    9  verify: a file is INDETERMINATE
   10  verify: a file has no signature
   11  verify: a file could not be read; the worst file counts, in the order 1, 11, 10, 9
  130  interrupted; what was started goes on`,
	}
}

// exitError ends a command with a code. Its words have been said when silent.
type exitError struct {
	code   int
	err    error
	silent bool
}

// Error implements error.
func (e *exitError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *exitError) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// ended is the end of a command whose words have been said.
func ended(code int) error {
	if code == exitOK {
		return nil
	}
	return &exitError{code: code, err: fmt.Errorf("exit code %d", code), silent: true}
}

// exit says what went wrong and returns the exit code.
func (c *cli) exit(err error) int {
	if err == nil {
		return exitOK
	}
	var with *exitError
	switch {
	case errors.As(err, &with):
		if !with.silent {
			c.say("Lỗi: %v", "Error: %v", with.err)
		}
		return with.code
	case !c.started: // cobra's own: an unknown command or flag, a missing argument
		c.say("Lỗi: %v. Xem \"kyso --help\".", "Error: %v. See \"kyso --help\".", err)
		return exitUsage
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	c.explain(err)
	return codeOf(err)
}

// explain says what the API or the network had to say.
func (c *cli) explain(err error) {
	var answered *apiclient.Error
	if !errors.As(err, &answered) {
		if code := problem.CodeOf(err); code.Kind() != problem.KindInternal { // what this machine found, in a file for instance
			text := code.Text()
			c.say("Lỗi: %s", "Error: %s", c.text(text.VI, text.EN))
			c.say("  %v", "  %v", err)
			return
		}
		c.say("Lỗi: %v", "Error: %v", err)
		return
	}
	c.say("Lỗi: %s (%s)", "Error: %s (%s)", c.text(answered.Title, answered.TitleEN), answered.Code)
	if answered.Detail != "" {
		c.say("  %s", "  %s", answered.Detail)
	}
	for _, field := range answered.Errors {
		c.say("  %s: %s", "  %s: %s", field.Location, field.Message)
	}
	if answered.Code == string(problem.Internal) {
		c.say("  mã yêu cầu %s", "  request id %s", answered.RequestID)
	}
}

// codeOf maps problems to exit codes, once.
func codeOf(err error) int {
	if answered, ok := errors.AsType[*apiclient.Error](err); ok {
		switch answered.Status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusMisdirectedRequest:
			return exitAuth
		}
	}
	switch code := problem.CodeOf(err); {
	case code == problem.Invalid || code == problem.IdempotencyMismatch:
		return exitUsage
	case code == problem.NotFound || code == problem.CertificateMissing:
		return exitNotFound
	case code == problem.DeclinedBySigner:
		return exitDeclined
	case code.Kind() == problem.KindExpired && code != problem.CertificateExpired:
		return exitExpired
	case code.Kind() == problem.KindConflict:
		return exitState
	}
	return exitFailed
}
