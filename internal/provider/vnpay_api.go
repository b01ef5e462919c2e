package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

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
	vnpayOK        = "00"
	vnpayBadTmn    = "02"
	vnpayBadForm   = "03"
	vnpayNotFound  = "91"
	vnpayDuplicate = "94"
	vnpayNotPaid   = "95"
	vnpayBadHash   = "97"

	statusNotFinished    = "01"
	statusRefunding      = "05"
	statusRefundSent     = "06"
	statusRefundRejected = "09"
	typePayment          = "01"
	typeFullRefund       = "02"
)

// Query implements registration.PaymentGateway. A payment that shows a refund is not reported as paid.
func (v *VNPay) Query(ctx context.Context, requestID string, p registration.Payment) (registration.PaymentNotice, error) {
	answer, err := v.query(ctx, requestID, p)
	if err != nil {
		return registration.PaymentNotice{}, fmt.Errorf("asking for a payment: %w", err)
	}
	if answer.Get("vnp_ResponseCode") == vnpayNotFound {
		return v.unseen(p), nil
	}
	notice, err := v.notice(answer)
	if err != nil {
		return registration.PaymentNotice{}, problem.New(problem.ProviderUnavailable, "asking for a payment: %s sent an answer that makes no sense", vnpayParty)
	}
	if kind := answer.Get("vnp_TransactionType"); kind != "" && kind != typePayment && notice.TransactionStatus == vnpayOK {
		notice.TransactionStatus = statusRefunding
	}
	return notice, nil
}

// unseen speaks for VNPay of a payment that it does not know: the citizen may still come, or never did.
func (v *VNPay) unseen(p registration.Payment) registration.PaymentNotice {
	n := registration.PaymentNotice{TxnRef: p.TxnRef, AmountVND: p.AmountVND, At: clock(v.Clock).UTC(),
		ResponseCode: vnpayOK, TransactionStatus: statusNotFinished}
	if n.At.After(p.ExpiresAt) {
		n.ResponseCode, n.TransactionStatus = vnpayNotFound, ""
	}
	return n
}

// query returns a signed answer about p with code 00, or one with code 91.
func (v *VNPay) query(ctx context.Context, requestID string, p registration.Payment) (url.Values, error) {
	ref := cleanText(p.TxnRef, maxTxnRef)
	answer, err := v.post(ctx, queryFields, queryAnswerFields, map[string]string{
		"vnp_RequestId": vnpayRequestID(requestID), "vnp_Command": "querydr", "vnp_TxnRef": ref,
		"vnp_TransactionDate": vnpayDate(p.CreatedAt), "vnp_OrderInfo": "Truy van " + ref,
	})
	if err != nil {
		return nil, err
	}
	switch code := answer.Get("vnp_ResponseCode"); code {
	case vnpayNotFound:
		if named := answer.Get("vnp_TxnRef"); named != "" && named != ref {
			return nil, v.about(answer, ref)
		}
		return answer, nil
	case vnpayOK:
		return answer, v.about(answer, ref)
	default:
		return nil, problem.New(problem.ProviderUnavailable, "%s answered %s", vnpayParty, shortCode(code))
	}
}

// about checks that an answer is about our payment: a signed answer may be an old one about another.
func (v *VNPay) about(answer url.Values, ref string) error {
	if answer.Get("vnp_TmnCode") != v.TmnCode || answer.Get("vnp_TxnRef") != ref {
		return problem.New(problem.ProviderUnavailable, "%s answered about another payment", vnpayParty)
	}
	return nil
}

// Refund implements registration.PaymentGateway. When VNPay says that it knows the request already, or that there is
// nothing to give back, the payment itself is asked for: only one that shows a refund is a success.
func (v *VNPay) Refund(ctx context.Context, requestID string, p registration.Payment, actor string) error {
	ref := cleanText(p.TxnRef, maxTxnRef)
	answer, err := v.post(ctx, refundFields, refundAnswerFields, map[string]string{
		"vnp_RequestId": vnpayRequestID(requestID), "vnp_Command": "refund", "vnp_TransactionType": typeFullRefund, "vnp_TxnRef": ref,
		"vnp_Amount": vnpayAmount(p), "vnp_TransactionNo": cleanText(p.TransactionNo, maxRequestID),
		"vnp_TransactionDate": vnpayDate(p.CreatedAt), "vnp_CreateBy": cleanText(actor, maxOrderInfo), "vnp_OrderInfo": "Hoan tien " + ref,
	})
	if err == nil {
		switch code := answer.Get("vnp_ResponseCode"); code {
		case vnpayOK:
			if err = v.about(answer, ref); err == nil && answer.Get("vnp_TransactionStatus") == statusRefundRejected {
				err = problem.New(problem.RefundRefused, "%s rejected the refund", vnpayParty)
			}
		case vnpayDuplicate, vnpayNotPaid:
			err = v.seekRefund(ctx, requestID, p, code)
		case vnpayNotFound:
			err = problem.New(problem.RefundRefused, "%s does not know the payment (91)", vnpayParty)
		default:
			err = problem.New(problem.ProviderUnavailable, "%s answered %s", vnpayParty, shortCode(code))
		}
	}
	if err != nil {
		return fmt.Errorf("giving money back: %w", err)
	}
	return nil
}

// seekRefund looks whether a payment shows a refund, after VNPay answered 94 or 95.
func (v *VNPay) seekRefund(ctx context.Context, requestID string, p registration.Payment, code string) error {
	answer, err := v.query(ctx, fmt.Sprintf("%s after %s at %d", requestID, code, clock(v.Clock).UnixNano()), p)
	if err != nil {
		return fmt.Errorf("asking for a payment after code %s: %w", code, err)
	}
	status := answer.Get("vnp_TransactionStatus")
	switch {
	case status == statusRefundRejected:
		return problem.New(problem.RefundRefused, "%s rejected the refund", vnpayParty)
	case status == statusRefunding, status == statusRefundSent,
		status == vnpayOK && answer.Get("vnp_TransactionType") == typeFullRefund:
		return nil
	case code == vnpayDuplicate:
		return problem.New(problem.ProviderUnavailable, "%s knows the refund and does not show it yet", vnpayParty)
	}
	return problem.New(problem.RefundRefused, "%s has no successful payment to give back (95)", vnpayParty)
}

// post sends a message and returns the answer's fields once its signature verified. The codes for an account, a form or
// a signature that VNPay does not accept are problem.ProviderCredentials; they are taken unsigned, since whoever does
// not share our secret cannot sign for us.
func (v *VNPay) post(ctx context.Context, fields, answerFields []string, values map[string]string) (url.Values, error) {
	values["vnp_Version"], values["vnp_TmnCode"] = vnpayVersion, v.TmnCode
	values["vnp_CreateDate"], values["vnp_IpAddr"] = vnpayDate(clock(v.Clock)), cleanIP(v.IP)
	values[vnpayHash] = v.sign(joined(fields, func(name string) string { return values[name] }))
	r, err := call{party: vnpayParty, client: v.Client, timeout: v.Timeout, now: v.Clock, url: v.APIBase}.doJSON(ctx, values)
	if err != nil {
		return nil, err
	}
	if err := r.failure(vnpayParty); err != nil {
		return nil, err
	}
	var raw map[string]json.RawMessage
	if err := r.read(vnpayParty, &raw); err != nil {
		return nil, err
	}
	answer := url.Values{}
	for _, name := range append(slices.Clip(answerFields), vnpayHash) {
		var value text
		if given(raw[name]) && json.Unmarshal(raw[name], &value) != nil {
			return nil, r.unavailable("%s sent an answer that makes no sense", vnpayParty)
		}
		answer.Set(name, string(value))
	}
	switch code := answer.Get("vnp_ResponseCode"); code {
	case vnpayBadTmn, vnpayBadForm, vnpayBadHash:
		return nil, problem.New(problem.ProviderCredentials, "%s turned our account away (%s)", vnpayParty, code)
	}
	if !v.signed(joined(answerFields, answer.Get), answer.Get(vnpayHash)) {
		return nil, r.unavailable("%s sent an answer whose signature does not verify", vnpayParty)
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
