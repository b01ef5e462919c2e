#!/usr/bin/env bash
# Fuzz every target of the repository in turn: scripts/fuzz.sh [time for each, default 1m] [workers, default 1].
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-1m}
workers=${2:-1}
grep -rlE --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do
	grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | while read -r _ target; do
		echo "== $target ($(dirname "$file"), $time)"
		# Minimizing is bounded: by default one finding may take a minute of the time.
		go test "$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 20x -parallel "$workers"
	done
done
