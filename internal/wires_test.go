package internal_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// wire is what the protocol of an outside party says, and where it may be said.
type wire struct {
	words *regexp.Regexp // in code, comments and texts
	rooms []string       // folders and files; the rest of the tree knows nothing of the wire
	// despite are files outside the rooms in which a word has to stand, with the reason. A file without one is taken out.
	despite map[string]string
}

// wires are the outside parties whose words are held in their rooms. A party is two folders (its client and its stand-in) and
// a line in each registry; here it needs none. One with a wire of its own may say there what others say, too.
var wires = map[string]wire{
	"vnpay": {
		words: regexp.MustCompile(`(?i)vnp_|vnpay|querydr|tmncode|\brspcode\b|\bresponsecode\b|\btransactionstatus\b|\btransactionno\b`),
		rooms: []string{"internal/party/vnpay", "internal/sandbox/vnpay",
			"internal/app/parties.go", "internal/sandbox/sandbox.go", "internal/sandbox/names.go"}, // registries
		despite: map[string]string{
			"internal/registration/payment.go": "records that name no gateway are of releases that knew no other",
		},
	},
	"rssp769": {
		words: regexp.MustCompile(`\bsp_id|sp_password|\bsp769|(?i:tran_?code\b|\bresponse_?id\b|transaction_desc|sign_files|signed_files|data_to_be_signed|user_certificates|get_certificate|cert_status|sig_wait_for)|\b769\b|\bICA\.`),
		rooms: []string{"internal/party/rssp769", "internal/sandbox/rssp769"},
		despite: map[string]string{
			"internal/party/party.go":              "the list of the rooms",
			"internal/sandbox/ca/bends.go":         "a number",
			"internal/sandbox/people/people.go":    "people of the sandbox by their user ids",
			"internal/sandbox/pki/certificate.go":  "the profile of subjects",
			"internal/store/signings/approvals.go": "columns that programs of the release before read",
			"internal/store/signings/signings.go":  "columns that programs of the release before wrote",
			"internal/storetest/storetest.go":      "only tests use it",
			"internal/web/ui/src/pages/sign.tsx":   "an example for people, of the provider that is the default",
			"scripts/compose-check.sh":             "people of the sandbox by their user ids",
			"starter/dev/demo.go":                  "people of the sandbox by their user ids",
			"starter/dev/world.go":                 "the address of the stand-in",
		},
	},
	"ca": {
		words: regexp.MustCompile(`/ca/v1|sandbox-only-ca-key|rsa-2048|start-activation|/keys/search|duplicate-mismatch`),
		rooms: []string{"internal/party/ca", "internal/sandbox/ca"},
	},
	"vneid": {
		words: regexp.MustCompile(`(?i:x-timestamp|x-signature|partner/v1)|"(REJECTED|RECEIVED|IN_PROGRESS|WAITING_APPROVAL|CANCELLED|ACTIVE)"`),
		rooms: []string{"internal/party/vneid", "internal/sandbox/vneid"},
	},
	"esms": {
		words: regexp.MustCompile(`CodeResult|Brandname|SmsType|SendMultipleMessage`),
		rooms: []string{"internal/party/esms", "internal/sandbox/esms"},
	},
	"tsa": {
		words: regexp.MustCompile(`timestamp-query|timestamp-reply|TimeStampReq\b|PKIStatus`),
		rooms: []string{"internal/party/tsa", "internal/sandbox/tsa"},
	},
	"revocation": {
		words: regexp.MustCompile(`ocsp-request|ocsp-response|pkix-crl|OCSPRequest\b`),
		rooms: []string{"internal/party/revocation", "internal/sandbox/revocation"},
	},
}

// TestWiresStayInTheirRooms looks for the words of each wire in the whole tree. Documentation, migrations, generated files and
// the worlds that tests make may name a party.
func TestWiresStayInTheirRooms(t *testing.T) {
	said := map[string]map[string][]string{} // by wire and file
	for _, file := range texts(t) {
		text, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		for name, w := range wires {
			if within(file, w.rooms) || unheard(file) {
				continue
			}
			if words := w.words.FindAllString(string(text), -1); len(words) > 0 {
				if said[name] == nil {
					said[name] = map[string][]string{}
				}
				said[name][file] = words
			}
		}
	}
	for name, w := range wires {
		for file, words := range said[name] {
			if w.despite[file] == "" {
				slices.Sort(words)
				t.Errorf("%s speaks %s: %v", file, name, slices.Compact(words))
			}
		}
		for file := range w.despite {
			if said[name][file] == nil {
				t.Errorf("%s no longer speaks %s: take its line out", file, name)
			}
		}
	}
}

func within(file string, rooms []string) bool {
	return slices.ContainsFunc(rooms, func(room string) bool { return file == room || strings.HasPrefix(file, room+"/") })
}

// unheard reports whether a file is of a party whose wire has no line in wires.
func unheard(file string) bool {
	room := ruleOf(filepath.ToSlash(filepath.Dir(file)))
	_, ruled := rules[room]
	_, known := wires[filepath.Base(room)]
	return streetOf(room) != "" && !ruled && !known
}

// A party that is new says what it likes in its rooms, and those of the others are held to theirs.
func TestUnheardPartiesAreLeftAlone(t *testing.T) {
	for file, want := range map[string]bool{
		"internal/party/unheard/client.go": true, "internal/sandbox/unheard/unheard.html": true, "internal/party/party.go": false,
		"internal/party/vnpay/client.go": false, "internal/party/receiver/client.go": false, "internal/sandbox/kernel/kernel.go": false,
		"internal/sandbox/sandbox.go": false, "internal/api/unheard/unheard.go": false,
	} {
		if unheard(file) != want {
			t.Errorf("%s is left alone: %t", file, !want)
		}
	}
}

// texts are the files that people write and programs are made of, without tests.
func texts(t *testing.T) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		file, err := filepath.Rel("..", path)
		if err != nil {
			return err
		}
		file = filepath.ToSlash(file)
		if entry.IsDir() {
			skip := []string{"docs", "examples", "internal/web/dist", "internal/store/kernel/migrations"}
			if file != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules" || entry.Name() == "testdata" || slices.Contains(skip, file)) {
				return filepath.SkipDir
			}
			return nil
		}
		kinds := []string{".go", ".ts", ".tsx", ".html", ".sh"}
		if slices.Contains(kinds, filepath.Ext(file)) && !strings.Contains(file, "_test.") && !strings.Contains(file, ".test.") && !strings.Contains(file, ".gen.") {
			list = append(list, file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 300 {
		t.Fatalf("only %d files were found", len(list))
	}
	return list
}
