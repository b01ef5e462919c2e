package workflows

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"kyso/internal/registration"
	"kyso/internal/signing"
)

// SigningInputOf is what the process of a new signing begins with.
func SigningInputOf(record signing.Signing) SigningInput {
	unplaced := slices.ContainsFunc(record.Documents, func(d signing.Document) bool { return d.Placement == nil })
	return SigningInput{SigningID: record.ID, Provider: record.Provider, Level: record.Level, Documents: len(record.Documents), Placed: !unplaced}
}

// RegistrationInputOf is what the process of a new registration begins with.
func RegistrationInputOf(r registration.Registration, limits RegistrationLimits) RegistrationInput {
	return RegistrationInput{RegistrationID: r.ID, Issuer: r.Issuer, Deadlines: limits}
}

// UpdateID returns the id of an update from a key, so that Temporal runs a repeated act once. It is a digest, because
// a key is the caller's text and would stand in the history. Empty lets Temporal draw one.
func UpdateID(key string) string {
	if key == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

// HandOffUpdate names the one hand-off of a registration, whoever reports it.
func HandOffUpdate(registrationID string) string { return UpdateID("hand-off/" + registrationID) }
