#!/usr/bin/env bash
# Runs shellcheck over every shell script of the repository. Without shellcheck it says so; CI=true demands it.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v shellcheck >/dev/null; then
	echo "shellcheck is not here: the scripts are not checked" >&2
	[ "${CI:-}" != true ] || exit 1
	exit 0
fi
# shellcheck disable=SC2046 # one argument for each file
shellcheck -x $(git ls-files -co --exclude-standard -- '*.sh' .ci/run)
