package problem

// Cause says who can free a process that a code has stopped.
type Cause string

// The causes. A code has exactly one.
const (
	// CauseParty is an outside party that does not serve for now. The process asks it again by itself, slowly.
	CauseParty Cause = "party"
	// CauseSigner is the signer or requester: a document, a certificate, a decision. Until the owner is asked for an approval it
	// ends a signing as a refusal with the code's own text. Later the process waits for an operator.
	CauseSigner Cause = "signer"
	// CauseOperator needs a person who operates kyso: trying the same again changes nothing.
	CauseOperator Cause = "operator"
)

// Cause returns who can free a process that the code has stopped; for an unknown code CauseOperator.
func (c Code) Cause() Cause {
	if class, ok := classes[c]; ok {
		return class.cause
	}
	return CauseOperator
}
