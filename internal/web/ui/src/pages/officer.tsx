import { useEffect, useState } from 'preact/hooks'
import { Problem, current, enter, get, leave, post, remove } from '../lib/api'
import { personFields } from '../lib/dossier'
import type { Claim, Dossier, Registration, RegistrationList, ReviewRequest, Session } from '../lib/shapes.gen'
import { date, lang, moment, money, t } from '../lib/i18n'
import { paymentWords } from '../lib/registrations'
import { Paper } from '../lib/sheet'
import { Button, Facts, Field, Heading, Notice, Trouble, Waiting, mount } from '../lib/ui'

function Officer() {
  const [who, setWho] = useState<Session | null | undefined>(undefined)
  const [error, setError] = useState<unknown>(null)
  useEffect(() => { current().then(setWho, setError) }, [])
  if (error) return <Trouble error={error} />
  if (who === undefined) return <Waiting text={t('Đang mở…', 'Opening…')} />
  if (!who?.scopes.includes('officer')) return <Login onEnter={setWho} />
  const id = /^\/officer\/([^/]+)$/.exec(location.pathname)?.[1]
  const out = async () => {
    await leave()
    location.assign('/officer')
  }
  return (
    <div class="page">
      <div class="row between">
        <span class="muted">{t('Cán bộ thẩm định', 'Officer')} <strong>{who.owner}</strong></span>
        <Button kind="quiet" onPress={out}>{t('Đăng xuất', 'Log out')}</Button>
      </div>
      {id ? <Reviewing id={id} /> : <Queue />}
    </div>
  )
}

function Login({ onEnter }: { onEnter: (s: Session) => void }) {
  const [key, setKey] = useState('')
  const [error, setError] = useState<unknown>(null)
  const [wrong, setWrong] = useState('')
  const go = async () => {
    setError(null)
    setWrong('')
    try {
      const s = await enter(key.trim())
      if (s.scopes.includes('officer')) onEnter(s)
      else setWrong(t('Khóa này không dùng để thẩm định', 'This key is not one of an officer'))
    } catch (e) {
      if (e instanceof Problem && e.status === 401) setWrong(t('Khóa không đúng hoặc đã hết hạn', 'The key is wrong or past its time'))
      else setError(e)
    }
  }
  return (
    <form class="page narrow" onSubmit={(e) => e.preventDefault()}>
      <h1>{t('Đăng nhập cán bộ thẩm định', 'Officers')}</h1>
      <p class="lead">{t('Dùng khóa cá nhân do quản trị viên cấp. Phiên kết thúc sau 30 phút không thao tác, và sau 12 giờ.', 'Use the personal key that the administrator gave you. The session ends after 30 idle minutes, and after 12 hours.')}</p>
      <Field label={t('Khóa cán bộ', 'Key')} type="password" value={key} onValue={setKey} error={wrong || undefined} />
      <Trouble error={error} />
      <div class="actions"><Button kind="primary" submit disabled={!key} onPress={go}>{t('Đăng nhập', 'Log in')}</Button></div>
    </form>
  )
}

const filters: [string, string, string][] = [
  ['open', 'Chưa ai nhận', 'Not taken'], ['mine', 'Của tôi', 'Mine'], ['late', 'Quá hạn', 'Late'], ['in-review', 'Đang thẩm định', 'In review'],
  ['needs-more', 'Chờ bổ sung', 'Waiting for corrections'], ['refused', 'Đã từ chối', 'Refused'], ['active', 'Đã hoạt động', 'Active'],
]

function Queue() {
  const [filter, setFilter] = useState(new URLSearchParams(location.search).get('filter') ?? 'in-review')
  const [list, setList] = useState<Registration[] | null>(null)
  const [next, setNext] = useState<string | undefined>(undefined)
  const [error, setError] = useState<unknown>(null)
  const status = ['open', 'mine', 'late'].includes(filter) ? 'in-review' : filter
  const load = async (path: string, before: Registration[]) => {
    try {
      const page = await get<RegistrationList>(path)
      setList([...before, ...page.items])
      setNext(page.next)
      setError(null)
    } catch (e) {
      setError(e)
    }
  }
  useEffect(() => {
    history.replaceState(null, '', `/officer?filter=${filter}`)
    const first = () => load(`/v1/registrations?status=${status}&limit=100${narrow(filter)}`, [])
    void first()
    const timer = setInterval(() => { if (!next) void first() }, 10_000)
    return () => clearInterval(timer)
  }, [filter])
  const shown = list
  return (
    <>
      <Heading step={filter}>{t('Hồ sơ chờ thẩm định', 'Review queue')}</Heading>
      <div class="row" role="group" aria-label={t('Lọc', 'Filter')}>
        {filters.map(([code, vi, en]) => (
          <button key={code} type="button" class={`button chip ${code === filter ? 'primary' : ''}`} aria-pressed={code === filter} onClick={() => setFilter(code)}>{t(vi, en)}</button>
        ))}
      </div>
      <Trouble error={error} />
      {!shown && !error && <Waiting text={t('Đang tải…', 'Loading…')} />}
      {shown?.length === 0 && <Notice title={t('Không có hồ sơ nào', 'Nothing here')} />}
      {shown && shown.length > 0 && <QueueTable list={shown} />}
      {next && <div><Button onPress={() => load(next, list ?? [])}>{t('Xem thêm', 'More')}</Button></div>}
    </>
  )
}

// narrow asks the server for what a filter shows: a page of the list says nothing about what stands on the others.
function narrow(filter: string): string {
  switch (filter) {
    case 'open': return '&order=due&claim=none'
    case 'mine': return '&order=due&claim=mine'
    case 'late': return '&order=due&overdue=true'
    case 'in-review': return '&order=due'
  }
  return ''
}

function QueueTable({ list }: { list: Registration[] }) {
  const names = [t('Yêu cầu VNeID', 'VNeID request'), t('Gói', 'Package'), t('Nhận lúc', 'Came'), t('Hạn thẩm định', 'Due'), t('Người xử lý', 'Taken by')]
  return (
    <table class="list">
      <thead><tr>{names.map((n) => <th key={n} scope="col">{n}</th>)}<th scope="col"><span class="visually-hidden">{t('Mở', 'Open')}</span></th></tr></thead>
      <tbody>
        {list.map((r) => (
          <tr key={r.id}>
            <td data-label={names[0]}><span class="code small">{r.request_id}</span></td>
            <td data-label={names[1]}><span>{r.package}</span></td>
            <td data-label={names[2]}><span>{moment(r.created_at)}</span></td>
            <td data-label={names[3]}><Due at={r.review_due} now={r.server_time} /></td>
            <td data-label={names[4]}><span>{r.claim ? (r.claim.mine ? t('Tôi', 'Me') : r.claim.officer) : '–'}</span></td>
            <td class="act"><a class="button" href={`/officer/${r.id}`}>{t('Mở hồ sơ', 'Open')}<span class="visually-hidden"> {r.request_id}</span></a></td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** How long there is, or by how much it is late. */
function Due({ at, now }: { at?: string | undefined; now: string }) {
  if (!at) return <span>–</span>
  const minutes = Math.round((Date.parse(at) - Date.parse(now)) / 60_000)
  const left = Math.abs(minutes)
  const words = left < 90 ? t(`${left} phút`, `${left} min`) : left < 2880 ? t(`${Math.round(left / 60)} giờ`, `${Math.round(left / 60)} h`) : t(`${Math.round(left / 1440)} ngày`, `${Math.round(left / 1440)} days`)
  const kind = minutes < 0 ? 'bad' : minutes < 480 ? 'warn' : 'good'
  return <span class={`badge ${kind}`} title={moment(at)}>{minutes < 0 ? t(`Trễ ${words}`, `${words} late`) : t(`Còn ${words}`, `${words} left`)}</span>
}

function Reviewing({ id }: { id: string }) {
  const path = `/v1/registrations/${id}`
  const [dossier, setDossier] = useState<Dossier | null>(null)
  const [claim, setClaim] = useState<Claim | null>(null)
  const [error, setError] = useState<unknown>(null)
  const load = async () => {
    try {
      const d = await get<Dossier>(`${path}/dossier`)
      setDossier(d)
      setClaim(d.claim ?? null)
      setError(null)
    } catch (e) {
      setError(e)
    }
  }
  useEffect(() => { void load() }, [id])
  const take = async () => {
    try {
      setClaim(await post<Claim>(`${path}/claim`, {}))
      setError(null)
    } catch (e) {
      setError(e)
      await load()
    }
  }
  // The lease is a quarter of an hour; who stays keeps it.
  useEffect(() => {
    if (!claim?.mine) return
    const timer = setInterval(() => void take(), 5 * 60_000)
    return () => clearInterval(timer)
  }, [claim?.mine])
  const giveBack = async () => {
    try {
      await remove(`${path}/claim`)
      location.assign('/officer')
    } catch (e) {
      setError(e)
    }
  }
  if (!dossier) return error ? <Trouble error={error} /> : <Waiting text={t('Đang mở hồ sơ…', 'Opening…')} />
  const r = dossier.registration
  return (
    <>
      <a href="/officer">‹ {t('Danh sách hồ sơ', 'Queue')}</a>
      <div class="row between">
        <Heading step={id}>{t('Hồ sơ', 'Dossier')} <span class="code">{r.request_id}</span></Heading>
        <span class="row"><span class="badge">{lang === 'vi' ? r.title : r.title_en}</span><Due at={r.review_due} now={r.server_time} /></span>
      </div>
      <Trouble error={error} />
      <div class="review">
        <Evidence d={dossier} />
        <div class="stack">
          {r.status !== 'in-review' && <Notice title={lang === 'vi' ? r.title : r.title_en}><span>{t('Hồ sơ không còn chờ thẩm định.', 'It is not waiting for a review.')}</span></Notice>}
          {r.status === 'in-review' && claim && !claim.mine && <Notice kind="warn" title={t(`${claim.officer} đang xử lý`, `${claim.officer} works on it`)}><span>{t('Đến', 'Until')} {moment(claim.expires_at)}</span></Notice>}
          {r.status === 'in-review' && !claim && <div class="card"><p>{t('Nhận hồ sơ để người khác không làm trùng.', 'Take it, so that no other officer works on it.')}</p><Button kind="primary" onPress={take}>{t('Nhận hồ sơ', 'Take it')}</Button></div>}
          {r.status === 'in-review' && claim?.mine && (
            <>
              <Decide d={dossier} path={path} done={load} />
              <div class="row small muted"><span>{t('Bạn giữ hồ sơ đến', 'You have it until')} {moment(claim.expires_at)}</span><Button kind="quiet" onPress={giveBack}>{t('Trả lại', 'Give back')}</Button></div>
            </>
          )}
          <Reviews d={dossier} />
        </div>
      </div>
    </>
  )
}

const consentNames: Record<string, [string, string]> = { terms: ['Điều khoản dịch vụ', 'Terms of service'], 'personal-data': ['Xử lý dữ liệu cá nhân', 'Use of personal data'] }

/** What the officer compares: the person and what proves it. */
function Evidence({ d }: { d: Dossier }) {
  const r = d.registration
  const contract = r.documents.find((x) => x.name === 'contract')
  const person: Record<string, string | undefined> = d.person ?? {}
  const shown = (name: string, value: string) => (name === 'sex' ? (value === 'female' ? t('Nữ', 'female') : t('Nam', 'male')) : /^\d{4}-\d\d-\d\d$/.test(value) ? date(value) : value)
  return (
    <div class="stack">
      {r.warnings?.map((w) => <Notice key={w} kind="warn" title={w} />)}
      {d.others.length > 0 && <Notice kind="warn" title={t('Người này còn hồ sơ khác', 'This person has other registrations')}>{d.others.map((o) => <a key={o.id} href={`/officer/${o.id}`}>{o.title}, {moment(o.created_at)}</a>)}</Notice>}
      <section class="card" aria-labelledby="person">
        <h2 id="person">{t('Người đăng ký, theo VNeID', 'The person, as VNeID says')}</h2>
        {d.person ? <Facts rows={Object.entries(personFields).filter(([f]) => person[f]).map(([f, words]) => [t(...words), shown(f, person[f] ?? '')])} /> : <Notice title={t('Dữ liệu cá nhân đã được xóa', 'The personal data was erased')} />}
      </section>
      {d.corrections.length > 0 && (
        <section class="card" aria-labelledby="corrections">
          <h2 id="corrections">{t('Đã bổ sung, trước và sau', 'Corrected, old and new')}</h2>
          {d.corrections.map((c) => (
            <div key={c.id}>
              <p class="small muted">{moment(c.at)}</p>
              <Facts rows={c.changes.map((x) => [t(...(personFields[x.field] ?? [x.field, x.field]) as [string, string]),
                <><del>{shown(x.field, x.old) || t('(trống)', '(empty)')}</del> → <ins>{shown(x.field, x.new) || t('(trống)', '(empty)')}</ins></>])} />
            </div>
          ))}
        </section>
      )}
      <section class="card" aria-labelledby="consents">
        <h2 id="consents">{t('Sự đồng ý', 'Consents')}</h2>
        {d.consents.map((c) => (
          <Facts key={c.purpose} rows={[[t(...(consentNames[c.purpose] ?? [c.purpose, c.purpose]) as [string, string]), `${c.text_version}, ${c.channel}`],
            [t('Hiển thị', 'Shown'), moment(c.shown_at)], [t('Đồng ý', 'Accepted'), moment(c.accepted_at)], ['SHA-256', <span class="code small">{c.text_sha256}</span>]]} />
        ))}
      </section>
      <section class="card" aria-labelledby="paid">
        <h2 id="paid">{t('Gói và thanh toán', 'Package and payment')}</h2>
        <Facts rows={[[t('Gói', 'Package'), `${r.package}, ${r.months} ${t('tháng', 'months')}`], [t('Giá', 'Price'), r.price_vnd ? money(r.price_vnd) : t('Miễn phí', 'Free')],
          ...(r.payments ?? []).map((p): [string, string] => [moment(p.created_at), `${money(p.amount_vnd)}, ${paymentWords(p.status)}`])]} />
      </section>
      <section class="card" aria-labelledby="contract">
        <h2 id="contract">{t('Hợp đồng', 'Contract')}</h2>
        {d.evidence && <Facts rows={[[t('Ký bằng OTP', 'Agreed by code'), moment(d.evidence.at)], [t('Mã giao dịch OTP', 'Code'), <span class="code small">{d.evidence.code_id}</span>], [t('SHA-256 đã xem', 'SHA-256 as shown'), <span class="code small">{d.evidence.sha256}</span>]]} />}
        {contract && <Paper url={contract.content} name={t('Hợp đồng dịch vụ', 'Contract')} />}
      </section>
    </div>
  )
}

const decisions: [ReviewRequest['decision'], string, string][] = [['approve', 'Phê duyệt', 'Approve'], ['ask', 'Yêu cầu bổ sung', 'Ask for corrections'], ['refuse', 'Từ chối', 'Refuse']]

function Decide({ d, path, done }: { d: Dossier; path: string; done: () => Promise<void> }) {
  const [decision, setDecision] = useState<ReviewRequest['decision']>('approve')
  const [checks, setChecks] = useState<string[]>([])
  const [fields, setFields] = useState<string[]>([])
  const [reason, setReason] = useState('')
  const [publicNote, setPublicNote] = useState('')
  const [internalNote, setInternalNote] = useState('')
  const [error, setError] = useState<unknown>(null)
  const toggled = (code: string) => (list: string[]) => (list.includes(code) ? list.filter((x) => x !== code) : [...list, code])
  const ready = decision === 'approve' ? checks.length === d.checks.length : reason !== '' && (decision !== 'ask' || fields.length > 0)
  const send = async () => {
    setError(null)
    const body: ReviewRequest = { decision, internal_note: internalNote }
    if (decision === 'approve') body.checks = checks
    else Object.assign(body, { reason, public_note: publicNote, fields: decision === 'ask' ? fields : [] })
    try {
      await post(`${path}/review`, body)
      await done()
    } catch (e) {
      setError(e)
    }
  }
  return (
    <form class="card" onSubmit={(e) => e.preventDefault()}>
      <fieldset>
        <legend>{t('Kết quả thẩm định', 'Decision')}</legend>
        {decisions.map(([code, vi, en]) => (
          <label class="check" key={code}><input type="radio" name="decision" checked={decision === code} onChange={() => setDecision(code)} /><span>{t(vi, en)}</span></label>
        ))}
      </fieldset>
      {decision === 'approve' && (
        <fieldset>
          <legend>{t('Danh mục kiểm tra', 'Checklist')}</legend>
          {d.checks.map((c) => (
            <label class="check" key={c.code}><input type="checkbox" name="check" checked={checks.includes(c.code)} onChange={() => setChecks(toggled(c.code))} /><span>{lang === 'vi' ? c.text : c.text_en}</span></label>
          ))}
        </fieldset>
      )}
      {decision === 'ask' && (
        <fieldset>
          <legend>{t('Trường cần bổ sung', 'To be corrected')}</legend>
          {d.correctable.map((f) => (
            <label class="check" key={f}><input type="checkbox" name="field" checked={fields.includes(f)} onChange={() => setFields(toggled(f))} /><span>{t(...(personFields[f] ?? [f, f]) as [string, string])}</span></label>
          ))}
        </fieldset>
      )}
      {decision !== 'approve' && (
        <>
          <label class="stack"><span class="label">{t('Lý do gửi công dân', 'Reason for the citizen')}</span>
            <select value={reason} onChange={(e) => setReason(e.currentTarget.value)}>
              <option value="">{t('Chọn lý do', 'Choose')}</option>
              {Object.entries(d.reasons).map(([code, words]) => <option key={code} value={code}>{words}</option>)}
            </select>
          </label>
          <label class="stack"><span class="label">{t('Lời nhắn cho công dân', 'Words for the citizen')}</span><textarea rows={3} maxLength={1000} value={publicNote} onInput={(e) => setPublicNote(e.currentTarget.value)} /></label>
        </>
      )}
      <label class="stack"><span class="label">{t('Ghi chú nội bộ', 'Internal note')}</span><textarea rows={2} maxLength={1000} value={internalNote} onInput={(e) => setInternalNote(e.currentTarget.value)} /></label>
      <Trouble error={error} />
      {error instanceof Problem && error.status === 403 && <span class="small">{t('Người đã sửa hồ sơ không được tự phê duyệt.', 'Whoever corrected it cannot approve it.')}</span>}
      <Button kind={decision === 'refuse' ? 'danger' : 'primary'} disabled={!ready} onPress={send}>{t(...(decisions.find(([c]) => c === decision)?.slice(1) as [string, string]))}</Button>
    </form>
  )
}

function Reviews({ d }: { d: Dossier }) {
  if (d.reviews.length === 0 && d.editors.length === 0) return null
  return (
    <section class="card" aria-labelledby="before">
      <h2 id="before">{t('Lịch sử thẩm định', 'Before')}</h2>
      {d.reviews.map((v) => (
        <div class="stack" key={v.id}>
          <strong>{t(...(decisions.find(([c]) => c === v.decision)?.slice(1) as [string, string] | undefined ?? [v.decision, v.decision]))} · {v.officer} · {moment(v.at)}</strong>
          {v.reason_text && <span>{v.reason_text}</span>}
          {v.public_note && <span>{t('Gửi công dân', 'To the citizen')}: {v.public_note}</span>}
          {v.internal_note && <span class="muted">{t('Nội bộ', 'Internal')}: {v.internal_note}</span>}
        </div>
      ))}
      {d.editors.length > 0 && <span class="small muted">{t('Đã sửa dữ liệu', 'Corrected by')}: {d.editors.map((e) => (e === 'citizen' ? t('công dân', 'the citizen') : e)).join(', ')}</span>}
    </section>
  )
}

mount(<Officer />)
