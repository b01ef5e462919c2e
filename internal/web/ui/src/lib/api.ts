// The one way to the API: fetch with a key that makes a repeated write act once, and problems as RFC 9457 says.
import { lang, t } from './i18n'

/** A problem as the API answers it. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly requestID: string,
    readonly retryAfter: number,
    readonly fields: { location: string; message: string }[],
  ) {
    super(title)
  }
}

interface ProblemBody {
  title?: string
  title_en?: string
  detail?: string
  code?: string
  request_id?: string
  errors?: { location: string; message: string }[]
}

async function problemOf(response: Response): Promise<Problem> {
  const body: ProblemBody = await response.json().catch(() => ({}))
  const title = (lang === 'vi' ? body.title : body.title_en) ?? t('Có lỗi xảy ra', 'Something went wrong')
  const retry = Number(response.headers.get('Retry-After') ?? 0)
  return new Problem(response.status, body.code ?? '', title, body.detail ?? '', body.request_id ?? '', retry, body.errors ?? [])
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
  const response = await send('GET', path, { Accept: 'application/json' })
  return response.json()
}

/** A fresh idempotency key. Keep it for the same act until there is an answer. */
export function newKey(): string {
  return crypto.randomUUID()
}

/** Writes JSON, at most once for a key, also when the connection breaks in the middle: it then tries once more. */
export async function post<T>(path: string, body: unknown, key = newKey(), method = 'POST'): Promise<T> {
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json', 'Idempotency-Key': key }
  const once = () => send(method, path, headers, JSON.stringify(body))
  const response = await once().catch(async (e) => {
    if (!(e instanceof Problem) || (e.status !== 0 && e.status !== 503 && e.status !== 502)) throw e
    await pause(1000)
    return once()
  })
  return response.status === 204 ? (undefined as T) : response.json()
}

/** Waits for a while in milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Uploads a file and tells how much of it has gone, between 0 and 1. fetch cannot tell; XMLHttpRequest can. */
export function upload<T>(path: string, file: Blob, type: string, onProgress: (share: number) => void, key = newKey()): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', path)
    request.setRequestHeader('Content-Type', type)
    request.setRequestHeader('Idempotency-Key', key)
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

/** Opens the caller's session, once for a page. An API that keeps none is used without. */
export async function session(): Promise<Session | null> {
  try {
    return await get<Session>('/v1/session')
  } catch (e) {
    if (!(e instanceof Problem)) throw e
    if (e.status === 401) return post<Session>('/v1/session', {})
    if (e.status === 404) return null
    throw e
  }
}

/** Who the browser is to the API. */
export interface Session {
  kind: 'guest' | 'officer'
  officer?: string
  registrations?: string[]
  signings?: string[]
  expires_at: string
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
