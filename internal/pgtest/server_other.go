//go:build !linux

package pgtest

import "errors"

var errNotInstalled = errors.New("a throw-away PostgreSQL is started on Linux only; set " + EnvDSN + " to use a running one")

// Server exists on Linux only.
type Server struct{}

// Start fails: see errNotInstalled.
func Start(bool) (*Server, error) { return nil, errNotInstalled }

// DSN is empty.
func (*Server) DSN() string { return "" }

// Kill does nothing.
func (*Server) Kill() {}

// Restart fails.
func (*Server) Restart() error { return errNotInstalled }

// Stop does nothing.
func (*Server) Stop() {}
