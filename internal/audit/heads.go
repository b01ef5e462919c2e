package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A checkpoint is made once a minute. What came after the newest one is covered by a signed head: next to the file of checkpoints
// stands a small one with what the chain ended with at the last flush, a second ago. It is written anew each time, so it does not
// grow. A head is replaced only by one that continues it: of a log whose end was cut off, the head that it had stays in the file.

// maxHeads bounds the file of heads, also when a log is cut again and again.
const maxHeads = 100

// headsFile is where the signed heads stand.
func (r *Recorder) headsFile() string { return r.File + ".heads" }

// keepHead signs what the chain ends with, when that is not what the file says.
func (r *Recorder) keepHead(ctx context.Context) error {
	head, err := r.Log.Head(ctx)
	if err != nil || head.Seq == 0 || head == r.inHeads {
		return err
	}
	before, err := readHeads(r.headsFile())
	if err != nil {
		return err
	}
	var list []Checkpoint
	for _, old := range before {
		stands, err := r.stands(ctx, old)
		if err != nil || stands && old.Seq > head.Seq { // another program was faster
			return err
		}
		if !stands && len(list) < maxHeads {
			list = append(list, old)
		}
	}
	if len(list) > 0 {
		r.tellCut(ctx, list[0], head)
	}
	list = append(list, Sign(r.Key, Checkpoint{Seq: head.Seq, Hash: head.Hash, At: r.Now()}))
	if err := writeHeads(r.headsFile(), list); err != nil {
		return err
	}
	r.inHeads = head
	return nil
}

// stands reports whether the chain holds the entry that an older head speaks of.
func (r *Recorder) stands(ctx context.Context, old Checkpoint) (bool, error) {
	entries, err := r.Log.Entries(ctx, old.Seq-1, 1)
	return err == nil && len(entries) == 1 && entries[0].Seq == old.Seq && entries[0].Hash == old.Hash, err
}

// Heads returns the signed heads that this program keeps outside of the database.
func (r *Recorder) Heads() ([]Checkpoint, error) {
	if r.File == "" {
		return nil, nil
	}
	return readHeads(r.headsFile())
}

func readHeads(path string) ([]Checkpoint, error) {
	data, err := os.ReadFile(path)
	if err != nil && !absent(err) {
		return nil, fmt.Errorf("reading signed heads: %w", err)
	}
	var list []Checkpoint
	for line := range bytes.Lines(data) {
		var c Checkpoint
		if json.Unmarshal(line, &c) == nil && c.Seq > 0 {
			list = append(list, c)
		}
	}
	return list, nil
}

// writeHeads puts a whole file in the place of the one before, on the disk when it returns.
func writeHeads(path string, list []Checkpoint) error {
	var out bytes.Buffer
	for _, c := range list {
		line, err := json.Marshal(c)
		if err != nil {
			return err
		}
		out.Write(append(line, '\n'))
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".heads-*") // mode 0600
	if err != nil {
		return fmt.Errorf("keeping a signed head: %w", err)
	}
	_, err = file.Write(out.Bytes())
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keeping a signed head: %w", err), os.Remove(file.Name()))
	}
	return nil
}
