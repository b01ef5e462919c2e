package rssp769

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"kyso/internal/party/partytest"
	"kyso/internal/problem"
	"kyso/internal/sandbox"
	"kyso/internal/signing"
)

func clientOf(w *partytest.World, profile Profile) *Client {
	base := w.URL
	if profile.SignPath == VNPT().SignPath {
		base += "/sca/sp769"
	}
	return &Client{
		Name: "Sandbox CA", BaseURL: base, SPID: sandbox.DefaultSPID, SPPassword: sandbox.DefaultSPPassword,
		Profile: profile, Timeout: 5 * time.Second,
	}
}

func certificatesOf(w *partytest.World, p *Client, user string) []signing.Certificate {
	w.T.Helper()
	list, err := p.Certificates(context.Background(), "cert-"+user, user, "")
	if err != nil {
		w.T.Fatal(err)
	}
	return list
}

// contracts has one person at each profile.
var contracts = []struct {
	name    string
	profile Profile
	user    string
}{
	{"VNPT", VNPT(), "079095012345"},
	{"IntrustCA", IntrustCA(), "ICA.079095012345"},
	{"NEAC", NEAC("SANDBOX-CA"), "079095012345"},
}

func TestContractApproval(t *testing.T) {
	for _, c := range contracts {
		t.Run(c.name, func(t *testing.T) {
			w := partytest.NewWorld(t)
			w.Adjust(c.user, sandbox.Knobs{CRLFInCert: true, DifferentResponseID: true, UppercaseHexRejected: true})
			p := clientOf(w, c.profile)
			list := certificatesOf(w, p, c.user)
			if len(list) != 1 || list[0].Subject != "NGUYỄN VĂN MINH" || len(list[0].Chain) != 1 {
				t.Fatalf("certificates: %+v", list)
			}
			cert, err := x509.ParseCertificate(list[0].DER)
			if err != nil {
				t.Fatal(err)
			}
			req := signing.ApprovalRequest{
				ID: "sig-1", UserID: c.user, Serial: list[0].Serial, Description: "Ký hai văn bản",
				Documents: []signing.DigestToSign{{DocumentID: "a", Digest: sha256.Sum256([]byte("a"))}, {DocumentID: "b", Digest: sha256.Sum256([]byte("b"))}},
			}
			accepted, err := p.Request(context.Background(), req)
			if err != nil {
				t.Fatal(err)
			}
			if accepted.Names[0] == req.ID || len(accepted.Names) != 2 || accepted.Window <= 290*time.Second || accepted.Window > 300*time.Second {
				t.Errorf("accepted %+v", accepted)
			}
			ref := signing.ApprovalRef{OurID: req.ID, Reference: accepted.Reference, UserID: c.user}
			if poll, err := p.Poll(context.Background(), ref); err != nil || poll.Outcome != "" {
				t.Fatalf("before the approval: %+v, %v", poll, err)
			}
			if n, err := w.Approve(c.user); n != 1 || err != nil {
				t.Fatalf("approved %d, %v", n, err)
			}
			poll, err := p.Poll(context.Background(), ref)
			if err != nil || poll.Outcome != signing.OutcomeApproved || len(poll.Answers) != 2 {
				t.Fatalf("after the approval: %+v, %v", poll, err)
			}
			for _, d := range req.Documents {
				if err := rsa.VerifyPKCS1v15(cert.PublicKey.(*rsa.PublicKey), crypto.SHA256, d.Digest[:], valueOf(poll, d.DocumentID)); err != nil {
					t.Errorf("document %s: %v", d.DocumentID, err)
				}
			}
		})
	}
}

func TestContractOutcomes(t *testing.T) {
	for _, tt := range []struct {
		name     string
		knobs    sandbox.Knobs
		settings sandbox.Settings
		want     signing.Outcome
	}{
		{"declined", sandbox.Knobs{Decision: "decline", DecisionAfterSeconds: 0.001}, sandbox.Settings{}, signing.OutcomeDeclined},
		{"declined in Vietnamese", sandbox.Knobs{Decision: "decline", DecisionAfterSeconds: 0.001},
			sandbox.Settings{DeclinedText: "Người dùng từ chối"}, signing.OutcomeDeclined},
		{"expired", sandbox.Knobs{Decision: "never", WindowSeconds: 0.001}, sandbox.Settings{}, signing.OutcomeExpired},
		{"expired in Vietnamese", sandbox.Knobs{Decision: "never", WindowSeconds: 0.001},
			sandbox.Settings{ExpiredText: "Giao dịch hết hạn"}, signing.OutcomeExpired},
		{"approved, known by tran_code only", sandbox.Knobs{Decision: "approve", DecisionAfterSeconds: 0.001, StatusBy: "tran_code"},
			sandbox.Settings{}, signing.OutcomeApproved},
		{"approved, codes in bodies only", sandbox.Knobs{Decision: "approve", DecisionAfterSeconds: 0.001, StatusBy: "tran_code"},
			sandbox.Settings{BodyStatusOnly: true}, signing.OutcomeApproved},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := partytest.NewWorld(t)
			w.Adjust(partytest.Subscriber, tt.knobs)
			w.Configure(tt.settings)
			p := clientOf(w, VNPT())
			accepted, err := p.Request(context.Background(), requestOf(w, p, "sig-1"))
			if err != nil {
				t.Fatal(err)
			}
			w.Ahead.Add(int64(time.Second))
			poll, err := p.Poll(context.Background(), signing.ApprovalRef{OurID: "sig-1", Reference: accepted.Reference})
			if err != nil || poll.Outcome != tt.want {
				t.Errorf("got %+v, %v; want %s", poll, err, tt.want)
			}
		})
	}
}

func requestOf(w *partytest.World, p *Client, id string) signing.ApprovalRequest {
	return signing.ApprovalRequest{
		ID: id, UserID: partytest.Subscriber, Serial: certificatesOf(w, p, partytest.Subscriber)[0].Serial, Description: "Ký",
		Documents: []signing.DigestToSign{{DocumentID: "a", Digest: sha256.Sum256([]byte("a"))}},
	}
}

// TestContractFaults loses and spoils answers of the sign call. However it goes, the phone is asked once.
func TestContractFaults(t *testing.T) {
	w := partytest.NewWorld(t)
	for _, fault := range []string{"500", "429", "500-after", "lost", "junk", "truncated", "huge", "slow"} {
		for _, knobs := range []sandbox.Knobs{{}, {DuplicateAs400: true}, {DifferentResponseID: true}} {
			name := fault
			if knobs.DuplicateAs400 {
				name += ", duplicates refused"
			}
			if knobs.DifferentResponseID {
				name += ", id of its own"
			}
			t.Run(name, func(t *testing.T) {
				p := clientOf(w, VNPT())
				req := requestOf(w, p, name)
				knobs.Faults = []sandbox.Fault{{On: "sign", Do: fault, Times: 1, DelayMS: 2000, RetryAfterSeconds: 9}}
				w.Adjust(partytest.Subscriber, knobs)
				if fault == "slow" {
					p.Timeout = 100 * time.Millisecond
				}
				_, err := p.Request(context.Background(), req)
				if problem.CodeOf(err) != problem.ProviderUnavailable {
					t.Fatalf("first try: %v", err)
				}
				if pause := problem.RetryAfterOf(err); fault == "429" && pause != 9*time.Second {
					t.Errorf("pause of %s", pause)
				}
				req.Retry = true
				p.Timeout = 5 * time.Second
				accepted, err := p.Request(context.Background(), req)
				if err != nil {
					t.Fatalf("second try: %v", err)
				}
				if n := w.CountEffects(sandbox.EffectPush, name); n != 1 {
					t.Errorf("%d prompts", n)
				}
				if _, err := w.Approve(partytest.Subscriber); err != nil {
					t.Fatal(err)
				}
				ref := signing.ApprovalRef{OurID: name, Reference: accepted.Reference}
				if poll, err := p.Poll(context.Background(), ref); err != nil || poll.Outcome != signing.OutcomeApproved {
					t.Errorf("got %+v, %v", poll, err)
				}
			})
		}
	}
}

// TestContractUnreachableStatus is the one case without a way out: the provider knows the request under an id
// that nobody told us, and refuses ours. It is not sent under another id.
func TestContractUnreachableStatus(t *testing.T) {
	w := partytest.NewWorld(t)
	p := clientOf(w, VNPT())
	req := requestOf(w, p, "sig-1")
	w.Adjust(partytest.Subscriber, sandbox.Knobs{DuplicateAs400: true, DifferentResponseID: true,
		Faults: []sandbox.Fault{{On: "sign", Do: "lost", Times: 1}}})
	if _, err := p.Request(context.Background(), req); problem.CodeOf(err) != problem.ProviderUnavailable {
		t.Fatalf("first try: %v", err)
	}
	req.Retry = true
	if _, err := p.Request(context.Background(), req); problem.CodeOf(err) != problem.ProviderUnavailable {
		t.Errorf("second try: %v", err)
	}
	if n := len(w.Pending(partytest.Subscriber)); n != 1 {
		t.Errorf("%d prompts", n)
	}
}

func TestContractCertificates(t *testing.T) {
	w := partytest.NewWorld(t)
	w.Adjust(partytest.Subscriber, sandbox.Knobs{Certificates: []string{"valid", "expired", "valid+p256"}})
	p := clientOf(w, VNPT())
	list := certificatesOf(w, p, partytest.Subscriber)
	serials, err := w.Serials(partytest.Subscriber)
	if err != nil || len(list) != 3 || len(serials) != 3 {
		t.Fatalf("%d certificates, %d serials, %v", len(list), len(serials), err)
	}
	for i, c := range list {
		if c.Serial != serials[i] || c.Fingerprint != signing.Fingerprint(c.DER) || c.Serial != strings.ToLower(c.Serial) {
			t.Errorf("certificate %d: serial %s, want %s", i, c.Serial, serials[i])
		}
	}
	if !list[1].NotAfter.Before(time.Now()) {
		t.Error("the expired one has not expired")
	}
	one, err := p.Certificates(context.Background(), "r", partytest.Subscriber, strings.ToUpper(serials[2]))
	if err != nil || len(one) != 1 || one[0].Serial != serials[2] {
		t.Errorf("by serial: %v, %v", one, err)
	}
	w.Adjust(partytest.Subscriber, sandbox.Knobs{Certificates: []string{"none"}})
	if list := certificatesOf(w, p, partytest.Subscriber); len(list) != 0 {
		t.Errorf("got %d certificates of a user without", len(list))
	}
	p.SPPassword = "wrong"
	if _, err := p.Certificates(context.Background(), "r", partytest.Subscriber, ""); problem.CodeOf(err) != problem.ProviderCredentials {
		t.Errorf("with a wrong password: %v", err)
	}
}

func TestContractRefusals(t *testing.T) {
	w := partytest.NewWorld(t)
	w.Adjust(partytest.Subscriber, sandbox.Knobs{Certificates: []string{"revoked"}})
	p := clientOf(w, VNPT())
	if _, err := p.Request(context.Background(), requestOf(w, p, "sig-1")); problem.CodeOf(err) != problem.CertificateInactive {
		t.Errorf("revoked certificate: %v", err)
	}
	req := requestOf(w, p, "sig-2")
	req.Serial = "00"
	if _, err := p.Request(context.Background(), req); problem.CodeOf(err) != problem.ProviderRefused {
		t.Errorf("foreign serial: %v", err)
	}
}
