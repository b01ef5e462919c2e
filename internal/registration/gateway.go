package registration

import (
	"cmp"
	"context"
	"net/http"
	"net/url"

	"kyso/internal/problem"
)

// PaymentGateway is a payment party. Another error than those of every party is problem.RefundRefused.
type PaymentGateway interface {
	// Begin opens the page on which p is paid. It may call out. Again for the same payment it leads to the same one. Its
	// Reference is kept, when there is one.
	Begin(ctx context.Context, p Payment, payer Payer) (Opened, error)
	// Query asks how a payment stands. One that the gateway never saw is PaymentFailed once its time is over, and
	// PaymentPending before.
	Query(ctx context.Context, requestID string, p Payment) (PaymentNotice, error)
	// Refund gives the whole amount back. A repeated requestID, or a payment that is refunded already, is a success.
	Refund(ctx context.Context, requestID string, p Payment, actor string) error
}

// Payer is who pays, as far as a gateway is told.
type Payer struct {
	Address string // of the browser
	Info    string // what is paid for, in ASCII
}

// Opened is a page that waits for a citizen.
type Opened struct {
	URL       string
	Reference Reference
}

// Gateways are the payment parties by name. As a PaymentGateway it asks the one at which a payment was begun, so that money
// goes back the way it came. Error: problem.ProviderCredentials for one that is not configured.
type Gateways map[string]PaymentGateway

func (g Gateways) of(p Payment) (PaymentGateway, error) {
	name := cmp.Or(p.Gateway, FirstGateway)
	if gateway := g[name]; gateway != nil {
		return gateway, nil
	}
	return nil, problem.New(problem.ProviderCredentials, "the payment party %s is not configured", name)
}

// Begin implements PaymentGateway.
func (g Gateways) Begin(ctx context.Context, p Payment, payer Payer) (Opened, error) {
	gateway, err := g.of(p)
	if err != nil {
		return Opened{}, err
	}
	return gateway.Begin(ctx, p, payer)
}

// Query implements PaymentGateway.
func (g Gateways) Query(ctx context.Context, requestID string, p Payment) (PaymentNotice, error) {
	gateway, err := g.of(p)
	if err != nil {
		return PaymentNotice{}, err
	}
	notice, err := gateway.Query(ctx, requestID, p)
	notice.Gateway = cmp.Or(p.Gateway, FirstGateway)
	return notice, err
}

// Refund implements PaymentGateway.
func (g Gateways) Refund(ctx context.Context, requestID string, p Payment, actor string) error {
	gateway, err := g.of(p)
	if err != nil {
		return err
	}
	return gateway.Refund(ctx, requestID, p, actor)
}

// PaymentDoor is how a payment party, and the browsers that it sends back, reach kyso. Its room verifies and reads what they
// bring, and says what the party is answered; the API serves it.
type PaymentDoor struct {
	// Notice is the route on which the party tells by itself how a payment stands.
	Notice Route
	// Answer is the status and the JSON body that a party is answered. A nil body is none.
	Answer func(Receipt) (status int, body any)
	// Return is the route on which a page asks what a browser brings from the party. It is read with GET, and decides nothing. Without
	// a Path it is asked on the route of all parties alone; it always has an Open.
	Return Route
}

// Route is one address of the API and how what comes there is verified and read.
type Route struct {
	Method, Path, Operation, Summary string
	// Open errors: problem.SignatureInvalid for what is not the party's word, problem.Invalid for a word that makes no sense here.
	Open func(Call) (PaymentNotice, error)
}

// Call is what came, as far as it can be signed.
type Call struct {
	Header http.Header
	Query  url.Values
	Body   []byte
}

// Receipt is what became of a notice.
type Receipt string

// The receipts.
const (
	ReceiptRecorded Receipt = "recorded"
	ReceiptDecided  Receipt = "decided" // it was decided before, in whatever way
	ReceiptUnknown  Receipt = "unknown" // no such payment
	ReceiptAmount   Receipt = "amount"  // of another amount
	ReceiptForged   Receipt = "forged"
	ReceiptFault    Receipt = "fault" // on our side, or a word that makes no sense; it may come again
)
