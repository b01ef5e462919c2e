package cli

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
	ExitOK       = 0
	ExitFailed   = 1
	ExitUsage    = 2
	ExitAuth     = 3
	ExitNotFound = 4
	ExitState    = 5
	ExitDeclined = 6
	ExitExpired  = 7
	ExitPending  = 8

	ExitIndeterminate = 9
	ExitUnsigned      = 10
	ExitUnreadable    = 11
	ExitCovered       = 12

	ExitInterrupted = 130
)

// ExitCodesTopic is the help on exit codes.
func ExitCodesTopic() *cobra.Command {
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
    8  still pending: a person has to choose a certificate or place a box, --timeout ran out,
       or a repair has no result yet
    9  verify: a file is INDETERMINATE
   10  verify: a file has no signature
   11  verify: a file could not be read; the worst file counts, in the order 1, 11, 10, 9, 12
   12  verify --strict: a file is TOTAL_PASSED, and a signature in it covers what was signed before
  130  interrupted; what was started goes on`,
	}
}

// ExitError ends a command with a code. Its words have been said when silent.
type ExitError struct {
	Code   int // one of the Exit… constants
	Err    error
	Silent bool
}

// Error implements error.
func (e *ExitError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ExitError) Unwrap() error { return e.Err }

// Usage is the error of a wrong usage, with ExitUsage.
func Usage(format string, args ...any) error {
	return &ExitError{Code: ExitUsage, Err: fmt.Errorf(format, args...)}
}

// Ended is the end of a command whose words have been said.
func Ended(code int) error {
	if code == ExitOK {
		return nil
	}
	return &ExitError{Code: code, Err: fmt.Errorf("exit code %d", code), Silent: true}
}

// Exit says what went wrong and returns the exit code.
func (c *CLI) Exit(err error) int {
	if err == nil {
		return ExitOK
	}
	var with *ExitError
	switch {
	case errors.As(err, &with):
		if !with.Silent {
			c.sayEnglishf("Error: %v", with.Err)
		}
		return with.Code
	case !c.started: // cobra's own: an unknown command or flag, a missing argument
		c.sayEnglishf("Error: %v. See \"kyso --help\".", err)
		return ExitUsage
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	}
	c.Explain(err)
	return CodeOf(err)
}

// sayEnglishf prints a message whose error exists in English alone, as help does: a line is in one language.
func (c *CLI) sayEnglishf(format string, args ...any) { c.Say(format, format, args...) }

// Explain says what the API or the network had to say.
func (c *CLI) Explain(err error) {
	var answered *apiclient.Error
	if !errors.As(err, &answered) {
		if code := problem.CodeOf(err); code.Kind() != problem.KindInternal { // what this machine found, in a file for instance
			text := code.Text()
			c.Say("Lỗi: %s", "Error: %s", c.Text(text.VI, text.EN))
			c.Say("  %v", "  %v", err)
			return
		}
		c.sayEnglishf("Error: %v", err)
		return
	}
	c.Say("Lỗi: %s (%s)", "Error: %s (%s)", c.Text(answered.Title, answered.TitleEN), answered.Code)
	if answered.Detail != "" {
		c.Say("  %s", "  %s", answered.Detail)
	}
	for _, field := range answered.Errors {
		c.Say("  %s: %s", "  %s: %s", field.Location, field.Message)
	}
	if answered.Code == string(problem.Internal) {
		c.Say("  mã yêu cầu %s", "  request id %s", answered.RequestID)
	}
}

// CodeOf maps problems to exit codes, once.
func CodeOf(err error) int {
	if answered, ok := errors.AsType[*apiclient.Error](err); ok {
		switch answered.Status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusMisdirectedRequest:
			return ExitAuth
		}
	}
	switch code := problem.CodeOf(err); {
	case code == problem.Invalid || code == problem.IdempotencyMismatch:
		return ExitUsage
	case code == problem.NotFound || code == problem.CertificateMissing:
		return ExitNotFound
	case code == problem.DeclinedBySigner:
		return ExitDeclined
	case code.Kind() == problem.KindExpired && code != problem.CertificateExpired:
		return ExitExpired
	case code.Kind() == problem.KindConflict:
		return ExitState
	}
	return ExitFailed
}
