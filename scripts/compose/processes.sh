# The services of docker-compose.yml as processes. Sourced by compose-check.sh.
# shellcheck shell=bash disable=SC2154,SC2034
way="the services of docker-compose.yml as processes, without containers"
run=$work/run
kyso=$work/bin/kyso

build() {
	docker=()
	find_compose
	scripts/compose/programs.sh "$work"
	scripts/web.sh
	nice -n 10 go build -trimpath -o "$work/bin/kyso" ./starter
	nice -n 10 go build -trimpath -o "$work/bin/kyso-worker" ./worker
	CGO_ENABLED=0 nice -n 10 go build -trimpath -o "$work/bin/kyso-pdf" ./internal/pdfchild/kyso-pdf
	nice -n 10 go build -trimpath -o "$work/bin/kyso-dev" ./starter/dev
}

# places says what stands where on this machine, for processes.mjs.
places() {
	local server ui
	server=$(go list -m -f '{{.Dir}}' go.temporal.io/server)
	ui=$(go list -m -f '{{.Dir}}' github.com/temporalio/ui-server/v2)
	echo '{}' >"$run/dynamic.yaml"
	install -D -m 644 "$ui/config/docker.yaml" "$run/ui/docker.yaml"
	cat <<-END
		{"path": "$work/bin:$(echo /usr/lib/postgresql/*/bin | tr ' ' :):$PATH",
		 "paths": {"/run/secrets": "$run/secrets", "/world": "$run/world", "/audit": "$run/audit",
		  "/data": "$run/data", "/etc/temporal/schema": "$server/schema", "/etc/temporal/entrypoint.sh": "bash $server/docker/scripts/sh/entrypoint.sh",
		  "/kyso": "$work/bin/kyso", "/kyso-worker": "$work/bin/kyso-worker", "/kyso-dev": "$work/bin/kyso-dev"},
		 "entrypoints": {
		  "postgres:": {"entrypoint": ["$repository/scripts/compose/images/postgres-entrypoint.sh"], "command": ["postgres"]},
		  "temporalio/ui:": {"entrypoint": ["ui-server", "--root", "$run", "--config", "ui", "--env", "docker", "start"]}},
		 "environment": {"postgres": {"PGDATA": "$run/postgres"}, "temporal": {"DYNAMIC_CONFIG_FILE_PATH": "$run/dynamic.yaml"},
		  "temporal-ui": {"TEMPORAL_UI_PORT": "8233"}}}
	END
}

up() {
	rm -rf "$run"
	mkdir -p "$run/logs" "$run/secrets" "$run/world" "$run/audit" "$run/data" "$run/postgres"
	cp .kyso/secrets/* "$run/secrets/"
	chmod 444 "$run/secrets"/*
	"${compose[@]}" config --format json >"$run/config.json"
	places >"$run/places.json"
	node scripts/compose/processes.mjs "$run/config.json" "$run" >"$run/logs/supervisor.log" 2>&1 &
	supervisor=$!
	within 300 is_up
}
is_up() { [ -e "$run/up" ] || { kill -0 "$supervisor" && return 1; } || { cat "$run/logs/supervisor.log"; exit 1; }; }

# shellcheck disable=SC2016 # the text is JavaScript
services() { json 'Object.entries(j).map(([n, s]) => `  ${n}: ${s.status}, started ${s.starts} ×`).join("\n")' <"$run/state.json"; }

# doctor takes the environment of the API from the configuration, as its process has it.
doctor() {
	local pid
	pid=$(json j.api.pid <"$run/state.json")
	# shellcheck disable=SC2046 # one argument for each variable
	env -i $(tr '\0' '\n' <"/proc/$pid/environ" | grep -v ' ' | tr '\n' ' ') "$kyso" doctor --lang en
}
logs() { tail -n 60 "$run/logs"/*.log; }
restart_all() { kill -HUP "$supervisor" && sleep 2 && within 300 is_up; }
kill_all() { kill -USR2 "$supervisor" && sleep 2 && within 300 is_up; }
down() {
	kill "$supervisor"
	wait "$supervisor"
	rm -rf "$run"
}
