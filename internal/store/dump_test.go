package store_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kyso/internal/pgtest"
	"kyso/internal/signing"
	"kyso/internal/store"
)

// canaries are the personal data of one signing's life.
var canaries = map[string]string{
	"user id":                   "ICA.079095012345",
	"citizen number":            "079095012345",
	"name":                      "Nguyễn Thị Ánh",
	"reason":                    "Ký hợp đồng lao động",
	"location":                  "Đà Nẵng",
	"file name":                 "Hợp đồng Nguyễn Thị Ánh.pdf",
	"upload name":               "hợp đồng.pdf",
	"end of a document":         "trailer with a name: Nguyễn Thị Ánh",
	"certificate":               "subject inside the certificate",
	"chain":                     "somebody inside the chain",
	"webhook body":              "body of a webhook",
	"evidence":                  "responder certificate with a name",
	"signature value":           "CMS with a certificate inside",
	"operator":                  "ops:Trần Văn Minh",
	"operator's note":           "gọi cho khách 0912345678",
	"idempotency key":           "khach-0987654321",
	"answer":                    "answer with a file name",
	"reference":                 "what authorises a request",
	"digest of a body":          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4",
	"plain hash of the user id": sum("ICA.079095012345"),
}

func init() { maps.Copy(canaries, registrationCanaries) }

// live takes a signing through everything that writes.
func live(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	unsigned := sealedUpload("unsigned")
	unsigned.Name, unsigned.HashState = canaries["upload name"], []byte(canaries["end of a document"])
	must(t, s.SaveUpload(ctx, unsigned))
	s.AsBefore = true
	created(t, s, "old")
	s.AsBefore = false
	created(t, s, "s")
	list := []signing.Certificate{{Fingerprint: "f", Subject: canaries["name"], DER: []byte(canaries["certificate"]),
		Chain: [][]byte{[]byte(canaries["chain"])}}}
	must(t, s.SaveCertificates(ctx, "s", list))
	must(t, s.ChooseCertificate(ctx, "s", "f"))
	must(t, s.SavePlacement(ctx, "s", 0, signing.Placement{Page: 1}))
	must(t, s.SavePrepared(ctx, "s", 0, signing.Prepared{H1: "1"}))
	must(t, s.SaveApproval(ctx, "s", signing.Approval{OurID: "s/1", Reference: canaries["reference"], AcceptedAt: day0}))
	must(t, s.SaveValue(ctx, "s", signing.SignatureValue{RequestID: "s/1", Value: []byte(canaries["signature value"]),
		ReceivedAt: day0, Use: signing.UseEmbedded}))
	evidence := canaries["evidence"]
	must(t, s.SaveEvidence(ctx, "s", signing.Evidence{Kind: "ocsp", Digest: sum(evidence), Data: []byte(evidence), At: day0}))
	in := newIncident("i", "s", 1)
	must(t, s.OpenIncident(ctx, in))
	in.ClosedAt, in.Action, in.Actor, in.Note = day0, "retry", canaries["operator"], canaries["operator's note"]
	must(t, s.CloseIncident(ctx, in))
	for i, status := range []signing.Status{signing.StatusPreparing, signing.StatusRequested, signing.StatusAwaitingApproval,
		signing.StatusCompleting, signing.StatusSigned} {
		must(t, s.Move(ctx, "s", signing.Transition{Seq: i + 1, Status: status, At: minute(i)}))
	}
	must(t, s.SaveSigned(ctx, "s", 0, "s-b", signing.LevelT))
	_, err := s.Receive(ctx, signing.InboxMessage{ID: "m", Provider: "intrust", Body: []byte(canaries["webhook body"]),
		ReceivedAt: day0})
	must(t, err)
	must(t, s.MarkHandled(ctx, "m"))
	_, err = s.Remember(ctx, canaries["idempotency key"], canaries["digest of a body"])
	must(t, err)
	must(t, s.Answered(ctx, canaries["idempotency key"], signing.Answer{Status: 200, Body: []byte(canaries["answer"])}))
	_, err = s.Verifications().Keep(ctx, verification("v"), signing.Uploader{})
	must(t, err)
	liveRegistration(t, s.Registrations())
}

// marker is written in the clear; finding it shows that the search sees what is there.
const marker = "answered 503"

func TestNoPersonalDataInTheSQLiteFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, "sqlite:"+filepath.Join(dir, "kyso.db"), masterKey(t))
	must(t, s.Migrate(t.Context()))
	live(t, s)
	search := func(when string) {
		var all []byte
		files, err := filepath.Glob(filepath.Join(dir, "kyso.db*"))
		must(t, err)
		for _, file := range files {
			data, err := os.ReadFile(file)
			must(t, err)
			all = append(all, data...)
		}
		wantNoCanary(t, when, all)
	}
	search("with a write-ahead log")
	if _, err := s.DB().ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	search("after a checkpoint")
}

func TestNoPersonalDataInPostgreSQL(t *testing.T) {
	t.Parallel()
	s := open(t, pgtest.New(t), masterKey(t))
	must(t, s.Migrate(t.Context()))
	live(t, s)
	var dump bytes.Buffer
	for _, column := range columnsOf(t, s) {
		expression := column[1]
		if column[2] != "bytea" {
			expression += "::text"
		}
		rows, err := s.DB().QueryContext(t.Context(), `SELECT `+expression+` FROM `+column[0])
		must(t, err)
		for rows.Next() {
			var value []byte
			must(t, rows.Scan(&value))
			dump.Write(append(value, '\n'))
		}
		must(t, rows.Err())
	}
	wantNoCanary(t, "in every column", dump.Bytes())
}

func columnsOf(t *testing.T, s *store.Store) [][3]string {
	t.Helper()
	rows, err := s.DB().QueryContext(t.Context(),
		`SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'`)
	must(t, err)
	defer rows.Close()
	var all [][3]string
	for rows.Next() {
		var c [3]string
		must(t, rows.Scan(&c[0], &c[1], &c[2]))
		all = append(all, c)
	}
	must(t, rows.Err())
	if len(all) < 80 {
		t.Fatalf("only %d columns found", len(all))
	}
	return all
}

func wantNoCanary(t *testing.T, when string, data []byte) {
	t.Helper()
	if !containsCanary(data, marker) {
		t.Fatalf("%s: the search does not even find what is stored in the clear", when)
	}
	for name, canary := range canaries {
		if containsCanary(data, canary) {
			t.Errorf("%s: the %s is readable", when, name)
		}
	}
}

// TestSealedRowsDoNotOpenElsewhere swaps sealed values between two rows, as somebody with access to the database
// could.
func TestSealedRowsDoNotOpenElsewhere(t *testing.T) {
	onBothStores(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		created(t, s, "s")
		created(t, s, "s2")
		_, err := s.DB().ExecContext(ctx,
			`UPDATE signings SET user_id = (SELECT o.user_id FROM signings o WHERE o.id = 's2') WHERE id = 's'`)
		must(t, err)
		if one, err := s.Signing(ctx, "s"); err == nil {
			t.Errorf("a moved user id was read as %q", one.UserID)
		}
		if _, err := s.Signing(ctx, "s2"); err != nil {
			t.Error(err)
		}
	})
}

// TestMigrationsDifferInColumnTypesOnly keeps one SQL text for both engines.
func TestMigrationsDifferInColumnTypesOnly(t *testing.T) {
	types := regexp.MustCompile(`\b(BLOB|BYTEA|TIMESTAMP|TIMESTAMPTZ|INTEGER|BIGINT)\b`)
	same := map[string]string{"BYTEA": "BLOB", "TIMESTAMPTZ": "TIMESTAMP", "BIGINT": "INTEGER"}
	lite, err := store.Migrations.ReadDir("migrations/sqlite")
	must(t, err)
	postgres, err := store.Migrations.ReadDir("migrations/postgres")
	must(t, err)
	if len(lite) == 0 || len(lite) != len(postgres) {
		t.Fatalf("%d migrations for SQLite, %d for PostgreSQL", len(lite), len(postgres))
	}
	for _, file := range lite {
		one, err := store.Migrations.ReadFile("migrations/sqlite/" + file.Name())
		must(t, err)
		two, err := store.Migrations.ReadFile("migrations/postgres/" + file.Name())
		must(t, err)
		two = []byte(asOnSQLite(string(two)))
		translated := types.ReplaceAllStringFunc(string(two), func(name string) string {
			if lite, ok := same[name]; ok {
				return lite
			}
			return name
		})
		if translated != string(one) {
			t.Errorf("%s differs in more than column types", file.Name())
		}
	}
}

var (
	function = regexp.MustCompile(`CREATE FUNCTION (\w+)\(\) RETURNS TRIGGER LANGUAGE plpgsql AS \$\$ BEGIN\n([^$]*?)    RETURN NULL;\nEND \$\$;\n-- \+goose StatementEnd\n(CREATE TRIGGER .*) EXECUTE FUNCTION \w+\(\);\n`)
	dropped  = regexp.MustCompile(`DROP FUNCTION \w+\(\);\n`)
	alone    = regexp.MustCompile(`(?s)\n-- On PostgreSQL only: .*?\n-- So far\.\n`)
	off      = regexp.MustCompile(`DROP TRIGGER (\w+) ON \w+;`)
)

// asOnSQLite writes a migration's triggers as SQLite has them: with what they do in place, and not in a function. What PostgreSQL alone
// needs, because it lets several write at once, is left out.
func asOnSQLite(text string) string {
	text = strings.NewReplacer(" CONCURRENTLY", "", "-- +goose NO TRANSACTION\n", "").Replace(alone.ReplaceAllString(text, ""))
	text = function.ReplaceAllString(text, "$3 BEGIN\n${2}END;\n-- +goose StatementEnd\n")
	return off.ReplaceAllString(dropped.ReplaceAllString(text, ""), "DROP TRIGGER $1;")
}
