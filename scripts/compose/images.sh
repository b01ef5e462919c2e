#!/usr/bin/env bash
# Makes stand-ins of the images that Dockerfile and docker-compose.yml name, under their names and tags, for a machine that
# reaches no registry: images.sh FOLDER, after programs.sh FOLDER, with DOCKER_HOST naming an engine that holds no real ones.
set -euo pipefail
repository=$(cd "$(dirname "$0")/../.." && pwd)
work=$(cd "$1" && pwd)
context=$work/contexts
export DOCKER_BUILDKIT=1
docker=${DOCKER:-docker}

# image NAME: the full name of an image, from docker-compose.yml or the Dockerfile.
image() { sed -n "s#^\(FROM\| *image:\) *\($1:[^ ]*\).*#\2#p" "$repository/Dockerfile" "$repository/docker-compose.yml" | head -n 1; }
module() { go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'; }
version() { local name; name=$(image "$1") && echo "${name##*:}"; }

# stand_in IMAGE CONTEXT DOCKERFILE [ARGUMENT…]
stand_in() {
	local name=$1 from=$2 file=$3
	shift 3
	echo "stand-in of $name" >&2
	"$docker" build --quiet --network=host --tag "$name" --file "$file" "$@" "$from" >&2
}

# The floor of all of them is a Debian, with this machine's certificates.
if [ ! -e "$work/debian/bin/busybox" ]; then
	echo "a Debian from the mirror, for some minutes" >&2
	nice -n 10 debootstrap --variant=minbase "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$work/debian" \
		--include=ca-certificates,tzdata,netcat-openbsd,postgresql,busybox-static >"$work/debootstrap.log"
fi
cp /etc/ssl/certs/ca-certificates.crt "$work/debian/etc/ssl/certs/ca-certificates.crt"
"$docker" image inspect kyso-standin/debian >/dev/null 2>&1 || tar --directory "$work/debian" --create --one-file-system . | "$docker" import - kyso-standin/debian >&2

# Alpine's tag is the one that Temporal's own Dockerfiles are built with.
server=$(module "go.temporal.io/server@v$(version temporalio/server)")
alpine=$(sed -n '/variable "ALPINE_TAG"/,/}/s/.*default = "\(.*\)"/\1/p' "$server/docker/docker-bake.hcl")
here=$repository/scripts/compose/images
mkdir -p "$context/empty" "$context/ui" "$context/versitygw" "$context/node/bin" "$context/node/lib/node_modules"
stand_in "alpine:$alpine" "$context/empty" "$here/alpine.Dockerfile"

# Temporal's two images by Temporal's own Dockerfiles. What nothing here calls is an empty file.
if [ ! -d "$context/temporal" ]; then
	cp -r "$server/docker" "$context/temporal"
	chmod -R u+w "$context/temporal"
	mkdir -p "$context/temporal/build/amd64" "$context/temporal/build/temporal"
	cp -r "$server/schema" "$context/temporal/build/temporal/schema"
fi
touch "$context/temporal/build/amd64"/{temporal-cassandra-tool,temporal-elasticsearch-tool,tdbg}
cp "$work/bin"/{temporal-server,temporal-sql-tool,temporal} "$context/temporal/build/amd64/"
for target in server admin-tools; do
	stand_in "$(image temporalio/$target)" "$context/temporal" "$context/temporal/targets/$target.Dockerfile" \
		--build-arg "ALPINE_TAG=$alpine" --build-arg TARGETARCH=amd64
done

ui=$(module "github.com/temporalio/ui-server/v2@v$(version temporalio/ui)")
install -m 755 "$work/bin/ui-server" "$ui/docker/start-ui-server.sh" "$context/ui/"
install -m 644 "$ui/config/docker.yaml" "$context/ui/"
stand_in "$(image temporalio/ui)" "$context/ui" "$here/ui.Dockerfile" --build-arg "ALPINE_TAG=$alpine"

gateway=$(module "github.com/versity/versitygw@$(version versity/versitygw)")
install -m 755 "$work/bin/versitygw" "$gateway/docker-entrypoint.sh" "$context/versitygw/"
stand_in "$(image versity/versitygw)" "$context/versitygw" "$here/versitygw.Dockerfile" --build-arg "ALPINE_TAG=$alpine"

stand_in "$(image postgres)" "$here" "$here/postgres.Dockerfile"
stand_in "$(image golang)" "$(go env GOROOT)" "$here/golang.Dockerfile"
node=$(node -p process.execPath)
install -m 755 "$node" "$context/node/bin/"
rm -rf "$context/node/lib/node_modules/npm"
cp -r "$(dirname "$node")/../lib/node_modules/npm" "$context/node/lib/node_modules/npm"
stand_in "$(image node)" "$context/node" "$here/node.Dockerfile"
"$docker" images --format '  {{.Repository}}:{{.Tag}} {{.Size}}' >&2
