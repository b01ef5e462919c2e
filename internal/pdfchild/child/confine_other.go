//go:build !linux || !(amd64 || arm64)

package child

import (
	"runtime"

	"kyso/internal/pdfchild/wire"
)

// giveUp gives nothing up here.
func giveUp() wire.Confinement {
	return wire.Confinement{Missing: []string{"no_new_privs, Landlock and seccomp: not on " + runtime.GOOS + "/" + runtime.GOARCH}}
}
