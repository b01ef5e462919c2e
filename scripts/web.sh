#!/usr/bin/env bash
# Builds the pages into internal/web/dist, unless what is there was built from the same sources. With "check" it also
# checks the types. Without npm nothing is built: the API and the command line do not need it. CI=true demands it.
set -euo pipefail
cd "$(dirname "$0")/../internal/web/ui"

if ! command -v npm >/dev/null; then
	echo "Node.js is not here: the pages are not built (the API and the command line work without)" >&2
	[ "${CI:-}" != true ] || exit 1
	exit 0
fi

sum() { cat package-lock.json build.mjs tsconfig.json "$@" | sha256sum | cut -d ' ' -f 1; }
mapfile -t sources < <(find src -type f | LC_ALL=C sort)
built=node_modules/.built-from
now=$(sum "${sources[@]}")

if [ ! -f ../dist/manifest.json ] || [ "$(cat "$built" 2>/dev/null)" != "$now" ]; then
	[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error
	node build.mjs
	echo "$now" >"$built"
fi
if [ "${1:-}" = check ]; then
	../../../scripts/contract.sh check
	npx --no-install tsc --noEmit
fi
