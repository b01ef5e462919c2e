package sandbox

import (
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The merchant that VNPay knows.
const (
	DefaultTmnCode     = "DEMO0001"
	DefaultVNPaySecret = "SANDBOXSECRETSANDBOXSECRET123456"
)

const (
	callVNPayQuery  = "vnpay-query"
	callVNPayRefund = "vnpay-refund"
	vnpayLayout     = "20060102150405"
	ipnRepeat       = 5 * time.Minute
	ipnTries        = 10
)

// vietnamTime is the zone of VNPay's times.
var vietnamTime = time.FixedZone("GMT+7", 7*60*60)

// order is a payment as VNPay knows it.
type order struct {
	Ref           string    `json:"ref"`
	Amount        int64     `json:"amount"` // VND x 100
	Info          string    `json:"info"`
	ReturnURL     string    `json:"return_url"`
	CreateDate    string    `json:"create_date"`
	ExpiresAt     time.Time `json:"expires_at"`
	Response      string    `json:"response"` // vnp_ResponseCode, empty while open
	Status        string    `json:"status"`   // vnp_TransactionStatus
	TransactionNo string    `json:"transaction_no"`
	PaidAt        time.Time `json:"paid_at,omitzero"`
	Refunded      string    `json:"refunded,omitempty"` // vnp_RequestId of the refund
	IPN           []ipn     `json:"ipn,omitempty"`
}

// ipn is a notice that is due.
type ipn struct {
	Due    time.Time `json:"due"`
	Tries  int       `json:"tries"`
	Forged bool      `json:"forged,omitempty"`
	Done   bool      `json:"done"`
}

func (w *World) routeVNPay(mux *http.ServeMux) {
	mux.HandleFunc("GET /vnpay/paymentv2/vpcpay.html", w.servePayPage)
	mux.HandleFunc("POST /vnpay/paymentv2/vpcpay.html", w.servePayAct)
	mux.HandleFunc("POST /vnpay/merchant_webapi/api/transaction", w.serveVNPayAPI)
}

func vnpayMAC(text string) string {
	mac := hmac.New(sha512.New, []byte(DefaultVNPaySecret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// signedQuery sorts and signs parameters as VNPay does.
func signedQuery(params map[string]string) string {
	values := url.Values{}
	for k, v := range params {
		if v != "" {
			values.Set(k, v)
		}
	}
	text := values.Encode()
	return text + "&vnp_SecureHash=" + vnpayMAC(text)
}

// OpenPayURL opens a pay page as the citizen's browser does and returns its order.
func (w *World) OpenPayURL(payURL string) (string, error) {
	u, err := url.Parse(payURL)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	o, err := w.openOrder(u.Query())
	if err != nil {
		return "", err
	}
	return o.Ref, w.flush()
}

func (w *World) openOrder(q url.Values) (*order, error) {
	given := q.Get("vnp_SecureHash")
	q.Del("vnp_SecureHash")
	q.Del("vnp_SecureHashType")
	amount, err := strconv.ParseInt(q.Get("vnp_Amount"), 10, 64)
	expires, err2 := time.ParseInLocation(vnpayLayout, q.Get("vnp_ExpireDate"), vietnamTime)
	switch {
	case !hmac.Equal([]byte(strings.ToLower(given)), []byte(vnpayMAC(q.Encode()))):
		return nil, fmt.Errorf("%w: wrong vnp_SecureHash", ErrInvalid)
	case err != nil || err2 != nil || amount <= 0 || q.Get("vnp_TmnCode") != DefaultTmnCode || q.Get("vnp_Version") != "2.1.0" ||
		q.Get("vnp_Command") != "pay" || q.Get("vnp_CurrCode") != "VND" || q.Get("vnp_TxnRef") == "" || q.Get("vnp_ReturnUrl") == "":
		return nil, fmt.Errorf("%w: a parameter of the pay page is missing or wrong", ErrInvalid)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	ref := q.Get("vnp_TxnRef")
	if o := w.state.Orders[ref]; o != nil {
		return o, nil
	}
	o := &order{Ref: ref, Amount: amount, Info: q.Get("vnp_OrderInfo"), ReturnURL: q.Get("vnp_ReturnUrl"), CreateDate: q.Get("vnp_CreateDate"), ExpiresAt: expires}
	w.state.Orders[ref] = o
	w.changed()
	return o, nil
}

// outcomes are the buttons of the pay page.
var outcomes = map[string][2]string{"pay": {"00", "00"}, "no-money": {"51", "02"}, "cancel": {"24", "02"}, "suspicious": {"07", "07"}}

// PayOrder presses a button of the pay page: pay, no-money, cancel or suspicious. After the page's time the answer is
// 11, whatever was pressed.
func (w *World) PayOrder(ref, outcome string) error {
	codes, ok := outcomes[outcome]
	if !ok {
		return fmt.Errorf("%w: outcome %q", ErrInvalid, outcome)
	}
	w.mu.Lock()
	o := w.state.Orders[ref]
	if o == nil {
		w.mu.Unlock()
		return fmt.Errorf("order %q: %w", ref, ErrNotFound)
	}
	if o.Response != "" {
		w.mu.Unlock()
		return ErrDecided
	}
	if !w.now().Before(o.ExpiresAt) {
		codes = [2]string{"11", "02"}
	}
	w.decideOrder(o, codes[0], codes[1])
	w.mu.Unlock()
	w.Settle()
	return w.flush()
}

// decideOrder ends an order and plans the notices. The caller holds w.mu.
func (w *World) decideOrder(o *order, response, status string) {
	now := w.now()
	if o.TransactionNo == "" {
		o.TransactionNo = strconv.Itoa(14_000_000 + len(w.state.Ledger))
	}
	o.Response, o.Status, o.PaidAt = response, status, now
	if response == "00" && status == "00" {
		w.record(Effect{Kind: EffectCharge, Key: o.Ref})
	}
	due := now
	switch w.state.Settings.IPN {
	case "lost":
		w.record(Effect{Kind: EffectIPN, Key: o.Ref, Detail: "lost"})
		return
	case "late":
		due = now.Add(2 * time.Minute)
		if s := w.state.Settings.IPNDelaySeconds; s > 0 {
			due = now.Add(seconds(s))
		}
	case "double":
		o.IPN = append(o.IPN, ipn{Due: due})
	case "forged":
		o.IPN = append(o.IPN, ipn{Due: due, Forged: true, Tries: ipnTries - 1})
	}
	o.IPN = append(o.IPN, ipn{Due: due})
	w.wakeAt(due)
	w.changed()
}

// SettlePayment resolves a suspicious payment.
func (w *World) SettlePayment(ref string, paid bool) error {
	w.mu.Lock()
	o := w.state.Orders[ref]
	if o == nil || o.Response != "07" {
		w.mu.Unlock()
		return fmt.Errorf("suspicious order %q: %w", ref, ErrNotFound)
	}
	if paid {
		w.decideOrder(o, "00", "00")
	} else {
		w.decideOrder(o, "99", "02")
	}
	w.mu.Unlock()
	w.Settle()
	return w.flush()
}

// settleOrders sends the notices that are due. The caller holds w.mu.
func (w *World) settleOrders(now time.Time) {
	for _, o := range w.state.Orders {
		for i := range o.IPN {
			n := &o.IPN[i]
			if n.Done || n.Due.After(now) || w.state.Settings.IPNURL == "" {
				continue
			}
			n.Tries++
			n.Due = now.Add(ipnRepeat)
			n.Done = n.Tries >= ipnTries
			w.changed()
			w.postIPN(o, i, n.Forged)
		}
	}
}

func (o *order) params() map[string]string {
	return map[string]string{"vnp_Amount": strconv.FormatInt(o.Amount, 10), "vnp_BankCode": "NCB", "vnp_BankTranNo": "VNP" + o.TransactionNo,
		"vnp_CardType": "ATM", "vnp_OrderInfo": o.Info, "vnp_PayDate": o.PaidAt.In(vietnamTime).Format(vnpayLayout), "vnp_ResponseCode": o.Response,
		"vnp_TmnCode": DefaultTmnCode, "vnp_TransactionNo": o.TransactionNo, "vnp_TransactionStatus": o.Status, "vnp_TxnRef": o.Ref}
}

// postIPN sends one notice in the background and notes the answer. The caller holds w.mu.
func (w *World) postIPN(o *order, index int, forged bool) {
	params := o.params()
	query := signedQuery(params)
	if forged {
		params["vnp_Amount"] = strconv.FormatInt(o.Amount/10, 10)
		forgedQuery := signedQuery(params)
		query = forgedQuery[:len(forgedQuery)-4] + "dead"
	}
	address, ref := w.state.Settings.IPNURL+"?"+query, o.Ref
	w.posts.Go(func() {
		code := w.getIPN(address)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.record(Effect{Kind: EffectIPN, Key: ref, Detail: code})
		if code == "00" || code == "02" {
			w.state.Orders[ref].IPN[index].Done = true
		} else if !w.closed {
			w.wakeAt(w.now().Add(ipnRepeat))
		}
	})
}

func (w *World) getIPN(address string) string {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, address, nil)
	if err != nil {
		return "bad address"
	}
	res, err := w.client.Do(req)
	if err != nil {
		return "no answer"
	}
	defer res.Body.Close()
	var answer struct{ RspCode string }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return strconv.Itoa(res.StatusCode)
	}
	return answer.RspCode
}

// vnpayRequest is querydr or refund.
type vnpayRequest map[string]string

func (q vnpayRequest) joined(names ...string) string {
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = q["vnp_"+name]
	}
	return strings.Join(values, "|")
}

var (
	queryNames    = []string{"RequestId", "Version", "Command", "TmnCode", "TxnRef", "TransactionDate", "CreateDate", "IpAddr", "OrderInfo"}
	queryAnswer   = []string{"ResponseId", "Command", "ResponseCode", "Message", "TmnCode", "TxnRef", "Amount", "BankCode", "PayDate", "TransactionNo", "TransactionType", "TransactionStatus", "OrderInfo", "PromotionCode", "PromotionAmount"}
	refundNames   = []string{"RequestId", "Version", "Command", "TmnCode", "TransactionType", "TxnRef", "Amount", "TransactionNo", "TransactionDate", "CreateBy", "CreateDate", "IpAddr", "OrderInfo"}
	refundAnswers = queryAnswer[:len(queryAnswer)-2]
)

func (w *World) serveVNPayAPI(rw http.ResponseWriter, r *http.Request) {
	var q vnpayRequest
	body, err := readBody(rw, r)
	if err != nil || json.Unmarshal(body, &q) != nil {
		writeJSON(rw, http.StatusOK, map[string]string{"vnp_ResponseCode": "03", "vnp_Message": "bad format"})
		return
	}
	call, names, answerNames := callVNPayQuery, queryNames, queryAnswer
	if q["vnp_Command"] == "refund" {
		call, names, answerNames = callVNPayRefund, refundNames, refundAnswers
	}
	f := w.takeFault("", call)
	if f.beforeEffect() {
		w.answerWithFault(rw, r, jsonAnswer{}, f)
		return
	}
	answer := vnpayRequest{"vnp_ResponseId": newUUID(), "vnp_Command": q["vnp_Command"], "vnp_TmnCode": DefaultTmnCode, "vnp_TxnRef": q["vnp_TxnRef"]}
	switch {
	case !hmac.Equal([]byte(strings.ToLower(q["vnp_SecureHash"])), []byte(vnpayMAC(q.joined(names...)))):
		answer["vnp_ResponseCode"] = "97"
	case q["vnp_TmnCode"] != DefaultTmnCode:
		answer["vnp_ResponseCode"] = "02"
	case call == callVNPayRefund:
		w.refundOrder(q, answer)
	default:
		w.queryOrder(q, answer)
	}
	answer["vnp_Message"] = "code " + answer["vnp_ResponseCode"]
	answer["vnp_SecureHash"] = vnpayMAC(answer.joined(answerNames...))
	if err := w.flush(); err != nil {
		w.log.Error("saving the sandbox failed", "error", err)
	}
	w.answerWithFault(rw, r, jsonAnswer{http.StatusOK, answer}, f)
}

func (w *World) queryOrder(q, answer vnpayRequest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.state.Orders[q["vnp_TxnRef"]]
	if o == nil || q["vnp_TransactionDate"] != o.CreateDate {
		answer["vnp_ResponseCode"] = "91"
		return
	}
	answer["vnp_ResponseCode"] = "00"
	o.describe(answer)
	if o.Response == "" {
		answer["vnp_TransactionStatus"] = "01"
		if !w.now().Before(o.ExpiresAt) {
			answer["vnp_TransactionStatus"] = "02"
		}
	}
}

func (o *order) describe(answer vnpayRequest) {
	answer["vnp_Amount"], answer["vnp_TransactionNo"], answer["vnp_OrderInfo"] = strconv.FormatInt(o.Amount, 10), o.TransactionNo, o.Info
	answer["vnp_TransactionType"], answer["vnp_TransactionStatus"] = "01", o.Status
	if o.Response != "" {
		answer["vnp_BankCode"], answer["vnp_PayDate"] = "NCB", o.PaidAt.In(vietnamTime).Format(vnpayLayout)
	}
	if o.Refunded != "" {
		answer["vnp_TransactionType"], answer["vnp_TransactionStatus"] = "02", "00"
	}
}

func (w *World) refundOrder(q, answer vnpayRequest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.state.Orders[q["vnp_TxnRef"]]
	switch {
	case o == nil:
		answer["vnp_ResponseCode"] = "91"
	case o.Refunded == q["vnp_RequestId"]:
		answer["vnp_ResponseCode"] = "94"
	case o.Status != "00" || o.Response != "00" || o.Refunded != "" || q["vnp_Amount"] != strconv.FormatInt(o.Amount, 10):
		answer["vnp_ResponseCode"] = "95"
	default:
		o.Refunded = q["vnp_RequestId"]
		w.record(Effect{Kind: EffectRefund, Key: o.Ref})
		answer["vnp_ResponseCode"] = "00"
		o.describe(answer)
	}
}

var payPage = template.Must(template.New("pay").Parse(`<!doctype html><html lang="vi"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>VNPay thử nghiệm</title>
<h1>Thanh toán (thử nghiệm)</h1><p>Đơn hàng {{.Ref}}<br>{{.Info}}<br><strong>{{.VND}} đồng</strong></p>
<form method="post" action="?{{.Query}}">
<button name="outcome" value="pay">Thanh toán</button> <button name="outcome" value="no-money">Không đủ tiền</button>
<button name="outcome" value="suspicious">Giao dịch nghi ngờ</button> <button name="outcome" value="cancel">Hủy</button></form>`))

func (w *World) servePayPage(rw http.ResponseWriter, r *http.Request) {
	o, err := w.openOrder(r.URL.Query())
	if err != nil {
		writeError(rw, err)
		return
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.Header().Set("Content-Security-Policy", phonePolicy)
	_ = payPage.Execute(rw, map[string]any{"Ref": o.Ref, "Info": o.Info, "VND": o.Amount / 100, "Query": template.URL(r.URL.RawQuery)}) //nolint:gosec // the query was checked
}

func (w *World) servePayAct(rw http.ResponseWriter, r *http.Request) {
	o, err := w.openOrder(r.URL.Query())
	if err == nil {
		err = w.PayOrder(o.Ref, r.FormValue("outcome"))
	}
	if err != nil {
		writeError(rw, err)
		return
	}
	w.mu.Lock()
	query := signedQuery(o.params())
	w.mu.Unlock()
	http.Redirect(rw, r, o.ReturnURL+"?"+query, http.StatusSeeOther)
}
