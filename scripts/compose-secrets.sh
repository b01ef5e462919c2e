#!/usr/bin/env bash
# Draws the secrets that docker-compose.yml and the programs of kyso read, once. What is there stays.
set -euo pipefail
cd "$(dirname "$0")/.."

umask 077
mkdir -p .kyso/secrets
chmod 700 .kyso .kyso/secrets

password=.kyso/secrets/postgres-password
if [ ! -e "$password" ]; then
	head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$password"
	# Compose mounts the file as it is, and the accounts in the containers are not yours: they have to read it.
	# Nobody else reaches it, because the folder is closed.
	chmod 444 "$password"
fi
printf 'postgres://kyso:%s@127.0.0.1:5432/kyso?sslmode=disable' "$(cat "$password")" >.kyso/secrets/database-url
[ -e .kyso/secrets/admin-key ] || head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >.kyso/secrets/admin-key
[ -e .kyso/master.key ] || head -c 32 /dev/urandom >.kyso/master.key
echo "secrets are in .kyso/secrets (admin-key is the first key to the API), the master key is .kyso/master.key" >&2
