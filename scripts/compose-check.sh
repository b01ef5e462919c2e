#!/usr/bin/env bash
# Brings docker-compose.yml up, walks a registration and a signing through by the documented commands, restarts everything
# while both are under way, finishes them, and prints a verdict.
#
#   scripts/compose-check.sh               # with the engine that runs here, or one of its own
#   scripts/compose-check.sh --keep        # leave it running, and what was built, for the next time
#   scripts/compose-check.sh --processes   # without containers
#
# Where no registry can be reached it makes stand-in images under the same names and tags, in an engine of its own: Temporal,
# its UI and the object store from their publishers' modules in the versions of the file, PostgreSQL from Debian. Where no
# engine can be had it says so, and runs the same services with the same environment as processes. What it builds is in
# COMPOSE_CHECK (default /tmp/kyso-compose-check). It takes the ports of docker-compose.yml, and as root on Debian half an
# hour of two cores the first time.
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD
work=${COMPOSE_CHECK:-/tmp/kyso-compose-check}
mkdir -p "$work/logs"
# shellcheck source=scripts/compose/walk.sh
. scripts/compose/walk.sh
# shellcheck source=scripts/compose/engine.sh
. scripts/compose/engine.sh

keep='' processes=''
for argument in "$@"; do
	case $argument in
	--keep) keep=1 ;;
	--processes) processes=1 ;;
	*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
	esac
done

say() { printf '\n== %s\n' "$*"; }
loud() { printf '\n!!!! %s\n' "$@" >&2; }

# step LOG COMMAND…: runs it, its words in a file that is shown when it fails.
step() {
	local log=$work/logs/$1.log
	shift
	"$@" >"$log" 2>&1 || {
		tail -n 40 "$log" >&2
		echo "see $log" >&2
		return 1
	}
}

# The two ways to run the services have the same verbs: up, restart_all, kill_all, doctor, down.
# shellcheck source=scripts/compose/containers.sh
# shellcheck source=scripts/compose/processes.sh
if [ -z "$processes" ] && { use_running_engine || start_engine; }; then
	. scripts/compose/containers.sh
else
	[ -n "$processes" ] || loud "NO CONTAINER ENGINE: the Dockerfile is not built and docker-compose.yml is not brought up." \
		"The same services run with the same environment as processes."
	. scripts/compose/processes.sh
fi

finish() {
	local code=$?
	set +e
	[ "$code" = 0 ] || { logs >"$work/logs/services.log" 2>&1; echo "logs of the services: $work/logs/services.log" >&2; }
	[ -n "$keep" ] || down >"$work/logs/down.log" 2>&1
	if [ "$code" = 0 ]; then
		say "VERDICT: $way: a registration became active and files were signed, across a restart and a kill"
	else
		loud "VERDICT: $way: FAILED"
	fi
	exit "$code"
}
trap finish EXIT

say "Secrets and programs"
scripts/compose-secrets.sh
step build build
export KYSO_URL=http://127.0.0.1:8680 KYSO_API_KEY_FILE=$repository/.kyso/secrets/admin-key KYSO_LANG=en
CONTROL=http://127.0.0.1:8771
trust=$work/trust.pem

say "Up: $way"
step up up
control --output "$trust" "$CONTROL/trust.pem"
services

say "kyso doctor, with the environment of the API"
doctor

say "A registration and a signing"
sample "$work/page.pdf"
begin_registration 001302004567
pay_and_agree
finish_registration 001302004567
begin_signing "$work/page.pdf" ICA.001302004567
finish_signing ICA.001302004567 "$work/page-signed.pdf"

say "Everything restarted with work under way"
begin_registration 001302004575
pay_and_agree
begin_signing "$work/page.pdf" ICA.079095012345
step restart restart_all
finish_signing ICA.079095012345 "$work/page-restarted.pdf"
finish_registration 001302004575

say "Every process killed with work under way"
begin_registration 001302004583
begin_signing "$work/page.pdf" ICA.079095030401
step kill kill_all
finish_signing ICA.079095030401 "$work/page-killed.pdf"
pay_and_agree
finish_registration 001302004583

say "What the world saw"
printf '  %s charges, %s certificates, %s signatures asked for\n' "$(ledger charge)" "$(ledger issue)" "$(ledger push)"
[ "$(ledger charge) $(ledger issue) $(ledger push)" = "3 3 6" ] # a push for each acceptance record and each signing
