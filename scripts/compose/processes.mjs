// Runs the services of docker-compose.yml as processes: the same programs, arguments, environment, order, health checks and
// restart policy, without containers. node processes.mjs CONFIG WORK, where CONFIG is what "docker compose config --format json"
// prints. SIGHUP restarts all in order, SIGUSR2 kills all and leaves the rest to the policy, SIGTERM ends. WORK/state.json says
// how each stands.
import { spawn } from "node:child_process"
import fs from "node:fs"
import net from "node:net"
import path from "node:path"

const [config, work] = process.argv.slice(2)
const { services } = JSON.parse(fs.readFileSync(config, "utf8"))
const places = JSON.parse(fs.readFileSync(path.join(work, "places.json"), "utf8"))
const state = {}
let stopping = false

// A path of a container, whole or the folder that a longer one begins with.
const containerPath = new RegExp(`(?<![\\w./-])(${Object.keys(places.paths).sort((a, b) => b.length - a.length).join("|")})(?![\\w.-])`, "g")

// here puts the paths and hosts of containers in their places on this machine.
function here(text) {
  text = text.replaceAll("$$", "$")
  text = text.replaceAll(containerPath, from => places.paths[from])
  for (const host of Object.keys(services)) {
    text = text.replaceAll(new RegExp(`(^|//)${host}:(?=\\d)`, "g"), (_, before) => `${before}127.0.0.1:`)
  }
  return text
}

function words(name) {
  const { entrypoint, command, image } = services[name]
  const own = Object.entries(places.entrypoints).find(([prefix]) => image.startsWith(prefix))
  return [...(entrypoint ?? own?.[1].entrypoint ?? []), ...(command ?? own?.[1].command ?? [])].map(here)
}

function environment(name) {
  const env = { PATH: places.path, HOME: work, LANG: "C.UTF-8", ...places.environment[name] }
  for (const [key, value] of Object.entries(services[name].environment ?? {})) env[key] = services[value] ? "127.0.0.1" : here(value)
  return env
}

function note(name, what) {
  state[name] = { ...state[name], ...what }
  fs.writeFileSync(path.join(work, "state.json"), JSON.stringify(Object.fromEntries(
    Object.entries(state).map(([n, s]) => [n, { status: s.status, pid: s.child?.pid, starts: s.starts }]))))
}

function start(name) {
  const [program, ...args] = words(name)
  const log = fs.openSync(path.join(work, "logs", `${name}.log`), "a")
  const cwd = path.join(work, "cwd", name)
  fs.mkdirSync(cwd, { recursive: true })
  const child = spawn(program, args, { cwd, env: environment(name), stdio: ["ignore", log, log], detached: true })
  fs.closeSync(log)
  note(name, { child, status: "started", starts: (state[name]?.starts ?? 0) + 1 })
  const ended = new Promise(resolve => {
    child.on("error", error => { console.error(`${name}: ${error.message}`); resolve(127) })
    child.on("exit", code => resolve(code ?? 137))
  }).then(code => {
    note(name, { status: code === 0 ? "completed" : "failed", code })
    if (!stopping && services[name].restart === "unless-stopped") setTimeout(() => stopping || start(name), 500)
  })
  note(name, { ended })
}

// healthy asks as the health check does; tools of the images that this machine may lack are asked for here.
function healthy(name) {
  const [, tool, ...args] = (services[name].healthcheck?.test ?? ["NONE"]).map(here)
  if (!tool) return Promise.resolve(state[name].status !== "failed")
  if (tool === "nc") return new Promise(resolve => {
    const socket = net.connect(Number(args.at(-1)), args.at(-2), () => { socket.end(); resolve(true) })
    socket.on("error", () => resolve(false))
  })
  if (tool === "wget") return fetch(args.at(-1)).then(answer => answer.ok, () => false)
  return new Promise(resolve => spawn(tool, args, { env: environment(name), stdio: "ignore" })
    .on("error", () => resolve(false)).on("exit", code => resolve(code === 0)))
}

const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

async function until(name, condition) {
  for (const end = Date.now() + 180_000; Date.now() < end; await pause(300)) {
    if (state[name]?.status === "failed" && services[name].restart !== "unless-stopped") break
    if (condition === "service_completed_successfully" ? state[name]?.status === "completed" : state[name] && await healthy(name)) return
  }
  throw new Error(`${name} did not become ${condition}`)
}

// up starts every service when what it waits for has come.
async function up() {
  const begun = {}
  const begin = name => begun[name] ??= (async () => {
    for (const [other, { condition }] of Object.entries(services[name].depends_on ?? {})) {
      await begin(other)
      await until(other, condition)
    }
    start(name)
  })()
  await Promise.all(Object.keys(services).map(begin))
  for (const name of Object.keys(services)) {
    await until(name, services[name].restart === "unless-stopped" ? "service_healthy" : "service_completed_successfully")
    note(name, { status: services[name].restart === "unless-stopped" ? "healthy" : "completed" })
  }
  fs.writeFileSync(path.join(work, "up"), String(Date.now()))
}

const running = () => Object.values(state).filter(s => s.child && s.child.exitCode === null && s.child.signalCode === null)

function send(signal) {
  for (const s of running()) try { process.kill(-s.child.pid, signal) } catch { /* it has ended */ }
}

async function down() {
  stopping = true
  // The reverse order of the start, as Compose does; PostgreSQL ends on SIGINT, as its image says.
  for (const name of Object.keys(services).sort((a, b) => Object.keys(services[b].depends_on ?? {}).length - Object.keys(services[a].depends_on ?? {}).length)) {
    const s = state[name]
    if (!running().includes(s)) continue
    s.child.kill(services[name].image.startsWith("postgres") ? "SIGINT" : "SIGTERM")
    await Promise.race([s.ended, pause(45_000)])
  }
  send("SIGKILL")
  stopping = false
}

const fail = error => { console.error(error.message); send("SIGKILL"); process.exit(1) }
process.on("SIGHUP", () => { fs.rmSync(path.join(work, "up"), { force: true }); down().then(up).catch(fail) })
process.on("SIGTERM", () => down().then(() => process.exit(0)))
process.on("SIGUSR2", async () => {
  fs.rmSync(path.join(work, "up"), { force: true })
  send("SIGKILL")
  await pause(2000)
  for (const name of Object.keys(services).filter(n => services[n].restart === "unless-stopped")) await until(name, "service_healthy").catch(fail)
  fs.writeFileSync(path.join(work, "up"), String(Date.now()))
})
up().catch(fail)
