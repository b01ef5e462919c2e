package signing

// Provider is a signing provider under the name that records have for it.
type Provider struct {
	Name string
	Front
}

// Front is a signing provider as the doors of kyso see it. Its client implements it.
type Front interface {
	// Needs says what the provider needs from the signer besides the phone.
	Needs() Needs
	// CheckUser returns a user id as it is kept. Error: problem.Invalid of the field "user", in both languages.
	CheckUser(userID string) (string, error)
	// Open proves that a call of kyso's address for the provider's webhooks is the provider's, and reads what it speaks of. A
	// webhook is a hint: the answer is asked for by Poll. Errors: problem.NotFound for a wrong token or a provider that has no
	// webhooks here, problem.Invalid, with its field, for a call that cannot be read.
	Open(call Call) (Hint, error)
}

// Needs is what a provider needs from the signer while a request is open.
type Needs string

// The needs.
const (
	NeedsNothing  Needs = "nothing"  // the phone asks and answers
	NeedsRedirect Needs = "redirect" // the browser goes to the provider and comes back with its consent
	NeedsCode     Needs = "code"     // a code that the provider sent is typed in
)

// Call is one call of the address for a provider's webhooks, as it came.
type Call struct {
	Token  string              // the last part of the address
	Header map[string][]string // by canonical name
	Query  map[string][]string
	Body   []byte
}

// Hint is all that is believed of a webhook.
type Hint struct {
	Request string // our id of the request it speaks of, or a name of the provider's; empty when it names none
}
