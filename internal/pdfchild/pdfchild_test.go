package pdfchild

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pdfchild/pdftest"
	"kyso/internal/pdfchild/wire"
	"kyso/internal/problem"
)

// smallPDF is a file of one page, padded to some size with a stream that nothing refers to.
func smallPDF(padding int) []byte {
	var out bytes.Buffer
	out.WriteString("%PDF-1.7\n")
	var offsets []int
	for i, body := range []string{
		"<</Type/Catalog/Pages 2 0 R>>",
		"<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]/Resources<<>>>>",
		"<</Type/Page/Parent 2 0 R>>",
		fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", padding, strings.Repeat("x", padding)),
	} {
		offsets = append(offsets, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, body)
	}
	start := out.Len()
	out.WriteString("xref\n0 5\n0000000000 65535 f\r\n")
	for _, at := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n\r\n", at)
	}
	fmt.Fprintf(&out, "trailer\n<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", start)
	return out.Bytes()
}

func newSigner(t *testing.T) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "NGUYỄN VĂN MINH"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// same compares what the child returned with what the function returns here.
func same[T any](t *testing.T, what string, child T, childErr error, direct T, directErr error) {
	t.Helper()
	if childErr != nil || directErr != nil {
		t.Fatalf("%s: %v in the child, %v here", what, childErr, directErr)
	}
	if !reflect.DeepEqual(child, direct) {
		t.Errorf("%s: got\n%+v\nin the child and\n%+v\nhere", what, child, direct)
	}
}

// TestSameAsDirect takes a document through its life, each step in a child and here.
func TestSameAsDirect(t *testing.T) {
	ctx, runner := context.Background(), runner(t, &Runner{})
	cert, key := newSigner(t)
	file := smallPDF(300_000)
	src := bytes.NewReader(file)

	report, err := runner.Inspect(ctx, src, pades.Policy{})
	directReport, directErr := pades.Inspect(src, pades.Policy{})
	same(t, "Inspect", report, err, directReport, directErr)

	opts := pades.PrepareOptions{
		Certificate: cert, SigningTime: time.Date(2026, 11, 20, 18, 30, 0, 0, time.FixedZone("", 7*3600)),
		Box: pades.Box{Page: 1}, Reason: "Đồng ý ký", Location: "Hà Nội",
	}
	prepared, err := runner.Prepare(ctx, src, opts)
	directPrepared, directErr := pades.Prepare(src, opts)
	same(t, "Prepare", prepared, err, directPrepared, directErr)

	signed, state := embed(t, file, *prepared, cert, key)
	verifyOpts := pades.VerifyOptions{Roots: []*x509.Certificate{cert}, Now: time.Now().UTC().Truncate(time.Second)}
	verification, err := runner.Verify(ctx, bytes.NewReader(signed), verifyOpts)
	directVerification, directErr := pades.Verify(bytes.NewReader(signed), verifyOpts)
	same(t, "Verify", verification, err, directVerification, directErr)
	if len(verification.Signatures) != 1 || !verification.Signatures[0].Intact || verification.Signatures[0].Signer != "NGUYỄN VĂN MINH" {
		t.Errorf("verification %+v", verification)
	}

	needs, err := runner.Needs(ctx, bytes.NewReader(signed), pades.NeedsOptions{})
	directNeeds, directErr := pades.Needs(bytes.NewReader(signed), pades.NeedsOptions{})
	same(t, "Needs", needs, err, directNeeds, directErr)

	evidence := pades.Evidence{Certificates: [][]byte{cert.Raw}}
	extended, err := runner.Extend(ctx, bytes.NewReader(signed), evidence, state)
	directExtended, directErr := pades.Extend(bytes.NewReader(signed), evidence, state)
	same(t, "Extend", extended, err, directExtended, directErr)
}

func embed(t *testing.T, file []byte, prepared pades.Prepared, cert *x509.Certificate, key *ecdsa.PrivateKey) (signed, state []byte) {
	t.Helper()
	value, err := key.Sign(rand.Reader, prepared.H3[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	embedded, err := pades.Embed(pades.EmbedInput{
		Prepared: prepared, SourceSize: int64(len(file)), HashState: hashState(t, file), Value: value, Certificate: cert,
	})
	if err != nil {
		t.Fatal(err)
	}
	return append(bytes.Clone(file), embedded.Increment...), embedded.HashState
}

func TestRefusalsCross(t *testing.T) {
	runner := runner(t, &Runner{})
	_, err := runner.Inspect(context.Background(), strings.NewReader("not a PDF"), pades.Policy{})
	_, direct := pades.Inspect(strings.NewReader("not a PDF"), pades.Policy{})
	if problem.CodeOf(err) != problem.CodeOf(direct) || problem.CodeOf(err) != problem.DocumentBroken {
		t.Errorf("got %v, and %v here", err, direct)
	}
	if n := strings.Count(err.Error(), string(problem.DocumentBroken)); n != 1 {
		t.Errorf("the code stands %d times in %q", n, err)
	}
	_, err = runner.Inspect(context.Background(), bytes.NewReader(smallPDF(1000)), pades.Policy{MaxSize: 100})
	if problem.CodeOf(err) != problem.TooLarge {
		t.Errorf("got %v", err)
	}
	if _, err = runner.Prepare(context.Background(), bytes.NewReader(smallPDF(0)), pades.PrepareOptions{}); problem.CodeOf(err) != problem.Invalid {
		t.Errorf("without a certificate: %v", err)
	}
}

// brokenStorage fails from some offset on.
type brokenStorage struct {
	*bytes.Reader
	from int64
	err  error
}

func (b brokenStorage) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.from {
		return 0, b.err
	}
	return b.Reader.ReadAt(p, off)
}

func TestStorageFaultIsNotTheDocuments(t *testing.T) {
	down := errors.New("the store is down")
	session := runner(t, &Runner{}).Session()
	defer session.Close()
	src := brokenStorage{bytes.NewReader(smallPDF(200_000)), 100_000, down}
	if _, err := session.Inspect(context.Background(), src, pades.Policy{}); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
	if _, err := session.Inspect(context.Background(), bytes.NewReader(smallPDF(10)), pades.Policy{}); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

func TestRemoteSourceReads(t *testing.T) {
	file := make([]byte, 5*wire.PageSize+123)
	rand.Read(file)
	session := runner(t, &Runner{}).Session()
	defer session.Close()
	for _, r := range [][2]int64{
		{0, 1}, {0, wire.PageSize}, {1, wire.PageSize}, {wire.PageSize - 1, 2}, {5 * wire.PageSize, 123}, {5 * wire.PageSize, 200}, {100, 3 * wire.PageSize},
		{int64(len(file)) - 1, 1}, {int64(len(file)), 1}, {int64(len(file)) + 5, 10}, {0, int64(len(file))}, {0, int64(len(file)) + 1},
	} {
		got, err := run[pdftest.ReadResult](context.Background(), session, pdftest.ReadAt, bytes.NewReader(file), r)
		if err != nil {
			t.Fatal(err)
		}
		buffer := make([]byte, r[1])
		n, wantErr := bytes.NewReader(file).ReadAt(buffer, r[0])
		if !bytes.Equal(got.Data, buffer[:n]) || got.Err != fmt.Sprint(wantErr) {
			t.Errorf("%d bytes at %d: got %d bytes and %s; want %d and %v", r[1], r[0], len(got.Data), got.Err, n, wantErr)
		}
	}
}

func BenchmarkInspect(b *testing.B) {
	file := smallPDF(50_000)
	b.Run("direct", func(b *testing.B) {
		for b.Loop() {
			if _, err := pades.Inspect(bytes.NewReader(file), pades.Policy{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("new child", func(b *testing.B) {
		for b.Loop() {
			runner := &Runner{Program: hostileProgram}
			if _, err := runner.Inspect(context.Background(), bytes.NewReader(file), pades.Policy{}); err != nil {
				b.Fatal(err)
			}
			runner.Close()
		}
	})
	b.Run("warm child", func(b *testing.B) {
		runner := runner(b, &Runner{})
		before := Counted()
		for b.Loop() {
			if _, err := runner.Inspect(context.Background(), bytes.NewReader(file), pades.Policy{}); err != nil {
				b.Fatal(err)
			}
		}
		after := Counted()
		b.ReportMetric((after.CPU-before.CPU)*1e9/float64(after.Operations-before.Operations), "child-cpu-ns/op")
	})
}
