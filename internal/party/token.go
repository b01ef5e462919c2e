package party

import (
	"crypto/sha256"
	"crypto/subtle"

	"kyso/internal/problem"
)

// shortestToken is how many characters the secret in the address of a webhook has at least.
const shortestToken = 16

// WebhookToken reads the secret in the address that a party calls, /v1/webhooks/NAME/TOKEN; empty takes no webhooks.
func WebhookToken(s Settings, name string) string {
	token := s.Key(name, "", true)
	if token != "" && len(token) < shortestToken {
		s.Fail(name, "needs at least 16 characters; whoever guesses it can fill the inbox")
	}
	return token
}

// CheckToken compares in constant time. Its error is problem.NotFound, also where no token is configured.
func CheckToken(want, given string) error {
	a, b := sha256.Sum256([]byte(want)), sha256.Sum256([]byte(given))
	if subtle.ConstantTimeCompare(a[:], b[:]) != 1 || want == "" {
		return problem.New(problem.NotFound, "no such webhook")
	}
	return nil
}
