// What all pages are made of.
import type { ComponentChildren, JSX } from 'preact'
import { render } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { Problem, serverNow, wordsOf } from './api'
import { moment, t } from './i18n'

/** Puts a page into its place. */
export function mount(page: JSX.Element): void {
  const app = document.getElementById('app')
  if (app) render(page, app)
}

/** A message; bad ones are spoken at once, others when there is a pause. */
export function Notice(p: { kind?: 'good' | 'warn' | 'bad' | undefined; title: string; children?: ComponentChildren }) {
  return (
    <div class={`notice ${p.kind ?? ''}`} role={p.kind === 'bad' ? 'alert' : 'status'}>
      <strong>{p.title}</strong>
      {p.children}
    </div>
  )
}

/** What went wrong, in the words of the API, with what to quote when asking for help. Fields that are marked next to their
 *  inputs are not said again; a problem that is about them only says nothing here. */
export function Trouble({ error, marked = [], about }: { error: unknown; marked?: string[]; about?: (location: string) => string | undefined }) {
  if (!error) return null
  if (!(error instanceof Problem)) return <Notice kind="bad" title={t('Có lỗi xảy ra. Hãy tải lại trang.', 'Something went wrong. Reload the page.')} />
  const others = error.fields.filter((f) => !marked.includes(f.location))
  if (error.fields.length > 0 && others.length === 0) return null
  return (
    <Notice kind="bad" title={error.title}>
      {others.map((f) => <span key={f.location}>{[about?.(f.location), wordsOf(f)].filter(Boolean).join(': ')}</span>)}
      {error.retryAfter > 0 && <span>{t(`Thử lại sau ${error.retryAfter} giây.`, `Try again in ${error.retryAfter} seconds.`)}</span>}
      {error.requestID && <span class="small muted">{t('Mã tra cứu', 'Reference')}: <span class="code">{error.requestID}</span></span>}
    </Notice>
  )
}

interface FieldProps {
  label: string
  value: string
  onValue: (value: string) => void
  hint?: string | undefined
  error?: string | undefined
  type?: 'text' | 'email' | 'password' | 'tel' | undefined
  autocomplete?: 'off' | 'email' | 'tel' | 'one-time-code' | 'new-password' | undefined
  inputMode?: 'text' | 'numeric' | 'tel' | 'email' | undefined
  maxLength?: number | undefined
  code?: boolean | undefined // digits of a one-time code
}

/** A labelled input with its hint and error. */
export function Field(p: FieldProps) {
  const { label, hint, error, onValue } = p
  const id = useId()
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ')
  // The types of preact tie role and type together; one component for all types cannot satisfy them.
  const attributes: object = {
    id, type: p.type ?? 'text', class: p.code ? 'code' : '', value: p.value, maxLength: p.maxLength, autocomplete: p.autocomplete ?? 'off',
    inputMode: p.inputMode, 'aria-invalid': error ? true : undefined, 'aria-describedby': described || undefined,
  }
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input {...attributes} onInput={(e) => onValue(e.currentTarget.value)} />
      {hint && <span class="hint" id={`${id}-hint`}>{hint}</span>}
      {error && <span class="error" id={`${id}-error`} role="alert">{error}</span>}
    </div>
  )
}

/** A button that cannot be pressed twice while what it does goes on. */
export function Button(p: { onPress: () => void | Promise<void>; kind?: 'primary' | 'danger' | 'quiet' | undefined; disabled?: boolean | undefined; submit?: boolean; children: ComponentChildren }) {
  const [busy, setBusy] = useState(false)
  const alive = useRef(true)
  useEffect(() => () => { alive.current = false }, [])
  const press = async (e: Event) => {
    e.preventDefault()
    setBusy(true)
    try {
      await p.onPress()
    } finally {
      if (alive.current) setBusy(false)
    }
  }
  return (
    <button type={p.submit ? 'submit' : 'button'} class={`button ${p.kind ?? ''}`} disabled={p.disabled || busy} aria-busy={busy || undefined} onClick={press}>
      {p.children}
    </button>
  )
}

/** Where in the whole the person is. */
export function Steps({ names, at }: { names: string[]; at: number }) {
  return (
    <nav aria-label={t('Các bước', 'Steps')}>
      <ol class="steps">
        {names.map((name, i) => (
          <li key={name} class={i < at ? 'done' : ''} aria-current={i === at ? 'step' : undefined}>
            <span>{i + 1}. {name}</span>
            {i < at && <span class="visually-hidden"> ({t('xong', 'done')})</span>}
          </li>
        ))}
      </ol>
    </nav>
  )
}

/** What has happened, oldest first; the last is now unless all is over. */
export function Timeline({ entries, over }: { entries: { text: string; at: string }[]; over: boolean }) {
  return (
    <ol class="timeline">
      {entries.map((e, i) => (
        <li key={e.at + e.text} class={!over && i === entries.length - 1 ? 'now' : ''}>
          <div>
            <div>{e.text}</div>
            <div class="small muted"><time dateTime={e.at}>{moment(e.at)}</time></div>
          </div>
        </li>
      ))}
    </ol>
  )
}

/** A pause in which something else works. */
export function Waiting({ text }: { text: string }) {
  return (
    <div class="row" role="status">
      <div class="spin" aria-hidden="true" />
      <span>{text}</span>
    </div>
  )
}

const circle = 2 * Math.PI * 46

/** Shows the time that is left, by the server's clock. */
export function Countdown(p: { from: string; until: string; label: string }) {
  const [now, setNow] = useState(serverNow)
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNow()), 250)
    return () => clearInterval(timer)
  }, [])
  const end = Date.parse(p.until)
  const left = Math.max(0, Math.ceil((end - now) / 1000))
  const share = Math.min(1, Math.max(0, (end - now) / Math.max(1, end - Date.parse(p.from))))
  const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`
  // Spoken once a minute, then at 30, 10 and 0: a screen reader that counts along is of no use.
  const spoken = left % 60 === 0 || left === 30 || left === 10 ? t(`Còn ${clock}`, `${clock} left`) : ''
  const last = useRef('')
  if (spoken) last.current = spoken
  return (
    <div>
      <div class="clock" role="timer" aria-label={p.label}>
        <svg viewBox="0 0 100 100" aria-hidden="true">
          <circle cx="50" cy="50" r="46" />
          <circle class="left" cx="50" cy="50" r="46" stroke-dasharray={circle} stroke-dashoffset={circle * (1 - share)} />
        </svg>
        <span>{clock}</span>
      </div>
      <span class="visually-hidden" aria-live="polite">{last.current}</span>
    </div>
  )
}

/** A heading that takes the focus when the step of the page changes, so that screen readers say where they are. */
export function Heading({ children, step }: { children: ComponentChildren; step?: string }) {
  const ref = useRef<HTMLHeadingElement>(null)
  const first = useRef(true)
  useEffect(() => {
    if (!first.current) ref.current?.focus()
    first.current = false
  }, [step])
  return <h1 ref={ref} tabIndex={-1}>{children}</h1>
}

/** Names and values. */
export function Facts({ rows }: { rows: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {rows.filter(([, value]) => value !== '' && value !== undefined && value !== null).map(([name, value]) => (
        <><dt key={name}>{name}</dt><dd>{value}</dd></>
      ))}
    </dl>
  )
}
