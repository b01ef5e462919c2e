import { useEffect, useState } from 'preact/hooks'
import { post } from '../lib/api'
import { LogInOffer } from '../lib/login'
import { t } from '../lib/i18n'
import type { Resume as Resumed } from '../lib/shapes.gen'
import { Trouble, Waiting, mount } from '../lib/ui'

/** Takes over what a one-time link leads to. The token stands after # and so reaches no server but by this request. */
function Resume() {
  const [error, setError] = useState<unknown>(null)
  useEffect(() => {
    const token = location.hash.slice(1)
    history.replaceState(null, '', '/resume') // the token must not stay in the history of the browser
    post<Resumed>('/v1/resume', { token: token || '-' }).then((r) => location.replace(r.page), setError)
  }, [])
  if (!error) return <Waiting text={t('Đang mở…', 'Opening…')} />
  return (
    <div class="page narrow">
      <h1>{t('Đường dẫn không dùng được', 'The link does not work')}</h1>
      <Trouble error={error} />
      <p>{t('Hãy tạo đường dẫn mới trên thiết bị đang làm.', 'Make a new link on the device that you come from.')}</p>
      <LogInOffer to="/me" />
    </div>
  )
}

mount(<Resume />)
