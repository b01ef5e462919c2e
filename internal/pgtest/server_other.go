//go:build !linux

package pgtest

import "errors"

var errNotInstalled = errors.New("a throw-away PostgreSQL is started on Linux only; set " + EnvDSN + " to use a running one")

// server exists on Linux only.
type server struct{}

func startServer() (*server, error) { return nil, errNotInstalled }

func (s *server) dsn() string { return "" }

func (s *server) stop() {}
