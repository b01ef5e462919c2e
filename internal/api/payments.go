package api

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/workflows"
)

type vnpayInput struct {
	query url.Values
}

// Resolve implements huma.Resolver: the signature is over all parameters, whatever their names.
func (in *vnpayInput) Resolve(ctx huma.Context) []error {
	address := ctx.URL()
	in.query = address.Query()
	return nil
}

// IPNBody is what the gateway reads.
type IPNBody struct {
	RspCode string `json:"RspCode" enum:"00,01,02,04,97,99"` //nolint:tagliatelle // the gateway's names
	Message string `json:"Message"`
}

type ipnOutput struct {
	Body IPNBody
}

// What the gateway is answered: it sends the notice again unless the code is 00 or 02.
var (
	ipnRecorded = IPNBody{"00", "Confirm Success"}
	ipnUnknown  = IPNBody{"01", "Order not found"}
	ipnDecided  = IPNBody{"02", "Order already confirmed"}
	ipnAmount   = IPNBody{"04", "Invalid amount"}
	ipnForged   = IPNBody{"97", "Invalid signature"}
	ipnFault    = IPNBody{"99", "Unknown error"}
)

// receiveIPN records the gateway's word about a payment. It always answers 200: the code says the rest.
func (s *server) receiveIPN(ctx context.Context, in *vnpayInput) (*ipnOutput, error) {
	answer, err := s.notice(ctx, in.query)
	if err != nil {
		s.Logger.WarnContext(ctx, "IPN not taken", "request_id", infoOf(ctx).id, "rsp_code", answer.RspCode, "error", err.Error())
	}
	return &ipnOutput{answer}, nil
}

func (s *server) notice(ctx context.Context, query url.Values) (IPNBody, error) {
	notice, err := s.Registration.VerifyIPN(query)
	switch problem.CodeOf(err) {
	case "":
	case problem.SignatureInvalid:
		return ipnForged, err
	default:
		return ipnFault, err
	}
	payment, fresh, err := s.Registration.Records.ApplyNotice(ctx, notice)
	switch problem.CodeOf(err) {
	case "":
	case problem.NotFound:
		return ipnUnknown, err
	case problem.Invalid:
		return ipnAmount, err
	default:
		return ipnFault, err
	}
	if !fresh && payment.Status.Decided() {
		return ipnDecided, nil
	}
	s.tellPayment(ctx, payment)
	return ipnRecorded, nil
}

// tellPayment lets the processes know of a payment that is recorded. When that fails they find out by themselves: the registration and the
// refund poll, and the relay starts refunds.
func (s *server) tellPayment(ctx context.Context, p registration.Payment) {
	tellCtx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	if err := s.Registration.tell(tellCtx, p); err != nil {
		s.Logger.WarnContext(ctx, "payment recorded, process not told", "request_id", infoOf(ctx).id, "txn_ref", p.TxnRef, "error", err.Error())
	}
}

// tell has money go back that nobody is owed for, and else tells the process that there is news. A payment whose fate is not clear
// gets a process of its own when its registration needs it no more, so that an operator sees it.
func (o *RegistrationOptions) tell(ctx context.Context, p registration.Payment) error {
	r, err := o.Records.Registration(ctx, p.RegistrationID)
	if err != nil {
		return err
	}
	unclear := p.Status == registration.PaymentReview && (r.Status.Final() || r.PaidRef != "")
	if registration.Owed(r, p) || unclear {
		err := o.Workflows.StartRefund(ctx, workflows.RefundInput{TxnRef: p.TxnRef, RegistrationID: r.ID})
		return errors.Join(err, o.Workflows.NudgeRefund(ctx, p.TxnRef))
	}
	return o.Workflows.NudgeRegistration(ctx, r.ID)
}

// askWait bounds a question to the gateway that somebody waits for.
const askWait = 8 * time.Second

// ask has the gateway say now how an attempt stands (querydr), records its answer, and returns the attempt as it stands then. An attempt
// that is decided is not asked about. Error: problem.GatewayUnavailable when the gateway gave no usable answer.
func (s *server) ask(ctx context.Context, p registration.Payment) (registration.Payment, error) {
	if p.Status.Decided() {
		return p, nil
	}
	askCtx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	notice, err := s.Registration.AskPayment(askCtx, p)
	if err != nil {
		return p, problem.Wrap(problem.GatewayUnavailable, err, "the gateway could not be asked about attempt %d", p.Attempt)
	}
	asked, fresh, err := s.Registration.Records.ApplyNotice(ctx, notice)
	switch {
	case problem.CodeOf(err) == problem.Invalid: // another amount
		return p, problem.Wrap(problem.PaymentUnclear, err, "the gateway's answer about attempt %d does not fit it", p.Attempt)
	case err != nil:
		return p, err
	case fresh:
		s.tellPayment(ctx, asked)
	}
	return asked, nil
}

// secondPress is how young an attempt is that a press of the pay button opens again, unasked. The process has a longer time for it,
// so that none is opened beside it.
const secondPress = 30 * time.Second

// mayPayAgain refuses another attempt unless the gateway says now of each open one that it is not paid. One that the gateway calls unfinished
// may still be paid until its window ends; then one of the two is refunded. Errors: problem.AlreadyPaid, problem.PaymentUnclear,
// problem.GatewayUnavailable.
func (s *server) mayPayAgain(ctx context.Context, r registration.Registration) error {
	if r.Status != registration.StatusAwaitingPayment {
		return nil // the process says what it is
	}
	attempts, err := s.Registration.Records.Payments(ctx, r.ID)
	if err != nil {
		return err
	}
	for _, p := range attempts {
		if p.Status == registration.PaymentPending && s.Now().Sub(p.CreatedAt) < secondPress {
			continue
		}
		if p, err = s.ask(ctx, p); err != nil {
			return err
		}
		switch p.Status {
		case registration.PaymentCaptured:
			return problem.New(problem.AlreadyPaid, "attempt %d is paid", p.Attempt)
		case registration.PaymentReview:
			return problem.New(problem.PaymentUnclear, "attempt %d is neither paid nor failed", p.Attempt)
		}
	}
	return nil
}

// ReturnBody is how a payment stands in our records, whatever the browser brought.
type ReturnBody struct {
	TxnRef string                     `json:"txn_ref"`
	Status registration.PaymentStatus `json:"status" enum:"pending,captured,failed,review,refunded"`
}

type returnOutput struct {
	Body ReturnBody
}

// showReturn answers the browser that comes back from the gateway. What it brings changes nothing and is a reason to ask the gateway now, whose
// own word decides.
func (s *server) showReturn(ctx context.Context, in *vnpayInput) (*returnOutput, error) {
	notice, err := s.Registration.VerifyIPN(in.query)
	if err != nil {
		return nil, unsigned(err)
	}
	payment, err := s.Registration.Records.Payment(ctx, notice.TxnRef)
	if err != nil {
		return nil, err
	}
	if _, busy := s.asking.LoadOrStore(payment.TxnRef, true); !busy { // one question at a time, however often the page is loaded
		defer s.asking.Delete(payment.TxnRef)
		if payment, err = s.ask(ctx, payment); err != nil { // the process asks later
			s.Logger.WarnContext(ctx, "payment not asked about", "request_id", infoOf(ctx).id, "txn_ref", payment.TxnRef, "error", err.Error())
		}
	}
	return &returnOutput{ReturnBody{payment.TxnRef, payment.Status}}, nil
}
