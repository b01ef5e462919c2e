package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The calls of VNPay's API, as Fault.On names them.
const (
	callVNPayQuery  = "vnpay-query"
	callVNPayRefund = "vnpay-refund"
)

// What VNPay's API answers.
const (
	apiDone      = "00"
	apiMerchant  = "02"
	apiFormat    = "03"
	apiUnknown   = "91"
	apiDuplicate = "94"
	apiRefused   = "95" // not a captured payment, or nothing of it is left
	apiHash      = "97"
	apiOther     = "99"
)

var apiMessages = map[string]string{
	apiDone: "Success", apiMerchant: "Invalid TmnCode", apiFormat: "Invalid format", apiUnknown: "Transaction not found",
	apiDuplicate: "Duplicate request", apiRefused: "The transaction was not successful", apiHash: "Invalid checksum", apiOther: "Unknown error",
}

// The order in which values are joined and hashed.
var (
	queryRequestFields = []string{"vnp_RequestId", "vnp_Version", "vnp_Command", "vnp_TmnCode", "vnp_TxnRef", "vnp_TransactionDate",
		"vnp_CreateDate", "vnp_IpAddr", "vnp_OrderInfo"}
	refundRequestFields = []string{"vnp_RequestId", "vnp_Version", "vnp_Command", "vnp_TmnCode", "vnp_TransactionType", "vnp_TxnRef",
		"vnp_Amount", "vnp_TransactionNo", "vnp_TransactionDate", "vnp_CreateBy", "vnp_CreateDate", "vnp_IpAddr", "vnp_OrderInfo"}
	refundAnswerFields = []string{"vnp_ResponseId", "vnp_Command", "vnp_ResponseCode", "vnp_Message", "vnp_TmnCode", "vnp_TxnRef",
		"vnp_Amount", "vnp_BankCode", "vnp_PayDate", "vnp_TransactionNo", "vnp_TransactionType", "vnp_TransactionStatus", "vnp_OrderInfo"}
	queryAnswerFields = append(slices.Clone(refundAnswerFields), "vnp_PromotionCode", "vnp_PromotionAmount")
)

// joinedFields is the text that a hash of the API is over. What is missing is empty.
func joinedFields(fields []string, values map[string]string) string {
	parts := make([]string, len(fields))
	for i, f := range fields {
		parts[i] = values[f]
	}
	return strings.Join(parts, "|")
}

// serveVNPayAPI serves querydr and refund.
func (w *World) serveVNPayAPI(rw http.ResponseWriter, r *http.Request) {
	w.Settle()
	in := map[string]string{}
	body, err := readBody(rw, r)
	if err == nil {
		in, err = vnpayFields(body)
	}
	call, do, fields := callVNPayQuery, w.vnpayQuery, queryAnswerFields
	if in["vnp_Command"] == "refund" {
		call, do, fields = callVNPayRefund, w.vnpayRefund, refundAnswerFields
	}
	fault := w.takeFault("", call)
	if fault.beforeEffect() {
		w.answerWithFault(rw, r, jsonAnswer{}, fault)
		return
	}
	code, out := apiFormat, map[string]string{}
	if err == nil {
		code, out = w.checkVNPay(in), map[string]string{}
	}
	if code == apiDone {
		w.locked(func() { code, out = do(in) })
		if err := w.flush(); err != nil {
			code, out = apiOther, map[string]string{}
		}
	}
	maps.Copy(out, map[string]string{"vnp_ResponseId": strings.ReplaceAll(newUUID(), "-", ""), "vnp_Command": in["vnp_Command"],
		"vnp_ResponseCode": code, "vnp_Message": apiMessages[code], "vnp_TmnCode": in["vnp_TmnCode"], "vnp_TxnRef": in["vnp_TxnRef"]})
	out["vnp_SecureHash"] = w.vnpaySign(joinedFields(fields, out))
	out["x_unknown"] = "ignore me"
	w.answerWithFault(rw, r, jsonAnswer{http.StatusOK, out}, fault)
}

// vnpayFields reads a body of strings and numbers.
func vnpayFields(body []byte) (map[string]string, error) {
	var raw map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&raw); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	in := map[string]string{}
	for name, v := range raw {
		switch v := v.(type) {
		case string:
			in[name] = v
		case json.Number:
			in[name] = v.String()
		default:
			return nil, fmt.Errorf("%w: %s", ErrInvalid, name)
		}
	}
	return in, nil
}

// checkVNPay looks at merchant, hash and format, in this order.
func (w *World) checkVNPay(in map[string]string) string {
	fields := queryRequestFields
	switch in["vnp_Command"] {
	case "querydr":
	case "refund":
		fields = refundRequestFields
	default:
		return apiFormat
	}
	if in["vnp_TmnCode"] != w.opts.TmnCode {
		return apiMerchant
	}
	if !w.vnpaySigned(joinedFields(fields, in), in["vnp_SecureHash"]) {
		return apiHash
	}
	for _, f := range fields {
		if in[f] == "" && f != "vnp_TransactionNo" {
			return apiFormat
		}
	}
	for _, f := range []string{"vnp_TransactionDate", "vnp_CreateDate"} {
		if _, err := time.Parse(vnpayTime, in[f]); err != nil {
			return apiFormat
		}
	}
	if in["vnp_Version"] != "2.1.0" || len(in["vnp_RequestId"]) > 32 {
		return apiFormat
	}
	return apiDone
}

// vnpayQuery answers querydr. A RequestId is good for once a day. The caller holds w.mu.
func (w *World) vnpayQuery(in map[string]string) (string, map[string]string) {
	day := w.now().In(vietnam).Format(time.DateOnly)
	if w.state.VNPayDay != day {
		w.state.VNPayDay, w.state.VNPayQueries = day, map[string]bool{}
	}
	out := map[string]string{}
	if w.state.VNPayQueries[in["vnp_RequestId"]] {
		return apiDuplicate, out
	}
	w.state.VNPayQueries[in["vnp_RequestId"]] = true
	w.changed()
	p := w.findPayment(in)
	if p == nil {
		return apiUnknown, out
	}
	if p.Code == "" {
		return apiDone, map[string]string{"vnp_Amount": strconv.FormatInt(p.Amount, 10), "vnp_OrderInfo": p.OrderInfo,
			"vnp_TransactionNo": "0", "vnp_TransactionType": "01", "vnp_TransactionStatus": w.undecidedStatus(p)}
	}
	out = apiPayment(p, "01")
	if len(p.Refunds) > 0 {
		out["vnp_TransactionType"] = p.Refunds[len(p.Refunds)-1].Type
	}
	return apiDone, out
}

// findPayment finds what a call is about: vnp_TransactionDate is the vnp_CreateDate of the pay URL.
func (w *World) findPayment(in map[string]string) *payment {
	p := w.state.Payments[in["vnp_TxnRef"]]
	if p == nil || p.CreateDate != in["vnp_TransactionDate"] {
		return nil
	}
	return p
}

// apiPayment is a decided payment as the API shows it.
func apiPayment(p *payment, kind string) map[string]string {
	q, out := paymentValues(p), map[string]string{"vnp_TransactionType": kind}
	for _, f := range []string{"vnp_Amount", "vnp_BankCode", "vnp_PayDate", "vnp_TransactionNo", "vnp_TransactionStatus", "vnp_OrderInfo"} {
		out[f] = q.Get(f)
	}
	return out
}

// vnpayRefund gives money back, once for each RequestId. A refusal leaves the RequestId free. The caller holds w.mu.
func (w *World) vnpayRefund(in map[string]string) (string, map[string]string) {
	none := map[string]string{}
	amount, err := vnpayAmount(in["vnp_Amount"])
	kind := in["vnp_TransactionType"]
	if err != nil || (kind != "02" && kind != "03") {
		return apiFormat, none
	}
	if _, known := w.state.VNPayRefunds[in["vnp_RequestId"]]; known {
		return apiDuplicate, none
	}
	p := w.findPayment(in)
	number := in["vnp_TransactionNo"]
	switch {
	case p == nil, number != "" && number != "0" && number != strconv.Itoa(p.Number):
		return apiUnknown, none
	case p.Status != statusDone || p.left() == 0:
		return apiRefused, none
	case amount > p.left() || (kind == "02" && amount != p.Amount):
		return apiOther, none
	}
	refund := paymentRefund{RequestID: in["vnp_RequestId"], Type: kind, Amount: amount, At: w.now()}
	p.Refunds = append(p.Refunds, refund)
	w.state.VNPayRefunds[refund.RequestID] = p.TxnRef
	w.record(Effect{Kind: EffectRefund, Key: p.TxnRef, Detail: fmt.Sprintf("%d VND, request %s", amount/100, refund.RequestID)})
	out := apiPayment(p, kind)
	out["vnp_Amount"] = strconv.FormatInt(amount, 10)
	out["vnp_PayDate"] = refund.At.In(vietnam).Format(vnpayTime)
	return apiDone, out
}
