package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"kyso/internal/signing"
	"kyso/internal/store"
	"kyso/internal/vault"
)

// With these variables set, the test binary is a second process that writes to the same file.
const (
	childDSN = "KYSO_STORE_TEST_DSN"
	childKey = "KYSO_STORE_TEST_KEY"
)

// writeUntilKilled saves uploads for ever and prints the id of each one after it was acknowledged.
func writeUntilKilled(dsn, keyFile string) int {
	ctx := context.Background()
	key, err := vault.ReadMasterKey(keyFile)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s, err := store.Open(ctx, dsn, key)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for i := 0; ; i++ {
		id := fmt.Sprintf("child-%d", i)
		if err := s.SaveUpload(ctx, newUpload(id)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(id)
	}
}

func newUpload(id string) signing.Upload {
	return signing.Upload{ID: id, Name: "hợp đồng.pdf", Size: 7, SHA256: "ab12", HashState: []byte("state"),
		Segments:  []signing.Segment{{Key: "uploads/" + id, Length: 7, SHA256: "ab12"}},
		CreatedAt: time.Date(2026, 3, 1, 2, 3, 4, 5000, time.UTC)}
}

// TestTwoProcessesShareOneFile writes from two processes at once and kills one of them: whatever it acknowledged is
// there, and the survivor never saw an error.
func TestTwoProcessesShareOneFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dsn, keyFile := "sqlite:"+filepath.Join(dir, "kyso.db"), filepath.Join(dir, "master.key")
	key, err := vault.ReadOrCreateMasterKey(keyFile)
	must(t, err)
	s := open(t, dsn, key)
	must(t, s.Migrate(t.Context()))
	must(t, s.Ping(t.Context()))

	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDSN+"="+dsn, childKey+"="+keyFile)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	acknowledged := make(chan string, 1<<16)
	go func() {
		defer close(acknowledged)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			acknowledged <- lines.Text()
		}
	}()

	ids := []string{<-acknowledged} // both are at work from here on
	for i := 0; i < 50 || len(ids) < 20; i++ {
		must(t, s.SaveUpload(t.Context(), newUpload(fmt.Sprintf("parent-%d", i))))
		select {
		case id, ok := <-acknowledged:
			if !ok {
				t.Fatal("the other process gave up")
			}
			ids = append(ids, id)
		default:
		}
	}
	must(t, child.Process.Kill())
	for id := range acknowledged {
		ids = append(ids, id)
	}
	child.Wait()
	for _, id := range ids {
		if _, err := s.Upload(t.Context(), id); err != nil {
			t.Errorf("%s was acknowledged: %v", id, err)
		}
	}
}
