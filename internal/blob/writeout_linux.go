package blob

import (
	"os"

	"golang.org/x/sys/unix"
)

// startWriteOut makes the kernel begin to write a range to the disk, without waiting. It promises nothing, so a
// failure does not matter: Sync comes at the end.
func startWriteOut(file *os.File, offset, length int64) {
	_ = unix.SyncFileRange(int(file.Fd()), offset, length, unix.SYNC_FILE_RANGE_WRITE)
}
