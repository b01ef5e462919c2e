package vnpay

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

	"kyso/internal/sandbox/kernel"
	"kyso/internal/vn"
)

// The calls of VNPay's API, as Fault.On names them.
const (
	callQuery  = "vnpay-query"
	callRefund = "vnpay-refund"
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

// serveAPI serves querydr and refund.
func (g *Gateway) serveAPI(rw http.ResponseWriter, r *http.Request) {
	g.k.Settle()
	in := map[string]string{}
	body, err := kernel.ReadBody(rw, r)
	if err == nil {
		in, err = readFields(body)
	}
	call, do, fields := callQuery, g.query, queryAnswerFields
	if in["vnp_Command"] == "refund" {
		call, do, fields = callRefund, g.refund, refundAnswerFields
	}
	fault := g.k.TakeFault("", call)
	if fault.BeforeEffect() {
		kernel.Answer{}.WriteWithFault(rw, r, fault)
		return
	}
	code, out := apiFormat, map[string]string{}
	if err == nil {
		code, out = g.checkCall(in), map[string]string{}
	}
	if code == apiDone {
		kernel.Locked(&g.mu, func() { code, out = do(in) })
		if err := g.k.Flush(); err != nil {
			code, out = apiOther, map[string]string{}
		}
	}
	maps.Copy(out, map[string]string{"vnp_ResponseId": strings.ReplaceAll(kernel.NewUUID(), "-", ""), "vnp_Command": in["vnp_Command"],
		"vnp_ResponseCode": code, "vnp_Message": apiMessages[code], "vnp_TmnCode": in["vnp_TmnCode"], "vnp_TxnRef": in["vnp_TxnRef"]})
	out["vnp_SecureHash"] = g.sign(joinedFields(fields, out))
	out["x_unknown"] = "ignore me"
	kernel.OK(out).WriteWithFault(rw, r, fault)
}

// readFields reads a body of strings and numbers.
func readFields(body []byte) (map[string]string, error) {
	var raw map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&raw); err != nil {
		return nil, fmt.Errorf("%w: %w", kernel.ErrInvalid, err)
	}
	in := map[string]string{}
	for name, v := range raw {
		switch v := v.(type) {
		case string:
			in[name] = v
		case json.Number:
			in[name] = v.String()
		default:
			return nil, fmt.Errorf("%w: %s", kernel.ErrInvalid, name)
		}
	}
	return in, nil
}

// checkCall looks at merchant, hash and format, in this order.
func (g *Gateway) checkCall(in map[string]string) string {
	fields := queryRequestFields
	switch in["vnp_Command"] {
	case "querydr":
	case "refund":
		fields = refundRequestFields
	default:
		return apiFormat
	}
	if in["vnp_TmnCode"] != g.opts.TmnCode {
		return apiMerchant
	}
	if !g.signed(joinedFields(fields, in), in["vnp_SecureHash"]) {
		return apiHash
	}
	for _, f := range fields {
		if in[f] == "" && f != "vnp_TransactionNo" {
			return apiFormat
		}
	}
	for _, f := range []string{"vnp_TransactionDate", "vnp_CreateDate"} {
		if _, err := time.Parse(timeForm, in[f]); err != nil {
			return apiFormat
		}
	}
	if in["vnp_Version"] != "2.1.0" || len(in["vnp_RequestId"]) > 32 {
		return apiFormat
	}
	return apiDone
}

// query answers querydr. A RequestId can be used once a day. The caller holds g.mu.
func (g *Gateway) query(in map[string]string) (string, map[string]string) {
	day := g.k.Now().In(vn.Zone).Format(time.DateOnly)
	if g.state.Day != day {
		g.state.Day, g.state.Queries = day, map[string]bool{}
	}
	out := map[string]string{}
	if g.state.Queries[in["vnp_RequestId"]] {
		return apiDuplicate, out
	}
	g.state.Queries[in["vnp_RequestId"]] = true
	g.k.Changed()
	p := g.findPayment(in)
	if p == nil {
		return apiUnknown, out
	}
	if p.Code == "" {
		return apiDone, map[string]string{"vnp_Amount": strconv.FormatInt(p.Amount, 10), "vnp_OrderInfo": p.OrderInfo,
			"vnp_TransactionNo": "0", "vnp_TransactionType": "01", "vnp_TransactionStatus": g.undecidedStatus(p)}
	}
	out = apiPayment(p, "01")
	if len(p.Refunds) > 0 {
		out["vnp_TransactionType"] = p.Refunds[len(p.Refunds)-1].Type
	}
	return apiDone, out
}

// findPayment finds what a call is about: vnp_TransactionDate is the vnp_CreateDate of the pay URL.
func (g *Gateway) findPayment(in map[string]string) *payment {
	p := g.state.Payments[in["vnp_TxnRef"]]
	if p == nil || p.CreateDate != in["vnp_TransactionDate"] {
		return nil
	}
	return p
}

// apiPayment is a decided payment as the API shows it.
func apiPayment(p *payment, kind string) map[string]string {
	q, out := valuesOf(p), map[string]string{"vnp_TransactionType": kind}
	for _, f := range []string{"vnp_Amount", "vnp_BankCode", "vnp_PayDate", "vnp_TransactionNo", "vnp_TransactionStatus", "vnp_OrderInfo"} {
		out[f] = q.Get(f)
	}
	return out
}

// refund gives money back, once for each RequestId. A refusal leaves the RequestId free. The caller holds g.mu.
func (g *Gateway) refund(in map[string]string) (string, map[string]string) {
	none := map[string]string{}
	amount, err := amountOf(in["vnp_Amount"])
	kind := in["vnp_TransactionType"]
	if err != nil || (kind != "02" && kind != "03") {
		return apiFormat, none
	}
	if _, known := g.state.Refunds[in["vnp_RequestId"]]; known {
		return apiDuplicate, none
	}
	p := g.findPayment(in)
	number := in["vnp_TransactionNo"]
	switch {
	case p == nil, number != "" && number != "0" && number != strconv.Itoa(p.Number):
		return apiUnknown, none
	case p.Status != statusDone || p.left() == 0:
		return apiRefused, none
	case amount > p.left() || (kind == "02" && amount != p.Amount):
		return apiOther, none
	}
	refund := refunded{RequestID: in["vnp_RequestId"], Type: kind, Amount: amount, At: g.k.Now()}
	p.Refunds = append(p.Refunds, refund)
	g.state.Refunds[refund.RequestID] = p.TxnRef
	g.k.Record(kernel.Effect{Kind: kernel.EffectRefund, Key: p.TxnRef, Detail: fmt.Sprintf("%d VND, request %s", amount/100, refund.RequestID)})
	out := apiPayment(p, kind)
	out["vnp_Amount"] = strconv.FormatInt(amount, 10)
	out["vnp_PayDate"] = refund.At.In(vn.Zone).Format(timeForm)
	return apiDone, out
}
