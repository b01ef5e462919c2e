package workflows

import (
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
