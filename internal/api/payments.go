package api

import (
	"context"
	"net/url"

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

// IPNBody is what VNPay reads.
type IPNBody struct {
	RspCode string `json:"RspCode" enum:"00,01,02,04,97,99"` //nolint:tagliatelle // VNPay's names
	Message string `json:"Message"`
}

type ipnOutput struct {
	Body IPNBody
}

// What VNPay is answered: it sends the notice again unless the code is 00 or 02.
var (
	ipnRecorded = IPNBody{"00", "Confirm Success"}
	ipnUnknown  = IPNBody{"01", "Order not found"}
	ipnDecided  = IPNBody{"02", "Order already confirmed"}
	ipnAmount   = IPNBody{"04", "Invalid amount"}
	ipnForged   = IPNBody{"97", "Invalid signature"}
	ipnFault    = IPNBody{"99", "Unknown error"}
)

// receiveIPN records VNPay's word about a payment. It always answers 200: the code says the rest.
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
	tellCtx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	if err := s.Registration.tell(tellCtx, payment); err != nil { // recorded: the process polls, and the relay refunds
		s.Logger.WarnContext(ctx, "payment recorded, process not told", "request_id", infoOf(ctx).id, "txn_ref", payment.TxnRef, "error", err.Error())
	}
	return ipnRecorded, nil
}

// tell has money go back that nobody is owed for, and else tells the process that there is news.
func (o *RegistrationOptions) tell(ctx context.Context, p registration.Payment) error {
	r, err := o.Records.Registration(ctx, p.RegistrationID)
	if err != nil {
		return err
	}
	if registration.Owed(r, p) {
		return o.Workflows.StartRefund(ctx, workflows.RefundInput{TxnRef: p.TxnRef, RegistrationID: r.ID})
	}
	return o.Workflows.NudgeRegistration(ctx, r.ID)
}

// ReturnBody is how a payment stands in our records, whatever the browser brought.
type ReturnBody struct {
	TxnRef string                     `json:"txn_ref"`
	Status registration.PaymentStatus `json:"status" enum:"pending,captured,failed,review,refunded"`
}

type returnOutput struct {
	Body ReturnBody
}

// showReturn answers the browser that comes back from VNPay. It changes nothing: VNPay's own word decides.
func (s *server) showReturn(ctx context.Context, in *vnpayInput) (*returnOutput, error) {
	notice, err := s.Registration.VerifyIPN(in.query)
	if err != nil {
		return nil, unsigned(err)
	}
	payment, err := s.Registration.Records.Payment(ctx, notice.TxnRef)
	if err != nil {
		return nil, err
	}
	return &returnOutput{ReturnBody{payment.TxnRef, payment.Status}}, nil
}
