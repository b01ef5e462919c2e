package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxLine bounds one line of an exported file.
const maxLine = 64 << 10

// ReadFile reads exported checkpoints: a file that a Recorder wrote, or the log of a program, whose lines hold them
// under "checkpoint". Lines of a log about other things are passed over. A file that is not there is fs.ErrNotExist.
func ReadFile(path string) ([]Checkpoint, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading exported checkpoints: %w", err)
	}
	list, err := readLines(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("reading exported checkpoints: %w", err)
	}
	return list, nil
}

func readLines(r io.Reader) ([]Checkpoint, error) {
	var list []Checkpoint
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var line struct {
			Checkpoint
			Inside *Checkpoint `json:"checkpoint"`
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue // half written before a crash and written again after it, or spoilt: then a number is missing
		}
		if line.Inside != nil {
			line.Checkpoint = *line.Inside
		}
		if line.Number > 0 {
			list = append(list, line.Checkpoint)
		}
	}
	return list, lines.Err()
}

// appendFile adds checkpoints to the end of a file, on the disk when it returns. Each begins on a line of its own, also
// after a line that a crash left unfinished.
func appendFile(path string, list []Checkpoint) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("exporting checkpoints: %w", err)
	}
	var out bytes.Buffer
	for _, c := range list {
		line, err := json.Marshal(c)
		if err != nil {
			return errors.Join(err, file.Close())
		}
		out.WriteString("\n" + string(line))
	}
	out.WriteByte('\n')
	_, err = file.Write(out.Bytes())
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("exporting checkpoints: %w", err)
	}
	return nil
}

// absent reports whether an error says that the file is not there.
func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) }
