# docker-compose.yml in containers. Sourced after engine.sh.
# shellcheck shell=bash disable=SC2154,SC2034
way="docker-compose.yml, $images images"
project="kyso-check"

# Images are built beforehand, by the real Dockerfile, so that Compose needs no builder; networks of an own engine lead
# nowhere, so the build uses the machine's.
build() {
	if [ "$images" = stand-ins ]; then
		loud "NO REGISTRY: stand-ins are made for the images of others (scripts/compose/images)."
		scripts/compose/programs.sh "$work"
		DOCKER=${docker[0]} scripts/compose/images.sh "$work"
	fi
	for target in kyso sandbox; do
		DOCKER_BUILDKIT=1 nice -n 10 "${docker[@]}" build --progress=plain --network=host --target "$target" \
			--tag "$([ "$target" = kyso ] && echo kyso || echo kyso-sandbox)" .
	done
	local container
	container=$("${docker[@]}" create kyso)
	"${docker[@]}" cp "$container:/kyso" "$work/kyso"
	"${docker[@]}" rm "$container"
}
kyso=$work/kyso

composed() { "${compose[@]}" --project-name "$project" "$@"; }
up() { composed up --detach --wait --wait-timeout 300 --no-build; }
services() { composed ps --all --format '  {{.Service}}: {{.Status}}'; }
doctor() { composed exec --no-TTY api /kyso doctor --lang en; }
logs() { composed ps --all && composed logs --no-color; }

restart_all() { composed restart && healthy; }

# kill_all: kill -9 of every container's first process, which the restart policy has to answer. Containers that docker
# kills count as stopped by hand.
kill_all() {
	local pids
	# shellcheck disable=SC2046 # one argument for each container
	pids=$("${docker[@]}" inspect --format '{{.State.Pid}}' $(composed ps --quiet))
	# shellcheck disable=SC2086 # one argument for each process
	kill -9 $pids
	within 60 all_started_again && healthy
}
all_started_again() {
	# shellcheck disable=SC2046 # one argument for each container
	! "${docker[@]}" inspect --format '{{.RestartCount}}' $(composed ps --quiet) | grep -qx 0
}

# healthy: all long services of the file answer their health checks.
healthy() { within 180 all_healthy; }
all_healthy() {
	local service
	for service in postgres temporal objects sandbox worker api; do
		composed ps --format '{{.Status}}' "$service" | grep -q '(healthy)' || return 1
	done
}

down() {
	composed down --volumes --timeout 10
	stop_engine
}
