package vnpay

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/vn"
)

//go:embed vnpay.html
var files embed.FS

var pages = template.Must(template.New("vnpay").Funcs(template.FuncMap{
	"date":  func(t time.Time) string { return t.In(vn.Zone).Format("15:04:05 02/01/2006") },
	"money": func(vnd int64) string { return vn.Amount(vnd) + " ₫" },
}).ParseFS(files, "vnpay.html"))

// page is what every template gets.
type page struct {
	Title, English string
	Text           string
	Payment        Payment
}

// routes adds the pay page and the API, below /vnpay and at the paths of the real host.
func (g *Gateway) routes(mux *http.ServeMux) {
	protect := http.NewCrossOriginProtection()
	for _, prefix := range []string{"", "/vnpay"} {
		mux.HandleFunc("GET "+prefix+"/paymentv2/vpcpay.html", g.show)
		mux.Handle("POST "+prefix+"/paymentv2/vpcpay.html", protect.Handler(http.HandlerFunc(g.press)))
		mux.HandleFunc("POST "+prefix+"/merchant_webapi/api/transaction", g.serveAPI)
	}
	kernel.ServeLook(mux, "/vnpay")
}

// show shows the pay page, or sends the browser on when the payment has ended.
func (g *Gateway) show(rw http.ResponseWriter, r *http.Request) {
	p, ok := g.opened(rw, r)
	switch {
	case !ok:
	case p.ReturnURL != "":
		http.Redirect(rw, r, p.ReturnURL, http.StatusSeeOther)
	default:
		g.render(rw, http.StatusOK, "pay", r.URL.Query().Get("vnp_ReturnUrl"),
			page{Title: "Thanh toán đơn hàng", English: "Pay an order", Payment: p})
	}
}

// press takes a button of the pay page, which posts to its own signed address. A second press changes nothing.
func (g *Gateway) press(rw http.ResponseWriter, r *http.Request) {
	p, ok := g.opened(rw, r)
	if !ok {
		return
	}
	err := g.PayOrder(p.TxnRef, r.PostFormValue("outcome"))
	if err != nil && !errors.Is(err, kernel.ErrDecided) {
		g.refuse(rw, err)
		return
	}
	g.AwaitIPN(p.TxnRef)
	if p, err = g.Payment(p.TxnRef); err != nil {
		g.refuse(rw, err)
		return
	}
	http.Redirect(rw, r, p.ReturnURL, http.StatusSeeOther)
}

// opened reads the pay URL, or says what is wrong with it.
func (g *Gateway) opened(rw http.ResponseWriter, r *http.Request) (Payment, bool) {
	ref, err := g.openPay(r.URL.RawQuery)
	if err != nil {
		g.refuse(rw, err)
		return Payment{}, false
	}
	p, err := g.Payment(ref)
	if err != nil {
		g.refuse(rw, err)
	}
	return p, err == nil
}

func (g *Gateway) refuse(rw http.ResponseWriter, err error) {
	g.k.Log.Warn("VNPay refused", "error", err)
	g.render(rw, kernel.StatusOf(err), "message", "", page{Title: "Không thanh toán được", English: "This cannot be paid",
		Text: fmt.Sprintf("Yêu cầu thanh toán không hợp lệ. (%s)", err)})
}

func (g *Gateway) render(rw http.ResponseWriter, status int, name, leadsTo string, p page) {
	// Not no-referrer: with it, browsers post the form with "Origin: null".
	g.k.Render(rw, pages, name, p, kernel.Page{Status: status, Policy: kernel.PolicyTo(leadsTo), Referrer: "same-origin"})
}

func (g *Gateway) getPayments(rw http.ResponseWriter, _ *http.Request) {
	kernel.WriteJSON(rw, http.StatusOK, map[string]any{"payments": g.Payments()})
}

// act does what the pay page does, or settles a suspicious payment.
func (g *Gateway) act(rw http.ResponseWriter, r *http.Request) {
	ref, act := r.PathValue("ref"), r.PathValue("act")
	var err error
	switch act {
	case "settle-paid", "settle-failed":
		err = g.SettlePayment(ref, act == "settle-paid")
	default:
		err = g.PayOrder(ref, act)
	}
	var p Payment
	if err == nil {
		p, err = g.Payment(ref)
	}
	if err != nil {
		kernel.WriteError(rw, err)
		return
	}
	kernel.WriteJSON(rw, http.StatusOK, p)
}
