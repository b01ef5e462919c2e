package vnpay

import "kyso/internal/party"

// What the sandbox says of itself.
const (
	sandboxPay    = party.SandboxURL + "/paymentv2/vpcpay.html"
	sandboxAPI    = "/merchant_webapi/api/transaction"
	sandboxSecret = "SANDBOXSECRETSANDBOXSECRET123456" // opens nothing but a stand-in
)

// Read reads the settings of VNPay.
//
// KYSO_VNPAY_PAY_URL is the page that the citizen's browser is sent to, before its query.
//
// KYSO_VNPAY_API_URL is where payments are asked for and refunded (querydr, refund).
//
// KYSO_VNPAY_TMN_CODE and KYSO_VNPAY_SECRET (secret) are our terminal. The address for its IPN, …/v1/vnpay/ipn of the API, is set
// in VNPay's merchant portal.
//
// KYSO_VNPAY_RETURN_URL is where the browser comes back to. It decides nothing.
func Read(s party.Settings) *Client {
	c := &Client{
		PayBase:   s.Address("KYSO_VNPAY_PAY_URL", s.Text("KYSO_VNPAY_PAY_URL", sandboxPay)),
		APIBase:   s.Address("KYSO_VNPAY_API_URL", s.Text("KYSO_VNPAY_API_URL", s.Sandbox()+sandboxAPI)),
		TmnCode:   s.Text("KYSO_VNPAY_TMN_CODE", "DEMO0001"),
		ReturnURL: s.Address("KYSO_VNPAY_RETURN_URL", s.Text("KYSO_VNPAY_RETURN_URL", "http://127.0.0.1:8680/register")),
	}
	c.Secret = s.Key("KYSO_VNPAY_SECRET", sandboxSecret, c.PayBase == sandboxPay && c.APIBase == s.Sandbox()+sandboxAPI)
	return c
}

// Probe is where VNPay answers.
func (v *Client) Probe() party.Probe { return party.Probe{Name: "VNPay", Address: v.APIBase} }
