package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"

	"kyso/internal/eseal"
	"kyso/internal/forms"
	"kyso/internal/party/esms"
	"kyso/internal/party/vneid"
	"kyso/internal/registration"
	"kyso/workflows"
)

// Registration is the part of Config that registering certificates needs. It is read and explained like the rest.
type Registration struct {
	// VNeID, SMS and CA are how these parties are reached. Their rooms read the variables and say what they mean: see
	// vneid.Read, esms.Read and ca.Read.
	VNeID *vneid.Client
	SMS   *esms.Client
	CA    Authority // of the first issuer
	// Gateways is KYSO_GATEWAYS: the payment parties in use, by name; registration.FirstGateway when it is empty. Attempts to pay begin at the first. The
	// others say what becomes of those that they took before, and give money back. Each has variables of its own, which its room
	// reads. Name a second one when no program of a release before it runs any more.
	Gateways []Gateway

	// Seal is on the contracts of the first issuer's party; see eseal.Read.
	Seal eseal.Settings

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

// registration reads everything of Registration; providers are the signing providers in use.
func (r *reader) registration(providers []Provider) Registration {
	g := Registration{
		VNeID:              vneid.Read(r),
		SMS:                esms.Read(r),
		Gateways:           r.gateways(),
		CA:                 r.authority("KYSO_CA_WIRE", "", FirstIssuer),
		Seal:               eseal.Read(r),
		Packages:           r.packages("KYSO_PACKAGES"),
		AcceptanceProvider: r.text("KYSO_ACCEPTANCE_PROVIDER", acceptanceProvider(providers)),
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
	g.Party = r.sellerParty("KYSO_PARTY", onThisMachine(g.CA.Probe().Address) || g.CA.Probe().Address == r.sandbox)
	if !slices.ContainsFunc(providers, func(p Provider) bool { return p.Name == g.AcceptanceProvider }) {
		r.fail("KYSO_ACCEPTANCE_PROVIDER", "has to be one of KYSO_PROVIDERS")
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
