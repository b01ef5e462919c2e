// Command kyso-pdf reads untrusted PDF files for the other programs of kyso, which start it, limit it and end it. It is no command for
// people.
//
// It imports internal/pdfchild/child, and with that no engine, no database, no network and no pdfcpu: a small program starts fast.
package main

import (
	"fmt"
	"os"

	"kyso/internal/pdfchild/child"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Fprintln(os.Stderr, "kyso-pdf is started by kyso and kyso-worker, and reads PDF files for them. It takes no arguments.")
		os.Exit(2)
	}
	os.Exit(child.Main(nil))
}
