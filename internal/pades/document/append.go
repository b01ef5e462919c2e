package document

import "io"

// appended is a file with an increment behind it.
type appended struct {
	Source
	increment []byte
}

func (a *appended) Size() int64 { return a.Source.Size() + int64(len(a.increment)) }

func (a *appended) ReadAt(p []byte, at int64) (int, error) {
	size, n := a.Source.Size(), 0
	if at < size {
		want := min(int64(len(p)), size-at)
		read, err := a.Source.ReadAt(p[:want], at)
		if n = read; int64(read) < want {
			return n, err
		}
	}
	if n == len(p) {
		return n, nil
	}
	from := at + int64(n) - size
	if from >= int64(len(a.increment)) {
		return n, io.EOF
	}
	copied := copy(p[n:], a.increment[from:])
	if n += copied; n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Append returns a file with an increment behind it.
func Append(src Source, increment []byte) Source { return &appended{src, increment} }
