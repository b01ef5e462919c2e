#!/usr/bin/env bash
# Draws the secrets that docker-compose.yml and the programs of kyso read, once. What is there stays.
set -euo pipefail
cd "$(dirname "$0")/.."

umask 077
mkdir -p .kyso/secrets
chmod 700 .kyso .kyso/secrets

# draw FILE: 32 random bytes as hexadecimal digits, when there is no such file.
draw() {
	[ -e ".kyso/secrets/$1" ] || head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >".kyso/secrets/$1"
}
draw postgres-password
draw objects-password
draw admin-key
[ -e .kyso/master.key ] || head -c 32 /dev/urandom >.kyso/master.key
[ -e .kyso/secrets/master-key ] || cp .kyso/master.key .kyso/secrets/master-key

password=$(cat .kyso/secrets/postgres-password)
printf 'postgres://kyso:%s@127.0.0.1:5432/kyso?sslmode=disable' "$password" >.kyso/secrets/database-url
printf 'postgres://kyso:%s@postgres:5432/kyso?sslmode=disable' "$password" >.kyso/secrets/compose-database-url
printf '[default]\naws_access_key_id = kyso\naws_secret_access_key = %s\n' "$(cat .kyso/secrets/objects-password)" >.kyso/secrets/objects-credentials

# Compose mounts the files as they are, and the accounts in the containers are not yours: they have to read them. No other account
# reaches them, because the folder is closed.
chmod 444 .kyso/secrets/*
echo "secrets are in .kyso/secrets (admin-key is the first key to the API), the master key is .kyso/master.key" >&2
