import { useEffect, useState } from 'preact/hooks'
import { current, get, leave, post, remove, wrongAt } from '../lib/api'
import { lang, moment, t } from '../lib/i18n'
import type { Me, MyRegistration, MyRegistrationList, MySession, MySessionList, MySigning, MySigningList } from '../lib/shapes.gen'
import { Button, Facts, Field, Notice, Trouble, Waiting, mount } from '../lib/ui'


function Mine() {
  const [me, setMe] = useState<Me | null>(null)
  const [error, setError] = useState<unknown>(null)
  const look = () => get<Me>('/v1/me').then(setMe, setError)
  useEffect(() => {
    current().then((s) => (s?.kind === 'account' ? look() : location.replace('/login?to=/me')), setError)
  }, [])
  if (!me) return error ? <Trouble error={error} /> : <Waiting text={t('Đang mở…', 'Opening…')} />
  const out = async () => {
    await leave()
    location.replace('/')
  }
  const drop = async () => {
    await remove('/v1/password-reset')
    await look()
  }
  return (
    <div class="page narrow">
      <h1>{t('Hồ sơ và văn bản của tôi', 'My registrations and documents')}</h1>
      {me.reset_at && (
        <Notice kind="warn" title={t(`Mật khẩu mới được yêu cầu, có hiệu lực từ ${moment(me.reset_at)}`, `A new password was asked for; it counts from ${moment(me.reset_at)}`)}>
          <div><Button kind="danger" onPress={drop}>{t('Không phải tôi, hủy', 'It was not me, drop it')}</Button></div>
        </Notice>
      )}
      <Things title={t('Hồ sơ đăng ký', 'Registrations')} path="/v1/me/registrations" none={t('Chưa có hồ sơ', 'None yet')} />
      <Things title={t('Văn bản', 'Documents')} path="/v1/me/signings" none={t('Chưa có văn bản', 'None yet')} />
      <details class="card">
        <summary>{t('Tài khoản', 'Account')}</summary>
        <div class="stack parts">
          <Facts rows={[[t('Họ và tên', 'Name'), me.full_name], [t('Số định danh', 'Citizen number'), me.id_number], [t('Số điện thoại', 'Phone'), me.phone], [t('Thư điện tử', 'E-mail'), me.email]]} />
          <Password />
          <Sessions />
        </div>
      </details>
      <div><Button onPress={out}>{t('Đăng xuất', 'Log out')}</Button></div>
    </div>
  )
}

type Item = MyRegistration | MySigning

/** A registration by who issues the certificate, a signing by its files. */
function nameOf(i: Item): string {
  if ('issuer' in i) return [t('Chứng thư số của ', 'Certificate of ') + i.issuer, i.package].filter(Boolean).join(' · ')
  return i.documents.map((d) => d.name).filter(Boolean).join(', ') || (lang === 'vi' ? i.title : i.title_en)
}

/** A list that is newest first, a page at a time. */
function Things({ title, path, none }: { title: string; path: string; none: string }) {
  const [items, setItems] = useState<Item[]>([])
  const [next, setNext] = useState<string | undefined>(path)
  const [loaded, setLoaded] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const more = async () => {
    try {
      const list = await get<MyRegistrationList | MySigningList>(next ?? path)
      setItems((before) => [...before, ...list.items])
      setNext(list.next)
      setLoaded(true)
    } catch (e) {
      setError(e)
    }
  }
  useEffect(() => void more(), [])
  return (
    <section class="stack" aria-label={title}>
      <h2>{title}</h2>
      <Trouble error={error} />
      {loaded && items.length === 0 && <p class="muted">{none}</p>}
      <ul class="files">
        {items.map((i) => (
          <li key={i.id}>
            <div class="stack">
              <span class="name">{nameOf(i)}</span>
              <span class="small muted">{lang === 'vi' ? i.title : i.title_en} · {moment(i.created_at)}</span>
            </div>
            <a class={`button ${i.next.yours ? 'primary' : ''}`} href={i.next.page}>{lang === 'vi' ? i.next.text : i.next.text_en}<span class="visually-hidden"> {i.id}</span></a>
          </li>
        ))}
      </ul>
      {loaded && next && <div><Button onPress={more}>{t('Xem thêm', 'More')}</Button></div>}
    </section>
  )
}

function Password() {
  const [before, setBefore] = useState('')
  const [after, setAfter] = useState('')
  const [done, setDone] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const change = async () => {
    setError(null)
    setDone(false)
    try {
      await post('/v1/me/password', { before, after }, null)
      setBefore('')
      setAfter('')
      setDone(true)
    } catch (e) {
      setError(e)
    }
  }
  return (
    <div class="stack">
      <h2>{t('Đổi mật khẩu', 'Change the password')}</h2>
      <Field label={t('Mật khẩu hiện tại', 'Current password')} type="password" value={before} onValue={setBefore} />
      <Field label={t('Mật khẩu mới', 'New password')} type="password" value={after} onValue={setAfter} autocomplete="new-password"
        error={wrongAt(error, 'body.after')} />
      <Trouble error={error} marked={['body.after']} />
      {done && <Notice kind="good" title={t('Đã đổi mật khẩu; các thiết bị khác đã bị đăng xuất', 'Changed; other devices are logged out')} />}
      <div><Button disabled={!before || !after} onPress={change}>{t('Đổi mật khẩu', 'Change the password')}</Button></div>
    </div>
  )
}

function Sessions() {
  const [list, setList] = useState<MySession[]>([])
  const [error, setError] = useState<unknown>(null)
  const look = () => get<MySessionList>('/v1/me/sessions').then((l) => setList(l.items), setError)
  useEffect(() => void look(), [])
  const end = async (id: string) => {
    await remove(`/v1/me/sessions/${id}`).catch(setError)
    await look()
  }
  return (
    <div class="stack">
      <h2>{t('Đang đăng nhập tại', 'Logged in at')}</h2>
      <Trouble error={error} />
      <ul class="files">
        {list.map((s) => (
          <li key={s.id}>
            <span class="name">{s.device || t('Thiết bị', 'Device')} · {moment(s.seen_at)}{s.current && ` · ${t('thiết bị này', 'this one')}`}</span>
            {!s.current && <Button onPress={() => end(s.id)}>{t('Đăng xuất', 'Log out')}</Button>}
          </li>
        ))}
      </ul>
    </div>
  )
}

mount(<Mine />)
