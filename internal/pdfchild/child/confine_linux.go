//go:build linux && (amd64 || arm64)

package child

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"kyso/internal/pdfchild/wire"
)

// giveUp takes from this process what it never needs: new privileges, files and connections by name (Landlock), and all system calls but
// those of a Go program that computes (seccomp). What the kernel does not grant is said and missing.
func giveUp() wire.Confinement {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var got wire.Confinement
	note := func(what string, err error) bool {
		if err != nil {
			got.Missing = append(got.Missing, fmt.Sprintf("%s: %v", what, err))
		}
		return err == nil
	}
	_, _, errno := syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	own := note("no_new_privs", orNil(errno))
	got.Landlock = note("Landlock", landlock())
	got.Seccomp = note("seccomp", filter())
	got.NoNewPrivileges = own && (got.Landlock || got.Seccomp) // each brings it to the other threads
	return got
}

func orNil(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// landlock forbids every use of a path, and TCP, in all threads.
func landlock() error {
	version, _, errno := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return errno
	}
	attributes := unix.LandlockRulesetAttr{Handled_access_fs: unix.LANDLOCK_ACCESS_FS_REFER - 1} // what the first version knows
	for since, also := range map[uintptr]uint64{2: unix.LANDLOCK_ACCESS_FS_REFER, 3: unix.LANDLOCK_ACCESS_FS_TRUNCATE, 5: unix.LANDLOCK_ACCESS_FS_IOCTL_DEV} {
		if version >= since {
			attributes.Handled_access_fs |= also
		}
	}
	if version >= 4 {
		attributes.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	rules, _, errno := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attributes)), unsafe.Sizeof(attributes), 0) //nolint:gosec // no package has this call; the kernel reads the struct only
	if errno != 0 {
		return errno
	}
	defer func() { _ = syscall.Close(int(rules)) }()
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		if errno == syscall.ENOTSUP {
			return errors.New("kyso-pdf was built with C; build it with CGO_ENABLED=0")
		}
		return errno
	}
	_, _, errno = syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, rules, 0, 0)
	return orNil(errno)
}

// computing are the system calls of a Go program that computes, reads from and writes to what is open.
var computing = []uint32{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_FUTEX, unix.SYS_MADVISE, unix.SYS_EPOLL_PWAIT, unix.SYS_NANOSLEEP, unix.SYS_SCHED_YIELD,
	unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_MUNMAP, unix.SYS_RT_SIGRETURN, unix.SYS_RT_SIGPROCMASK,
	unix.SYS_RT_SIGACTION, unix.SYS_SIGALTSTACK, unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_GETRUSAGE, unix.SYS_GETRLIMIT, unix.SYS_SETRLIMIT,
	unix.SYS_GETRANDOM, unix.SYS_SCHED_GETAFFINITY, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_CREATE1, unix.SYS_EVENTFD2, unix.SYS_FCNTL,
	unix.SYS_PREAD64, unix.SYS_CLOSE, unix.SYS_RESTART_SYSCALL, unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
}

// Offsets in struct seccomp_data of seccomp(2). Of arguments the lower half is read: both architectures have it first.
const (
	dataNumber    = 0
	dataArch      = 4
	dataArguments = 16
)

// condition is what a system call's argument has to be for it to be allowed.
type condition struct {
	number   uint32
	argument int
	jump     uint16 // BPF_JEQ: equal to value; BPF_JSET: has a bit of it
	value    uint32
	want     bool
}

// filter has the kernel refuse every other system call with EPERM, in all threads.
func filter() error {
	conditions := []condition{
		{unix.SYS_CLONE, 0, unix.BPF_JSET, unix.CLONE_THREAD, true}, // no processes
		{unix.SYS_MMAP, 2, unix.BPF_JSET, unix.PROT_EXEC, false},    // no new code
		{unix.SYS_MPROTECT, 2, unix.BPF_JSET, unix.PROT_EXEC, false},
		{unix.SYS_TGKILL, 0, unix.BPF_JEQ, uint32(syscall.Getpid()), true}, // itself only: how Go's runtime preempts
		{unix.SYS_PRLIMIT64, 0, unix.BPF_JEQ, 0, true},                     // itself only
	}
	program := program(conditions)
	load := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	thread, _, errno := syscall.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&load))) //nolint:gosec // no package has this call; the kernel reads the program only
	if errno == 0 && thread != 0 {
		return fmt.Errorf("thread %d does not take it", thread)
	}
	return orNil(errno)
}

// program is the filter in classic BPF.
func program(conditions []condition) []unix.SockFilter {
	const (
		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		jump   = unix.BPF_JMP | unix.BPF_K
		answer = unix.BPF_RET | unix.BPF_K
	)
	allow := unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW}
	refuse := unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)}
	arch := map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}[runtime.GOARCH]
	out := []unix.SockFilter{
		{Code: load, K: dataArch},
		{Code: jump | unix.BPF_JEQ, K: arch, Jt: 1},
		{Code: answer, K: unix.SECCOMP_RET_KILL_PROCESS}, // the numbers would mean other calls
		{Code: load, K: dataNumber},
	}
	for _, number := range computing {
		out = append(out, unix.SockFilter{Code: jump | unix.BPF_JEQ, K: number, Jf: 1}, allow)
	}
	// C's library tries clone3, whose flags no filter can read, and takes clone where there is none.
	out = append(out, unix.SockFilter{Code: jump | unix.BPF_JEQ, K: unix.SYS_CLONE3, Jf: 1}, unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)})
	for _, c := range conditions {
		yes, no := allow, refuse
		if !c.want {
			yes, no = refuse, allow
		}
		out = append(out, unix.SockFilter{Code: jump | unix.BPF_JEQ, K: c.number, Jf: 4},
			unix.SockFilter{Code: load, K: uint32(dataArguments + 8*c.argument)},
			unix.SockFilter{Code: jump | c.jump, K: c.value, Jf: 1}, yes, no)
	}
	return append(out, refuse)
}
