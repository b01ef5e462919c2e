#!/usr/bin/env bash
# Makes the tools ready that tests judge by. As root on Debian or Ubuntu it installs what is missing; elsewhere it
# says in one list what will be left out. With CI=true nothing may be left out.
set -euo pipefail

# Each line: Debian package | commands that it brings | what tests look at with them.
tools() {
	cat <<-'END'
		postgresql|initdb|the store on PostgreSQL
		poppler-utils|pdfsig pdftotext pdftoppm|signatures, text and pages as Poppler sees them
		libnss3-tools|certutil pk12util|the keys that Poppler signs with
		qpdf|qpdf|the structure of written PDFs
		mupdf-tools|mutool|pages as MuPDF sees them
		chromium|chromium|the pages in a browser
		openssl|openssl|CMS and time-stamps as OpenSSL sees them
		shellcheck|shellcheck|the scripts of the repository
	END
}

# present succeeds when all the named commands are there. Debian keeps those of PostgreSQL servers out of PATH, and
# a running server can be named instead.
present() {
	local name
	for name in "$@"; do
		command -v "$name" >/dev/null && continue
		[ "$name" = initdb ] || return 1
		[ -n "${KYSO_TEST_POSTGRES:-}" ] || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || return 1
	done
}

missing() {
	local package commands what
	tools | while IFS='|' read -r package commands what; do
		# shellcheck disable=SC2086 # one argument for each command
		present $commands || echo "$package|$what"
	done
}

install() {
	export DEBIAN_FRONTEND=noninteractive
	echo "installing for the tests: $*" >&2
	apt-get -qq update >/dev/null &&
		apt-get -qq install -y --no-install-recommends "$@" >/dev/null
}

left_out=$(missing)
if [ -n "$left_out" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	# shellcheck disable=SC2046 # one argument for each package
	install $(cut -d '|' -f 1 <<<"$left_out") || echo "apt-get did not succeed" >&2
	left_out=$(missing)
fi
[ -n "$left_out" ] || exit 0

echo "left out, because it is not installed (Debian package: what is not tested):" >&2
sed 's/^/  /; s/|/: /' <<<"$left_out" >&2
if [ "${CI:-}" = true ]; then
	echo "CI=true: nothing may be left out" >&2
	exit 1
fi
