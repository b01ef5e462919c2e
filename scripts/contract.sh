#!/usr/bin/env bash
# Works on docs/openapi.json with the tools of scripts/contract. "types" writes the types of the pages, "check" fails when they are
# not what the document says, and builds the example whose types are generated, "lint" runs Redocly's and Stoplight's linters. Without npm nothing is done; CI=true demands it.
set -euo pipefail
cd "$(dirname "$0")/contract"
types=../../internal/web/ui/src/lib/shapes.gen.ts

if ! command -v npm >/dev/null; then
	echo "Node.js is not here: docs/openapi.json is not looked at" >&2
	[ "${CI:-}" != true ] || exit 1
	exit 0
fi
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error

case "${1:-}" in
types) node types.mjs ../../docs/openapi.json >"$types" ;;
check)
	node types.mjs ../../docs/openapi.json | diff - "$types" >/dev/null || {
		echo "internal/web/ui/src/lib/shapes.gen.ts is not what docs/openapi.json says: make generate writes it" >&2
		exit 1
	}
	cd ../../examples/typescript
	[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error
	npm run --silent build >/dev/null
	;;
lint)
	REDOCLY_TELEMETRY=off npx --no-install redocly lint --format stylish ../../docs/openapi.json
	npx --no-install spectral lint --fail-severity warn --ruleset .spectral.yaml ../../docs/openapi.json
	;;
*)
	echo "usage: contract.sh types | check | lint" >&2
	exit 2
	;;
esac
