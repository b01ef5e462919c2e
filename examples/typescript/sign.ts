// Signs a PDF over kyso's API with types that are generated from docs/openapi.json:
//
//   npm ci && npm run build && node built/sign.js contract.pdf ICA.079095012345 >signed.pdf
//
// KYSO_URL and KYSO_API_KEY say where and as whom; "make dev" writes both into .kyso/addresses.json (api, api_key).
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import createClient from 'openapi-fetch'
import type { components, paths } from './api.js'

const [file = '', user = ''] = process.argv.slice(2)
const { KYSO_URL: baseUrl = '', KYSO_API_KEY: key } = process.env
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } })

/** The answer, or the problem (RFC 9457) as an error. */
function answered<T>({ data, error }: { data?: T; error?: components['schemas']['Problem'] }): T {
  if (error) throw new Error(`${error.code}: ${error.title} ${error.detail ?? ''} (${error.request_id ?? ''})`)
  return data as T
}

// An Idempotency-Key makes a request that is sent again act once.
const once = () => ({ 'Idempotency-Key': crypto.randomUUID() })

const stored = answered(await client.POST('/v1/documents', {
  params: { query: { name: basename(file) }, header: once() },
  headers: { 'Content-Type': 'application/pdf' },
  body: (await readFile(file)) as unknown as string,
  bodySerializer: (pdf) => pdf as unknown as BodyInit,
}))
let signing = answered(await client.POST('/v1/signings', {
  params: { header: once() },
  body: { user, level: 'B-LT', documents: [{ id: stored.id, placement: { page: 1, x: 340, y: 60, width: 200, height: 64 } }] },
}))

for (let said = ''; !signing.final; await new Promise((wake) => setTimeout(wake, 1000))) {
  signing = answered(await client.GET('/v1/signings/{id}', { params: { path: { id: signing.id } } }))
  if (said !== signing.status) console.error(signing.title, signing.short_code ?? '')
  said = signing.status
}
if (signing.status !== 'signed') throw new Error(signing.outcome?.title ?? signing.status)
const signed = await client.GET('/v1/signings/{id}/documents/{n}/content', { params: { path: { id: signing.id, n: 0 } }, parseAs: 'arrayBuffer' })
if (!signed.response.ok) throw new Error(signed.response.statusText)
process.stdout.write(Buffer.from(signed.data as unknown as ArrayBuffer))
