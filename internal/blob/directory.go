package blob

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"kyso/internal/problem"
)

// directory is a backend on a file system. gocloud.dev's own file backend never syncs, so a blob that was
// acknowledged could be empty after a crash; here a file appears whole under its name, and only when it and the
// name are on disk.
type directory struct{ root string }

// tempDir holds files that are being written, on the same file system as the final ones. Keys cannot reach it.
const tempDir = ".incoming"

// abandoned is the age at which a file in tempDir belongs to no process: its own died.
const abandoned = 24 * time.Hour

func openDirectory(u *url.URL) (*directory, error) {
	if u.Host != "" || !filepath.IsAbs(u.Path) {
		return nil, problem.New(problem.Invalid, "a file URL names an absolute path, such as file:///var/lib/kyso/blobs")
	}
	if u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return nil, problem.New(problem.Invalid, "in a file URL, a folder's name has %%3F for ? and %%23 for #")
	}
	d := &directory{root: filepath.Clean(u.Path)}
	if err := makeDirs(filepath.Join(d.root, tempDir)); err != nil {
		return nil, err
	}
	return d, d.sweep()
}

// sweep removes what crashed processes left behind.
func (d *directory) sweep() error {
	entries, err := os.ReadDir(filepath.Join(d.root, tempDir))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || time.Since(info.ModTime()) < abandoned {
			continue // gone meanwhile, or still being written
		}
		if err := os.Remove(filepath.Join(d.root, tempDir, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (d *directory) Close() error { return nil }

func (d *directory) Put(ctx context.Context, key string, r io.Reader) (err error) {
	temp, err := os.CreateTemp(filepath.Join(d.root, tempDir), "put-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(temp.Name())
		}
	}()
	out := &earlyWriter{ctx: ctx, file: temp}
	_, err = io.Copy(out, r)
	out.asked.Wait() // before the file is closed
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return err
	}
	path := d.path(key)
	if err := moveInto(temp.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// probeSize is what there has to be room for: a small increment.
const probeSize = 64 << 10

// probe writes a little, and takes it away again.
func (d *directory) probe() error {
	temp, err := os.CreateTemp(filepath.Join(d.root, tempDir), "probe-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(make([]byte, probeSize))
	return errors.Join(err, temp.Close(), os.Remove(temp.Name()))
}

// moveInto makes the folder of path, which Delete may take again while it is empty.
func moveInto(temp, path string) error {
	var err error
	for range 10 {
		if err := makeDirs(filepath.Dir(path)); err != nil {
			return err
		}
		if err = os.Rename(temp, path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

func (d *directory) ReadRange(_ context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	file, err := os.Open(d.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, problem.New(problem.NotFound, "no such blob")
	}
	if err != nil {
		return nil, err
	}
	if length < 0 {
		length = 1<<63 - 1 - offset
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(file, offset, length), file}, nil
}

func (d *directory) Delete(_ context.Context, key string) error {
	path := d.path(key)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.prune(filepath.Dir(path))
	return nil
}

// prune removes a document's own folder with its last file. One that is not empty, or is written to just now, stays.
func (d *directory) prune(dir string) {
	for dir != d.root && filepath.Dir(dir) != d.root && os.Remove(dir) == nil {
		dir = filepath.Dir(dir)
	}
}

func (d *directory) List(ctx context.Context, folder string, visit func(key string, written time.Time) error) error {
	return filepath.WalkDir(d.path(folder), func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile
		}
		if err != nil {
			return err
		}
		key, err := filepath.Rel(d.root, path)
		if err != nil {
			return err
		}
		return visit(filepath.ToSlash(key), info.ModTime())
	})
}

func (d *directory) path(key string) string { return filepath.Join(d.root, filepath.FromSlash(key)) }

// writeOutEvery is how many bytes are written before the kernel is asked to carry them to the disk.
const writeOutEvery = 2 << 20

// earlyWriter asks the kernel to write out while more is coming, so that the sync at the end finds little to do. The
// asking may block on a busy disk, so it runs while the writing goes on. It stops when the context is done.
type earlyWriter struct {
	ctx   context.Context // io.Writer has none
	file  *os.File
	asked sync.WaitGroup

	written, handed int64
}

// Write implements io.Writer.
func (w *earlyWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.file.Write(p)
	w.written += int64(n)
	if from, length := w.handed, w.written-w.handed; length >= writeOutEvery {
		w.asked.Go(func() { startWriteOut(w.file, from, length) })
		w.handed = w.written
	}
	return n, err
}

// makeDirs is os.MkdirAll with mode 0700 that also puts the names of new directories on disk.
func makeDirs(path string) error {
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeDirs(filepath.Dir(path)); err != nil {
			return err
		}
		err = os.Mkdir(path, 0o700)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
