# Finds or starts a container engine. Sourced, with work (a folder). Sets docker, compose (both arrays of words), and images:
# "real" when the engine has or pulls what docker-compose.yml names, "stand-ins" when they are made here. Fails, and says why,
# when there is no engine.
# shellcheck shell=bash disable=SC2154,SC2034

# builds CLIENT: whether it can build Dockerfiles with BuildKit; newer clients leave that to a plugin.
builds() { printf 'FROM scratch\nENV A=1\n' | DOCKER_BUILDKIT=1 "$1" build --quiet - >/dev/null 2>&1; }

# find_client: the first docker that builds.
find_client() {
	local client
	for client in docker /usr/bin/docker; do
		command -v "$client" >/dev/null && builds "$client" && docker=("$client") && return
	done
	echo "no docker client here builds with BuildKit (plugin buildx)" >&2
	return 1
}

# find_compose: Docker Compose 2.23 or later, else built from its module.
find_compose() {
	local source=$work/modules/compose
	if "${docker[@]:-docker}" compose version --short 2>/dev/null | grep -Eq '^v?(2\.(2[3-9]|[3-9][0-9])|[3-9])'; then
		compose=("${docker[@]}" compose)
		return
	fi
	compose=("$work/bin/docker-compose")
	[ -x "${compose[0]}" ] && return
	echo "building Docker Compose from its module" >&2
	mkdir -p "$work/bin" "$work/modules"
	cp -r "$(go mod download -json github.com/docker/compose/v2@v2.40.3 | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')" "$source"
	chmod -R u+w "$source"
	(cd "$source" && CGO_ENABLED=0 nice -n 10 go build -trimpath -ldflags=-s -o "${compose[0]}" ./cmd)
}

# use_running_engine: the one that DOCKER_HOST or the machine has, when it gets the real images.
use_running_engine() {
	docker info >/dev/null 2>&1 || { echo "no container engine runs here" >&2; return 1; }
	find_client && find_compose || return 1
	timeout 600 "${compose[@]}" pull --quiet --ignore-buildable >/dev/null 2>&1 || {
		echo "the engine that runs here cannot pull the images" >&2
		return 1
	}
	images=real
}

# start_engine: an engine of its own, whose data goes with it. Its networks are bridges without rules of iptables: containers
# reach each other and the machine their published ports, but nothing outside.
start_engine() {
	if [ "$(id -u)" != 0 ] || ! command -v dockerd >/dev/null; then
		echo "an own engine needs root and dockerd (Debian: apt-get install docker.io)" >&2
		return 1
	fi
	export DOCKER_HOST=unix://$work/docker.sock
	if docker info >/dev/null 2>&1; then # kept from the last time
		images=stand-ins
		find_client && find_compose
		return
	fi
	dockerd --iptables=false --bridge=none --data-root "$work/docker" --exec-root "$work/docker-exec" --pidfile "$work/docker.pid" \
		--host "$DOCKER_HOST" >"$work/logs/dockerd.log" 2>&1 &
	if ! { within 60 test -S "$work/docker.sock" && within 30 docker info >/dev/null 2>&1 &&
		docker network create kyso-check-probe >/dev/null && docker network rm kyso-check-probe >/dev/null; }; then
		tail -n 5 "$work/logs/dockerd.log" >&2
		echo "dockerd does not start here, or makes no networks" >&2
		return 1
	fi
	find_client && find_compose || return 1
	images=stand-ins
}

stop_engine() {
	[ -s "$work/docker.pid" ] || return 0
	kill "$(cat "$work/docker.pid")"
	within 60 test ! -e "$work/docker.pid"
	rm -rf "$work/docker" "$work/docker-exec" "$work/docker.sock"
}
