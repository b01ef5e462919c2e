// Command hostile is kyso-pdf with more operations: what a hostile file could make a reader do, and what tests want to know of the
// inside of a child.
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"kyso/internal/pades"
	"kyso/internal/pdfchild/child"
	"kyso/internal/pdfchild/pdftest"
	"kyso/internal/pdfchild/wire"
)

func main() { os.Exit(child.Main(operations)) }

// pipe leads to the parent.
var pipe = os.NewFile(1, "pipe")

// What the operations waste is kept here, so that the compiler cannot leave it out.
var (
	hog   [][]byte
	burnt atomic.Int64
)

// deeper stands for a reader that follows references without counting.
func deeper(next []int, at int) int {
	if at < 0 {
		return 0
	}
	return 1 + deeper(next, next[at])
}

var operations = map[string]child.Operation{
	pdftest.Memory: func(pades.Source, json.RawMessage) (any, error) {
		for {
			block := make([]byte, 8<<20)
			for i := range block {
				block[i] = 1
			}
			hog = append(hog, block)
		}
	},
	pdftest.Loop: func(pades.Source, json.RawMessage) (any, error) {
		for n := 0; ; n++ {
			burnt.Store(int64(n))
		}
	},
	pdftest.Stack: func(pades.Source, json.RawMessage) (any, error) { return deeper([]int{1, 0}, 0), nil },
	pdftest.Panic: func(pades.Source, json.RawMessage) (any, error) { panic("Nguyễn Văn Minh, 079095012345") },
	pdftest.PanicAside: func(pades.Source, json.RawMessage) (any, error) {
		go func() { panic("out of memory of what Nguyễn Văn Minh wrote") }()
		select {}
	},
	pdftest.Sleep: func(pades.Source, json.RawMessage) (any, error) { time.Sleep(time.Hour); return nil, nil },
	pdftest.Exit:  func(pades.Source, json.RawMessage) (any, error) { os.Exit(0); return nil, nil },
	pdftest.HugeFrame: func(pades.Source, json.RawMessage) (any, error) {
		_, err := pipe.Write([]byte{wire.FrameResult, 0xFF, 0xFF, 0xFF, 0xFF})
		time.Sleep(time.Hour)
		return nil, err
	},
	pdftest.HugeResult: func(pades.Source, json.RawMessage) (any, error) { return strings.Repeat("A", wire.MaxResult), nil },
	pdftest.BadFrame:   func(pades.Source, json.RawMessage) (any, error) { return nil, wire.Write(pipe, 'X', []byte("?")) },
	pdftest.BadRead: func(src pades.Source, _ json.RawMessage) (any, error) {
		ask := binary.BigEndian.AppendUint64(nil, uint64(src.Size()-1))
		err := wire.Write(pipe, wire.FrameRead, binary.BigEndian.AppendUint32(ask, 2))
		time.Sleep(time.Hour)
		return nil, err
	},
	pdftest.Print: func(pades.Source, json.RawMessage) (any, error) {
		_, err := fmt.Fprintln(os.Stdout, "a library that prints")
		return "fine", err
	},
	pdftest.Burn: func(pades.Source, json.RawMessage) (any, error) {
		for start := time.Now(); time.Since(start) < 600*time.Millisecond; {
			burnt.Add(1)
		}
		return nil, nil
	},
	pdftest.ReadAt: child.With(func(src pades.Source, at [2]int64) (any, error) {
		buffer := make([]byte, at[1])
		n, err := src.ReadAt(buffer, at[0])
		return pdftest.ReadResult{Data: buffer[:n], Err: fmt.Sprint(err)}, nil
	}),
	pdftest.Look: look,
	pdftest.Try:  try,
	pdftest.LeaveGoroutine: func(pades.Source, json.RawMessage) (any, error) {
		go func() { select {} }()
		return nil, nil
	},
	pdftest.LeaveBomb: func(pades.Source, json.RawMessage) (any, error) {
		time.AfterFunc(100*time.Millisecond, func() { panic("later") })
		return nil, nil
	},
	pdftest.LeaveMemory: func(pades.Source, json.RawMessage) (any, error) {
		hog = append(hog, make([]byte, 200<<20))
		return nil, nil
	},
}

func look(pades.Source, json.RawMessage) (any, error) {
	var seen pdftest.Inside
	seen.Environment, seen.Arguments, seen.PID = os.Environ(), os.Args, os.Getpid()
	f, err := os.CreateTemp("/tmp", "pdfchild")
	if err == nil {
		_ = os.Remove(f.Name())
		_, err = f.WriteString("x")
	}
	seen.WriteError = fmt.Sprint(err)
	return seen, nil
}

// try is what code of an attacker would try, each with the error that it gets.
func try(pades.Source, json.RawMessage) (any, error) {
	tried := map[string]string{}
	note := func(what string, err error) {
		tried[what] = fmt.Sprint(err)
	}
	_, err := os.ReadFile("/etc/passwd")
	note("read a file", err)
	_, err = os.ReadDir("/")
	note("read a folder", err)
	note("write a file", os.WriteFile("/tmp/kyso-hostile", []byte("x"), 0o600)) //nolint:gosec // it must not succeed
	note("make a folder", os.Mkdir("/tmp/kyso-hostile-folder", 0o700))
	_, err = os.Stat("/etc/passwd")
	note("look at a file", err)
	_, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	note("open a TCP socket", err)
	_, err = syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	note("open a local socket", err)
	note("become another program", syscall.Exec("/bin/true", []string{"true"}, nil))
	_, err = syscall.ForkExec("/bin/true", []string{"true"}, nil)
	note("start a program", err)
	note("kill the parent", syscall.Kill(os.Getppid(), 0))
	_, err = syscall.PtraceGetEventMsg(os.Getppid())
	note("trace the parent", err)
	_, err = syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_EXEC, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	note("have new code", err)
	note("learn about the machine", syscall.Sysinfo(new(syscall.Sysinfo_t)))
	return tried, nil
}
