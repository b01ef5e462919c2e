package relay_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"kyso/internal/blob"
	"kyso/internal/page"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/relay"
	"kyso/internal/signing"
	"kyso/internal/storetest"
)

// secret stands in every document, paper and increment of the tests.
const secret = "Nguyễn Thị Bí Mật"

// past is a store and a folder of blobs as an earlier release left them.
type past struct {
	*storetest.Filled
	t     *testing.T
	dir   string // of the blobs; empty on S3
	blobs *blob.Blobs
	bytes map[string][]byte // by upload
}

// onPast runs a test on both databases, with the blobs in a folder and on an S3 server.
func onPast(t *testing.T, run func(t *testing.T, p *past)) {
	for place, open := range map[string]func(t *testing.T) (address, dir string){
		"file": func(t *testing.T) (string, string) { dir := t.TempDir(); return "file://" + dir, dir },
		"s3":   func(t *testing.T) (string, string) { return newS3(t), "" },
	} {
		t.Run(place, func(t *testing.T) {
			storetest.Both(t, func(t *testing.T, f *storetest.Filled) {
				address, dir := open(t)
				b, err := blob.Open(t.Context(), address)
				must(t, err)
				t.Cleanup(func() { _ = b.Close() })
				f.AsBefore = true
				run(t, &past{Filled: f, t: t, dir: dir, blobs: b, bytes: map[string][]byte{}})
			})
		})
	}
}

func init() { // the client of S3 reads its credentials here; tests that run side by side cannot set them
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
}

// newS3 starts an S3 server that lives in the test, and returns the address of its bucket.
func newS3(t *testing.T) string {
	t.Helper()
	memory := s3mem.New()
	must(t, memory.CreateBucket("documents"))
	server := httptest.NewServer(gofakes3.New(memory).Server())
	t.Cleanup(server.Close)
	return "s3://documents?" + url.Values{"endpoint": {server.URL}, "region": {"ap-southeast-1"}, "s3ForcePathStyle": {"true"}}.Encode()
}

// upload stores a document that is older than what a process may still be recording.
func (p *past) upload(sealed bool) signing.Upload {
	p.t.Helper()
	data := fmt.Appendf(nil, "%%PDF-1.7\n%d %s\n%s", len(p.bytes), secret, strings.Repeat("x", 90_000))
	u, err := blob.Upload(p.t.Context(), p.blobs, secret+".pdf", bytes.NewReader(data), 1<<20, sealed)
	must(p.t, err)
	u.CreatedAt = storetest.Start
	must(p.t, p.SaveUpload(p.t.Context(), u))
	p.bytes[u.ID] = data
	return u
}

// signing stores a signing of a document with all that it left, and its signed file.
func (p *past) signing(id, user string, u signing.Upload, status signing.Status) {
	p.t.Helper()
	ctx := p.t.Context()
	must(p.t, p.CreateSigning(ctx, signing.Signing{ID: id, Provider: "intrust", UserID: user, Level: signing.LevelT, Reason: secret, Location: secret,
		CreatedAt: storetest.Start, Documents: []signing.Document{{UploadID: u.ID, Name: secret, Size: u.Size, SHA256: u.SHA256}}}))
	must(p.t, p.SaveCertificates(ctx, id, []signing.Certificate{{Fingerprint: "f", Subject: secret, DER: []byte("DER")}}))
	must(p.t, p.SaveValue(ctx, id, signing.SignatureValue{RequestID: id + "/1", Value: []byte("value"), ReceivedAt: storetest.Start, Use: signing.UseEmbedded}))
	sum := sha256.Sum256([]byte("evidence"))
	must(p.t, p.SaveEvidence(ctx, id, signing.Evidence{Kind: "ocsp", Index: -1, Digest: hex.EncodeToString(sum[:]), Data: []byte("evidence"), At: storetest.Start}))
	prepared := p.append(u, "prepared of "+id+secret)
	must(p.t, p.SavePrepared(ctx, id, 0, signing.Prepared{Increment: prepared.Key, IncrementLen: prepared.Length}))
	increment := "signature of " + id + secret
	signed := u
	signed.ID, signed.Segments = id+"-0-b-t", append(slices.Clone(u.Segments), p.append(u, increment))
	p.bytes[signed.ID] = append(slices.Clone(p.bytes[u.ID]), increment...)
	whole := sha256.Sum256(p.bytes[signed.ID])
	signed.Size, signed.SHA256 = int64(len(p.bytes[signed.ID])), hex.EncodeToString(whole[:])
	must(p.t, p.SaveUpload(ctx, signed))
	must(p.t, p.SaveSigned(ctx, id, 0, signed.ID, signing.LevelT))
	p.Exec(`UPDATE signings SET status = $1 WHERE id = $2`, string(status), id)
}

func (p *past) append(u signing.Upload, text string) signing.Segment {
	p.t.Helper()
	s, err := p.blobs.Append(p.t.Context(), u, []byte(text))
	must(p.t, err)
	return s
}

// registration stores one with a paper.
func (p *past) registration(id string, paper signing.Upload, status registration.Status) string {
	p.t.Helper()
	_, err := p.Store.Registrations().CreateRegistration(p.t.Context(), id, storetest.Request(id, storetest.Start))
	must(p.t, err)
	var subject string
	must(p.t, p.Store.Registrations().Change(p.t.Context(), id, func(r *registration.Registration) error {
		subject, r.Request = r.SubjectID, &registration.Paper{UploadID: paper.ID}
		return nil
	}))
	p.Exec(`UPDATE registrations SET status = $1 WHERE id = $2`, string(status), id)
	return subject
}

func (p *past) sealing() *relay.Sealing {
	p.AsBefore = false
	return &relay.Sealing{Records: p.Clear(), For: time.Minute, Seal: func(ctx context.Context, doc signing.Upload) ([]signing.Segment, error) {
		return blob.SealDocument(ctx, p.blobs, doc)
	}}
}

func (p *past) leftovers(now time.Time) *relay.Leftovers {
	return &relay.Leftovers{Records: p.Leftovers(), Blobs: p.blobs, Unused: 1000 * 24 * time.Hour, Clear: true, Now: func() time.Time { return now },
		Erase: func(context.Context, string) error { return nil }}
}

// wantOpen reads documents through their records.
func (p *past) wantOpen(what string, ids ...string) {
	p.t.Helper()
	for _, id := range ids {
		u, err := p.Upload(p.t.Context(), id)
		must(p.t, err)
		src, err := blob.OpenDocument(p.t.Context(), p.blobs, u)
		must(p.t, err)
		got, err := io.ReadAll(io.NewSectionReader(src, 0, src.Size()))
		if err != nil || !bytes.Equal(got, p.bytes[id]) || u.Name != secret+".pdf" {
			p.t.Errorf("%s: %s is %q, %d bytes, want %d; %v", what, id, u.Name, len(got), len(p.bytes[id]), err)
		}
	}
}

// inClear returns the files of the folder that hold the secret.
func (p *past) inClear() []string {
	p.t.Helper()
	if p.dir == "" {
		return p.clearObjects()
	}
	var found []string
	must(p.t, filepath.WalkDir(p.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(secret)) {
			found = append(found, strings.TrimPrefix(path, p.dir+"/"))
		}
		return err
	}))
	slices.Sort(found)
	return found
}

// clearObjects is inClear on S3.
func (p *past) clearObjects() (found []string) {
	p.t.Helper()
	ctx := p.t.Context()
	for _, folder := range []string{"uploads", "increments", "sealed"} {
		must(p.t, p.blobs.List(ctx, folder, func(key string, _ time.Time) error {
			r, err := p.blobs.ReadRange(ctx, key, 0, -1)
			if err != nil {
				return err
			}
			data, err := io.ReadAll(r)
			if bytes.Contains(data, []byte(secret)) {
				found = append(found, key)
			}
			return errors.Join(err, r.Close())
		}))
	}
	slices.Sort(found)
	return found
}

func (p *past) count(query string, want int) {
	p.t.Helper()
	var n int
	must(p.t, p.DB.QueryRowContext(p.t.Context(), query).Scan(&n))
	if n != want {
		p.t.Errorf("%s: %d, want %d", query, n, want)
	}
}

// keys are where the segments of uploads and prepared increments lie.
func (p *past) keys(ids ...string) []string {
	p.t.Helper()
	var keys []string
	for _, id := range ids {
		u, err := p.Upload(p.t.Context(), id)
		must(p.t, err)
		for _, s := range u.Segments {
			keys = append(keys, s.Key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// TestWhatEarlierReleasesLeftIsSealed: documents, papers and signings that have ended get under the keys of their people, what
// is under way stays as it is, and nothing in clear goes while a record points to it.
func TestWhatEarlierReleasesLeftIsSealed(t *testing.T) {
	onPast(t, func(t *testing.T, p *past) {
		ctx := t.Context()
		ended, running, paper, early, unused := p.upload(false), p.upload(false), p.upload(false), p.upload(false), p.upload(false)
		p.signing("ended", "ICA.079095012345", ended, signing.StatusSigned)
		p.signing("running", "ICA.079095012346", running, signing.StatusAwaitingApproval)
		p.registration("r-ended", paper, registration.StatusWithdrawn)
		p.registration("r-early", early, registration.StatusInReview)
		sealing, all := p.sealing(), []string{ended.ID, "ended-0-b-t", running.ID, "running-0-b-t", paper.ID, early.ID, unused.ID}

		whole := sealing.Seal
		sealing.Seal = func(ctx context.Context, doc signing.Upload) ([]signing.Segment, error) {
			_, err := whole(ctx, doc)
			return nil, errors.Join(err, io.ErrClosedPipe) // killed between the blob and the record
		}
		if err := sealing.Once(ctx); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("an interrupted round says %v", err)
		}
		p.wantOpen("after an interrupted round", all...)
		sealing.Seal = whole
		for range 2 {
			must(t, sealing.Once(ctx))
			p.wantOpen("after a round", all...)
		}
		p.count(`SELECT COUNT(*) FROM uploads WHERE key_id IS NULL`, 3)                         // running with its stage, early
		p.count(`SELECT COUNT(*) FROM registrations WHERE papers_sealed`, 1)                    //
		p.count(`SELECT COUNT(*) FROM document_keys WHERE subject_id = ''`, 1)                  // unused
		p.count(`SELECT COUNT(*) FROM signings WHERE subject_id IS NULL AND id = 'ended'`, 0)   //
		p.count(`SELECT COUNT(*) FROM signings WHERE subject_id IS NULL AND id = 'running'`, 1) //
		wantSigning(t, p, "ended", "running")

		must(t, p.leftovers(time.Now()).Remove(ctx))
		if n := len(p.inClear()); n != 9 { // five uploads, two prepared and two signed increments
			t.Errorf("readers lost segments: %d are left", n)
		}
		must(t, p.leftovers(time.Now().Add(2*time.Hour)).Remove(ctx))
		must(t, p.leftovers(time.Now().Add(25*time.Hour)).Orphans(ctx)) // the prepared increment of what has ended
		one, err := p.Signing(ctx, "running")
		must(t, err)
		want := append(p.keys(running.ID, "running-0-b-t", early.ID), one.Documents[0].Prepared.Increment)
		slices.Sort(want)
		if got := p.inClear(); !slices.Equal(got, want) {
			t.Errorf("in clear lie %v, want %v", got, want)
		}
		p.wantOpen("after the removal", all...)

		p.Exec(`UPDATE signings SET status = 'signed'`)
		p.Exec(`UPDATE registrations SET status = 'withdrawn'`)
		must(t, sealing.Once(ctx))
		must(t, p.leftovers(time.Now().Add(2*time.Hour)).Remove(ctx))
		must(t, p.leftovers(time.Now().Add(25*time.Hour)).Orphans(ctx))
		if got := p.inClear(); len(got) > 0 {
			t.Errorf("when all has ended, in clear lie %v", got)
		}
		p.wantOpen("when all has ended", all...)
	})
}

// wantSigning reads everything of signings.
func wantSigning(t *testing.T, p *past, ids ...string) {
	t.Helper()
	for _, id := range ids {
		one, err := p.Signing(t.Context(), id)
		must(t, err)
		certificates, err := p.Certificates(t.Context(), id)
		must(t, err)
		values, err := p.Values(t.Context(), id)
		must(t, err)
		evidence, err := p.Evidence(t.Context(), id)
		must(t, err)
		got := []string{one.Reason, one.Location, one.Documents[0].Name, certificates[0].Subject, string(values[0].Value), string(evidence[0].Data)}
		if want := []string{secret, secret, secret, secret, "value", "evidence"}; !slices.Equal(got, want) {
			t.Errorf("%s holds %q", id, got)
		}
	}
}

// TestSealedSignersAreErased by the id of a signing of an earlier release, and the clear segments with them.
func TestSealedSignersAreErased(t *testing.T) {
	onPast(t, func(t *testing.T, p *past) {
		ctx, shared, mine := t.Context(), p.upload(false), p.upload(false)
		p.signing("mine", "ICA.079095012345", mine, signing.StatusSigned)
		p.signing("also-mine", "ICA.079095012345", shared, signing.StatusSigned)
		p.signing("theirs", "ICA.079095012346", shared, signing.StatusSigned)
		records := p.Store.Registrations()
		_, err := records.SubjectOf(ctx, "mine")
		wantProblem(t, err, problem.Conflict)
		sealing := p.sealing()
		must(t, sealing.Signings(ctx))
		subject, err := records.SubjectOf(ctx, "mine")
		must(t, err)
		must(t, sealing.Once(ctx))
		_, err = records.EraseSubject(ctx, subject, "dpo", time.Now(), 5)
		must(t, err)
		must(t, p.leftovers(time.Now().Add(time.Minute)).Remove(ctx))
		for _, id := range []string{mine.ID, "mine-0-b-t"} {
			_, err := p.Upload(ctx, id)
			wantProblem(t, err, problem.Erased)
			for _, key := range p.inClear() {
				if strings.Contains(key, id) {
					t.Errorf("%s lies in clear after the erasure", key)
				}
			}
		}
		p.wantOpen("of the other signer", shared.ID, "theirs-0-b-t")
		wantSigning(t, p, "theirs")
	})
}

// TestADocumentInClearThatSharesItsBeginningStays: the erasure of one signer leaves the other's document whole.
func TestADocumentInClearThatSharesItsBeginningStays(t *testing.T) {
	onPast(t, func(t *testing.T, p *past) {
		ctx, shared := t.Context(), p.upload(false)
		p.signing("mine", "ICA.079095012345", shared, signing.StatusSigned)
		p.signing("theirs", "ICA.079095012346", shared, signing.StatusSigned)
		must(t, p.sealing().Signings(ctx))
		subject, err := p.Store.Registrations().SubjectOf(ctx, "mine")
		must(t, err)
		_, err = p.Store.Registrations().EraseSubject(ctx, subject, "dpo", time.Now(), 5)
		must(t, err)
		must(t, p.leftovers(time.Now().Add(2*time.Hour)).Remove(ctx))
		_, err = p.Upload(ctx, "mine-0-b-t")
		wantProblem(t, err, problem.Erased)
		p.wantOpen("of the other signer", shared.ID, "theirs-0-b-t")
	})
}

func wantProblem(t *testing.T, err error, code problem.Code) {
	t.Helper()
	if problem.CodeOf(err) != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// TestADamagedDocumentKeepsNobodyWaiting: its bytes are not taken for what was stored, and the others are sealed.
func TestADamagedDocumentKeepsNobodyWaiting(t *testing.T) {
	onPast(t, func(t *testing.T, p *past) {
		damaged, whole := p.upload(false), p.upload(false)
		raw := bytes.Clone(p.bytes[damaged.ID])
		raw[20] ^= 1
		must(t, p.blobs.Put(t.Context(), damaged.Segments[0].Key, bytes.NewReader(raw)))
		err := p.sealing().Once(t.Context())
		if err == nil || !strings.Contains(err.Error(), damaged.ID) {
			t.Errorf("the round says %v", err)
		}
		p.wantOpen("beside a damaged one", whole.ID)
		p.count(`SELECT COUNT(*) FROM uploads WHERE key_id IS NULL`, 1)
	})
}

// TestOrphansAreDeleted: blobs without a record go when they are old, and no other ever.
func TestOrphansAreDeleted(t *testing.T) {
	onPast(t, func(t *testing.T, p *past) {
		ctx, plain, sealed := t.Context(), p.upload(false), p.upload(true)
		p.signing("running", "ICA.079095012346", plain, signing.StatusAwaitingApproval)
		// Written by requests that died before the record was stored, or that are about to store it.
		for _, kind := range []bool{false, true} {
			_, err := blob.Upload(ctx, p.blobs, "x.pdf", strings.NewReader("%PDF-"+secret), 1<<20, kind)
			must(t, err)
		}
		p.append(plain, "increment of a try that died "+secret)
		p.append(sealed, "increment of a try that died "+secret)
		files := func() (n int) {
			for _, folder := range []string{"uploads", "increments", "sealed"} {
				must(t, p.blobs.List(ctx, folder, func(string, time.Time) error { n++; return nil }))
			}
			return n
		}
		before := files()
		must(t, p.leftovers(time.Now()).Orphans(ctx))
		if n := files(); n != before {
			t.Errorf("%d of %d files are left while requests may be at work", n, before)
		}
		late := p.leftovers(time.Now().Add(25 * time.Hour))
		late.Clear = false
		must(t, late.Orphans(ctx))
		if n := files(); n != before-1 {
			t.Errorf("%d of %d files are left, want all but the sealed one without a key", n, before)
		}
		late.Clear = true
		must(t, late.Orphans(ctx))
		if n := files(); n != before-3 {
			t.Errorf("%d of %d files are left, want all but three", n, before)
		}
		p.wantOpen("after the orphans went", plain.ID, sealed.ID, "running-0-b-t")
		one, err := p.Signing(ctx, "running")
		must(t, err)
		if _, err := p.blobs.ReadSegment(ctx, plain, signing.Segment{Key: one.Documents[0].Prepared.Increment, Length: one.Documents[0].Prepared.IncrementLen}); err != nil {
			t.Errorf("the prepared increment: %v", err)
		}
	})
}

// waiting is a list of rows that fail or are sealed.
type waiting struct {
	relay.ClearRecords
	rows   []page.Cursor
	sealed map[string]bool
}

func (w *waiting) Signings(_ context.Context, after page.Cursor, limit int) ([]page.Cursor, error) {
	var list []page.Cursor
	for _, row := range w.rows {
		if row.ID > after.ID && !w.sealed[row.ID] && len(list) < limit {
			list = append(list, row)
		}
	}
	return list, nil
}

func (w *waiting) SealSigning(_ context.Context, id string) error {
	if id < "r-0600" {
		return problem.New(problem.DigestMismatch, "%s is damaged", id)
	}
	w.sealed[id] = true
	return nil
}

// TestSealingDrains: more rows that fail than a page has do not hide those behind them, and a round without time ends.
func TestSealingDrains(t *testing.T) {
	w := &waiting{sealed: map[string]bool{}}
	for i := range 1500 {
		w.rows = append(w.rows, page.Cursor{At: storetest.Start, ID: fmt.Sprintf("r-%04d", i)})
	}
	s := &relay.Sealing{Records: w}
	if err := s.Signings(t.Context()); err == nil || len(w.sealed) != 900 {
		t.Errorf("%d of 900 are sealed; %v", len(w.sealed), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.sealed = map[string]bool{}
	if err := s.Signings(ctx); err != nil || len(w.sealed) > 0 {
		t.Errorf("a round without time seals %d; %v", len(w.sealed), err)
	}
}
