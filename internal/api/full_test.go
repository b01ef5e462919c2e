//go:build linux

package api_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"kyso/internal/api"
	"kyso/internal/blob"
	"kyso/internal/problem"
	"kyso/internal/signing"
)

// smallDisk is a file system of so many bytes. Only root can have one, which tests are in CI.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	folder := t.TempDir()
	if err := syscall.Mount("none", folder, "tmpfs", 0, "size="+size); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("a file system that fills up needs root: ", err)
		}
		t.Skip("a file system that fills up needs root: ", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(folder, syscall.MNT_DETACH)) })
	return folder
}

// fill takes all the room that is left, and returns what gives it back.
func fill(t *testing.T, folder string) (empty func()) {
	t.Helper()
	file, err := os.Create(filepath.Join(folder, "filler"))
	must(t, err)
	for _, size := range []int{64 << 10, 4 << 10, 1} {
		for err = nil; err == nil; {
			_, err = file.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	must(t, file.Close())
	return func() { must(t, os.Remove(file.Name())) }
}

// A disk without room refuses writes with a code and a time, answers that the server is not ready, keeps what it has, and
// serves again once there is room, without a restart. Blobs and SQLite each meet their own full disk.
func TestAFullDiskIsSaidAndRecovers(t *testing.T) {
	for _, which := range []string{"blobs", "database"} {
		t.Run(which, func(t *testing.T) {
			folders := map[string]string{"blobs": t.TempDir(), "database": t.TempDir()}
			folders[which] = smallDisk(t, "8m")
			blobs, err := blob.Open(t.Context(), "file://"+filepath.Join(folders["blobs"], "blobs"))
			must(t, err)
			b := newBenchOn(t, openStore(t, "sqlite:"+filepath.Join(folders["database"], "kyso.db")), withEndpoints, func(o *api.Options) {
				o.PlainEndpoints = true
				o.PingBlobs = blobs.Ping
				o.Upload = func(ctx context.Context, name string, r io.Reader) (signing.Upload, error) {
					return blob.Upload(ctx, blobs, name, r, 4<<20, true)
				}
				o.Open = func(ctx context.Context, u signing.Upload) (api.Source, error) {
					return blob.NewSegmentReader(ctx, blobs, u), nil
				}
				o.Limits.UploadBytes = 4 << 20
			})
			file := pdf + strings.Repeat("x", 300<<10)
			send := func() answer {
				return b.do(http.MethodPost, "/v1/documents?name=a.pdf", file, "Content-Type", "application/pdf")
			}
			write := func() answer {
				if which == "blobs" {
					return send()
				}
				return b.post("/v1/webhook-endpoints", `{"url":"http://127.0.0.1/1"}`)
			}
			var kept api.DocumentBody
			send().into(t, &kept)
			wantStatus(t, b.get("/readyz"), http.StatusOK)
			empty := fill(t, folders[which])

			var refused answer
			eventually(t, "a refused write", func() bool { // SQLite's log has room for a few
				refused = write()
				return refused.status != http.StatusCreated
			})
			b.wantProblem(refused, http.StatusServiceUnavailable, problem.StorageFull)
			if refused.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			wantStatus(t, b.get("/readyz"), http.StatusServiceUnavailable)
			wantStatus(t, b.get("/healthz"), http.StatusOK)
			if got := b.get("/v1/documents/" + kept.ID + "/content"); !bytes.Equal(got.body, []byte(file)) {
				t.Errorf("what was stored before: status %d, %d bytes", got.status, len(got.body))
			}
			empty()
			wantStatus(t, b.get("/readyz"), http.StatusOK)
			if which == "database" { // the twenty of an owner may be there
				var list api.EndpointList
				b.get("/v1/webhook-endpoints").into(t, &list)
				for _, e := range list.Items {
					wantStatus(t, b.do(http.MethodDelete, "/v1/webhook-endpoints/"+e.ID, ""), http.StatusNoContent)
				}
			}
			wantStatus(t, write(), http.StatusCreated)
			wantStatus(t, send(), http.StatusCreated)
		})
	}
}
