package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
)

// developmentProgram holds the whole world with Temporal inside. It is a program of its own, so that this one links no
// server.
const developmentProgram = "kyso-dev"

// worldCommands are the commands of the development program. They are found where it is built.
func (c *commands) worldCommands() []*cobra.Command {
	pass := func(name, verb, short string) *cobra.Command {
		return &cobra.Command{Use: name, Short: short, DisableFlagParsing: true,
			RunE: func(_ *cobra.Command, args []string) error { return becomeDevelopment(verb, args) }}
	}
	return []*cobra.Command{
		pass("dev", "up", "Run the whole world in one process, for development (kyso-dev)"),
		pass("demo", "demo", "Get a certificate and sign a PDF in a world of its own (kyso-dev)"),
	}
}

// becomeDevelopment replaces this process by the development program, which lies next to it or in PATH.
func becomeDevelopment(verb string, args []string) error {
	program, err := developmentPath()
	if err != nil {
		return fmt.Errorf("%s is not built: run \"make build\", or go build -o bin/%s ./starter/dev", developmentProgram, developmentProgram)
	}
	argv := append([]string{program, verb}, args...)
	return fmt.Errorf("starting %s: %w", program, syscall.Exec(program, argv, os.Environ()))
}

func developmentPath() (string, error) {
	if self, err := os.Executable(); err == nil {
		neighbour := filepath.Join(filepath.Dir(self), developmentProgram)
		if info, err := os.Stat(neighbour); err == nil && info.Mode().IsRegular() {
			return neighbour, nil
		}
	}
	path, err := exec.LookPath(developmentProgram)
	if err != nil {
		return "", errors.Join(errors.New("not next to this program"), err)
	}
	return path, nil
}
