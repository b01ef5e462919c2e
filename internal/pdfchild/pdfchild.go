// Package pdfchild reads untrusted PDF files in a child process that may die. PDF parsers meet files that overflow
// the stack, eat all memory or never end, and a Go program cannot survive the first two: recover does not catch
// them. Here they cost one typed error, and everything else in the parent goes on.
//
// The child is a program of its own, kyso-pdf, which lies in the folder of the others. It gets no file names, no arguments, no environment
// but settings of the Go runtime, and no open files but
// three pipes. It asks the parent for ranges of the document and sends back one result. Before it sees a byte it
// limits its own memory, CPU time, stack, files and core dumps; the parent limits its wall time.
//
// Children are kept: one serves operation after operation, never two at once, with the limits of a new process for each, and
// forgets each document before the next. It ends after a fault, a limit, many operations or when it has grown; Share says whose
// documents may follow each other in it.
//
// The parent is here, what both sides say to each other in wire, the inside of a child in child, and its main in kyso-pdf.
//
// It imports internal/pades, internal/problem and the standard library.
package pdfchild

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pdfchild/wire"
	"kyso/internal/problem"
)

// Runner has children do PDF work. The zero value works; it must not be copied after first use, and Close ends its children.
type Runner struct {
	Program       string        // the file of kyso-pdf; "" means the one in the folder of this program
	MemoryMB      int           // of data in the child; 0 means 512
	CPU           time.Duration // of one operation; 0 means 10 s
	Wall          time.Duration // of one operation, reading the document not counted; 0 means 20 s
	MaxParallel   int           // operations at a time, and children that wait for them; 0 means 2
	MaxOperations int           // of one child; 0 means 1000
	Share         Share         // which documents go through one child; "" means ShareAny

	// Background lets children run when nothing else needs their cores, for work that a server does while it answers requests. Wall
	// counts twice then: a busy machine is not the document's fault.
	Background bool

	pool
}

func (r *Runner) memoryMB() int      { return orDefault(r.MemoryMB, 512) }
func (r *Runner) maxParallel() int   { return orDefault(r.MaxParallel, 2) }
func (r *Runner) maxOperations() int { return orDefault(r.MaxOperations, 1000) }
func (r *Runner) cpu() time.Duration { return orDefault(r.CPU, 10*time.Second) }
func (r *Runner) wall() time.Duration {
	wall := orDefault(r.Wall, 20*time.Second)
	if r.Background {
		return 2 * wall
	}
	return wall
}

// Session is for several operations one after the other, such as those on the documents of a batch; Close it. With ShareSession
// they have a child of their own, which starts again after a death. A Session is not safe for concurrent use.
func (r *Runner) Session() *Session { return &Session{runner: r} }

// one runs a single operation.
func one[T any](r *Runner, do func(*Session) (T, error)) (T, error) {
	s := r.Session()
	defer s.Close()
	return do(s)
}

// Inspect is pades.Inspect in a child. Besides its errors there is problem.DocumentTooComplex for a file that
// the child did not survive, and problem.DocumentBroken for one that made the reader panic; so with the others.
func (r *Runner) Inspect(ctx context.Context, src pades.Source, policy pades.Policy) (*pades.Report, error) {
	return one(r, func(s *Session) (*pades.Report, error) { return s.Inspect(ctx, src, policy) })
}

// Prepare is pades.Prepare in a child.
func (r *Runner) Prepare(ctx context.Context, src pades.Source, opts pades.PrepareOptions) (*pades.Prepared, error) {
	return one(r, func(s *Session) (*pades.Prepared, error) { return s.Prepare(ctx, src, opts) })
}

// CheckPlacement is pades.CheckPlacement in a child.
func (r *Runner) CheckPlacement(ctx context.Context, src pades.Source, opt pades.PrepareOptions) error {
	_, err := one(r, func(s *Session) (any, error) { return run[any](ctx, s, wire.Place, src, opt) })
	return err
}

// Extend is pades.Extend in a child.
func (r *Runner) Extend(ctx context.Context, src pades.Source, ev pades.Evidence, hashState []byte) (*pades.Extended, error) {
	return one(r, func(s *Session) (*pades.Extended, error) { return s.Extend(ctx, src, ev, hashState) })
}

// PrepareArchive is pades.PrepareArchive in a child.
func (r *Runner) PrepareArchive(ctx context.Context, src pades.Source, hashState []byte) (*pades.Prepared, error) {
	return one(r, func(s *Session) (*pades.Prepared, error) { return s.PrepareArchive(ctx, src, hashState) })
}

// Needs is pades.Needs in a child.
func (r *Runner) Needs(ctx context.Context, src pades.Source, opt pades.NeedsOptions) ([]pades.Need, error) {
	return one(r, func(s *Session) ([]pades.Need, error) { return s.Needs(ctx, src, opt) })
}

// Verify is pades.Verify in a child.
func (r *Runner) Verify(ctx context.Context, src pades.Source, opts pades.VerifyOptions) (*pades.Verification, error) {
	return one(r, func(s *Session) (*pades.Verification, error) { return s.Verify(ctx, src, opts) })
}

// Inspect is Runner.Inspect in this session.
func (s *Session) Inspect(ctx context.Context, src pades.Source, policy pades.Policy) (*pades.Report, error) {
	return run[*pades.Report](ctx, s, wire.Inspect, src, policy)
}

// Prepare is Runner.Prepare in this session.
func (s *Session) Prepare(ctx context.Context, src pades.Source, opts pades.PrepareOptions) (*pades.Prepared, error) {
	if opts.Certificate == nil {
		return nil, problem.New(problem.Invalid, "no certificate to prepare a signature for")
	}
	return run[*pades.Prepared](ctx, s, wire.Prepare, src, wire.PrepareArgs{PrepareOptions: opts, Certificate: opts.Certificate.Raw})
}

// Extend is Runner.Extend in this session.
func (s *Session) Extend(ctx context.Context, src pades.Source, ev pades.Evidence, hashState []byte) (*pades.Extended, error) {
	return run[*pades.Extended](ctx, s, wire.Extend, src, wire.ExtendArgs{Evidence: ev, HashState: hashState})
}

// PrepareArchive is Runner.PrepareArchive in this session.
func (s *Session) PrepareArchive(ctx context.Context, src pades.Source, hashState []byte) (*pades.Prepared, error) {
	return run[*pades.Prepared](ctx, s, wire.Archive, src, hashState)
}

// Needs is Runner.Needs in this session.
func (s *Session) Needs(ctx context.Context, src pades.Source, opt pades.NeedsOptions) ([]pades.Need, error) {
	found, err := run[[]wire.NeedResult](ctx, s, wire.Needs, src, opt)
	if err != nil {
		return nil, err
	}
	var needs []pades.Need
	for _, n := range found {
		pair, err := wire.ParseAll([][]byte{n.Certificate, n.Issuer})
		if err != nil {
			return nil, fmt.Errorf("reading what the PDF process found: %w", err)
		}
		needs = append(needs, pades.Need{Certificate: pair[0], Issuer: pair[1], Anchored: n.Anchored})
	}
	return needs, nil
}

// Verify is Runner.Verify in this session.
func (s *Session) Verify(ctx context.Context, src pades.Source, opts pades.VerifyOptions) (*pades.Verification, error) {
	return run[*pades.Verification](ctx, s, wire.Verify, src, wire.VerifyArgs{
		VerifyOptions: opts, Roots: rawAll(opts.Roots), Intermediates: rawAll(opts.Intermediates), Removed: rawAll(opts.Removed),
	})
}

// run sends one operation and decodes its result.
func run[T any](ctx context.Context, s *Session, op string, src pades.Source, args any) (T, error) {
	var result T
	encoded, err := json.Marshal(args)
	if err != nil {
		return result, problem.Wrap(problem.Invalid, err, "options that cannot be written down")
	}
	answer, err := s.do(ctx, op, src, encoded)
	if err != nil {
		return result, err
	}
	if err := json.Unmarshal(answer, &result); err != nil {
		return result, fmt.Errorf("reading what the PDF process found: %w", err)
	}
	return result, nil
}

func rawAll(certificates []*x509.Certificate) [][]byte {
	var list [][]byte
	for _, c := range certificates {
		list = append(list, c.Raw)
	}
	return list
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}
