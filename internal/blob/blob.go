// Package blob keeps the bytes of documents: uploads as they came and the increments that signing appends. It
// implements signing.Blobs on a directory and on S3 (gocloud.dev/blob), reads a document of several segments as
// one (SegmentReader, Stream), and takes uploads in (Upload).
//
// It knows nothing of PDF beyond the first bytes, and imports internal/vault, internal/signing and internal/problem.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"syscall"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/s3blob" // scheme "s3"
	"gocloud.dev/gcerrors"

	"kyso/internal/problem"
	"kyso/internal/signing"
)

// Blobs implements signing.Blobs.
type Blobs struct{ backend backend }

var (
	_ signing.Blobs    = (*Blobs)(nil)
	_ signing.Segments = (*Blobs)(nil)
)

// backend keeps bytes under keys that were checked.
type backend interface {
	signing.Blobs
	io.Closer
}

// Open opens a place for blobs:
//
//	file:///var/lib/kyso/blobs     a directory, made when absent, readable by its owner only
//	s3://bucket?region=…&endpoint=https://…&s3ForcePathStyle=true     credentials from the usual AWS_… variables
func Open(ctx context.Context, address string) (*Blobs, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, problem.New(problem.Invalid, "the blob URL cannot be parsed")
	}
	switch u.Scheme {
	case "file":
		dir, err := openDirectory(u)
		if err != nil {
			return nil, fmt.Errorf("opening blobs: %w", err)
		}
		return &Blobs{dir}, nil
	case "s3":
		opened, err := blob.OpenBucket(ctx, address)
		if err != nil {
			return nil, fmt.Errorf("opening blobs: %w", err)
		}
		return &Blobs{bucket{opened}}, nil
	}
	return nil, problem.New(problem.Invalid, "a blob URL starts with file:/// or s3://")
}

// Close releases connections.
func (b *Blobs) Close() error { return b.backend.Close() }

// Put implements signing.Blobs.
func (b *Blobs) Put(ctx context.Context, key string, r io.Reader) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := b.backend.Put(ctx, key, r); err != nil {
		return fmt.Errorf("storing a blob: %w", roomy(err))
	}
	return nil
}

// roomy makes problem.StorageFull of a write that found no room. Nothing of it is left.
func roomy(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &problem.Error{Code: problem.StorageFull, Message: "the blobs have no room", RetryAfter: 10 * time.Second, Err: err}
	}
	return err
}

// Ping answers readiness: the place can be read and, where it is a directory, has room.
func (b *Blobs) Ping(ctx context.Context) error {
	r, err := b.ReadRange(ctx, "ready/probe", 0, 1)
	switch {
	case err == nil:
		err = r.Close()
	case problem.CodeOf(err) == problem.NotFound:
		err = nil
	}
	if d, ok := b.backend.(*directory); ok && err == nil {
		err = roomy(d.probe())
	}
	if err != nil {
		return fmt.Errorf("asking the blobs: %w", err)
	}
	return nil
}

// ReadRange implements signing.Blobs.
func (b *Blobs) ReadRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if offset < 0 || length < -1 {
		return nil, problem.New(problem.Invalid, "a range starts at 0 or later and is not negative")
	}
	r, err := b.backend.ReadRange(ctx, key, offset, length)
	if err != nil {
		return nil, fmt.Errorf("reading a blob: %w", err)
	}
	return r, nil
}

// Delete implements signing.Blobs.
func (b *Blobs) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := b.backend.Delete(ctx, key); err != nil {
		return fmt.Errorf("deleting a blob: %w", err)
	}
	return nil
}

// List implements signing.Blobs.
func (b *Blobs) List(ctx context.Context, folder string, visit func(key string, written time.Time) error) error {
	if err := checkKey(folder); err != nil {
		return err
	}
	if err := b.backend.List(ctx, folder, visit); err != nil {
		return fmt.Errorf("listing blobs: %w", err)
	}
	return nil
}

// maxKey keeps keys below the limits of file systems and S3.
const maxKey = 200

// checkKey allows names of letters, digits, '-', '_' and '.', joined by '/'. A name does not start with a dot, so
// no key leaves the directory or meets a temporary file.
func checkKey(key string) error {
	if len(key) > maxKey {
		return problem.New(problem.Invalid, "a blob key is longer than %d bytes", maxKey)
	}
	for name := range strings.SplitSeq(key, "/") {
		if name == "" || name[0] == '.' || strings.ContainsFunc(name, notInKey) {
			return problem.New(problem.Invalid, "a blob key is malformed")
		}
	}
	return nil
}

func notInKey(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
}

// bucket is a backend on gocloud.dev/blob. An object store acknowledges a write when it is durable.
type bucket struct{ opened *blob.Bucket }

func (b bucket) Close() error { return b.opened.Close() }

func (b bucket) Put(ctx context.Context, key string, r io.Reader) error {
	return b.opened.Upload(ctx, key, r, &blob.WriterOptions{ContentType: "application/octet-stream"})
}

func (b bucket) ReadRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	r, err := b.opened.NewRangeReader(ctx, key, offset, length, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, problem.New(problem.NotFound, "no such blob")
	}
	// S3 refuses a range behind the end (416), where a file gives nothing. Both are an object that is shorter than its record.
	if refused, ok := errors.AsType[interface {
		error
		ErrorCode() string
	}](err); ok && refused.ErrorCode() == "InvalidRange" {
		return io.NopCloser(strings.NewReader("")), nil
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (b bucket) Delete(ctx context.Context, key string) error {
	err := b.opened.Delete(ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil
	}
	return err
}

func (b bucket) List(ctx context.Context, folder string, visit func(key string, written time.Time) error) error {
	objects := b.opened.List(&blob.ListOptions{Prefix: folder + "/"})
	for {
		object, err := objects.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(object.Key, object.ModTime); err != nil {
			return err
		}
	}
}
