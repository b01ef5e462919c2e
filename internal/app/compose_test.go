package app_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"kyso/internal/app"
	"kyso/internal/config"
)

// This file holds docker-compose.yml against the programs of kyso and against what the publishers of its images write, without
// running it; scripts/compose-check.sh runs it.

// composition is what these tests read of docker-compose.yml.
type composition struct {
	Services map[string]service `yaml:"services"`
	Secrets  map[string]struct {
		File string `yaml:"file"`
	} `yaml:"secrets"`
	Volumes map[string]any `yaml:"volumes"`
}

type service struct {
	Image       string            `yaml:"image"`
	Build       *composedBuild    `yaml:"build"`
	Entrypoint  []string          `yaml:"entrypoint"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Secrets     []string          `yaml:"secrets"`
	Volumes     []string          `yaml:"volumes"`
	Restart     string            `yaml:"restart"`
	NetworkMode string            `yaml:"network_mode"`
	Healthcheck struct {
		Test []string `yaml:"test"`
	} `yaml:"healthcheck"`
	DependsOn map[string]struct {
		Condition string `yaml:"condition"`
	} `yaml:"depends_on"`
}

type composedBuild struct {
	Target string `yaml:"target"`
}

// ends tells whether the service does something once.
func (s service) ends() bool { return s.Restart == "" || s.Restart == "no" }

// scripts is what the service runs, as text.
func (s service) scripts() string { return strings.Join(s.Command, "\n") }

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func composed(t *testing.T) composition {
	t.Helper()
	var c composition
	if err := yaml.Unmarshal([]byte(read(t, "../../docker-compose.yml")), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Services) < 9 {
		t.Fatalf("read %d services", len(c.Services))
	}
	return c
}

// published says what is known of an image that docker-compose.yml names, and where it stands. What others publish was read
// on 2026-11-30.
type published struct {
	tools     string // programs that commands and health checks may call
	variables string // that it reads, besides those that variablesOf finds in a module
	source    string
}

// In Alpine's BusyBox: sh, nc, wget, mkdir, cat.
var images = map[string]published{
	"postgres": {
		tools:     "pg_isready postgres",
		variables: "POSTGRES_USER POSTGRES_DB POSTGRES_PASSWORD_FILE POSTGRES_INITDB_ARGS",
		source:    "github.com/docker-library/postgres: 17/bookworm/Dockerfile, docker-entrypoint.sh",
	},
	"temporalio/server": {
		tools:     "/bin/sh nc temporal-server",
		variables: "BIND_ON_IP TEMPORAL_BROADCAST_ADDRESS",
		source:    "go.temporal.io/server: docker/targets/server.Dockerfile, docker/scripts/sh/entrypoint.sh, common/config/config_template_embedded.yaml",
	},
	"temporalio/admin-tools": {
		tools:     "/bin/sh temporal temporal-sql-tool",
		variables: "TEMPORAL_ADDRESS TEMPORAL_NAMESPACE GRPC_ENABLE_TXT_SERVICE_CONFIG",
		source:    "go.temporal.io/server: docker/targets/admin-tools.Dockerfile, tools/sql/main.go; the programs are on the PATH",
	},
	"temporalio/ui": {
		variables: "GRPC_ENABLE_TXT_SERVICE_CONFIG",
		source:    "github.com/temporalio/ui-server/v2: Dockerfile, config/docker.yaml; google.golang.org/grpc: internal/envconfig",
	},
	"versity/versitygw": {
		tools:     "/bin/sh wget versitygw",
		variables: "ROOT_ACCESS_KEY_ID ROOT_SECRET_ACCESS_KEY VGW_PORT VGW_HEALTH VGW_QUIET",
		source:    "github.com/versity/versitygw v1.8.0: Dockerfile, cmd/versitygw/main.go",
	},
}

// variablesOf are where the modules of this repository's own go.mod name the variables of an image.
var variablesOf = map[string]struct {
	module, file string
	name         *regexp.Regexp
}{
	"temporalio/server":      {"go.temporal.io/server", "common/config/config_template_embedded.yaml", regexp.MustCompile(`env "([A-Z_]+)"`)},
	"temporalio/admin-tools": {"go.temporal.io/server", "tools/sql/main.go", regexp.MustCompile(`EnvVar: +"([A-Z_]+)"`)},
	"temporalio/ui":          {"github.com/temporalio/ui-server/v2", "config/docker.yaml", regexp.MustCompile(`env "([A-Z_]+)"`)},
}

// module finds a module in the module cache.
func module(t *testing.T, path string) (version, dir string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-json", path).Output()
	if err != nil {
		t.Fatalf("go list %s: %v", path, err)
	}
	var m struct{ Version, Dir string }
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	return m.Version, m.Dir
}

func repositoryOf(image string) string {
	name, _, _ := strings.Cut(image, ":")
	return name
}

// TestComposeImagesArePinned holds the tags of docker-compose.yml and Dockerfile: each names a release, and Temporal's are the
// releases that the tests of this repository run.
func TestComposeImagesArePinned(t *testing.T) {
	release := regexp.MustCompile(`:v?\d+\.\d+(\.\d+)?(-[a-z]+)*$`)
	var names []string
	for _, s := range composed(t).Services {
		if s.Build == nil {
			names = append(names, s.Image)
		}
	}
	stages := map[string]bool{"scratch": true}
	for _, m := range regexp.MustCompile(`(?m)^FROM (\S+)(?: AS (\S+))?`).FindAllStringSubmatch(read(t, "../../Dockerfile"), -1) {
		if !stages[m[1]] {
			names = append(names, m[1])
		}
		stages[m[2]] = true
	}
	for _, name := range names {
		if !release.MatchString(name) {
			t.Errorf("%s: the tag names no release", name)
		}
	}
	for image, path := range map[string]string{"temporalio/server": "go.temporal.io/server", "temporalio/admin-tools": "go.temporal.io/server",
		"temporalio/ui": "github.com/temporalio/ui-server/v2"} {
		version, _ := module(t, path)
		if !slices.Contains(names, image+":"+strings.TrimPrefix(version, "v")) {
			t.Errorf("%s has not the tag of %s %s, which the tests run: %q", image, path, version, names)
		}
	}
}

// TestComposeVariablesAreKnown holds every variable of an image of others against the names that its publisher reads.
func TestComposeVariablesAreKnown(t *testing.T) {
	exported := regexp.MustCompile(`export ([A-Z_]+)`)
	for name, s := range composed(t).Services {
		if s.Build != nil {
			continue
		}
		image := repositoryOf(s.Image)
		fact, ok := images[image]
		if !ok {
			t.Errorf("%s: nothing is written down of the image %s", name, image)
		}
		known := strings.Fields(fact.variables)
		if of, ok := variablesOf[image]; ok {
			_, dir := module(t, of.module)
			for _, m := range of.name.FindAllStringSubmatch(read(t, filepath.Join(dir, filepath.FromSlash(of.file))), -1) {
				known = append(known, m[1])
			}
		}
		given := slices.Collect(maps.Keys(s.Environment))
		for _, m := range exported.FindAllStringSubmatch(s.scripts(), -1) {
			given = append(given, m[1])
		}
		for _, variable := range given {
			if !slices.Contains(known, variable) {
				t.Errorf("%s: %s reads no variable %s (%s)", name, image, variable, fact.source)
			}
		}
	}
}

// calls are the programs that a service's health check and command call.
func (s service) calls() []string {
	var called []string
	if len(s.Healthcheck.Test) > 1 {
		called = append(called, s.Healthcheck.Test[1])
	}
	if first := slices.Concat(s.Entrypoint, s.Command); len(first) > 0 {
		called = append(called, first[0])
	}
	inScript := regexp.MustCompile(`(?m)(?:^|exec |until |\|\| |do )\s*(temporal(?:-sql-tool|-server)?|versitygw|mc) `)
	for _, m := range inScript.FindAllStringSubmatch(s.scripts(), -1) {
		called = append(called, m[1])
	}
	return called
}

// TestComposeToolsAreInTheirImages looks for every program that a command or a health check calls.
func TestComposeToolsAreInTheirImages(t *testing.T) {
	dockerfile := read(t, "../../Dockerfile")
	for name, s := range composed(t).Services {
		tools := strings.Fields(images[repositoryOf(s.Image)].tools)
		if s.Build != nil {
			_, stage, found := strings.Cut(dockerfile, " AS "+s.Build.Target+"\n")
			if !found {
				t.Errorf("%s: the Dockerfile has no target %s", name, s.Build.Target)
			}
			stage, _, _ = strings.Cut(stage, "\nFROM ")
			for _, m := range regexp.MustCompile(`/out/([a-z-]+)`).FindAllStringSubmatch(stage, -1) {
				tools = append(tools, "/"+m[1])
			}
		}
		for _, tool := range s.calls() {
			if !slices.Contains(tools, tool) {
				t.Errorf("%s calls %s, and its image has %q", name, tool, tools)
			}
		}
	}
}

// TestComposeOrder holds depends_on: what is waited for is there, has a health check or ends, and never waits for its waiter.
func TestComposeOrder(t *testing.T) {
	c := composed(t)
	var waits func(name string, above []string)
	waits = func(name string, above []string) {
		if slices.Contains(above, name) {
			t.Fatalf("%q wait for each other", append(above, name))
		}
		for dependency := range c.Services[name].DependsOn {
			waits(dependency, append(above, name))
		}
	}
	for name, s := range c.Services {
		waits(name, nil)
		if !s.ends() && len(s.Healthcheck.Test) == 0 && name != "temporal-ui" {
			t.Errorf("%s runs for long, and nothing looks whether it works", name)
		}
		if strings.HasPrefix(s.NetworkMode, "service:") {
			t.Errorf("%s lives in the network of %s: it loses it when that one is started again", name, s.NetworkMode)
		}
		for dependency, how := range s.DependsOn {
			other, ok := c.Services[dependency]
			switch {
			case !ok:
				t.Errorf("%s waits for %s, which is no service", name, dependency)
			case how.Condition == "service_healthy" && (len(other.Healthcheck.Test) == 0 || other.ends()):
				t.Errorf("%s waits until %s is healthy, which has no health check or ends", name, dependency)
			case how.Condition == "service_completed_successfully" && !other.ends():
				t.Errorf("%s waits until %s has ended, which is started again", name, dependency)
			case how.Condition != "service_healthy" && how.Condition != "service_completed_successfully":
				t.Errorf("%s waits for %s with condition %q, which promises nothing", name, dependency, how.Condition)
			}
		}
	}
}

// TestComposeFilesAreThere holds secrets and volumes: what a service names is declared and drawn, and nothing is left over.
func TestComposeFilesAreThere(t *testing.T) {
	c, drawn, used := composed(t), read(t, "../../scripts/compose-secrets.sh"), map[string]bool{}
	for name, s := range c.Services {
		for _, secret := range s.Secrets {
			used[secret] = true
			if _, ok := c.Secrets[secret]; !ok {
				t.Errorf("%s: the secret %s is not declared", name, secret)
			}
		}
		for _, volume := range s.Volumes {
			volume, _, _ = strings.Cut(volume, ":")
			used[volume] = true
			if _, ok := c.Volumes[volume]; !ok {
				t.Errorf("%s: the volume %s is not declared", name, volume)
			}
		}
		said := strings.Join(append(slices.Collect(maps.Values(s.Environment)), s.scripts()), "\n")
		for _, m := range regexp.MustCompile(`/run/secrets/([a-z-]+)`).FindAllStringSubmatch(said, -1) {
			if !slices.Contains(s.Secrets, m[1]) {
				t.Errorf("%s reads the secret %s, which it is not given", name, m[1])
			}
		}
	}
	for secret, at := range c.Secrets {
		made := regexp.MustCompile(`(?m)(draw |\.kyso/secrets/)` + regexp.QuoteMeta(filepath.Base(at.File)) + `$`)
		if !used[secret] || !made.MatchString(drawn) {
			t.Errorf("the secret %s is used: %t; scripts/compose-secrets.sh makes its file: %t", secret, used[secret], made.MatchString(drawn))
		}
	}
	for volume := range c.Volumes {
		if !used[volume] {
			t.Errorf("nothing uses the volume %s", volume)
		}
	}
}

// TestComposeConfiguresKyso reads the configuration of kyso's programs from exactly the environment that docker-compose.yml
// gives them: no misspelt variable, nothing missing, and no default that lies where a container has nothing.
func TestComposeConfiguresKyso(t *testing.T) {
	c, secrets, seen := composed(t), t.TempDir(), 0
	for name := range c.Secrets {
		if err := os.WriteFile(filepath.Join(secrets, name), bytes.Repeat([]byte("0123456789abcdef"), 4), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, s := range c.Services {
		if s.Build == nil || s.Build.Target != "kyso" {
			continue
		}
		seen++
		var environ []string
		for variable, value := range s.Environment {
			environ = append(environ, variable+"="+strings.Replace(value, "/run/secrets", secrets, 1))
		}
		if _, err := app.FromEnvironment(environ); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		settings, err := app.Explain(environ)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, setting := range settings {
			at, ok := placeOf(setting, s.Volumes)
			if !ok {
				t.Errorf("%s: %s is %s, where its container has nothing", name, setting.Name, at)
			}
		}
	}
	if seen != 3 {
		t.Errorf("%d services of kyso were looked at", seen)
	}
}

// placeOf tells whether a setting that names a file names one that the container has.
func placeOf(setting config.Setting, volumes []string) (string, bool) {
	if setting.Source == config.FromDefault && strings.Contains(setting.Value, ".kyso/") {
		return setting.Value, false
	}
	for _, root := range []string{"/world", "/audit"} {
		if strings.HasPrefix(setting.Value, root+"/") {
			return setting.Value, slices.ContainsFunc(volumes, func(v string) bool { return strings.Contains(v+":", ":"+root+":") })
		}
	}
	return setting.Value, true
}

// TestTheSandboxElsewhere: one variable moves every address of the outside parties, and their accounts stay those of the
// sandbox. The pay page stays, because browsers open it.
func TestTheSandboxElsewhere(t *testing.T) {
	environ := []string{"KYSO_SANDBOX_URL=http://sandbox:8769", "KYSO_PROVIDERS=intrustca,vnpt,neac"}
	if _, err := app.FromEnvironment(environ); err != nil {
		t.Fatal(err)
	}
	settings, err := app.Explain(environ)
	if err != nil {
		t.Fatal(err)
	}
	moved := 0
	for _, setting := range settings {
		switch {
		case strings.HasPrefix(setting.Value, "http://sandbox:8769"):
			moved++
		case strings.Contains(setting.Value, ":8769") && setting.Name != "KYSO_VNPAY_PAY_URL":
			t.Errorf("%s stays at %s", setting.Name, setting.Value)
		}
	}
	if moved != 9 { // the variable, three providers, TSA, VNeID, SMS, VNPay, CA
		t.Errorf("%d addresses moved", moved)
	}
}
