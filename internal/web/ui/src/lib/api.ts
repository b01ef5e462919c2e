// The one way to the API: fetch with a key that makes a repeated write act once, and problems as RFC 9457 says.
import { lang, t } from './i18n'
import type { FieldError, LoginRequest, Problem as ProblemBody, Session } from './shapes.gen'

/** A problem as the API answers it. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly requestID: string,
    readonly retryAfter: number,
    readonly fields: FieldError[],
  ) {
    super(title)
  }
}

async function problemOf(response: Response): Promise<Problem> {
  const body: Partial<ProblemBody> = await response.json().catch(() => ({}))
  const title = (lang === 'vi' ? body.title : body.title_en) ?? t('Có lỗi xảy ra', 'Something went wrong')
  const retry = Number(response.headers.get('Retry-After') ?? 0)
  return new Problem(response.status, body.code ?? '', title, body.detail ?? '', body.request_id ?? '', retry, body.errors ?? [])
}

/** What is wrong with a field, in the language of the page; undefined when nothing is. */
export function wrongAt(error: unknown, location: string): string | undefined {
  const field = error instanceof Problem ? error.fields.find((f) => f.location === location) : undefined
  return field && wordsOf(field)
}

/** What a field is told, in the language of the page. */
export function wordsOf(field: FieldError): string {
  return lang === 'vi' ? field.message_vi ?? 'Giá trị không hợp lệ' : field.message
}

/** The problem of a request that never got an answer. */
export function offline(): Problem {
  return new Problem(0, 'offline', t('Mất kết nối. Dữ liệu của bạn vẫn còn; hãy thử lại.', 'No connection. Nothing of yours is lost; try again.'), '', '', 0, [])
}

async function send(method: string, path: string, headers: Record<string, string>, body?: BodyInit): Promise<Response> {
  const options: RequestInit = { method, headers, credentials: 'same-origin' }
  if (body !== undefined) options.body = body
  let response: Response
  try {
    response = await fetch(path, options)
  } catch {
    throw offline()
  }
  if (!response.ok) throw await problemOf(response)
  return response
}

/** Reads JSON. */
export async function get<T>(path: string): Promise<T> {
  await session()
  return json<T>('GET', path)
}

/** Takes something away. */
export async function remove(path: string): Promise<void> {
  await session()
  await send('DELETE', path, {})
}

/** A fresh idempotency key. Keep it for the same act until there is an answer. */
export function newKey(): string {
  return crypto.randomUUID()
}

/** The header of a key; none for the routes that take no key. */
function keyed(key: string | null): Record<string, string> {
  return key === null ? {} : { 'Idempotency-Key': key }
}

/**
 * Writes JSON, at most once for a key, also when the connection breaks in the middle: it then tries once more. Routes
 * with a password or a session take no key (null) and are not tried again.
 */
export async function post<T>(path: string, body: unknown, key: string | null = newKey(), method = 'POST'): Promise<T> {
  await session()
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json', ...keyed(key) }
  const once = () => send(method, path, headers, JSON.stringify(body))
  const response = await once().catch(async (e) => {
    if (key === null || !(e instanceof Problem) || (e.status !== 0 && e.status !== 503 && e.status !== 502)) throw e
    await pause(1000)
    return once()
  })
  return response.status === 204 ? (undefined as T) : bodyOf(response)
}

/** Waits for a while in milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Uploads a file and tells how much of it has gone, between 0 and 1. fetch cannot tell; XMLHttpRequest can. */
export async function upload<T>(path: string, file: Blob, type: string, onProgress: (share: number) => void, key: string | null = newKey()): Promise<T> {
  await session()
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', path)
    request.setRequestHeader('Content-Type', type)
    for (const [name, value] of Object.entries(keyed(key))) request.setRequestHeader(name, value)
    request.upload.onprogress = (e) => onProgress(e.lengthComputable ? e.loaded / e.total : 0)
    request.onerror = () => reject(offline())
    request.onload = async () => {
      const headers = new Headers({ 'Retry-After': request.getResponseHeader('Retry-After') ?? '' })
      const response = new Response(request.responseText, { status: request.status, headers })
      if (response.ok) resolve(await response.json())
      else reject(await problemOf(response))
    }
    request.send(file)
  })
}

let opened: Promise<Session> | undefined

/** The session of this browser; a guest's is opened when there is none. */
export function session(): Promise<Session> {
  opened ??= current().then((s) => s ?? enter())
  opened.catch(() => { opened = undefined }) // the next call tries again
  return opened
}

/** The session that is there, if any. */
export async function current(): Promise<Session | null> {
  try {
    return await json<Session>('GET', '/v1/session')
  } catch (e) {
    if (e instanceof Problem && e.status === 401) return null
    throw e
  }
}

/** Opens a guest's session, or that of a key. */
export function enter(key?: string): Promise<Session> {
  opened = json<Session>('POST', '/v1/session', key ? { key } : {})
  return opened
}

/** Logs in to the account: the session of this browser gets a new secret. */
export async function logIn(body: LoginRequest): Promise<Session> {
  opened = json<Session>('POST', '/v1/login', body)
  opened.catch(() => { opened = undefined })
  return opened
}

/** Ends the session. */
export async function leave(): Promise<void> {
  await send('DELETE', '/v1/session', {})
  opened = undefined
}

async function json<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers = { Accept: 'application/json', ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) }
  const response = await send(method, path, headers, body === undefined ? undefined : JSON.stringify(body))
  return bodyOf(response)
}

let clockOffset = 0

/** The server's time in milliseconds. It is measured when an answer arrives: an answer that is drawn later is older. */
export function serverNow(): number {
  return Date.now() + clockOffset
}

/** The body of an answer. One that says the server's time sets the clock of the page. */
async function bodyOf<T>(response: Response): Promise<T> {
  const body = await response.json()
  const at = Date.parse(body?.server_time ?? '')
  if (!Number.isNaN(at)) clockOffset = at - Date.now()
  return body
}

/**
 * Calls back with every news of a process until it has ended; the browser comes back by itself after a cut. Returns
 * what stops it.
 */
export function follow(path: string, on: () => void): () => void {
  const source = new EventSource(path)
  for (const kind of ['transition', 'countdown', 'attention']) source.addEventListener(kind, on)
  return () => source.close()
}
