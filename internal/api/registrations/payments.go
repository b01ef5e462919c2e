package registrations

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"kyso/internal/api/kernel"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/workflows"
)

// paymentRoutes are the doors of the payment parties. What comes there is read as the parties write it.
func (s *Handler) paymentRoutes() []kernel.Route {
	names := slices.Sorted(maps.Keys(s.Doors))
	list := []kernel.Route{s.returnRoute(registration.Route{Method: http.MethodGet, Path: "/v1/payments/return", Operation: "showPaymentReturn",
		Summary: "Show how a payment stands after the browser came back, from whatever payment party; changes nothing"}, names)}
	for _, name := range names {
		door := s.Doors[name]
		list = append(list, s.noticeRoute(name, door))
		if door.Return.Path != "" {
			list = append(list, s.returnRoute(door.Return, []string{name}))
		}
	}
	return list
}

// noticeRoute is where a payment party tells by itself. Whoever comes proves itself in the handler.
func (s *Handler) noticeRoute(name string, door registration.PaymentDoor) kernel.Route {
	status, _ := door.Answer(registration.ReceiptRecorded)
	return kernel.On(func(ctx context.Context, in *doorInput) (*huma.StreamResponse, error) {
		receipt, err := s.receiveNotice(ctx, name, door.Notice, in)
		if err != nil {
			s.Logger.WarnContext(ctx, "notice of a payment not taken", "request_id", kernel.InfoOf(ctx).ID, "gateway", name, "receipt", string(receipt), "error", err.Error())
		}
		return partyAnswer(door.Answer(receipt))
	}, kernel.Route{ID: door.Notice.Operation, At: door.Notice.Method + " " + door.Notice.Path, Tag: kernel.TagWebhooks, Status: status,
		Summary: door.Notice.Summary, Text: "The payment party calls this and proves itself by its signature. The answer says whether it has to repeat the notice.", Access: kernel.Rule{Open: true}, Foreign: true, With: []kernel.OperationOption{answering(door)}})
}

// returnRoute is where a page asks what a browser brought from one of some parties.
func (s *Handler) returnRoute(r registration.Route, parties []string) kernel.Route {
	return kernel.On(func(ctx context.Context, in *doorInput) (*returnOutput, error) { return s.showReturn(ctx, in, parties) },
		kernel.Route{ID: r.Operation, At: r.Method + " " + r.Path, Tag: kernel.TagWebhooks, Summary: r.Summary, Access: kernel.Rule{Open: true}, Foreign: true,
			Text:     "The browser of the citizen lands here. The party is asked how the payment stands; what the browser brings decides nothing.",
			Problems: []int{http.StatusUnauthorized, http.StatusNotFound}})
}

// doorInput is what came, raw: signatures are over all of it.
type doorInput struct {
	request *http.Request
}

// Resolve implements huma.Resolver.
func (in *doorInput) Resolve(ctx huma.Context) []error {
	in.request, _ = humago.Unwrap(ctx)
	return nil
}

func (in *doorInput) call() (registration.Call, error) {
	body, err := io.ReadAll(in.request.Body) // bounded before, see Limits.JSONBytes
	return registration.Call{Header: in.request.Header, Query: in.request.URL.Query(), Body: body}, err
}

// open has the room of a party verify and read what came.
func (in *doorInput) open(gateway string, route registration.Route) (registration.PaymentNotice, error) {
	call, err := in.call()
	if err != nil {
		return registration.PaymentNotice{}, kernel.BodyError(err)
	}
	notice, err := route.Open(call)
	notice.Gateway = gateway
	return notice, err
}

// receiveNotice records the word of a payment party, and says what became of it.
func (s *Handler) receiveNotice(ctx context.Context, gateway string, route registration.Route, in *doorInput) (registration.Receipt, error) {
	notice, err := in.open(gateway, route)
	switch problem.CodeOf(err) {
	case "":
	case problem.SignatureInvalid:
		return registration.ReceiptForged, err
	default:
		return registration.ReceiptFault, err
	}
	payment, fresh, err := s.Records.ApplyNotice(ctx, notice)
	switch problem.CodeOf(err) {
	case "":
	case problem.NotFound:
		return registration.ReceiptUnknown, err
	case problem.Invalid:
		return registration.ReceiptAmount, err
	default:
		return registration.ReceiptFault, err
	}
	if !fresh && payment.Status.Decided() {
		return registration.ReceiptDecided, nil
	}
	s.tellPayment(ctx, payment)
	return registration.ReceiptRecorded, nil
}

// answering describes what a party is answered, in its own words.
func answering(door registration.PaymentDoor) kernel.OperationOption {
	return func(op *huma.Operation, schemas huma.Registry) {
		status, body := door.Answer(registration.ReceiptRecorded)
		answer := &huma.Response{Description: http.StatusText(status)}
		if body != nil {
			answer.Content = map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(reflect.TypeOf(body), true, "")}}
		}
		op.Responses = map[string]*huma.Response{strconv.Itoa(status): answer}
	}
}

// partyAnswer writes an answer as a party reads it.
func partyAnswer(status int, body any) (*huma.StreamResponse, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		if text != nil {
			ctx.SetHeader("Content-Type", "application/json")
		}
		ctx.SetStatus(status)
		_, _ = ctx.BodyWriter().Write(text) // a party that has gone comes again
	}}, nil
}

// ReturnBody is how a payment stands in our records, whatever the browser brought.
type ReturnBody struct {
	TxnRef string                     `json:"txn_ref"`
	Status registration.PaymentStatus `json:"status" enum:"pending,captured,failed,review,refunded"`
}

type returnOutput struct {
	Body ReturnBody
}

// showReturn answers a browser that comes back from one of some parties. What it brings changes nothing and is a reason to ask the
// party now, whose own word decides.
func (s *Handler) showReturn(ctx context.Context, in *doorInput, gateways []string) (*returnOutput, error) {
	var notice registration.PaymentNotice
	err := error(problem.New(problem.SignatureInvalid, "no payment party has signed it"))
	for _, name := range gateways {
		var wrong error
		if notice, wrong = in.open(name, s.Doors[name].Return); wrong == nil {
			err = nil
			break
		} else if problem.CodeOf(wrong) != problem.SignatureInvalid {
			err = wrong
		}
	}
	if err != nil {
		return nil, unsigned(err)
	}
	payment, err := s.Records.Payment(ctx, notice.TxnRef)
	if err != nil {
		return nil, err
	}
	if cmp.Or(payment.Gateway, registration.FirstGateway) != notice.Gateway {
		return nil, problem.New(problem.NotFound, "no such payment")
	}
	if _, busy := s.asking.LoadOrStore(payment.TxnRef, true); !busy { // one question at a time, however often the page is loaded
		defer s.asking.Delete(payment.TxnRef)
		if payment, err = s.ask(ctx, payment); err != nil { // the process asks later
			s.Logger.WarnContext(ctx, "payment not asked about", "request_id", kernel.InfoOf(ctx).ID, "txn_ref", payment.TxnRef, "error", err.Error())
		}
	}
	return &returnOutput{ReturnBody{payment.TxnRef, payment.Status}}, nil
}

// tellPayment lets the processes know of a payment that is recorded. When that fails they find out by themselves: the registration and the
// refund poll, and the relay starts refunds.
func (s *Handler) tellPayment(ctx context.Context, p registration.Payment) {
	tellCtx, cancel := context.WithTimeout(ctx, kernel.StartWait)
	defer cancel()
	if err := s.tell(tellCtx, p); err != nil {
		s.Logger.WarnContext(ctx, "payment recorded, process not told", "request_id", kernel.InfoOf(ctx).ID, "txn_ref", p.TxnRef, "error", err.Error())
	}
}

// tell refunds money that pays for nothing, and else tells the process that there is news. A payment whose fate is not clear
// gets a process of its own when its registration needs it no more, so that an operator sees it.
func (o *Options) tell(ctx context.Context, p registration.Payment) error {
	r, err := o.Records.Registration(ctx, p.RegistrationID)
	if err != nil {
		return err
	}
	unclear := p.Status == registration.PaymentReview && (r.Status.Final() || r.PaidRef != "")
	if registration.Owed(r, p) || unclear {
		err := o.Workflows.StartRefund(ctx, workflows.RefundInput{TxnRef: p.TxnRef, RegistrationID: r.ID, Gateway: p.Gateway})
		return errors.Join(err, o.Workflows.NudgeRefund(ctx, p.TxnRef))
	}
	return o.Workflows.NudgeRegistration(ctx, r.ID)
}

// askWait bounds a question to the gateway that a request waits for.
const askWait = 8 * time.Second

// ask has the gateway say now how an attempt stands, records its answer, and returns the attempt as it stands then. An attempt
// that is decided is not asked about. Error: problem.GatewayUnavailable when the gateway gave no usable answer.
func (s *Handler) ask(ctx context.Context, p registration.Payment) (registration.Payment, error) {
	if p.Status.Decided() {
		return p, nil
	}
	askCtx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	notice, err := s.AskPayment(askCtx, p)
	if err != nil {
		return p, problem.Wrap(problem.GatewayUnavailable, err, "the gateway could not be asked about attempt %d", p.Attempt)
	}
	asked, fresh, err := s.Records.ApplyNotice(ctx, notice)
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
// so that no second one is opened.
const secondPress = 30 * time.Second

// mayPayAgain refuses another attempt unless the gateway says now of each open one that it is not paid. One that the gateway calls unfinished
// may still be paid until its window ends; then one of the two is refunded. Errors: problem.AlreadyPaid, problem.PaymentUnclear,
// problem.GatewayUnavailable.
func (s *Handler) mayPayAgain(ctx context.Context, r registration.Registration) error {
	if r.Status != registration.StatusAwaitingPayment {
		return nil // the process says what it is
	}
	attempts, err := s.Records.Payments(ctx, r.ID)
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

// beginWait bounds the opening of a page that a request waits for.
const beginWait = 30 * time.Second

// begin has the gateway open its page for an attempt. The same attempt leads to the same page, so whoever could not be sent there asks again.
// Error: problem.GatewayUnavailable.
func (s *Handler) begin(ctx context.Context, p registration.Payment, payer registration.Payer) (string, error) {
	beginCtx, cancel := context.WithTimeout(ctx, beginWait)
	defer cancel()
	opened, err := s.Begin(beginCtx, p, payer)
	if err != nil {
		return "", problem.Wrap(problem.GatewayUnavailable, err, "the gateway could not open attempt %d", p.Attempt)
	}
	if opened.Reference != "" && opened.Reference != p.Reference {
		err = s.Records.KeepReference(ctx, p.TxnRef, opened.Reference)
	}
	return opened.URL, err
}
