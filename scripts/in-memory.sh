#!/usr/bin/env bash
# Runs a command with its temporary files in memory, where there is room for them and programs may run there; else as it is.
# Tests write and sync many thousands of small files, and wait longer for a disk than they compute. What they prove is about
# processes that die, whose files the kernel keeps either way: no test cuts the power.
set -euo pipefail
memory=/dev/shm
room=$((6 << 20)) # KiB

usable() {
	[ -w "$memory" ] && [ "$(stat -f -c %T "$memory" 2>/dev/null)" = tmpfs ] &&
		[ "$(df -Pk "$memory" | awk 'NR == 2 { print $4 }')" -gt "$room" ] &&
		[ "$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)" -gt "$room" ] && runs
}

# runs succeeds when a program may be started there.
runs() {
	local try=$memory/kyso-runs-$$ answer=1
	printf '#!/bin/sh\n' >"$try" && chmod 700 "$try" && "$try" 2>/dev/null && answer=0
	rm -f "$try"
	return $answer
}

# What a run left that was killed stays in memory until the next run removes it.
for left in "$memory"/kyso-tests-*; do
	[ ! -d "$left" ] || kill -0 "${left##*-}" 2>/dev/null || rm -rf "$left"
done

usable || exec "$@"
export GOTMPDIR=${GOTMPDIR:-${TMPDIR:-/tmp}} # what go builds is big, and stays on the disk
export TMPDIR=$memory/kyso-tests-$$
mkdir -m 700 "$TMPDIR"
trap 'rm -rf "$TMPDIR"' EXIT
"$@"
