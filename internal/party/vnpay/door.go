package vnpay

import (
	"net/http"

	"kyso/internal/registration"
)

// IPNBody is what VNPay reads. It sends a notice again unless the code is 00 or 02.
type IPNBody struct {
	RspCode string `json:"RspCode" enum:"00,01,02,04,97,99"` //nolint:tagliatelle // VNPay's names
	Message string `json:"Message"`
}

var receipts = map[registration.Receipt]IPNBody{
	registration.ReceiptRecorded: {"00", "Confirm Success"},
	registration.ReceiptUnknown:  {"01", "Order not found"},
	registration.ReceiptDecided:  {"02", "Order already confirmed"},
	registration.ReceiptAmount:   {"04", "Invalid amount"},
	registration.ReceiptForged:   {"97", "Invalid signature"},
	registration.ReceiptFault:    {"99", "Unknown error"},
}

// Door is where VNPay's IPN and its browsers reach us. The browser brings what an IPN brings, signed alike.
func (v *Client) Door() registration.PaymentDoor {
	open := func(c registration.Call) (registration.PaymentNotice, error) { return v.VerifyIPN(c.Query) }
	return registration.PaymentDoor{
		Notice: registration.Route{Method: http.MethodGet, Path: "/v1/vnpay/ipn", Operation: "receiveIPN", Summary: "Receive VNPay's notification of a payment (IPN)", Open: open},
		Answer: func(r registration.Receipt) (int, any) { return http.StatusOK, receipts[r] },
		Return: registration.Route{Method: http.MethodGet, Path: "/v1/vnpay/return", Operation: "showReturn",
			Summary: "Show how a payment stands after the browser came back from VNPay; changes nothing", Open: open},
	}
}
