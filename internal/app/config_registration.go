package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"

	"kyso/internal/forms"
	"kyso/internal/registration"
	"kyso/workflows"
)

// Registration is the part of Config that registering certificates needs. It is read and explained like the rest.
type Registration struct {
	// VNeIDURL is KYSO_VNEID_URL: in front of /partner/v1, where VNeID is told how a registration stands.
	VNeIDURL string
	// VNeIDSecret is KYSO_VNEID_SECRET (secret): signs what VNeID and kyso tell each other.
	VNeIDSecret string

	// SMSURL is KYSO_SMS_URL: the base address of eSMS, which sends one-time codes.
	SMSURL string
	// SMSAPIKey and SMSSecretKey are KYSO_SMS_API_KEY and KYSO_SMS_SECRET_KEY (secret): our account there.
	SMSAPIKey    string
	SMSSecretKey string
	// SMSBrandname is KYSO_SMS_BRANDNAME: the sender that phones show, registered together with the texts.
	SMSBrandname string

	// VNPayPayURL is KYSO_VNPAY_PAY_URL: the page that the citizen's browser is sent to, before its query.
	VNPayPayURL string
	// VNPayAPIURL is KYSO_VNPAY_API_URL: where payments are asked for and refunded (querydr, refund).
	VNPayAPIURL string
	// VNPayTmnCode and VNPaySecret are KYSO_VNPAY_TMN_CODE and KYSO_VNPAY_SECRET (secret): our terminal. The address
	// for its IPN, …/v1/vnpay/ipn of the API, is set in VNPay's merchant portal.
	VNPayTmnCode string
	VNPaySecret  string
	// VNPayReturnURL is KYSO_VNPAY_RETURN_URL: where the browser comes back to. It decides nothing.
	VNPayReturnURL string

	// CAURL is KYSO_CA_URL: in front of /ca/v1, the certification authority with its key service.
	CAURL string
	// CAKey is KYSO_CA_KEY (secret): the bearer key for it.
	CAKey string

	// SealKeyFile is KYSO_SEAL_KEY_FILE: the private key of the seal on contracts, PEM with PKCS #8. Keys on PKCS #11
	// tokens are not supported yet.
	SealKeyFile string
	// SealCertificateFile is KYSO_SEAL_CERT_FILE: PEM, the certificate of that key first, then its issuers.
	SealCertificateFile string
	// SealRSAScheme is KYSO_SEAL_RSA_SCHEME: how seals with an RSA key sign, "pss" (the default) or "pkcs1-v1_5". It holds for
	// the seal of every issuer; ECDSA keys have one way.
	SealRSAScheme RSAScheme

	// Packages is KYSO_PACKAGES: the path of a JSON file, a list of {"code", "name_vi", "name_en", "price_vnd", "months",
	// "sign_quota", "scope"}. A price of 0 skips payment; a certificate lives 36 months at most. Without it there are
	// PS0 (free, 12 months) and PS1 to PS3 (12, 24, 36 months).
	Packages []registration.Package
	// Party is KYSO_PARTY: the path of a JSON file that says who sells, as it stands in contracts: {"name", "short_name",
	// "tax_code", "licence", "representative", "title", "address", "hotline"}. Without it documents say that they have
	// no legal value, and only a CA on this machine, or the sandbox, is accepted.
	Party forms.Provider
	// Issuers is KYSO_ISSUERS: the codes of the CAs that citizens may choose in VNeID, separated by commas; VNPT-CA by
	// default. A request with another one is refused. The first has the variables above, the others those of Issuer.
	Issuers []Issuer
	// AcceptanceProvider is KYSO_ACCEPTANCE_PROVIDER: the one of KYSO_PROVIDERS that holds the new keys and lets
	// citizens sign the acceptance record; vnpt by default, or the first when that is not in use.
	AcceptanceProvider string

	// Limits are how long each wait may take, as durations such as 168h; without one (or with 0) the number in brackets
	// counts. KYSO_REGISTRATION_HANDOFF (7 days): until the citizen comes from VNeID. KYSO_REGISTRATION_ACCOUNT (7
	// days): until there is an account. KYSO_REGISTRATION_ORDER (24 h): package and payment.
	// KYSO_REGISTRATION_CONTRACT (7 days): until the citizen agrees. KYSO_REGISTRATION_REVIEW_SLA (3 days): after which
	// a waiting officer is reminded; nothing ends. KYSO_REGISTRATION_CORRECTION (14 days): until named fields are
	// corrected. KYSO_REGISTRATION_ACTIVATION (30 days): PIN and code. KYSO_REGISTRATION_ACCEPTANCE (30 days): until
	// the acceptance record is signed. KYSO_REGISTRATION_KEEP_MONEY: true keeps the price when a citizen never accepts
	// an issued certificate; else it is refunded.
	Limits workflows.RegistrationLimits
}

// The accounts that the sandbox knows, the defaults here.
//
//nolint:gosec // no secrets: they open nothing but stand-ins
const (
	sandboxVNeIDSecret  = "sandbox-only-vneid-secret"
	sandboxCAKey        = "sandbox-only-ca-key"
	sandboxSMSAPIKey    = "sandbox-only-esms-api-key"
	sandboxSMSSecretKey = "sandbox-only-esms-secret-key"
	sandboxVNPaySecret  = "SANDBOXSECRETSANDBOXSECRET123456"
	sandboxVNeIDPath    = "/vneid"
	sandboxVNPayPath    = "/paymentv2/vpcpay.html"
	sandboxVNPayAPIPath = "/merchant_webapi/api/transaction"
)

// registration reads everything of Registration; providers are the signing providers in use.
func (r *reader) registration(providers []Provider) Registration {
	g := Registration{
		VNeIDURL:            r.party("KYSO_VNEID_URL", sandboxVNeIDPath),
		SMSURL:              r.party("KYSO_SMS_URL", ""),
		SMSBrandname:        r.text("KYSO_SMS_BRANDNAME", "KYSO"),
		VNPayPayURL:         r.text("KYSO_VNPAY_PAY_URL", sandboxURL+sandboxVNPayPath),
		VNPayAPIURL:         r.party("KYSO_VNPAY_API_URL", sandboxVNPayAPIPath),
		VNPayTmnCode:        r.text("KYSO_VNPAY_TMN_CODE", "DEMO0001"),
		VNPayReturnURL:      r.text("KYSO_VNPAY_RETURN_URL", "http://127.0.0.1:8680/register"),
		CAURL:               r.party("KYSO_CA_URL", ""),
		SealKeyFile:         r.text("KYSO_SEAL_KEY_FILE", ".kyso/seal.key"),
		SealCertificateFile: r.text("KYSO_SEAL_CERT_FILE", ".kyso/seal.pem"),
		SealRSAScheme:       RSAScheme(r.text("KYSO_SEAL_RSA_SCHEME", string(SchemePSS))),
		Packages:            r.packages("KYSO_PACKAGES"),
		AcceptanceProvider:  r.text("KYSO_ACCEPTANCE_PROVIDER", acceptanceProvider(providers)),
		Limits: workflows.RegistrationLimits{
			HandOff:    r.duration("KYSO_REGISTRATION_HANDOFF", 0),
			Account:    r.duration("KYSO_REGISTRATION_ACCOUNT", 0),
			Order:      r.duration("KYSO_REGISTRATION_ORDER", 0),
			Contract:   r.duration("KYSO_REGISTRATION_CONTRACT", 0),
			Correction: r.duration("KYSO_REGISTRATION_CORRECTION", 0),
			ReviewSLA:  r.duration("KYSO_REGISTRATION_REVIEW_SLA", 0),
			Activation: r.duration("KYSO_REGISTRATION_ACTIVATION", 0),
			Acceptance: r.duration("KYSO_REGISTRATION_ACCEPTANCE", 0),
			KeepMoney:  r.yes("KYSO_REGISTRATION_KEEP_MONEY"),
		},
	}
	g.VNeIDSecret = r.key("KYSO_VNEID_SECRET", sandboxVNeIDSecret, g.VNeIDURL == r.sandbox+sandboxVNeIDPath)
	g.SMSAPIKey = r.key("KYSO_SMS_API_KEY", sandboxSMSAPIKey, g.SMSURL == r.sandbox)
	g.SMSSecretKey = r.key("KYSO_SMS_SECRET_KEY", sandboxSMSSecretKey, g.SMSURL == r.sandbox)
	g.VNPaySecret = r.key("KYSO_VNPAY_SECRET", sandboxVNPaySecret,
		g.VNPayPayURL == sandboxURL+sandboxVNPayPath && g.VNPayAPIURL == r.sandbox+sandboxVNPayAPIPath)
	g.CAKey = r.key("KYSO_CA_KEY", sandboxCAKey, g.CAURL == r.sandbox)
	g.Party = r.sellerParty("KYSO_PARTY", onThisMachine(g.CAURL) || g.CAURL == r.sandbox)
	r.url("KYSO_VNPAY_PAY_URL", g.VNPayPayURL)
	r.url("KYSO_VNPAY_RETURN_URL", g.VNPayReturnURL)
	if !slices.ContainsFunc(providers, func(p Provider) bool { return p.Name == g.AcceptanceProvider }) {
		r.fail("KYSO_ACCEPTANCE_PROVIDER", "has to be one of KYSO_PROVIDERS")
	}
	if g.SealRSAScheme != SchemePSS && g.SealRSAScheme != SchemePKCS1 {
		r.fail("KYSO_SEAL_RSA_SCHEME", "has to be pss or pkcs1-v1_5")
	}
	g.Issuers = r.issuers(g, providers)
	return g
}

func acceptanceProvider(providers []Provider) string {
	if len(providers) > 0 && !slices.ContainsFunc(providers, func(p Provider) bool { return p.Name == "vnpt" }) {
		return providers[0].Name
	}
	return "vnpt"
}

// party reads the address of an outside party; path is where the sandbox serves it.
func (r *reader) party(name, path string) string {
	address := r.text(name, r.sandbox+path)
	r.url(name, address)
	return address
}

// key reads a secret that has a default in the sandbox only.
func (r *reader) key(name, fallback string, sandbox bool) string {
	value := r.secret(name, fallback)
	if !sandbox && !r.given(name) {
		r.fail(name, "has to be given for a party that is not the sandbox")
	}
	return value
}

// onThisMachine reports whether an address can only be a stand-in.
func onThisMachine(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// sandboxPackages are what can be bought when nothing else is said.
func sandboxPackages() []registration.Package {
	return []registration.Package{
		{Code: "PS0", NameVI: "Chứng thư số cá nhân PS0 (Công dân)", NameEN: "Personal PS0 (citizen)", Months: 12, Scope: "Dịch vụ công trực tuyến"},
		{Code: "PS1", NameVI: "Chứng thư số cá nhân PS1 – 12 tháng", NameEN: "Personal PS1, 12 months", PriceVND: 300_000, Months: 12},
		{Code: "PS2", NameVI: "Chứng thư số cá nhân PS2 – 24 tháng", NameEN: "Personal PS2, 24 months", PriceVND: 500_000, Months: 24},
		{Code: "PS3", NameVI: "Chứng thư số cá nhân PS3 – 36 tháng", NameEN: "Personal PS3, 36 months", PriceVND: 700_000, Months: 36},
	}
}

// maxMonths is the longest life that the law gives to the certificate of a subscriber.
const maxMonths = 36

var packageCode = regexp.MustCompile(`^[A-Za-z0-9._-]{1,32}$`)

func (r *reader) packages(name string) []registration.Package {
	var list []registration.Package
	if !r.file(name, &list) {
		return sandboxPackages()
	}
	if len(list) == 0 {
		r.fail(name, "there has to be a package")
	}
	seen := map[string]bool{}
	for i, p := range list {
		wrong := func(what string) { r.fail(name, fmt.Sprintf("package %d %s", i+1, what)) }
		if !packageCode.MatchString(p.Code) || seen[p.Code] {
			wrong("needs a code of its own: letters, digits and ._-")
		}
		if p.NameVI == "" {
			wrong("needs a name_vi")
		}
		if p.PriceVND < 0 || p.SignQuota < 0 {
			wrong("has a negative number")
		}
		if p.Months < 1 || p.Months > maxMonths {
			wrong(fmt.Sprintf("has to last 1 to %d months", maxMonths))
		}
		seen[p.Code] = true
	}
	return list
}

// sellerParty reads who sells. What stands in for that says so in every document.
func (r *reader) sellerParty(name string, standIn bool) forms.Provider {
	var p struct {
		Name           string `json:"name"`
		ShortName      string `json:"short_name"`
		TaxCode        string `json:"tax_code"`
		Licence        string `json:"licence"`
		Representative string `json:"representative"`
		Title          string `json:"title"`
		Address        string `json:"address"`
		Hotline        string `json:"hotline"`
	}
	if r.file(name, &p) {
		if p.Name == "" || p.TaxCode == "" {
			r.fail(name, "needs name and tax_code")
		}
		if p.ShortName == "" {
			p.ShortName = p.Name
		}
		return forms.Provider(p)
	}
	if !standIn && r.values[name] == "" {
		r.fail(name, "has to be given for a CA that is not on this machine")
	}
	return forms.Provider{Name: "KYSO SANDBOX – không có giá trị pháp lý", ShortName: "KYSO SANDBOX", TaxCode: "0000000000",
		Licence: "Không có – môi trường thử nghiệm", Representative: "Người thử nghiệm", Title: "Đại diện thử nghiệm",
		Address: "Môi trường thử nghiệm, không phải địa chỉ thật", Hotline: "0000 000 000"}
}

// file reads the JSON file that a variable names into value, and reports whether there is one that could be read.
func (r *reader) file(name string, value any) bool {
	path := r.text(name, "")
	if path == "" {
		return false
	}
	data, err := os.ReadFile(path)
	if err == nil {
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.DisallowUnknownFields() // a misspelt field would be ignored silently
		err = decoder.Decode(value)
	}
	r.check(name, err)
	return err == nil
}
