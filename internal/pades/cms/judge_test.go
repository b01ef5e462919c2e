package cms_test

import (
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kyso/internal/pades/cms/cmstest"
)

// needTool skips on a developer's machine, and fails where nothing may be left out.
func needTool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed: its judgement is left out", name)
	}
}

// files writes what a command needs into a directory of the test.
func files(t *testing.T, contents map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range contents {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func pemOf(ders ...[]byte) []byte {
	var out []byte
	for _, der := range ders {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return out
}

// run executes a command and wants a text in its output.
func run(t *testing.T, dir, want string, command ...string) {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), want) {
		t.Errorf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
}

// judgeWithOpenSSL wants openssl to accept a detached CMS over content as a CAdES signature.
func judgeWithOpenSSL(t *testing.T, pki *cmstest.PKI, der []byte) {
	t.Helper()
	needTool(t, "openssl")
	dir := files(t, map[string][]byte{"cms.der": der, "content": content, "root.pem": pemOf(pki.Root.Cert.Raw), "ca.pem": pemOf(pki.CA.Cert.Raw)})
	run(t, dir, "CAdES Verification successful", "openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "cms.der",
		"-content", "content", "-CAfile", "root.pem", "-certfile", "ca.pem", "-purpose", "any", "-out", os.DevNull)
}

// judgeTokenWithOpenSSL wants openssl to accept a time-stamp token over message.
func judgeTokenWithOpenSSL(t *testing.T, pki *cmstest.PKI, token, message []byte) {
	t.Helper()
	needTool(t, "openssl")
	dir := files(t, map[string][]byte{"token.der": token, "message": message, "root.pem": pemOf(pki.Root.Cert.Raw), "ca.pem": pemOf(pki.CA.Cert.Raw)})
	run(t, dir, "Verification: OK", "openssl", "ts", "-verify", "-token_in", "-in", "token.der", "-data", "message",
		"-CAfile", "root.pem", "-untrusted", "ca.pem")
}

func now() time.Time { return time.Now().UTC().Truncate(time.Second) }
