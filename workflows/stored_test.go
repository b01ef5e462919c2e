package workflows_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"kyso/activities"
	"kyso/internal/problem"
	"kyso/internal/registration"
	"kyso/internal/signing"
	"kyso/workflows"
)

// dryRecords are records in which nothing changes: an activity that comes so far has not noticed anything.
type dryRecords struct{ signing.Records }

var errDry = problem.New(problem.Conflict, "the activity went on to write")

func (dryRecords) SavePrepared(context.Context, string, int, signing.Prepared) error { return errDry }
func (dryRecords) SaveUpload(context.Context, signing.Upload) error                  { return errDry }
func (dryRecords) SaveSigned(context.Context, string, int, string, signing.Level) error {
	return errDry
}
func (dryRecords) RenewSigned(context.Context, string, int, string, string) error { return errDry }
func (dryRecords) SavePlacement(context.Context, string, int, signing.Placement) error {
	return errDry
}

type dryRegistrations struct{ registration.Records }

func (dryRegistrations) Change(context.Context, string, func(*registration.Registration) error) error {
	return errDry
}

// readers are the activities that read stored files. The others would ask outside parties.
var readers = map[string]bool{"PrepareDocuments": true, "ArchiveDue": true, "RenewArchive": true, "SealContract": true,
	activities.StageInspect: true, activities.StageEmbed: true, activities.StageTimestamp: true, activities.StageExtend: true, activities.StageArchive: true,
	activities.StageDeliver: true}

// damage flips one byte of every stored file in turn before each activity that reads files runs, and has a copy of the
// activity that writes nothing meet it.
type damage struct {
	*journey
	acts    *activities.Signing
	reg     *activities.Registration
	noticed map[string]int  // by activity
	files   map[string]bool // that were noticed
}

func watchDamage(j *journey) *damage {
	acts, reg := *j.acts, *j.reg
	acts.Records, reg.Records = dryRecords{j.acts.Records}, dryRegistrations{j.reg.Records}
	d := &damage{journey: j, acts: &acts, reg: &reg, noticed: map[string]int{}, files: map[string]bool{}}
	j.env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, args converter.EncodedValues) {
		if readers[info.ActivityType.Name] {
			name := info.ActivityType.Name
			d.each(name, name, func(arg any) { d.must(args.Get(arg)) })
		}
	})
	j.onStages(func(name string, work activities.Work) {
		if stage := work.Stages[0]; readers[stage] {
			d.each(stage, name, func(arg any) { *arg.(*activities.Work) = work })
		}
	})
	return d
}

// stored are the keys of all stored files.
func (j *journey) stored() []string {
	j.Helper()
	var keys []string
	j.must(j.blobs.List(context.Background(), signing.SealedFolder, func(key string, _ time.Time) error {
		keys = append(keys, key)
		return nil
	}))
	return keys
}

// flip changes one byte in the middle of a stored file, and returns what puts it back.
func (j *journey) flip(key string) (back func()) {
	j.Helper()
	ctx := context.Background()
	r, err := j.blobs.ReadRange(ctx, key, 0, -1)
	j.must(err)
	raw, err := io.ReadAll(r)
	j.must(errors.Join(err, r.Close()))
	broken := bytes.Clone(raw)
	broken[len(broken)/2] ^= 0x20
	j.must(j.blobs.Put(ctx, key, bytes.NewReader(broken)))
	return func() { j.must(j.blobs.Put(ctx, key, bytes.NewReader(raw))) }
}

// each runs an activity with each file damaged in turn; name is its own, or that of its stage.
func (d *damage) each(name, of string, read func(arg any)) {
	if d.noticed[name] > 0 { // at an earlier try
		return
	}
	method := reflect.ValueOf(d.acts).MethodByName(of)
	if !method.IsValid() {
		method = reflect.ValueOf(d.reg).MethodByName(of)
	}
	arg := reflect.New(method.Type().In(1))
	read(arg.Interface())
	for _, key := range d.stored() {
		back := d.flip(key)
		err := d.run(name, method, arg)
		back()
		found, _ := errors.AsType[*temporal.ApplicationError](err)
		switch {
		case found != nil && found.Type() == string(problem.DigestMismatch):
			d.noticed[name]++
			d.files[key] = true
		case found != nil && found.Type() == string(problem.CodeOf(errDry)), err == nil: // it does not read that file
		default:
			d.Errorf("%s over a damaged file: %v", name, err)
		}
	}
}

// run runs an activity by itself, again while an outside party is away.
func (d *damage) run(name string, method, arg reflect.Value) error {
	for try := 0; ; try++ {
		var suite testsuite.WorkflowTestSuite
		suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
		env := suite.NewTestActivityEnvironment()
		env.RegisterActivityWithOptions(method.Interface(), activity.RegisterOptions{Name: name})
		_, err := env.ExecuteActivity(name, arg.Elem().Interface())
		found, ok := errors.AsType[*temporal.ApplicationError](err)
		if !ok || problem.Code(found.Type()).Kind() != problem.KindUpstream || try == 20 {
			return err
		}
	}
}

func (d *damage) wantNoticed(names ...string) {
	d.Helper()
	for _, name := range names {
		if d.noticed[name] == 0 {
			d.Errorf("%s noticed no damaged file", name)
		}
	}
	d.Logf("noticed: %v", d.noticed)
}

// TestActsNoticeEveryChangedByte: each activity of a signing and its renewal that reads a stored file with one other byte ends as
// digest-mismatch, whatever it reads and however, the child process for PDF included.
func TestActsNoticeEveryChangedByte(t *testing.T) {
	j := newJourney(t)
	d := watchDamage(j)
	j.request(signing.Signing{Level: signing.LevelLTA, Reason: "Lưu trữ"}, page("one"))
	j.at(10*time.Second, j.approve(user))
	j.keep(1)
	d.wantNoticed("PrepareDocuments", activities.StageInspect, activities.StageEmbed, activities.StageTimestamp, activities.StageExtend,
		activities.StageArchive, activities.StageDeliver, "ArchiveDue", "RenewArchive")
	signed, err := j.store.Upload(context.Background(), j.id+"-0-b-lta") // nothing reads the renewal yet
	j.must(err)
	for _, segment := range signed.Segments {
		if !d.files[segment.Key] {
			t.Errorf("nothing noticed a byte of %s", segment.Key)
		}
	}
}

// TestPapersNoticeEveryChangedByte: a contract with one other byte is not sealed, and an acceptance record not signed.
func TestPapersNoticeEveryChangedByte(t *testing.T) {
	e := newEnrolment(t, "PS0")
	d := watchDamage(e.journey)
	r := e.enrol(registration.StatusActive)
	d.wantNoticed("SealContract", activities.StageInspect, activities.StageEmbed, activities.StageDeliver) // to prepare reads a few ranges only
	for what, id := range map[string]string{"contract": r.Contract.UploadID, "acceptance record": r.Acceptance.UploadID} {
		upload, err := e.store.Upload(context.Background(), id)
		e.must(err)
		if !d.files[upload.Segments[0].Key] {
			t.Errorf("nothing noticed a byte of the %s", what)
		}
	}
}

// TestADamagedFileParks: the process waits with digest-mismatch, gives nothing out, and goes on when the file is restored.
func TestADamagedFileParks(t *testing.T) {
	j := newJourney(t)
	j.window(2 * 24 * time.Hour)
	j.request(signing.Signing{Reason: "Lưu trữ"}, page("one"))
	var backs []func()
	j.at(10*time.Minute, func() {
		for _, key := range j.stored() {
			backs = append(backs, j.flip(key))
		}
		j.approve(user)()
	})
	j.at(time.Hour, func() {
		if s := j.status(); s.Attention == nil || s.Attention.Reason != string(problem.DigestMismatch) {
			t.Errorf("parked as %+v", s.Attention)
		}
		s, err := j.store.Signing(context.Background(), j.id)
		j.must(err)
		if s.Documents[0].SignedID != "" {
			t.Error("a file is given out")
		}
		for _, back := range backs {
			back()
		}
		j.update("repair", retry(), nil)()
	})
	j.run(signing.StatusSigned)
}

// padded puts n bytes of comments before the cross-reference table of a file: a reader that finds the table skips them.
func padded(t *testing.T, file []byte, n int) []byte {
	t.Helper()
	table := bytes.LastIndex(file, []byte("\nxref\n")) + 1
	old := fmt.Appendf(nil, "startxref\n%d\n", table)
	if table == 0 || bytes.Count(file, old) != 1 {
		t.Fatal("the file does not end with one cross-reference table")
	}
	comments := bytes.Repeat([]byte("% nothing reads this\n"), n/21)
	end := bytes.Replace(file[table:], old, fmt.Appendf(nil, "startxref\n%d\n", table+len(comments)), 1)
	return slices.Concat(file[:table], comments, end)
}

// TestADamagedUploadParksBeforeThePhoneRings: a byte in the middle of a larger file, which no page of it needs, is noticed before
// anybody is asked.
func TestADamagedUploadParksBeforeThePhoneRings(t *testing.T) {
	j := newJourney(t)
	j.request(signing.Signing{Reason: "Lưu trữ"}, padded(t, page("one"), 4<<20))
	var backs []func()
	for _, key := range j.stored() {
		backs = append(backs, j.flip(key))
	}
	j.at(time.Hour, func() {
		s, err := j.store.Signing(context.Background(), j.id)
		j.must(err)
		if a := s.Attention; a.Reason != string(problem.DigestMismatch) || a.Step != workflows.StepInspect || s.Approval.OurID != "" {
			t.Errorf("parked as %+v, asked with %q", a, s.Approval.OurID)
		}
		for _, back := range backs {
			back()
		}
		j.update("repair", retry(), nil)()
	})
	j.at(time.Hour+time.Minute, j.approve(user))
	j.run(signing.StatusSigned)
}
