package vnpay

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"kyso/internal/party"
	"kyso/internal/problem"
	"kyso/internal/registration"
)

// The order in which VNPay joins the values of a message to be signed.
var (
	queryFields = []string{"vnp_RequestId", "vnp_Version", "vnp_Command", "vnp_TmnCode", "vnp_TxnRef", "vnp_TransactionDate",
		"vnp_CreateDate", "vnp_IpAddr", "vnp_OrderInfo"}
	refundFields = []string{"vnp_RequestId", "vnp_Version", "vnp_Command", "vnp_TmnCode", "vnp_TransactionType", "vnp_TxnRef",
		"vnp_Amount", "vnp_TransactionNo", "vnp_TransactionDate", "vnp_CreateBy", "vnp_CreateDate", "vnp_IpAddr", "vnp_OrderInfo"}
	refundAnswerFields = []string{"vnp_ResponseId", "vnp_Command", "vnp_ResponseCode", "vnp_Message", "vnp_TmnCode", "vnp_TxnRef",
		"vnp_Amount", "vnp_BankCode", "vnp_PayDate", "vnp_TransactionNo", "vnp_TransactionType", "vnp_TransactionStatus", "vnp_OrderInfo"}
	queryAnswerFields = append(slices.Clip(refundAnswerFields),
		"vnp_PromotionCode", "vnp_PromotionAmount")
)

// VNPay's codes, as far as they are told apart here.
const (
	codeOK        = "00"
	codeBadTmn    = "02"
	codeBadForm   = "03"
	codeNotFound  = "91"
	codeDuplicate = "94"
	codeNotPaid   = "95"
	codeBadHash   = "97"
	codeSuspect   = "07"

	statusNotFinished    = "01"
	statusReversed       = "04"
	statusSuspect        = "07"
	statusRefunding      = "05"
	statusRefundSent     = "06"
	statusRefundRejected = "09"
	typePayment          = "01"
	typeFullRefund       = "02"
)

// Query implements registration.PaymentGateway. A payment that shows a refund is not reported as paid.
func (v *Client) Query(ctx context.Context, requestID string, p registration.Payment) (registration.PaymentNotice, error) {
	answer, err := v.query(ctx, requestID, p)
	if err != nil {
		return registration.PaymentNotice{}, fmt.Errorf("asking for a payment: %w", err)
	}
	if answer.Get("vnp_ResponseCode") == codeNotFound {
		return v.unseen(p), nil
	}
	notice, err := v.notice(answer)
	if err != nil {
		return registration.PaymentNotice{}, problem.New(problem.ProviderUnavailable, "asking for a payment: %s sent an answer that makes no sense", who)
	}
	return notice, nil
}

// unseen speaks for VNPay of a payment that it does not know: the citizen may still come, or never did.
func (v *Client) unseen(p registration.Payment) registration.PaymentNotice {
	now := party.Now(v.Clock).UTC()
	n := said(codeOK, statusNotFinished)
	if now.After(p.ExpiresAt) {
		n = said(codeNotFound, "")
	}
	n.TxnRef, n.AmountVND, n.At = p.TxnRef, p.AmountVND, now
	return n
}

// query returns a signed answer about p with code 00, or one with code 91.
func (v *Client) query(ctx context.Context, requestID string, p registration.Payment) (url.Values, error) {
	ref := cleanText(p.TxnRef, maxTxnRef)
	answer, err := v.post(ctx, queryFields, queryAnswerFields, map[string]string{
		"vnp_RequestId": requestIDOf(requestID), "vnp_Command": "querydr", "vnp_TxnRef": ref,
		"vnp_TransactionDate": dateOf(p.CreatedAt), "vnp_OrderInfo": "Truy van " + ref,
	})
	if err != nil {
		return nil, err
	}
	switch code := answer.Get("vnp_ResponseCode"); code {
	case codeNotFound:
		if named := answer.Get("vnp_TxnRef"); named != "" && named != ref {
			return nil, v.about(answer, ref)
		}
		return answer, nil
	case codeOK:
		return answer, v.about(answer, ref)
	default:
		return nil, problem.New(problem.ProviderUnavailable, "%s answered %s", who, party.ShortCode(code))
	}
}

// about checks that an answer is about our payment: a signed answer may be an old one about another.
func (v *Client) about(answer url.Values, ref string) error {
	if answer.Get("vnp_TmnCode") != v.TmnCode || answer.Get("vnp_TxnRef") != ref {
		return problem.New(problem.ProviderUnavailable, "%s answered about another payment", who)
	}
	return nil
}

// Refund implements registration.PaymentGateway. When VNPay says that it knows the request already, or that there is
// nothing to give back, the payment itself is asked for: only one that shows a refund is a success.
func (v *Client) Refund(ctx context.Context, requestID string, p registration.Payment, actor string) error {
	ref := cleanText(p.TxnRef, maxTxnRef)
	answer, err := v.post(ctx, refundFields, refundAnswerFields, map[string]string{
		"vnp_RequestId": requestIDOf(requestID), "vnp_Command": "refund", "vnp_TransactionType": typeFullRefund, "vnp_TxnRef": ref,
		"vnp_Amount": amountOf(p), "vnp_TransactionNo": cleanText(string(p.Reference), maxRequestID),
		"vnp_TransactionDate": dateOf(p.CreatedAt), "vnp_CreateBy": cleanText(actor, maxOrderInfo), "vnp_OrderInfo": "Hoan tien " + ref,
	})
	if err == nil {
		switch code := answer.Get("vnp_ResponseCode"); code {
		case codeOK:
			if err = v.about(answer, ref); err == nil && answer.Get("vnp_TransactionStatus") == statusRefundRejected {
				err = problem.New(problem.RefundRefused, "%s rejected the refund", who)
			}
		case codeDuplicate, codeNotPaid:
			err = v.seekRefund(ctx, requestID, p, code)
		case codeNotFound:
			err = problem.New(problem.RefundRefused, "%s does not know the payment (91)", who)
		default:
			err = problem.New(problem.ProviderUnavailable, "%s answered %s", who, party.ShortCode(code))
		}
	}
	if err != nil {
		return fmt.Errorf("giving money back: %w", err)
	}
	return nil
}

// seekRefund looks whether a payment shows a refund, after VNPay answered 94 or 95.
func (v *Client) seekRefund(ctx context.Context, requestID string, p registration.Payment, code string) error {
	answer, err := v.query(ctx, fmt.Sprintf("%s after %s at %d", requestID, code, party.Now(v.Clock).UnixNano()), p)
	if err != nil {
		return fmt.Errorf("asking for a payment after code %s: %w", code, err)
	}
	status := answer.Get("vnp_TransactionStatus")
	switch {
	case status == statusRefundRejected:
		return problem.New(problem.RefundRefused, "%s rejected the refund", who)
	case status == statusRefunding, status == statusRefundSent,
		status == codeOK && answer.Get("vnp_TransactionType") == typeFullRefund:
		return nil
	case code == codeDuplicate:
		return problem.New(problem.ProviderUnavailable, "%s knows the refund and does not show it yet", who)
	}
	return problem.New(problem.RefundRefused, "%s has no successful payment to give back (95)", who)
}

// post sends a message and returns the answer's fields once its signature verified. The codes for an account, a form or
// a signature that VNPay does not accept are problem.ProviderCredentials; they are taken unsigned, since whoever does
// not share our secret cannot sign for us.
func (v *Client) post(ctx context.Context, fields, answerFields []string, values map[string]string) (url.Values, error) {
	values["vnp_Version"], values["vnp_TmnCode"] = wireVersion, v.TmnCode
	values["vnp_CreateDate"], values["vnp_IpAddr"] = dateOf(party.Now(v.Clock)), cleanIP(v.IP)
	values[hashField] = v.sign(joined(fields, func(name string) string { return values[name] }))
	r, err := party.Call{Party: who, HTTP: v.HTTP, Timeout: v.Timeout, Clock: v.Clock, URL: v.APIBase}.DoJSON(ctx, values)
	if err != nil {
		return nil, err
	}
	if err := r.Failure(who); err != nil {
		return nil, err
	}
	var raw map[string]json.RawMessage
	if err := r.Read(who, &raw); err != nil {
		return nil, err
	}
	answer := url.Values{}
	for _, name := range append(slices.Clip(answerFields), hashField) {
		var value party.Text
		if party.Given(raw[name]) && json.Unmarshal(raw[name], &value) != nil {
			return nil, r.Unavailable("%s sent an answer that makes no sense", who)
		}
		answer.Set(name, string(value))
	}
	switch code := answer.Get("vnp_ResponseCode"); code {
	case codeBadTmn, codeBadForm, codeBadHash:
		return nil, problem.New(problem.ProviderCredentials, "%s turned our account away (%s)", who, code)
	}
	if !v.signed(joined(answerFields, answer.Get), answer.Get(hashField)) {
		return nil, r.Unavailable("%s sent an answer whose signature does not verify", who)
	}
	return answer, nil
}

// joined is what VNPay signs of a message: its values as they are, in order, missing ones as nothing.
func joined(fields []string, value func(string) string) string {
	values := make([]string, len(fields))
	for i, name := range fields {
		values[i] = value(name)
	}
	return strings.Join(values, "|")
}
