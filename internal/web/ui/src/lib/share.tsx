// Going on with the same thing on another device.
import { useState } from 'preact/hooks'
import { encode } from 'uqr'
import { post } from './api'
import { moment, t } from './i18n'
import type { Link } from './shapes.gen'
import { Button, Notice, Trouble } from './ui'

/** Makes a link that works once, and shows it as a QR code. path is that of the signing or registration in the API. */
export function Share({ path }: { path: string }) {
  const [link, setLink] = useState<Link | null>(null)
  const [copied, setCopied] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const make = async () => {
    setError(null)
    setCopied(false)
    try {
      setLink(await post<Link>(`${path}/resume-link`, {}))
    } catch (e) {
      setError(e)
    }
  }
  const copy = async () => {
    await navigator.clipboard.writeText(link?.url ?? '')
    setCopied(true)
  }
  return (
    <details class="card">
      <summary>{t('Tiếp tục trên thiết bị khác', 'Go on on another device')}</summary>
      <p class="small muted">{t('Đường dẫn dùng được một lần, trong 24 giờ. Ai mở trước người đó tiếp tục; đừng gửi cho người lạ.', 'The link works once, within 24 hours. Whoever opens it goes on; do not send it to strangers.')}</p>
      <Trouble error={error} />
      {!link && <div><Button onPress={make}>{t('Tạo đường dẫn', 'Make a link')}</Button></div>}
      {link && (
        <>
          <QR text={link.url} />
          <p class="small code break" data-testid="link">{link.url}</p>
          <p class="small muted">{t('Dùng được đến', 'Good until')} {moment(link.expires_at)}</p>
          <div class="row">
            <Button onPress={copy}>{t('Sao chép', 'Copy')}</Button>
            <Button onPress={make}>{t('Tạo đường dẫn khác', 'Make another link')}</Button>
          </div>
          {copied && <Notice kind="good" title={t('Đã sao chép', 'Copied')} />}
        </>
      )}
    </details>
  )
}

/** A QR code, drawn here: no other host learns what is in it. */
function QR({ text }: { text: string }) {
  const { data, size } = encode(text, { border: 2 })
  const squares = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : [])))
  return (
    <div class="qr">
      <svg viewBox={`0 0 ${size} ${size}`} role="img" aria-label={t('Mã QR của đường dẫn', 'QR code of the link')} shape-rendering="crispEdges">
        <path d={squares.join('')} fill="#000" />
      </svg>
    </div>
  )
}
