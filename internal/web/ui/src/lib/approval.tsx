// What a person sees while the phone shows a request.
import { t } from './i18n'
import type { Signing } from './shapes.gen'
import { Countdown } from './ui'

/** The countdown by the server's clock, and what to compare with the phone. */
export function Approval({ signing }: { signing: Signing }) {
  const c = signing.countdown
  if (!c) return null
  return (
    <div class="card count">
      <Countdown from={c.accepted_at} until={c.expires_at} label={t('Thời gian còn lại', 'Time left')} />
      <p class="big">{t('Mở ứng dụng ký số trên điện thoại và xác nhận', 'Open the signing app on the phone and confirm')}</p>
      {signing.short_code && (
        <>
          <p>{t('Chỉ xác nhận khi điện thoại hiện đúng mã này:', 'Confirm only when the phone shows this code:')}</p>
          <p class="shortcode code" data-testid="short-code">{signing.short_code}</p>
        </>
      )}
      <ul class="files small" style={{ width: '100%' }}>
        {signing.documents.map((d) => (
          <li key={d.id}>
            <span class="name">{d.name}</span>
            {d.digest_prefix && <span class="code muted" title={t('Đầu mã băm được ký', 'Beginning of the digest that is signed')}>{d.digest_prefix}</span>}
          </li>
        ))}
      </ul>
    </div>
  )
}
