#!/usr/bin/env bash
# Builds the pages and bin/kyso-dev, side by side. The first build takes minutes: a line each half minute says that it goes on, and
# what the tools print is shown when they fail.
set -euo pipefail
cd "$(dirname "$0")/.."

go=${GO:-go}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
begun=$SECONDS

# The engine is most of the work and needs no pages, so it compiles while npm installs; the program embeds the pages and comes after.
build() {
	local engine=''
	if [ -n "$first" ]; then
		"$go" build go.temporal.io/server/temporal modernc.org/sqlite &
		engine=$!
	fi
	scripts/web.sh
	[ -z "$engine" ] || wait "$engine"
	"$go" build -o bin/kyso-dev ./starter/dev
}

first=''
[ -x bin/kyso-dev ] || first=1
[ -z "$first" ] || echo "Đang biên dịch lần đầu, mất vài phút · building for the first time, this takes some minutes" >&2
build >"$log" 2>&1 &
builder=$!
trap 'kill "$builder" 2>/dev/null; rm -f "$log"' INT TERM
while kill -0 "$builder" 2>/dev/null; do
	sleep 0.2
	if [ -n "$first" ] && [ $((SECONDS - begun)) -ge 30 ] && [ $(((SECONDS - begun) % 30)) = 0 ] && [ "$SECONDS" != "${said:-}" ]; then
		said=$SECONDS
		echo "  … $((SECONDS - begun)) s" >&2
	fi
done
if ! wait "$builder"; then
	cat "$log" >&2
	exit 1
fi
