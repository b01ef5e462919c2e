// Asking for a one-time code and typing it.
import { useEffect, useState } from 'preact/hooks'
import { Problem, post, wrongAt } from './api'
import { t } from './i18n'
import type { Code, CodeRequest } from './shapes.gen'
import { Button, Field, Notice, Trouble } from './ui'

interface Props {
  path: string // of the registration
  purpose: CodeRequest['purpose']
  phone?: string
  action: string // what handing in the code is called
  disabled?: boolean
  onCode: (code: string) => Promise<void>
  onProblem?: (error: unknown) => void // to mark the fields next to it
  marked?: string[] // which those are
}

/** Seconds until a moment, counted down; the clock of the server decides by its answers. */
function useSeconds(until?: string): number {
  const [left, setLeft] = useState(0)
  useEffect(() => {
    const count = () => setLeft(until ? Math.max(0, Math.ceil((Date.parse(until) - Date.now()) / 1000)) : 0)
    count()
    const timer = setInterval(count, 500)
    return () => clearInterval(timer)
  }, [until])
  return left
}

/** A code by text message, and the act that it confirms. */
export function CodeForm({ path, purpose, phone, action, disabled, onCode, onProblem, marked = [] }: Props) {
  const [sent, setSent] = useState<Code | null>(null)
  const [code, setCode] = useState('')
  const [error, setOwn] = useState<unknown>(null)
  const setError = (e: unknown) => { setOwn(e); onProblem?.(e) }
  const wait = useSeconds(sent?.resend_after)
  const send = async () => {
    setError(null)
    try {
      setSent(await post<Code>(`${path}/code`, phone === undefined ? { purpose } : { purpose, phone }))
      setCode('')
    } catch (e) {
      setError(e)
    }
  }
  const hand = async () => {
    setError(null)
    try {
      await onCode(code)
    } catch (e) {
      setError(e)
    }
  }
  const wrong = error instanceof Problem && error.code === 'otp-wrong'
  const unfit = wrongAt(error, 'body.code')
  return (
    <div class="stack">
      <div class="row">
        <Button kind={sent ? undefined : 'primary'} disabled={wait > 0 || phone === ''} onPress={send}>
          {!sent ? t('Gửi mã OTP', 'Send a code') : wait > 0 ? t(`Gửi lại sau ${wait} giây`, `Again in ${wait} s`) : t('Gửi lại mã', 'Send another code')}
        </Button>
      </div>
      {sent && (
        <>
          <Notice title={t('Mã gồm 6 chữ số đã được gửi tới điện thoại của bạn. Mã có hiệu lực trong 5 phút.', 'A code of 6 digits is on its way to your phone. It is valid for 5 minutes.')} />
          <Field code label={t('Mã OTP', 'One-time code')} value={code} onValue={(v) => setCode(v.replace(/\D/g, '').slice(0, 6))} autocomplete="one-time-code" inputMode="numeric"
            error={wrong ? t('Mã không đúng. Kiểm tra lại tin nhắn mới nhất.', 'That is not the code. Look at the latest message.') : unfit} />
          {!wrong && <Trouble error={error} marked={[...marked, 'body.code']} />}
          <div class="actions"><Button kind="primary" disabled={code.length !== 6 || disabled} onPress={hand}>{action}</Button></div>
        </>
      )}
      {!sent && <Trouble error={error} marked={marked} />}
    </div>
  )
}
