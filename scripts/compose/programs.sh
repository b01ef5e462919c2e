#!/usr/bin/env bash
# Builds the programs of the stand-in images from their publishers' own modules, in the versions that docker-compose.yml
# names: programs.sh FOLDER leaves them in FOLDER/bin. What is there stays.
set -euo pipefail
repository=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mkdir -p "$1/bin" "$1/modules" && cd "$1" && pwd)

# tag IMAGE: the tag of an image in docker-compose.yml.
tag() { sed -n "s|^ *image: $1:||p" "$repository/docker-compose.yml" | head -n 1; }

# module PATH@VERSION: the folder of a module's source.
module() { go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'; }

# build NAME FOLDER PACKAGE…: one program, from within a module.
build() {
	local name=$1 folder=$2
	shift 2
	[ -x "$work/bin/$name" ] || (
		cd "$folder"
		echo "building $name" >&2
		nice -n 10 go build -mod=mod -trimpath -ldflags=-s -o "$work/bin/$name" "$@"
	)
}

# Temporal's programs share the dependencies of kyso, so that its build cache serves them, too.
programs=$work/modules/programs
if [ ! -d "$programs" ]; then
	mkdir -p "$programs"
	cp "$repository/go.mod" "$repository/go.sum" "$programs/"
	(cd "$programs" && go get "go.temporal.io/server@v$(tag temporalio/server)" "github.com/temporalio/ui-server/v2@v$(tag temporalio/ui)" >&2)
fi
build temporal-server "$programs" go.temporal.io/server/cmd/server
build temporal-sql-tool "$programs" go.temporal.io/server/cmd/tools/sql
build ui-server "$programs" github.com/temporalio/ui-server/v2/cmd/server

# The command line of the admin tools. Releases after 1.5 need a module that the proxy does not have (cliext). Its
# development server goes: it needs another release of the server, and nothing here asks for it.
cli=$work/modules/cli
if [ ! -d "$cli" ]; then
	cp -r "$(module github.com/temporalio/cli@v1.5.1)" "$cli"
	chmod -R u+w "$cli"
	rm -r "$cli/temporalcli/devserver" "$cli/temporalcli/commands.server.go"
	cp "$repository/scripts/compose/cli_without_server.go.txt" "$cli/temporalcli/commands.server.go"
	(cd "$cli" && go get google.golang.org/grpc@v1.83.2) # the one of release 1.9.1, which GRPC_ENABLE_TXT_SERVICE_CONFIG concerns
fi
build temporal "$cli" ./cmd/temporal

build versitygw "$(module "github.com/versity/versitygw@$(tag versity/versitygw)")" ./cmd/versitygw
ls "$work/bin" >&2
