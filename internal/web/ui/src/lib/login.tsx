// Logging in, and the way to it from wherever a browser is not known.
import { useState } from 'preact/hooks'
import { logIn, post, wrongAt } from './api'
import { moment, t } from './i18n'
import type { Challenge, Reset } from './shapes.gen'
import { Button, Field, Notice, Trouble } from './ui'

/** Says what went wrong with a process and offers the log-in: a browser is not a person. */
export function Lost({ error }: { error: unknown }) {
  const to = encodeURIComponent(location.pathname)
  return (
    <div class="page narrow">
      <h1>{t('Trình duyệt này chưa mở được', 'This browser cannot open it')}</h1>
      <Trouble error={error} />
      <LogInOffer to={to} />
    </div>
  )
}

/** Where to go when a browser lost its session: log in, or press the button in VNeID again. to is an encoded path. */
export function LogInOffer({ to }: { to: string }) {
  return (
    <Notice title={t('Hồ sơ và văn bản của bạn vẫn còn', 'Nothing of yours is lost')}>
      <span>{t('Hãy đăng nhập bằng số điện thoại và mật khẩu đã đăng ký, hoặc mở lại yêu cầu trong VNeID.', 'Log in with your phone and password, or open the request in VNeID again.')}</span>
      <div class="row"><a class="button primary" href={`/login?to=${to}`}>{t('Đăng nhập', 'Log in')}</a></div>
    </Notice>
  )
}

/** Phone, code and password; with reset, a new password that counts after its cooling time. */
export function LogInForm({ reset, done }: { reset: boolean; done: () => void }) {
  const [phone, setPhone] = useState('')
  const [sent, setSent] = useState<Challenge | null>(null)
  const [code, setCode] = useState('')
  const [password, setPassword] = useState('')
  const [from, setFrom] = useState('')
  const [error, setError] = useState<unknown>(null)
  const path = reset ? '/v1/password-reset' : '/v1/login'
  const act = async (what: () => Promise<void>) => {
    setError(null)
    try {
      await what()
    } catch (e) {
      setError(e)
    }
  }
  const send = () => act(async () => {
    setSent(await post<Challenge>(`${path}/code`, { phone: phone.trim() }))
    setCode('')
  })
  const hand = () => act(async () => {
    const body = { login_id: sent?.login_id ?? '', code, password }
    if (reset) setFrom((await post<Reset>(path, body, null)).effective_at)
    else {
      await logIn(body)
      done()
    }
  })
  const at = (field: string) => wrongAt(error, field)
  if (from) {
    return (
      <Notice kind="good" title={t('Đã nhận mật khẩu mới', 'The new password is stored')}>
        <span>{t(`Mật khẩu mới có hiệu lực từ ${moment(from)}. Đến lúc đó mật khẩu cũ vẫn dùng được.`, `It counts from ${moment(from)}. Until then the old one does.`)}</span>
      </Notice>
    )
  }
  return (
    <div class="stack">
      <Field label={t('Số điện thoại', 'Phone')} type="tel" value={phone} onValue={setPhone} autocomplete="tel" inputMode="tel"
        error={at('body.phone')} />
      <div class="row"><Button kind={sent ? undefined : 'primary'} disabled={phone.trim() === ''} onPress={send}>{sent ? t('Gửi lại mã', 'Send another code') : t('Gửi mã OTP', 'Send a code')}</Button></div>
      {sent && (
        <>
          <Notice title={t('Nếu số này có tài khoản, mã gồm 6 chữ số đã được gửi. Mã có hiệu lực trong 5 phút.', 'If there is an account with this number, a code of 6 digits is on its way. It is valid for 5 minutes.')} />
          <Field code label={t('Mã OTP', 'One-time code')} value={code} onValue={(v) => setCode(v.replace(/\D/g, '').slice(0, 6))} autocomplete="one-time-code" inputMode="numeric" error={at('body.code')} />
          <Field label={reset ? t('Mật khẩu mới', 'New password') : t('Mật khẩu', 'Password')} type="password" value={password} onValue={setPassword}
            autocomplete={reset ? 'new-password' : 'off'} hint={reset ? t('Ít nhất 8 ký tự; dấu và khoảng trắng đều được dùng', 'At least 8 characters; accents and spaces are welcome') : undefined}
            error={at('body.password')} />
          <div class="row"><Button kind="primary" disabled={code.length !== 6 || !password} onPress={hand}>{reset ? t('Đặt mật khẩu mới', 'Set the password') : t('Đăng nhập', 'Log in')}</Button></div>
        </>
      )}
      <Trouble error={error} marked={['body.phone', 'body.code', 'body.password']} />
    </div>
  )
}
