// Package doctor looks whether everything that a configuration names is there, and says what to do about what is not.
package doctor

import (
	"context"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"kyso/internal/blob"
	"kyso/internal/config"
	"kyso/internal/party"
	"kyso/internal/pdfchild"
	"kyso/internal/pemfile"
	"kyso/internal/signing"
	"kyso/internal/store"
	"kyso/internal/telemetry"
	"kyso/internal/truststore"
	"kyso/internal/vault"
	"kyso/workflows"
)

// Finding is what the doctor says of one part.
type Finding struct {
	Part   string `json:"part"`
	State  string `json:"state"` // ok, warning or fault
	What   string `json:"what"`
	Remedy string `json:"remedy,omitempty"`
}

// The states of findings. A fault keeps kyso from working; a warning will, or hides something.
const (
	Healthy = "ok"
	Warning = "warning"
	Fault   = "fault"
)

const (
	expirySoon   = 30 * 24 * time.Hour
	clockLimit   = 5 * time.Second
	leastRetain  = 24 * time.Hour
	doctorWait   = 5 * time.Second
	masterKeyLen = 32
)

// doctor looks at every part by itself: one that is broken hides no other.
type doctor struct {
	cfg   config.Config
	url   string // of the API; may be empty
	log   sdklog.Logger
	found []Finding
}

// Examine looks at everything that the configuration names, and says what is wrong and what to do about it. The API is asked at
// url, unless that is empty.
func Examine(ctx context.Context, cfg config.Config, url string) []Finding {
	d := &doctor{cfg: cfg, url: url, log: sdklog.NewStructuredLogger(telemetry.NewLog(discard{}, cfg.LogLevel))}
	for _, look := range []func(context.Context){d.masterKey, d.database, d.blobs, d.temporal, d.trust, d.seal, d.parties, d.pdf, d.api, d.auditFile} {
		limited, cancel := context.WithTimeout(ctx, 3*doctorWait)
		look(limited)
		cancel()
	}
	return d.found
}

type discard struct{}

// Write implements io.Writer.
func (discard) Write(p []byte) (int, error) { return len(p), nil }

func (d *doctor) say(part, state, what, remedy string) {
	d.found = append(d.found, Finding{part, state, what, remedy})
}

// judge says that all is well, or what err is.
func (d *doctor) judge(part string, err error, well, remedy string) bool {
	if err != nil {
		d.say(part, Fault, err.Error(), remedy)
		return false
	}
	d.say(part, Healthy, well, "")
	return true
}

func (d *doctor) masterKey(context.Context) {
	path := d.cfg.MasterKeyFile
	info, err := os.Stat(path)
	switch {
	case err != nil:
		d.say("master key", Fault, err.Error(), "KYSO_MASTER_KEY_FILE has to name the key that the store was made with; without it nothing can be read")
	case info.Size() != masterKeyLen:
		d.say("master key", Fault, fmt.Sprintf("%s has %d bytes, not %d", path, info.Size(), masterKeyLen), "restore it from the backup")
	case info.Mode().Perm()&0o077 != 0:
		d.say("master key", Warning, fmt.Sprintf("%s can be read by others (%s)", path, info.Mode().Perm()), "chmod 600 "+path)
	default:
		d.say("master key", Healthy, path, "")
	}
}

// pdf starts a process that reads PDF files.
func (d *doctor) pdf(context.Context) {
	child := &pdfchild.Runner{Program: d.cfg.PDFProgram, MaxParallel: 1}
	defer child.Close()
	const part = "PDF process"
	if err := child.Warm(); err != nil {
		d.say(part, Fault, err.Error(), "put kyso-pdf of this release into the folder of kyso and kyso-worker, or name it in KYSO_PDF_PROGRAM")
		return
	}
	if confined := child.Confined(); len(confined.Missing) > 0 {
		d.say(part, Warning, "not confined by "+strings.Join(confined.Missing, ", "),
			"a hostile PDF meets fewer walls; a Linux of 5.13 or later has them, and neither container nor service manager may forbid seccomp and landlock")
		return
	}
	d.say(part, Healthy, "kyso-pdf is of this release, and confined by no_new_privs, Landlock and seccomp", "")
}

func (d *doctor) database(ctx context.Context) {
	key, err := vault.ReadMasterKey(d.cfg.MasterKeyFile)
	if err != nil {
		d.say("database", Warning, "not looked at: the master key cannot be read", "correct the master key first")
		return
	}
	if path, ok := strings.CutPrefix(d.cfg.Database, "sqlite:"); ok && !slices.Contains(sql.Drivers(), "sqlite") {
		d.say("database", Warning, "not looked at: "+path+" is that of a development world, and this program opens PostgreSQL only", "kyso dev brings its schema up to date when it starts")
		return
	}
	s, err := store.Open(ctx, d.cfg.Database, key)
	if err != nil {
		d.say("database", Fault, err.Error(), "is KYSO_DATABASE right, and does the server run?")
		return
	}
	defer func() { _ = s.Close() }() // nothing was written
	pending, err := s.Pending(ctx)
	switch {
	case err != nil:
		d.say("database", Fault, err.Error(), "is KYSO_DATABASE right, and may the role read its schema?")
		return
	case pending > 0:
		d.say("database", Fault, fmt.Sprintf("%d migrations are missing", pending), "kyso migrate")
		return
	}
	if !d.judge("database", s.Ping(ctx), "reached, schema up to date, master key fits", "is the master key the one that this store was made with?") {
		return
	}
	if apart, err := s.ClockSkew(ctx); err == nil && apart.Abs() > clockLimit {
		d.say("clock", Warning, "the database's clock is "+apart.Round(time.Second).String()+" apart", "run a time service on both machines; deadlines and signatures go by it")
	} else if err == nil {
		d.say("clock", Healthy, "agrees with the database's", "")
	}
	d.waits(ctx, s)
}

func (d *doctor) blobs(ctx context.Context) {
	b, err := blob.Open(ctx, d.cfg.Blobs)
	if err != nil {
		d.say("blobs", Fault, err.Error(), "is KYSO_BLOBS right, and may this account use the bucket or folder?")
		return
	}
	defer func() { _ = b.Close() }() // what was written is read back
	const key = "doctor/probe"
	if err = b.Put(ctx, key, strings.NewReader("kyso")); err == nil {
		r, readErr := b.ReadRange(ctx, key, 0, 4)
		if err = readErr; err == nil {
			err = r.Close()
		}
	}
	d.judge("blobs", err, "written and read back", "may this account write to the bucket or folder?")
}

func (d *doctor) temporal(ctx context.Context) {
	options := d.cfg.Temporal
	options.Logger = d.log
	c, err := client.DialContext(ctx, options)
	if err != nil {
		d.say("temporal", Fault, err.Error(), "is TEMPORAL_ADDRESS right, and does the server run?")
		return
	}
	defer c.Close()
	info, err := c.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if !d.judge("temporal", err, "server "+info.GetServerVersion()+" at "+options.HostPort, "") {
		return
	}
	if d.namespace(ctx, c, options.Namespace) {
		d.pollers(ctx, c, options.Namespace)
		d.release(ctx, c, options.Namespace)
	}
}

func (d *doctor) namespace(ctx context.Context, c client.Client, name string) bool {
	ns, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: name})
	if err != nil {
		d.say("namespace", Fault, err.Error(), "temporal operator namespace create --namespace "+name+" --retention 72h")
		return false
	}
	retention := ns.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	if retention < leastRetain {
		d.say("namespace", Warning, fmt.Sprintf("%s keeps closed processes for %s only", name, retention), "give it 72h, so that an operator still finds what ended at the weekend")
	} else {
		d.say("namespace", Healthy, fmt.Sprintf("%s, closed processes stay for %s", name, retention), "")
	}
	missing, err := (&workflows.Client{Temporal: c}).MissingSearchAttributes(ctx, name)
	switch {
	case err != nil:
		d.say("search attributes", Fault, err.Error(), "remove it with: temporal operator search-attribute remove --name …, then kyso migrate")
	case len(missing) > 0:
		d.say("search attributes", Fault, "missing: "+strings.Join(missing, ", "), "kyso migrate")
	default:
		d.say("search attributes", Healthy, "all there", "")
	}
	return true
}

func (d *doctor) pollers(ctx context.Context, c client.Client, namespace string) {
	for kind, name := range map[enumspb.TaskQueueType]string{enumspb.TASK_QUEUE_TYPE_WORKFLOW: "processes", enumspb.TASK_QUEUE_TYPE_ACTIVITY: "activities"} {
		queue, err := c.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{Namespace: namespace,
			TaskQueue: &taskqueue.TaskQueue{Name: workflows.TaskQueue}, TaskQueueType: kind})
		switch {
		case err != nil:
			d.say("workers", Fault, err.Error(), "")
		case len(queue.GetPollers()) == 0:
			d.say("workers", Fault, "no worker polls "+workflows.TaskQueue+" for "+name, "start a worker; without one every process stands still")
		default:
			d.say("workers", Healthy, fmt.Sprintf("%d polling for %s", len(queue.GetPollers()), name), "")
		}
	}
}

// release looks at worker versioning: with build ids and without a current one, what begins waits for ever.
func (d *doctor) release(ctx context.Context, c client.Client, namespace string) {
	releases, err := (&workflows.Client{Temporal: c}).Releases(ctx, namespace)
	if err != nil {
		d.say("worker versions", Fault, err.Error(), "")
		return
	}
	if len(releases) == 0 {
		return
	}
	var said []string
	current, drained := "", 0
	for _, r := range releases {
		said = append(said, fmt.Sprintf("%s %s, %d running", r.BuildID, r.Status, r.Running))
		if r.Current {
			current = r.BuildID
		}
		if r.Status == "drained" {
			drained++
		}
	}
	what := strings.Join(said, "; ")
	switch {
	case current == "":
		d.say("worker versions", Warning, "none is current, so only workers without KYSO_BUILD_ID get new processes: "+what, "kyso rollout BUILD")
	case drained > 0:
		d.say("worker versions", Healthy, what, "workers of drained versions can be stopped")
	default:
		d.say("worker versions", Healthy, what, "")
	}
}

// trustSoon is how long before its end a trusted certificate is named: its successor has to be published, got and added.
const trustSoon = 60 * 24 * time.Hour

// trust looks at whom this installation trusts: the files, with the changes in the store over them.
func (d *doctor) trust(ctx context.Context) {
	trust, err := truststore.Read(d.cfg.TrustFile)
	if err != nil {
		d.say("trust", Fault, err.Error(), "KYSO_TRUST has to name a PEM bundle with the roots of the certification authorities")
		return
	}
	changed, err := d.changedTrust(ctx, slices.Concat(trust.Roots, trust.Intermediates))
	if err != nil {
		d.say("trust", Warning, fmt.Sprintf("%d roots, %d issuers in the files; the changes in the database cannot be read", len(trust.Roots), len(trust.Intermediates)),
			"see the line of the database; a program that cannot read these changes signs and judges nothing")
		return
	}
	what := fmt.Sprintf("%d roots, %d issuers, %d removed", len(changed.Roots), len(changed.Intermediates), len(changed.Removed))
	var ending []string
	for _, c := range slices.Concat(changed.Roots, changed.Intermediates) {
		switch left := time.Until(c.NotAfter); {
		case left <= 0:
			ending = append(ending, fmt.Sprintf("%s ended on %s", signing.NameOf(c), c.NotAfter.Format(time.DateOnly)))
		case left < trustSoon:
			ending = append(ending, fmt.Sprintf("%s ends on %s", signing.NameOf(c), c.NotAfter.Format(time.DateOnly)))
		}
	}
	if len(ending) > 0 {
		d.say("trust", Warning, what+"; "+strings.Join(ending, "; "), "get the renewed certificate from the authority and add it: kyso trust add FILE")
		return
	}
	d.say("trust", Healthy, what, "")
}

// changedTrust lays the changes in the store over the files.
func (d *doctor) changedTrust(ctx context.Context, files []*x509.Certificate) (signing.Trust, error) {
	key, err := vault.ReadMasterKey(d.cfg.MasterKeyFile)
	if err != nil {
		return signing.Trust{}, err
	}
	s, err := store.Open(ctx, d.cfg.Database, key)
	if err != nil {
		return signing.Trust{}, err
	}
	defer func() { _ = s.Close() }() // nothing was written
	changes, _, err := s.Trusted().TrustChanges(ctx)
	if err != nil {
		return signing.Trust{}, err
	}
	list, err := signing.ListTrust(files, changes)
	return signing.TrustOf(list), err
}

func (d *doctor) expiry(part string, list []*x509.Certificate, well, remedy string) {
	worst := Finding{part, Healthy, well, ""}
	for _, cert := range list {
		switch left := time.Until(cert.NotAfter); {
		case left <= 0:
			worst = Finding{part, Warning, fmt.Sprintf("%s ended on %s", cert.Subject.CommonName, cert.NotAfter.Format(time.DateOnly)), remedy}
		case left < expirySoon && worst.State == Healthy:
			worst = Finding{part, Warning, fmt.Sprintf("%s ends on %s", cert.Subject.CommonName, cert.NotAfter.Format(time.DateOnly)), remedy}
		}
	}
	d.found = append(d.found, worst)
}

func (d *doctor) seal(context.Context) {
	for i, issuer := range d.cfg.Registration.Issuers {
		part := "seal"
		if i > 0 {
			part += " " + issuer.Code
		}
		list, err := issuer.Seal.Probe()
		if err == nil && issuer.AuthoritiesFile != "" {
			_, err = pemfile.Certificates(issuer.AuthoritiesFile)
		}
		if err != nil {
			d.say(part, Fault, err.Error(), "the variables of issuer "+issuer.Code+" have to name the key and certificate of its seal, and its authorities")
			continue
		}
		d.expiry(part, list, filepath.Base(issuer.Seal.CertificateFile), "have it renewed; contracts cannot be sealed without")
	}
}

// parties asks every outside party for anything: any answer shows that it is there. Whether it knows our account shows
// at the first call.
func (d *doctor) parties(ctx context.Context) {
	g := d.cfg.Registration
	probes := append([]party.Probe{g.VNeID.Probe(), g.SMS.Probe(), g.CA.Probe()}, d.cfg.TSA.Probes()...)
	for _, gateway := range g.Gateways {
		probes = append(probes, gateway.Party.Probe())
	}
	for _, i := range g.Issuers[1:] {
		one := i.CA.Probe()
		one.Name += " " + i.Code
		probes = append(probes, one)
	}
	for _, p := range d.cfg.Providers {
		probes = append(probes, p.Signer.Probe())
	}
	type answer struct {
		name string
		err  error
	}
	answers := make(chan answer)
	for _, probe := range probes {
		go func() { answers <- answer{probe.Name, probe.Ask(ctx)} }()
	}
	for range probes {
		a := <-answers
		if a.err != nil {
			d.say(a.name, Warning, a.err.Error(), "is its address right, and is it up? Steps that need it park until it is")
		} else {
			d.say(a.name, Healthy, "answers", "")
		}
	}
}

// auditFile looks whether signed checkpoints leave the database. It writes what the API would make: a file next to it.
func (d *doctor) auditFile(context.Context) {
	path := d.cfg.AuditFile
	remedy := "name a file in KYSO_AUDIT_FILE that the API may write, in a folder of its own on a disk that those who can change the database cannot change"
	if path == "" {
		d.say("audit file", Warning, "KYSO_AUDIT_FILE is not set: that the audit log and its checkpoints were replaced together could not be seen", remedy)
		return
	}
	probe, err := os.CreateTemp(filepath.Dir(path), ".doctor-*")
	if err == nil {
		err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	}
	if err == nil {
		err = appendable(path)
	}
	if err != nil {
		d.say("audit file", Warning, err.Error(), remedy)
		return
	}
	d.say("audit file", Healthy, path, "")
}

// appendable reports whether a file can be written to its end; one that is not there is made by the API.
func appendable(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return file.Close()
}

func (d *doctor) api(ctx context.Context) {
	if d.url != "" {
		d.judge("API", party.Probe{Name: "API", Address: d.url}.Ask(ctx), "answers at "+d.url, "start kyso serve, or name its address in KYSO_URL")
	}
	switch {
	case d.cfg.AdminKey != "":
		d.say("admin key", Warning, "KYSO_ADMIN_KEY is set: one secret may do everything", "make keys with kyso key create, then take it out")
	default:
		d.say("admin key", Healthy, "none", "")
	}
	if d.cfg.Profiling {
		d.say("profiles", Warning, "KYSO_PPROF is set: who reaches "+d.cfg.HealthListen+" from this machine may profile the program, which costs processor time", "take it out when you have seen enough")
	}
	if strings.HasPrefix(d.cfg.PublicURL, "https://") && len(d.cfg.TrustedProxies) == 0 {
		d.say("trusted proxies", Warning, "none is named, and KYSO_PUBLIC_URL is https: behind a proxy all clients are one address, which shares one rate, and the payment gateway is told the proxy's",
			"name the addresses of your proxies in KYSO_TRUSTED_PROXIES")
	}
	if strings.HasPrefix(d.cfg.PublicURL, "http://") && !strings.Contains(d.cfg.PublicURL, "127.0.0.1") && !strings.Contains(d.cfg.PublicURL, "localhost") {
		d.say("public address", Fault, d.cfg.PublicURL+" is not https: sessions could be read on the way", "put a proxy with TLS in front and name it in KYSO_PUBLIC_URL")
	}
}
