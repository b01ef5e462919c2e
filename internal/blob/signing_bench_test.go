package blob_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"kyso/internal/blob"
	"kyso/internal/pades"
	"kyso/internal/signing"
)

// BenchmarkSealed prints what uploading a document and preparing its signature cost, sealed beside in clear, in turns so that both
// meet the same machine. To embed a value reads the increment alone, which is part of "prepare".
func BenchmarkSealed(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(b, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(b, err)
	cert, err := x509.ParseCertificate(der)
	must(b, err)
	fmt.Printf("\n| file | upload in clear | sealed | ratio | prepare in clear | sealed | ratio |\n|---|---|---|---|---|---|---|\n")
	for _, kib := range []int{50, 1 << 10, 10 << 10, 100 << 10} {
		data := filled(kib << 10)
		var upload, prepare [2][]time.Duration
		for range 9 {
			for i, sealed := range []bool{false, true} {
				blobs := open(b, "file://"+b.TempDir())
				var u signing.Upload
				upload[i] = append(upload[i], timed(b, func() (err error) {
					u, err = blob.Upload(b.Context(), blobs, "x.pdf", bytes.NewReader(data), 1<<30, sealed)
					return err
				}))
				prepare[i] = append(prepare[i], timed(b, func() error { return prepareOne(b, blobs, u, cert) }))
				must(b, blobs.Delete(b.Context(), u.Segments[0].Key))
			}
		}
		var ms [4]float64
		for i, list := range [][]time.Duration{upload[0], upload[1], prepare[0], prepare[1]} {
			slices.Sort(list)
			ms[i] = float64(list[len(list)/2].Microseconds()) / 1000
		}
		fmt.Printf("| %d KiB | %.2f ms | %.2f ms | %.2f | %.2f ms | %.2f ms | %.2f |\n", kib, ms[0], ms[1], ms[1]/ms[0], ms[2], ms[3], ms[3]/ms[2])
	}
}

// prepareOne opens a document, prepares a signature, and stores and reads its increment.
func prepareOne(b *testing.B, blobs *blob.Blobs, u signing.Upload, cert *x509.Certificate) error {
	src, err := blob.OpenDocument(b.Context(), blobs, u)
	if err != nil {
		return err
	}
	prepared, err := pades.Prepare(src, pades.PrepareOptions{Certificate: cert, SigningTime: time.Now(), HashState: u.HashState})
	if err != nil {
		return err
	}
	s, err := blobs.Append(b.Context(), u, prepared.Increment)
	if err == nil {
		_, err = blobs.ReadSegment(b.Context(), u, s)
	}
	return err
}

// filled is a PDF of one page with a stream that makes it as long as wanted.
func filled(size int) []byte {
	var out bytes.Buffer
	var offsets []int
	out.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	for _, body := range []string{"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<>>>>",
		fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", size, strings.Repeat("x", size))} {
		offsets = append(offsets, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", len(offsets), body)
	}
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, at := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&out, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, start)
	return out.Bytes()
}

// BenchmarkReadThrough prints what it costs to open a sealed upload and read it once with its digest, as InspectDocuments does.
func BenchmarkReadThrough(b *testing.B) {
	fmt.Printf("\n| file | read through | MB/s |\n|---|---|---|\n")
	for _, mb := range []int{1, 10, 100} {
		blobs := open(b, "file://"+b.TempDir())
		u, err := blob.Upload(b.Context(), blobs, "x.pdf", bytes.NewReader(filled(mb*1_000_000)), 1<<30, true)
		must(b, err)
		var times []time.Duration
		for range 7 {
			times = append(times, timed(b, func() error {
				src, err := blob.OpenDocument(b.Context(), blobs, u)
				if err != nil {
					return err
				}
				sum := sha256.New()
				whole := struct{ io.Reader }{io.NewSectionReader(src, 0, src.Size())}
				_, err = io.CopyBuffer(sum, whole, make([]byte, 1<<20))
				return err
			}))
		}
		slices.Sort(times)
		middle := times[len(times)/2].Seconds()
		fmt.Printf("| %d MB | %.1f ms | %.0f |\n", mb, middle*1000, float64(mb)/middle)
	}
}
