// Package config is what can be configured, and the reading of it from the environment: Config (config.go) with its part for
// registrations (registration.go, issuers.go), the parties that it names (parties.go), and the reader that collects all mistakes
// (reader.go). Each party's room reads its own variables. Which parties there are is said by whoever reads: it passes Parties.
package config

import (
	"cmp"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"google.golang.org/grpc"

	"kyso/activities"
	"kyso/internal/pades"
	"kyso/internal/party"
	"kyso/internal/party/tsa"
	"kyso/workflows"
)

// Config is everything that can be configured, and this is its manual. Each field is one environment variable. A
// secret can be given as NAME_FILE too, the path of a file that holds it; a secret in the environment is readable
// by every child process and in crash dumps, so that is the way for production.
//
// The defaults reach what a developer has on one machine: Temporal on 127.0.0.1:7233, the PostgreSQL of
// docker-compose.yml, and the outside parties of "starter/dev sandbox" on 127.0.0.1:8769 with its trust file in
// .kyso. They reach no real party.
type Config struct {
	// Database is KYSO_DATABASE (secret): postgres://user@host:port/name, or sqlite:/absolute/path.db in programs
	// that link SQLite, which is the development world alone.
	Database string
	// MasterKeyFile is KYSO_MASTER_KEY_FILE: 32 random bytes that wrap the keys under which personal data is
	// sealed. Without it nothing can be read. Make one with: head -c 32 /dev/urandom > FILE
	MasterKeyFile string
	// AuditFile is KYSO_AUDIT_FILE: a file to whose end the signed checkpoints of the audit log are copied, so that a
	// log that was cut, emptied or put back from an older copy is found. Keep it where those who can change the database
	// cannot change it. Empty copies none; the checkpoints stand in the program's own log, too.
	AuditFile string
	// AuditKeyFile is KYSO_AUDIT_KEY_FILE: an Ed25519 key (PEM, PKCS #8) that signs the checkpoints. Empty derives one
	// from the master key.
	AuditKeyFile string
	// Blobs is KYSO_BLOBS: where documents are, file:///folder or s3://bucket?endpoint=…&region=….
	Blobs string
	// SealDocuments is KYSO_SEAL_DOCUMENTS (default true): whether new documents and signings lie under the key of their
	// person. false writes them as the release before does, while its programs still run or may come back: they cannot open
	// what lies under a person's key. What was written so is sealed by a loop once it is true and the signing or
	// registration has ended.
	SealDocuments bool
	// KeepYears is KYSO_KEEP_YEARS (default 5): how many years after the end of a certificate its dossier, contract and
	// acceptance record are kept when the person is erased. Decree 23/2025 names no figure; ask counsel.
	KeepYears int
	// KeepUploads is KYSO_KEEP_UPLOADS (default 720h, 30 days): how long an upload waits for a signing before it is deleted.
	KeepUploads time.Duration
	// KeepVerifications is KYSO_KEEP_VERIFICATIONS (default 43800h, five years): how long verifications are kept whose caller wanted
	// it, unless the caller deletes them before.
	KeepVerifications time.Duration
	// TrustFile is KYSO_TRUST: one PEM bundle or several, separated by commas, such as one with the national root of
	// Viet Nam and one with those of your time-stamp authorities. Self-signed certificates in them are trusted roots;
	// the others are issuers that providers leave out of their answers. The files are read again when they change.
	TrustFile string

	// Temporal is read as every Temporal tool does: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY,
	// TEMPORAL_TLS_…, or a profile in the file that TEMPORAL_CONFIG_FILE names.
	Temporal client.Options

	// Providers is KYSO_PROVIDERS: the remote signing providers in use, by the name of their profile (intrustca,
	// vnpt, neac), separated by commas. The first is the default. Each has the variables of Provider.
	Providers []Provider

	// SandboxURL is KYSO_SANDBOX_URL (default http://127.0.0.1:8769): where the stand-ins of the outside parties answer these
	// programs. It is the default of every party's address but the pay page's, which browsers open on their own machine.
	SandboxURL string
	// TSA is how the time-stamp authorities are reached; see tsa.Read.
	TSA *tsa.Client
	// RevocationRewrite is KYSO_REVOCATION_REWRITE: pairs from=to separated by commas. An OCSP, CRL or issuer
	// address in a certificate that begins with from is asked at to instead; some certificates in use carry
	// addresses that have been dead for years.
	RevocationRewrite map[string]string
	// RevocationPrivate is KYSO_REVOCATION_PRIVATE: whether addresses in certificates may lead into private
	// networks. Certificates come from outside, so only a development world says true.
	RevocationPrivate bool

	// Policy bounds what is accepted for signing: KYSO_MAX_DOCUMENT_BYTES, KYSO_MAX_PAGES, and
	// KYSO_REFUSE_ACTIVE_CONTENT (true refuses PDFs with JavaScript or launch actions, which otherwise get a
	// warning), and KYSO_REFUSE_HIDDEN_CONTENT (true refuses PDFs with hidden pages or layers, overlays, or fields
	// that show another value, which otherwise get a warning, too).
	Policy pades.Policy
	// Archiving says when archive time-stamps are renewed: KYSO_ARCHIVE_MARGIN before the end of the authority's
	// certificate (default 2160h, 90 days), or of an algorithm in KYSO_ALGORITHM_ENDS, such as
	// SHA-256=2040-01-01,RSASSA-PKCS1-v1_5=2036-01-01 (none by default; no authority has set these dates yet).
	Archiving activities.Archiving
	// PDFParallel is KYSO_PDF_PARALLEL: how many PDF processes may run at once in one worker. This bounds the
	// heavy work of a worker; waiting for phones takes no place.
	PDFParallel int
	// PDFMemoryMB is KYSO_PDF_MEMORY_MB: how much memory one PDF process may take.
	PDFMemoryMB int
	// PDFProgram is KYSO_PDF_PROGRAM: the program that reads PDF files. By default it is kyso-pdf in the folder of the program that
	// needs it.
	PDFProgram string
	// PDFShare is KYSO_PDF_SHARE: which documents go through one PDF process, one after the other. "any" (the default) is all of
	// them, "session" those of one signing in one activity, or one upload.
	PDFShare string

	// PollsPerSecond is KYSO_POLLS_PER_SECOND: how many looks in a second the workers take at decisions that people have not
	// made yet, for each party and each pause between two looks; 0 means no limit. When more of them wait, each is looked
	// at less often. What a webhook of the party tells of is looked at right away.
	PollsPerSecond int

	// RetryPauses is KYSO_RETRY_PAUSES: how long a process that an outside party stopped waits before it tries again by itself,
	// the first time, the second time and so on; the last pause holds for all later ones, and six times as long after two
	// days. Default 1m,5m,15m,1h. Each is spread by a quarter.
	RetryPauses []time.Duration

	// Registration is what registering certificates needs besides.
	Registration Registration

	// APIListen is KYSO_API_LISTEN: where "kyso serve" listens. It speaks plain HTTP: beyond loopback a proxy with
	// TLS belongs in front of it.
	APIListen string
	// APIHosts is KYSO_API_HOSTS: the names under which the API may be called, separated by commas. Empty means
	// loopback names only.
	APIHosts []string
	// PublicURL is KYSO_PUBLIC_URL: where browsers reach the API and its pages, without a path. With https the
	// session's cookie is bound to it; links to other devices begin with it.
	PublicURL string
	// AdminKey is KYSO_ADMIN_KEY (secret, at least 32 characters): a key that may do everything. It makes the first
	// keys ("kyso key create") and can be left out afterwards.
	AdminKey string
	// APIRate is KYSO_API_RATE: how many reads one caller may make in a minute; writes, whole files and log-ins are a
	// fifth, a tenth and a twentieth of it. All guests of one network have ten times as much together. 0 means no limit.
	APIRate int
	// GuestStorageMB is KYSO_GUEST_STORAGE_MB: how many MiB of documents that no signing took yet a guest, or a person who logged in,
	// may have. All of one network have ten times as much together, and four times that in a day. 0 means no quota.
	GuestStorageMB int
	// TextsPerHour and TextsPerDay are KYSO_BUDGET_TEXTS_HOUR and KYSO_BUDGET_TEXTS_DAY: how many codes all people together may ask
	// for; PushesPerHour and PushesPerDay are KYSO_BUDGET_PUSHES_HOUR and KYSO_BUDGET_PUSHES_DAY: how many requests to phones guests
	// and people may make together. Half of each is kept for people under way. 0 means no budget.
	TextsPerHour, TextsPerDay, PushesPerHour, PushesPerDay int
	// TrustedProxies is KYSO_TRUSTED_PROXIES: addresses and networks (10.0.0.0/8) of your own proxies, separated by
	// commas. Of a request that one of them passes on, the client's address is the right-most one in X-Forwarded-For
	// that is none of them: rates count it, and the payment gateway gets it. Empty means that the peer is the client.
	TrustedProxies []netip.Prefix
	// WebhookPrivate is KYSO_WEBHOOK_PRIVATE: whether webhooks may go to http addresses and into private networks.
	// Their addresses come from outside, so only a development world says true.
	WebhookPrivate bool
	// HealthListen is KYSO_HEALTH_LISTEN: where a worker or an API answers /healthz, /readyz and /metrics; empty means
	// nowhere. Keep it inside: metrics are for those who run kyso.
	HealthListen string
	// Profiling is KYSO_PPROF: whether KYSO_HEALTH_LISTEN answers /debug/pprof/, to callers on the same machine only. Switch it on to
	// look at something, and off again.
	Profiling bool
	// BuildID is KYSO_BUILD_ID: the version of a worker, such as v1.4.0. With it the worker takes part in Temporal's worker
	// versioning: a process stays with the version that began it, and "kyso rollout" says which version gets the next
	// ones. Empty means that any worker takes any process.
	BuildID string
	// StopTimeout is KYSO_STOP_TIMEOUT: how long a stopping program lets running work finish. Keep it below the
	// grace period of what stops it.
	StopTimeout time.Duration
	// LogLevel is KYSO_LOG_LEVEL: debug, info, warn or error.
	LogLevel slog.Level
}

// Read reads the configuration from NAME=value lines as os.Environ returns them. The error names every mistake, not only the
// first.
func Read(environ []string, parties Parties) (Config, error) {
	return newReader(environ, parties).config()
}

func (r *reader) config() (Config, error) {
	r.sandbox = r.Address("KYSO_SANDBOX_URL", r.text("KYSO_SANDBOX_URL", party.SandboxURL))
	cfg := Config{
		SandboxURL:        r.sandbox,
		Database:          r.secret("KYSO_DATABASE", "postgres://kyso@127.0.0.1:5432/kyso?sslmode=disable"),
		MasterKeyFile:     r.text("KYSO_MASTER_KEY_FILE", ".kyso/master.key"),
		AuditFile:         r.text("KYSO_AUDIT_FILE", ""),
		AuditKeyFile:      r.text("KYSO_AUDIT_KEY_FILE", ""),
		Blobs:             r.text("KYSO_BLOBS", (&url.URL{Scheme: "file", Path: absolute(".kyso/blobs")}).String()),
		TrustFile:         r.text("KYSO_TRUST", ".kyso/trust.pem"),
		RevocationRewrite: r.pairs("KYSO_REVOCATION_REWRITE"),
		RevocationPrivate: r.yes("KYSO_REVOCATION_PRIVATE"),
		Policy: pades.Policy{
			// What signatures append must fit below the limit of verifying, too.
			MaxSize:             int64(r.number("KYSO_MAX_DOCUMENT_BYTES", 256<<20, 1<<10, pades.MaxFileBytes-64<<20)),
			MaxPages:            r.number("KYSO_MAX_PAGES", 20_000, 1, 1_000_000),
			RefuseActiveContent: r.yes("KYSO_REFUSE_ACTIVE_CONTENT"),
			RefuseHiddenContent: r.yes("KYSO_REFUSE_HIDDEN_CONTENT"),
		},
		SealDocuments: r.yesOr("KYSO_SEAL_DOCUMENTS", "true"),
		KeepYears:     r.number("KYSO_KEEP_YEARS", 5, 0, 100),
		KeepUploads:   r.duration("KYSO_KEEP_UPLOADS", 30*24*time.Hour),

		KeepVerifications: r.duration("KYSO_KEEP_VERIFICATIONS", 5*365*24*time.Hour),
		Archiving: activities.Archiving{
			Margin: r.duration("KYSO_ARCHIVE_MARGIN", 90*24*time.Hour),
			Ends:   r.dates("KYSO_ALGORITHM_ENDS"),
		},
		PDFParallel:    r.number("KYSO_PDF_PARALLEL", 2, 1, 256),
		PDFMemoryMB:    r.number("KYSO_PDF_MEMORY_MB", 512, 64, 64<<10),
		PDFProgram:     r.text("KYSO_PDF_PROGRAM", ""),
		PDFShare:       r.oneOf("KYSO_PDF_SHARE", "any", "session"),
		PollsPerSecond: r.number("KYSO_POLLS_PER_SECOND", 20, 0, 100_000),
		RetryPauses:    r.durations("KYSO_RETRY_PAUSES", activities.DefaultRetries(), minRetryPause),
		APIListen:      r.text("KYSO_API_LISTEN", "127.0.0.1:8680"),
		APIHosts:       r.list("KYSO_API_HOSTS", ""),
		PublicURL:      r.text("KYSO_PUBLIC_URL", "http://127.0.0.1:8680"),
		AdminKey:       r.secret("KYSO_ADMIN_KEY", ""),
		WebhookPrivate: r.yes("KYSO_WEBHOOK_PRIVATE"),
		APIRate:        r.number("KYSO_API_RATE", 1200, 0, 1_000_000),
		TextsPerHour:   r.number("KYSO_BUDGET_TEXTS_HOUR", 2000, 0, 1_000_000),
		TextsPerDay:    r.number("KYSO_BUDGET_TEXTS_DAY", 20_000, 0, 10_000_000),
		PushesPerHour:  r.number("KYSO_BUDGET_PUSHES_HOUR", 4000, 0, 1_000_000),
		PushesPerDay:   r.number("KYSO_BUDGET_PUSHES_DAY", 40_000, 0, 10_000_000),
		GuestStorageMB: r.number("KYSO_GUEST_STORAGE_MB", 256, 0, 1_000_000),
		TrustedProxies: r.networks("KYSO_TRUSTED_PROXIES"),
		HealthListen:   r.text("KYSO_HEALTH_LISTEN", ""),
		Profiling:      r.yes("KYSO_PPROF"),
		BuildID:        r.text("KYSO_BUILD_ID", ""),
		StopTimeout:    r.duration("KYSO_STOP_TIMEOUT", 30*time.Second),
	}
	r.checkAddresses(&cfg)
	cfg.TSA = tsa.Read(r)
	cfg.Providers = r.providers()
	cfg.Registration = r.registration(cfg.Providers)
	cfg.Temporal = r.temporal()
	r.strangers()
	return cfg, r.err()
}

// checkAddresses judges what was read: level, addresses, key and build id.
func (r *reader) checkAddresses(cfg *Config) {
	r.check("KYSO_LOG_LEVEL", cfg.LogLevel.UnmarshalText([]byte(r.text("KYSO_LOG_LEVEL", "info"))))
	r.address("KYSO_API_LISTEN", cfg.APIListen)
	r.Address("KYSO_PUBLIC_URL", cfg.PublicURL)
	if cfg.AdminKey != "" && len(cfg.AdminKey) < 32 {
		r.fail("KYSO_ADMIN_KEY", "needs at least 32 characters; make one with: openssl rand -base64 32")
	}
	if cfg.HealthListen != "" {
		r.address("KYSO_HEALTH_LISTEN", cfg.HealthListen)
	} else if cfg.Profiling {
		r.fail("KYSO_PPROF", "needs KYSO_HEALTH_LISTEN, where profiles are answered")
	}
	if cfg.BuildID != "" {
		r.check("KYSO_BUILD_ID", workflows.CheckBuildID(cfg.BuildID))
	}
}

// temporal reads the connection as every Temporal tool does. The SDK fills in its defaults only while it dials; what
// asks the server's own API (migrate, doctor, rollout) needs them, too. Without the last option gRPC would ask DNS for a
// configuration that Temporal does not publish, and a connection would fail where that question gets no answer (in
// containers whose network leads nowhere). Messages are a few kilobytes and cross a data centre: compressing them, which the SDK does
// unless it is told, costs both sides more processor time than sending them.
func (r *reader) temporal() client.Options {
	options, err := envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{EnvLookup: r})
	r.check("TEMPORAL_…", err)
	options.HostPort = cmp.Or(options.HostPort, client.DefaultHostPort)
	options.Namespace = cmp.Or(options.Namespace, client.DefaultNamespace)
	options.ConnectionOptions.DialOptions = append(options.ConnectionOptions.DialOptions, grpc.WithDisableServiceConfig())
	options.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	return options
}

func (r *reader) address(name, value string) {
	if _, _, err := net.SplitHostPort(value); err != nil {
		r.fail(name, "has to be host:port")
	}
}
