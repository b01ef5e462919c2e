// Signs a PDF over kyso's API, with nothing but Node.js 20: node examples/node/sign.mjs contract.pdf ICA.079095012345 >signed.pdf
// KYSO_URL and KYSO_API_KEY say where and as whom; "make dev" writes both into .kyso/addresses.json (api, api_key).
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'

const [file, user] = process.argv.slice(2)
const { KYSO_URL: base, KYSO_API_KEY: key } = process.env

async function call(method, path, body, type = 'application/json') {
  const headers = { Authorization: `Bearer ${key}`, 'Content-Type': type, 'Idempotency-Key': crypto.randomUUID() }
  const answer = await fetch(base + path, { method, headers, body })
  if (answer.ok) return answer
  const problem = await answer.json()
  throw new Error(`${problem.code}: ${problem.title} ${problem.detail} (${problem.request_id})`)
}

const stored = await call('POST', `/v1/documents?name=${encodeURIComponent(basename(file))}`, await readFile(file), 'application/pdf')
const { id } = await stored.json()
const order = { user, level: 'B-LT', documents: [{ id, placement: { page: 1, x: 340, y: 60, width: 200, height: 64 } }] }
let signing = await (await call('POST', '/v1/signings', JSON.stringify(order))).json()

for (let said; !signing.final; await new Promise((wake) => setTimeout(wake, 1000))) {
  signing = await (await call('GET', `/v1/signings/${signing.id}`)).json()
  if (said !== signing.status) console.error(signing.title, signing.short_code ?? '')
  said = signing.status
}
if (signing.status !== 'signed') throw new Error(signing.outcome?.title ?? signing.status)
process.stdout.write(Buffer.from(await (await call('GET', signing.documents[0].content)).arrayBuffer()))
