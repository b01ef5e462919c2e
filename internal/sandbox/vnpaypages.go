package sandbox

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

//go:embed vnpay
var vnpayFiles embed.FS

var vnpayPages = template.Must(template.New("vnpay").Funcs(template.FuncMap{
	"date":  func(t time.Time) string { return t.In(vietnam).Format("15:04:05 02/01/2006") },
	"money": dong,
}).ParseFS(vnpayFiles, "vnpay/vnpay.html"))

// vnpayPage is what every template gets.
type vnpayPage struct {
	Title, English string
	Text           string
	Payment        Payment
}

// dong writes an amount as people in Vietnam do: 300.000 ₫.
func dong(vnd int64) string {
	s := strconv.FormatInt(vnd, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "." + s[i:]
	}
	return s + " ₫"
}

// routeVNPay adds the pay page and the API, below /vnpay and at the paths of the real host.
func (w *World) routeVNPay(mux *http.ServeMux) {
	protect := http.NewCrossOriginProtection()
	for _, prefix := range []string{"", "/vnpay"} {
		mux.HandleFunc("GET "+prefix+"/paymentv2/vpcpay.html", w.vnpayShow)
		mux.Handle("POST "+prefix+"/paymentv2/vpcpay.html", protect.Handler(http.HandlerFunc(w.vnpayPress)))
		mux.HandleFunc("POST "+prefix+"/merchant_webapi/api/transaction", w.serveVNPayAPI)
	}
	mux.HandleFunc("GET /vnpay/phone.css", func(rw http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(rw, r, phoneFiles, "phone/phone.css")
	})
}

// vnpayShow shows the pay page, or sends the browser on when the payment has ended.
func (w *World) vnpayShow(rw http.ResponseWriter, r *http.Request) {
	p, ok := w.vnpayOpen(rw, r)
	switch {
	case !ok:
	case p.ReturnURL != "":
		http.Redirect(rw, r, p.ReturnURL, http.StatusSeeOther)
	default:
		w.vnpayRender(rw, http.StatusOK, "pay", returnOrigin(r.URL.Query().Get("vnp_ReturnUrl")),
			vnpayPage{Title: "Thanh toán đơn hàng", English: "Pay an order", Payment: p})
	}
}

// vnpayPress takes a button of the pay page, which posts to its own signed address. A second press changes nothing.
func (w *World) vnpayPress(rw http.ResponseWriter, r *http.Request) {
	p, ok := w.vnpayOpen(rw, r)
	if !ok {
		return
	}
	err := w.PayOrder(p.TxnRef, r.PostFormValue("outcome"))
	if err != nil && !errors.Is(err, ErrDecided) {
		w.vnpayRefuse(rw, err)
		return
	}
	w.AwaitIPN(p.TxnRef)
	if p, err = w.Payment(p.TxnRef); err != nil {
		w.vnpayRefuse(rw, err)
		return
	}
	http.Redirect(rw, r, p.ReturnURL, http.StatusSeeOther)
}

// vnpayOpen reads the pay URL, or says what is wrong with it.
func (w *World) vnpayOpen(rw http.ResponseWriter, r *http.Request) (Payment, bool) {
	ref, err := w.openPay(r.URL.RawQuery)
	if err != nil {
		w.vnpayRefuse(rw, err)
		return Payment{}, false
	}
	p, err := w.Payment(ref)
	if err != nil {
		w.vnpayRefuse(rw, err)
	}
	return p, err == nil
}

func (w *World) vnpayRefuse(rw http.ResponseWriter, err error) {
	w.log.Warn("VNPay refused", "error", err)
	w.vnpayRender(rw, statusOf(err), "message", "", vnpayPage{Title: "Không thanh toán được", English: "This cannot be paid",
		Text: fmt.Sprintf("Yêu cầu thanh toán không hợp lệ. (%s)", err)})
}

// returnOrigin is where the form of the page may lead. Browsers hold the redirect after a form against form-action.
func returnOrigin(address string) string {
	u, err := url.Parse(address)
	if err != nil || strings.ContainsAny(u.Host, "; ,'\"") {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func (w *World) vnpayRender(rw http.ResponseWriter, status int, name, origin string, page vnpayPage) {
	var b bytes.Buffer
	if err := vnpayPages.ExecuteTemplate(&b, name, page); err != nil {
		w.log.Error("rendering VNPay failed", "page", name, "error", err)
		http.Error(rw, "rendering failed", http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	rw.Header().Set("Content-Security-Policy", strings.Replace(phonePolicy, "form-action 'self'", strings.TrimSpace("form-action 'self' "+origin), 1))
	// Not no-referrer: with it, browsers post the form with "Origin: null".
	rw.Header().Set("Referrer-Policy", "same-origin")
	rw.WriteHeader(status)
	_, _ = rw.Write(b.Bytes()) // the client is gone; nothing to do about it
}

func (w *World) getPayments(rw http.ResponseWriter, _ *http.Request) {
	writeJSON(rw, http.StatusOK, map[string]any{"payments": w.Payments()})
}

// actOnPayment does what the pay page does, or settles a suspicious payment.
func (w *World) actOnPayment(rw http.ResponseWriter, r *http.Request) {
	ref, act := r.PathValue("ref"), r.PathValue("act")
	var err error
	switch act {
	case "settle-paid", "settle-failed":
		err = w.SettlePayment(ref, act == "settle-paid")
	default:
		err = w.PayOrder(ref, act)
	}
	var p Payment
	if err == nil {
		p, err = w.Payment(ref)
	}
	if err != nil {
		writeError(rw, err)
		return
	}
	writeJSON(rw, http.StatusOK, p)
}
