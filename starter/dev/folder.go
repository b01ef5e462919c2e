package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// folder is the data folder of one world. Everything that survives a crash is in it.
type folder struct {
	path string
	lock *os.File
}

// errInUse says that another world works in the folder.
var errInUse = errors.New("in use")

// openFolder creates the folder when needed and takes it for this process. The lock belongs to the process: the
// kernel gives it back when the process dies, however it dies.
func openFolder(path string) (*folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("finding the data folder: %w", err)
	}
	// The folder holds private keys of the sandbox and the master key.
	if err := os.MkdirAll(filepath.Join(path, "logs"), 0o700); err != nil {
		return nil, fmt.Errorf("creating the data folder: %w", err)
	}
	if err := closeFolder(path); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock of the data folder: %w", err)
	}
	if err := flock(lock); err != nil {
		holder, _ := os.ReadFile(lock.Name())
		return nil, errors.Join(fmt.Errorf("the data folder %s is %w by process %s; stop it, or choose another folder with --data",
			path, errInUse, strings.TrimSpace(string(holder))), lock.Close())
	}
	err = errors.Join(lock.Truncate(0), func() error { _, err := lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); return err }())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("writing the lock of the data folder: %w", err), lock.Close())
	}
	return &folder{path: path, lock: lock}, nil
}

// closeFolder shuts others out of a folder that was there before, such as one of an earlier release or one that a person made, and of
// the files that are made in it from now on: the database of the embedded Temporal and the output of its programs choose no mode.
// Of what lies in it, databases and logs are closed, too. A folder that all share, such as /tmp, stays as it is.
func closeFolder(path string) error {
	syscall.Umask(0o077)
	names := []string{path, filepath.Join(path, "logs")}
	for _, pattern := range []string{"*.db*", filepath.Join("logs", "*")} {
		found, err := filepath.Glob(filepath.Join(path, pattern))
		if err != nil {
			return fmt.Errorf("looking through the data folder: %w", err)
		}
		names = append(names, found...)
	}
	for _, name := range names {
		info, err := os.Lstat(name)
		if err == nil && info.Mode().Perm()&0o077 != 0 && info.Mode()&(fs.ModeSymlink|fs.ModeSticky) == 0 {
			err = os.Chmod(name, info.Mode().Perm()&0o700)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a journal of a database may go meanwhile
			return fmt.Errorf("closing the data folder to others: %w", err)
		}
	}
	return nil
}

// flock tries for two seconds: a world that was just killed needs a moment until the kernel has closed its files.
func flock(file *os.File) error {
	var err error
	for range 20 {
		if err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

func (f *folder) file(name string) string { return filepath.Join(f.path, name) }

func (f *folder) close() error { return f.lock.Close() }

// openLog opens a log file for appending. One that has grown large is put aside first, once.
func (f *folder) openLog(name string) (*os.File, error) {
	path := f.file(filepath.Join("logs", name))
	if info, err := os.Stat(path); err == nil && info.Size() > 16<<20 {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("putting the old log aside: %w", err)
		}
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening a log: %w", err)
	}
	return file, nil
}

// The names of the ports of a world.
const (
	portAPI       = "api"
	portPhone     = "phone"
	portControl   = "control"
	portParties   = "parties"
	portUI        = "temporal-ui"
	portTemporal  = "temporal"
	portHistory   = "temporal-history"
	portMatching  = "temporal-matching"
	portInternal  = "temporal-worker"
	portsFileName = "ports.json"
)

var portNames = []string{portAPI, portPhone, portControl, portParties, portUI, portTemporal, portHistory, portMatching, portInternal}

// ports are the loopback listeners of a world by name. They stay the same over restarts, because certificates of the
// sandbox carry its address and people keep pages open; a port that was taken meanwhile is replaced.
type ports map[string]net.Listener

// reservePorts listens on every port of the world.
func (f *folder) reservePorts(ctx context.Context) (ports, error) {
	wanted := map[string]int{}
	if err := readJSON(f.file(portsFileName), &wanted); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the ports of the last start: %w", err)
	}
	reserved, got := ports{}, map[string]int{}
	for _, name := range portNames {
		listener, err := listenLoopback(ctx, wanted[name])
		if err != nil {
			return nil, errors.Join(fmt.Errorf("finding a free port for %s: %w", name, err), reserved.close())
		}
		reserved[name], got[name] = listener, listener.Addr().(*net.TCPAddr).Port
	}
	if err := writeJSON(f.file(portsFileName), got); err != nil {
		return nil, errors.Join(err, reserved.close())
	}
	return reserved, nil
}

// listenLoopback listens on the wanted port, or else on a free one below the range that the kernel gives to
// outgoing connections: such a port is still free after a restart.
func listenLoopback(ctx context.Context, wanted int) (net.Listener, error) {
	var last error
	for try := range 100 {
		port := wanted
		if port == 0 || try > 0 {
			port = 20000 + rand.IntN(12000) //nolint:gosec // guessing it gains nothing
		}
		listener, err := listen(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return listener, nil
		}
		last = err
	}
	return nil, last
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", address)
}

func (p ports) port(name string) int { return p[name].Addr().(*net.TCPAddr).Port }

// hostPort is where a port is reached from this machine, also when it listens on every address.
func (p ports) hostPort(name string) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port(name)))
}

func (p ports) url(name string) string { return "http://" + p.hostPort(name) }

// release gives ports back for servers that insist on listening themselves.
func (p ports) release(names ...string) error {
	var errs []error
	for _, name := range names {
		errs = append(errs, p[name].Close())
	}
	return errors.Join(errs...)
}

func (p ports) close() error {
	var errs []error
	for _, listener := range p {
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("decoding %s: %w", path, err)
	}
	return nil
}

// writeJSON puts a value at path so that a reader, and a crash, sees the old or the new content.
func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", filepath.Base(path), err)
	}
	return writeFile(path, append(data, '\n'))
}

// writeFile replaces path at once and lets it survive a power cut.
func writeFile(path string, data []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	defer os.Remove(file.Name()) // fails after the rename, which is fine
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	return moveInto(file.Name(), path)
}

// moveInto renames a file that is on disk and makes the new name survive a power cut.
func moveInto(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("moving %s into place: %w", filepath.Base(to), err)
	}
	return syncPath(filepath.Dir(to))
}

func syncPath(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening %s to flush it: %w", filepath.Base(path), err)
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("flushing %s: %w", filepath.Base(path), err)
	}
	return nil
}
