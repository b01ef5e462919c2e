package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"kyso/internal/apiclient"
	"kyso/internal/pades"
	"kyso/internal/vn"
)

// report is out/report.json.
type report struct {
	Registration apiclient.Registration `json:"registration,omitzero"`
	Signing      apiclient.Signing      `json:"signing"`
	Verification *pades.Verification    `json:"verification"`
	Ledger       []effect               `json:"ledger"` // what the outside world did
	Seconds      float64                `json:"seconds"`
}

// results downloads the signed file, judges it and leaves everything in the output folder.
func (d *demonstration) results(ctx context.Context, s apiclient.Signing, original []byte) error {
	signed, err := d.client.signed(ctx, s.Documents[0].Content)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(signed, original) {
		return errors.New("the signed file does not begin with the bytes of the original")
	}
	verification, err := d.verify(ctx, signed)
	if err != nil {
		return err
	}
	effects, err := d.client.ledger(ctx)
	if err != nil {
		return err
	}
	trust, err := os.ReadFile(d.world.Addresses.Trust)
	if err != nil {
		return err
	}
	cms, content, err := splitSignature(signed)
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		d.base + "-signed.pdf": signed, d.base + "-signature.p7s": cms, d.base + "-signed-content.bin": content, "trust.pem": trust,
	} {
		if err := os.WriteFile(filepath.Join(d.outDir, name), data, 0o600); err != nil {
			return err
		}
	}
	seconds := time.Since(d.begin).Seconds()
	err = writeJSON(filepath.Join(d.outDir, "report.json"), report{d.enrolled, s, verification, effects, seconds})
	if err != nil {
		return err
	}
	d.sayf("Tệp đã ký · %s, %d bytes", filepath.Join(d.outDir, d.base+"-signed.pdf"), len(signed))
	d.printVerification(verification)
	return errors.Join(d.judge(verification, effects), d.foreignTools(ctx))
}

func (d *demonstration) verify(ctx context.Context, pdf []byte) (*pades.Verification, error) {
	return d.world.App.Verify(ctx, bytes.NewReader(pdf))
}

func (d *demonstration) printVerification(v *pades.Verification) {
	tellf(d.out, "\nKết quả kiểm tra · verification: %s\n", v.Verdict)
	for _, s := range v.Signatures {
		tellf(d.out, "  %s  %s %s\n", s.Field, s.Verdict, s.SubIndication)
		for _, row := range [][2]string{
			{"Người ký · signer", s.Signer},
			{"Tổ chức cấp · issuer", s.Issuer},
			{"Mức · level", s.Level},
			{"Thuật toán · algorithm", s.Algorithm},
			{"Dấu thời gian · time-stamp", inVietnam(s.TimestampTime)},
			{"Toàn vẹn · intact", strconv.FormatBool(s.Intact)},
			{"Thay đổi sau đó · later changes", s.LaterChanges},
			{"Chứng thư số khi ký · certificate then", string(s.CertificateThen)},
			{"Chứng thư số hiện nay · certificate now", string(s.CertificateNow)},
		} {
			if row[1] != "" {
				tellf(d.out, "    %-38s %s\n", row[0], row[1])
			}
		}
		for _, p := range s.Findings {
			tellf(d.out, "    ! %s · %s\n", p.VI, p.EN)
		}
	}
}

// inVietnam shows a time as people in Vietnam read it.
func inVietnam(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(vn.Zone).Format("02/01/2006 15:04:05 -07:00")
}

// judge says whether the world saw what it should have seen, once.
func (d *demonstration) judge(v *pades.Verification, effects []effect) error {
	count := map[string]int{}
	for _, e := range effects[d.before:] {
		count[e.Kind]++
	}
	tellf(d.out, "\nThế giới bên ngoài đã thấy · the outside world saw: %d push, %d use of the key, %d time-stamp\n",
		count["push"], count["sign"], count["timestamp"])
	stamps, ok := map[string]int{"B-B": 0, "B-LTA": 2}[d.level]
	if !ok {
		stamps = 1
	}
	var errs []error
	if ours := lastSignature(v); ours.Verdict != pades.TotalPassed {
		errs = append(errs, fmt.Errorf("the verdict on the signature is %s %s", ours.Verdict, ours.SubIndication))
	}
	if count["push"] != 1 || count["sign"] != 1 || count["timestamp"] != stamps {
		errs = append(errs, fmt.Errorf("want 1 push, 1 use of the key and %d time-stamp", stamps))
	}
	return errors.Join(errs...)
}

// lastSignature is ours; a document time-stamp may follow it, and earlier ones are the file's own.
func lastSignature(v *pades.Verification) pades.SignatureReport {
	for _, s := range slices.Backward(v.Signatures) {
		if s.Kind == "signature" {
			return s
		}
	}
	return pades.SignatureReport{}
}

var byteRange = regexp.MustCompile(`/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]`)

// splitSignature takes the last signature of a file apart: the CMS, and the bytes that it covers. Document time-stamps may
// follow it.
func splitSignature(pdf []byte) (cms, content []byte, err error) {
	found := byteRange.FindSubmatch(pdf[max(0, bytes.LastIndex(pdf, []byte("/ETSI.CAdES.detached"))):])
	if found == nil {
		return nil, nil, errors.New("the signed file has no ByteRange")
	}
	var r [4]int
	for i := range r {
		r[i], _ = strconv.Atoi(string(found[i+1])) // digits; too many make the next check fail
	}
	if r[0] != 0 || r[1] < 0 || r[2] < r[1]+2 || r[3] < 0 || r[2]+r[3] > len(pdf) {
		return nil, nil, errors.New("the ByteRange of the signed file is not inside it")
	}
	padded, err := hex.DecodeString(string(pdf[r[1]+1 : r[2]-1]))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the signature's Contents: %w", err)
	}
	cms, err = withoutPadding(padded)
	return cms, append(bytes.Clone(pdf[:r[1]]), pdf[r[2]:r[2]+r[3]]...), err
}

// withoutPadding cuts the zeros after one DER value with a definite length.
func withoutPadding(der []byte) ([]byte, error) {
	if len(der) < 4 || der[0] != 0x30 || der[1] != 0x82 {
		return nil, errors.New("the signature is not a DER sequence of the usual size")
	}
	length := 4 + int(der[2])<<8 + int(der[3])
	if length > len(der) {
		return nil, errors.New("the signature is cut off")
	}
	return der[:length], nil
}

// foreignTools prints the commands that check the file, and runs those that are installed.
func (d *demonstration) foreignTools(ctx context.Context) error {
	in := func(name string) string { return filepath.Join(d.outDir, name) }
	signed := in(d.base + "-signed.pdf")
	valid, sound := []string{"Signature is Valid"}, []string{"No syntax or stream encoding errors found"}
	if d.level == "B-B" || d.level == "B-T" { // the others have validation data after the signature
		valid = append(valid, "Total document signed")
	}
	if d.pdf != "" && !isSound(ctx, d.pdf, sound) {
		sound = nil // the file was not before it was signed
	}
	var errs []error
	tellf(d.out, "\nTự kiểm tra · check it yourself:\n")
	for _, check := range []struct {
		args []string
		want []string // in what the tool prints
	}{
		{[]string{"pdfsig", "-nocert", signed}, valid},
		{[]string{"openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-purpose", "any", "-in", in(d.base + "-signature.p7s"),
			"-content", in(d.base + "-signed-content.bin"), "-CAfile", in("trust.pem"), "-out", os.DevNull}, []string{"CAdES Verification successful"}},
		{[]string{"qpdf", "--check", signed}, sound},
	} {
		result, err := runTool(ctx, check.args, check.want)
		errs = append(errs, err)
		tellf(d.out, "  %s\n      → %s\n", strings.Join(quoted(check.args), " "), result)
	}
	return errors.Join(errs...)
}

// isSound asks qpdf about the file as it came.
func isSound(ctx context.Context, pdf string, want []string) bool {
	_, err := runTool(ctx, []string{"qpdf", "--check", pdf}, want)
	return err == nil
}

// runTool runs a tool and looks for what it should say. With nothing to look for, what it says is no matter.
func runTool(ctx context.Context, args, want []string) (string, error) {
	if _, err := exec.LookPath(args[0]); errors.Is(err, exec.ErrNotFound) {
		return "chưa cài đặt · not installed here", nil
	}
	output, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if len(want) == 0 {
		return "tệp gốc đã có lỗi · the file had faults before", nil
	}
	for _, text := range want {
		if !strings.Contains(string(output), text) {
			return "KHÔNG ĐẠT · failed", fmt.Errorf("%s does not say %q: %w\n%s", args[0], text, err, output)
		}
	}
	if err != nil {
		return "KHÔNG ĐẠT · failed", fmt.Errorf("%s: %w\n%s", args[0], err, output)
	}
	return strings.Join(want, ", "), nil
}

// quoted makes arguments safe to paste into a shell.
func quoted(args []string) []string {
	plain := regexp.MustCompile(`^[A-Za-z0-9_./=-]+$`)
	out := make([]string, len(args))
	for i, arg := range args {
		out[i] = arg
		if !plain.MatchString(arg) {
			out[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return out
}
