package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/internal/app"
	"kyso/internal/party/ca"
	"kyso/internal/party/vnpay"
	"kyso/internal/problem"
)

func TestRegistrationReachesTheSandboxByDefault(t *testing.T) {
	cfg, err := app.FromEnvironment(plain())
	if err != nil {
		t.Fatal(err)
	}
	g := cfg.Registration
	gateway, ok := g.Gateways[0].Party.(*vnpay.Client)
	if !ok || len(g.Gateways) != 1 {
		t.Fatalf("the payment parties are %+v", g.Gateways)
	}
	for _, address := range []string{g.VNeID.BaseURL, g.SMS.BaseURL, gateway.PayBase, gateway.APIBase, g.CA.Probe().Address} {
		if !strings.HasPrefix(address, "http://127.0.0.1:8769") {
			t.Errorf("a default leaves the machine: %s", address)
		}
	}
	if !strings.Contains(g.Party.Name, "không có giá trị pháp lý") {
		t.Errorf("documents of the sandbox are by %q", g.Party.Name)
	}
	var codes []string
	for _, p := range g.Packages {
		codes = append(codes, p.Code)
	}
	if !slices.Equal(codes, []string{"PS0", "PS1", "PS2", "PS3"}) || g.Packages[0].PriceVND != 0 || g.Packages[3].PriceVND != 700_000 {
		t.Errorf("packages are %+v", g.Packages)
	}
	if g.AcceptanceProvider != "vnpt" || g.Limits.HandOff != 0 {
		t.Errorf("acceptance through %s, hand-off within %s", g.AcceptanceProvider, g.Limits.HandOff)
	}
}

func TestRegistrationIsConfigured(t *testing.T) {
	file := func(text string) string { return configFile(t, text) }
	cfg, err := app.FromEnvironment(plain(
		"KYSO_PROVIDERS=intrustca", "KYSO_VNEID_URL=https://partner.example", "KYSO_VNEID_SECRET_FILE="+file("s3cret\n"),
		"KYSO_CA_URL=https://ca.example", "KYSO_CA_KEY=k", "KYSO_REGISTRATION_ORDER=36h", "KYSO_REGISTRATION_KEEP_MONEY=true",
		`KYSO_PACKAGES=`+file(`[{"code": "A", "name_vi": "Gói A", "price_vnd": 99000, "months": 36}]`),
		`KYSO_PARTY=`+file(`{"name": "Công ty A", "tax_code": "0123456789"}`),
	))
	if err != nil {
		t.Fatal(err)
	}
	g := cfg.Registration
	if g.VNeID.Secret != "s3cret" || g.CA.(*ca.Client).Key != "k" || g.AcceptanceProvider != "intrustca" || g.Party.ShortName != "Công ty A" ||
		g.Limits.Order != 36*time.Hour || !g.Limits.KeepMoney || len(g.Packages) != 1 || g.Packages[0].PriceVND != 99_000 {
		t.Errorf("got %+v", g)
	}
}

func TestMistakesInRegistration(t *testing.T) {
	for name, c := range map[string]struct{ set, want string }{
		"a secret of a real party": {"KYSO_VNEID_URL=https://partner.example", "KYSO_VNEID_SECRET: has to be given"},
		"no payment party":         {"KYSO_GATEWAYS=, ", "KYSO_GATEWAYS: name at least one"},
		"a strange payment party":  {"KYSO_GATEWAYS=vnpay,moon", `KYSO_GATEWAYS: "moon" is unknown`},
		"half a real VNPay":        {"KYSO_VNPAY_API_URL=https://api.example/x", "KYSO_VNPAY_SECRET: has to be given"},
		"an address":               {"KYSO_SMS_URL=rest.esms.vn", "KYSO_SMS_URL: has to be"},
		"a return address":         {"KYSO_VNPAY_RETURN_URL=/register", "KYSO_VNPAY_RETURN_URL: has to be"},
		"a real CA, nobody sells":  {"KYSO_CA_URL=https://ca.example", "KYSO_PARTY: has to be given"},
		"a provider not in use":    {"KYSO_ACCEPTANCE_PROVIDER=neac", "KYSO_ACCEPTANCE_PROVIDER: has to be one"},
		"a duration":               {"KYSO_REGISTRATION_ACCOUNT=7 days", "KYSO_REGISTRATION_ACCOUNT: has to be a duration"},
		"no file":                  {"KYSO_PARTY=/does/not/exist", "KYSO_PARTY: "},
		"nobody":                   {"KYSO_PARTY=" + configFile(t, `{"name": "A"}`), "KYSO_PARTY: needs"},
		"a field":                  {"KYSO_PARTY=" + configFile(t, `{"nam": "A"}`), "KYSO_PARTY: "},
		"no packages":              {"KYSO_PACKAGES=" + configFile(t, `[]`), "KYSO_PACKAGES: there has to be"},
		"no list":                  {"KYSO_PACKAGES=" + configFile(t, `{}`), "KYSO_PACKAGES: "},
		"too long": {"KYSO_PACKAGES=" + configFile(t, `[{"code": "A", "name_vi": "A", "months": 37}]`),
			"KYSO_PACKAGES: package 1 has to last 1 to 36 months"},
		"a price": {"KYSO_PACKAGES=" + configFile(t, `[{"code": "A", "name_vi": "A", "months": 1, "price_vnd": -1}]`),
			"KYSO_PACKAGES: package 1 has a negative number"},
		"a code twice": {"KYSO_PACKAGES=" + configFile(t, `[{"code": "A", "name_vi": "A", "months": 1}, {"code": "A", "name_vi": "B", "months": 1}]`),
			"KYSO_PACKAGES: package 2 needs a code of its own"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := app.FromEnvironment(plain(c.set))
			if problem.CodeOf(err) != problem.Invalid || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q is not in: %v", c.want, err)
			}
		})
	}
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Several issuers: the first keeps the variables of before, the others say everything of their own.
func TestIssuers(t *testing.T) {
	file := func(name, content string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	party := file("party.json", `{"name": "Công ty B", "tax_code": "0200000000"}`)
	second := []string{"KYSO_ISSUERS=VNPT-CA,INTRUST-CA", "KYSO_CA_AUTHORITIES=/a.pem", "KYSO_ISSUER_INTRUST_CA_URL=https://ca.b.example",
		"KYSO_ISSUER_INTRUST_CA_KEY=k2", "KYSO_ISSUER_INTRUST_CA_PARTY=" + party, "KYSO_ISSUER_INTRUST_CA_SEAL_KEY_FILE=/b.key",
		"KYSO_ISSUER_INTRUST_CA_SEAL_CERT_FILE=/b.pem", "KYSO_ISSUER_INTRUST_CA_AUTHORITIES=/b-ca.pem"}
	cfg, err := app.FromEnvironment(second)
	if err != nil {
		t.Fatal(err)
	}
	list := cfg.Registration.Issuers
	if len(list) != 2 || list[0].Code != "VNPT-CA" || list[0].CA != cfg.Registration.CA || list[0].Party != cfg.Registration.Party ||
		list[1].Code != "INTRUST-CA" || list[1].CA.(*ca.Client).Key != "k2" || list[1].Party.TaxCode != "0200000000" || list[1].Seal.KeyFile != "/b.key" ||
		list[1].AuthoritiesFile != "/b-ca.pem" || list[1].AcceptanceProvider != cfg.Registration.AcceptanceProvider {
		t.Errorf("issuers %+v", list)
	}
	alone, err := app.FromEnvironment(nil)
	if err != nil || len(alone.Registration.Issuers) != 1 || alone.Registration.Issuers[0].Code != "VNPT-CA" {
		t.Errorf("without a word: %+v, %v", alone.Registration.Issuers, err)
	}
	for i, line := range second { // each of them is needed
		name, _, _ := strings.Cut(line, "=")
		if i == 0 {
			continue
		}
		if _, err := app.FromEnvironment(slices.Delete(slices.Clone(second), i, i+1)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	for _, variable := range []string{"KYSO_CA_WIRE", "KYSO_ISSUER_INTRUST_CA_WIRE"} {
		if _, err := app.FromEnvironment(append(second, variable+"=smoke")); err == nil || !strings.Contains(err.Error(), variable) {
			t.Errorf("an unknown wire: %v", err)
		}
	}
	for _, codes := range []string{"A,A", "a-b,a_b", "Tổ chức", "A,B C"} {
		if _, err := app.FromEnvironment([]string{"KYSO_ISSUERS=" + codes}); err == nil || !strings.Contains(err.Error(), "KYSO_ISSUERS") {
			t.Errorf("%q: %v", codes, err)
		}
	}
}
