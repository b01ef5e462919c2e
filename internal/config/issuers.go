package config

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"kyso/internal/eseal"
	"kyso/internal/forms"
)

// Issuer is a certification authority that citizens may choose in VNeID. KYSO_ISSUERS lists their codes, as VNeID sends
// them; the first one has the variables of before there were several (KYSO_CA_URL, KYSO_CA_KEY, KYSO_PARTY,
// KYSO_SEAL_KEY_FILE, KYSO_SEAL_CERT_FILE, KYSO_ACCEPTANCE_PROVIDER), and each of the others its own, with its code in
// capitals and _ for every other sign, such as KYSO_ISSUER_INTRUST_CA_URL for INTRUST-CA.
type Issuer struct {
	Code string
	// CA is its client, on the wire that KYSO_CA_WIRE names for the first and KYSO_ISSUER_…_WIRE for the others: "ca" (the default),
	// whose variables ca.Read and ca.ReadIssuer explain.
	CA Authority
	// Party is KYSO_ISSUER_…_PARTY: who sells, as KYSO_PARTY says it.
	Party forms.Provider
	// Seal is on this party's contracts; see eseal.Read and eseal.ReadIssuer.
	Seal eseal.Settings
	// AuthoritiesFile is KYSO_CA_AUTHORITIES for the first and KYSO_ISSUER_…_AUTHORITIES for the others: PEM, the
	// certificates under which this CA issues, roots or issuing CAs. A certificate of another CA is refused. With one
	// issuer it may be left out: then every root of KYSO_TRUST will do.
	AuthoritiesFile string
	// AcceptanceProvider is KYSO_ISSUER_…_ACCEPTANCE_PROVIDER: the one of KYSO_PROVIDERS that holds this CA's keys; by
	// default that of the first issuer.
	AcceptanceProvider string
}

var (
	issuerCode    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$`)
	noLetterDigit = regexp.MustCompile(`[^A-Z0-9]+`)
)

// issuers reads every issuer; g holds the first one's variables.
func (r *reader) issuers(g Registration, providers []Provider) []Issuer {
	codes := r.list("KYSO_ISSUERS", "VNPT-CA")
	seen := map[string]bool{}
	var list []Issuer
	for i, code := range codes {
		prefix := "KYSO_ISSUER_" + strings.Trim(noLetterDigit.ReplaceAllString(strings.ToUpper(code), "_"), "_") + "_"
		if !issuerCode.MatchString(code) || seen[prefix] {
			r.fail("KYSO_ISSUERS", "has to be codes of letters, digits and ._-, each once")
			return nil
		}
		seen[prefix] = true
		if i == 0 {
			list = append(list, Issuer{Code: code, CA: g.CA, Party: g.Party, Seal: g.Seal,
				AuthoritiesFile: r.text("KYSO_CA_AUTHORITIES", ""), AcceptanceProvider: g.AcceptanceProvider})
			continue
		}
		list = append(list, r.issuer(code, prefix, g, providers))
	}
	if len(list) == 0 {
		r.fail("KYSO_ISSUERS", "there has to be one")
	}
	if len(list) > 1 && list[0].AuthoritiesFile == "" {
		r.fail("KYSO_CA_AUTHORITIES", "has to be given where there are several issuers: a certificate of another CA is refused")
	}
	return list
}

// issuer reads one after the first. Nothing of it has a default: another CA's would be wrong.
func (r *reader) issuer(code, prefix string, first Registration, providers []Provider) Issuer {
	must := func(name string) string {
		value := r.text(prefix+name, "")
		if value == "" {
			r.fail(prefix+name, "has to be given for issuer "+code)
		}
		return value
	}
	one := Issuer{Code: code, CA: r.authority(prefix+"WIRE", code, prefix), Seal: eseal.ReadIssuer(r, code, prefix, first.Seal),
		AuthoritiesFile:    must("AUTHORITIES"),
		AcceptanceProvider: cmp.Or(r.text(prefix+"ACCEPTANCE_PROVIDER", ""), first.AcceptanceProvider)}
	one.Party = r.sellerParty(prefix+"PARTY", onThisMachine(one.CA.Probe().Address))
	if !slices.ContainsFunc(providers, func(p Provider) bool { return p.Name == one.AcceptanceProvider }) {
		r.fail(prefix+"ACCEPTANCE_PROVIDER", "has to be one of KYSO_PROVIDERS")
	}
	return one
}

// IssuerCodes are the codes that VNeID may send.
func (g Registration) IssuerCodes() []string {
	var codes []string
	for _, i := range g.Issuers {
		codes = append(codes, i.Code)
	}
	return codes
}
