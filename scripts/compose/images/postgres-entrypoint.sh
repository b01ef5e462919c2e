#!/usr/bin/env bash
# Does with POSTGRES_USER, POSTGRES_PASSWORD_FILE, POSTGRES_DB and POSTGRES_INITDB_ARGS what the official image does: the
# first start sets the database up, on the socket only, and every start ends in the server as the account postgres.
set -euo pipefail

if [ "$(id -u)" = 0 ]; then
	chown -R postgres "$PGDATA" /var/run/postgresql
	chmod 700 "$PGDATA"
	exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
	: "${POSTGRES_USER:=postgres}" "${POSTGRES_DB:=$POSTGRES_USER}" "${POSTGRES_PASSWORD_FILE:?names no file}"
	# shellcheck disable=SC2086 # one argument for each word
	initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" ${POSTGRES_INITDB_ARGS:-}
	echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
	echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
	pg_ctl --options="-c listen_addresses=''" --wait start
	[ "$POSTGRES_DB" = postgres ] || createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
	pg_ctl --mode=fast --wait stop
fi
exec "$@"
