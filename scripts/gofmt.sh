#!/usr/bin/env bash
# Fails when a Go file is not formatted, and names it. Files that git ignores are not looked at.
set -euo pipefail
cd "$(dirname "$0")/.."

go=${GO:-go}
files=$(find . -name '*.go' -not -path '*/.*' -not -path '*/node_modules/*')
# shellcheck disable=SC2086 # one argument for each file
unformatted=$("$("$go" env GOROOT)/bin/gofmt" -l $files)
if [ -n "$unformatted" ]; then
	printf 'not formatted (run gofmt -w):\n%s\n' "$unformatted" >&2
	exit 1
fi
