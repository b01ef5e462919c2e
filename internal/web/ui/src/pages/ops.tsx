import { useEffect, useState } from 'preact/hooks'
import { Problem, current, enter, get, leave, post, serverNow } from '../lib/api'
import { lang, moment, t } from '../lib/i18n'
import { actionWords, atMost, commonActions, incidentPath, incidentsOf, outcomes, repairAll, typedAbove } from '../lib/incidents'
import type { Result } from '../lib/incidents'
import type { Incident, IncidentEntry, IncidentGroup, IncidentGroupList, IncidentHistory, Session, Transition } from '../lib/shapes.gen'
import { Button, Facts, Field, Heading, Notice, Timeline, Trouble, Waiting, mount } from '../lib/ui'

function Operations() {
  const [who, setWho] = useState<Session | null | undefined>(undefined)
  const [error, setError] = useState<unknown>(null)
  useEffect(() => { current().then(setWho, setError) }, [])
  if (error) return <Trouble error={error} />
  if (who === undefined) return <Waiting text={t('Đang mở…', 'Opening…')} />
  if (!who?.scopes.includes('operator')) return <Login onEnter={setWho} />
  const at = /^\/ops\/([^/]+)$/.exec(location.pathname)?.[1]
  const id = at && decodeURIComponent(at)
  const out = async () => {
    await leave()
    location.assign('/ops')
  }
  return (
    <div class="page">
      <div class="row between">
        <span class="muted">{t('Vận hành', 'Operator')} <strong>{who.owner}</strong></span>
        <Button kind="quiet" onPress={out}>{t('Đăng xuất', 'Log out')}</Button>
      </div>
      {id ? <OneIncident id={id} me={who.owner ?? ''} /> : <Board />}
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
      if (s.scopes.includes('operator')) onEnter(s)
      else setWrong(t('Khóa này không dùng để vận hành', 'This key is not one of an operator'))
    } catch (e) {
      if (e instanceof Problem && e.status === 401) setWrong(t('Khóa không đúng hoặc đã hết hạn', 'The key is wrong or has expired'))
      else setError(e)
    }
  }
  return (
    <form class="page narrow" onSubmit={(e) => e.preventDefault()}>
      <h1>{t('Đăng nhập vận hành', 'Operators')}</h1>
      <p class="lead">{t('Dùng khóa cá nhân có quyền operator. Phiên kết thúc sau 30 phút không thao tác, và sau 12 giờ.', 'Use your own key with the scope operator. The session ends after 30 idle minutes, and after 12 hours.')}</p>
      <Field label={t('Khóa vận hành', 'Key')} type="password" value={key} onValue={setKey} error={wrong || undefined} />
      <Trouble error={error} />
      <div class="actions"><Button kind="primary" submit disabled={!key} onPress={go}>{t('Đăng nhập', 'Log in')}</Button></div>
    </form>
  )
}

const kinds: Record<Incident['process'], [string, string]> = { signing: ['Ký số', 'Signing'], registration: ['Đăng ký', 'Registration'] }
const keyOf = (g: IncidentGroup) => [g.process, g.code, g.step, g.provider ?? ''].join('/')

/** How long something has been waiting. */
function Age({ since }: { since: string }) {
  const minutes = Math.max(0, Math.round((serverNow() - Date.parse(since)) / 60_000))
  const words = minutes < 90 ? t(`${minutes} phút`, `${minutes} min`) : minutes < 2880 ? t(`${Math.round(minutes / 60)} giờ`, `${Math.round(minutes / 60)} h`) : t(`${Math.round(minutes / 1440)} ngày`, `${Math.round(minutes / 1440)} days`)
  return <time dateTime={since} title={moment(since)}>{words}</time>
}

function Board() {
  const [groups, setGroups] = useState<IncidentGroup[] | null>(null)
  const [chosen, setChosen] = useState<IncidentGroup | null>(null)
  const [error, setError] = useState<unknown>(null)
  const load = () => get<IncidentGroupList>('/v1/incident-groups').then((l) => { setGroups(l.items); setError(null) }, setError)
  useEffect(() => {
    void load()
    const timer = setInterval(load, 10_000)
    return () => clearInterval(timer)
  }, [])
  if (chosen) return <Group key={keyOf(chosen)} group={chosen} back={() => { setChosen(null); void load() }} />
  return (
    <>
      <Heading>{t('Sự cố đang chờ xử lý', 'Incidents')}</Heading>
      <Trouble error={error} />
      {!groups && !error && <Waiting text={t('Đang tải…', 'Loading…')} />}
      {groups?.length === 0 && <Notice kind="good" title={t('Không có sự cố nào', 'There are no incidents')} />}
      {groups && groups.length > 0 && <GroupTable groups={groups} open={setChosen} />}
    </>
  )
}

function GroupTable({ groups, open }: { groups: IncidentGroup[]; open: (g: IncidentGroup) => void }) {
  const names = [t('Nguyên nhân', 'Cause'), t('Quy trình, bước', 'Process, step'), t('Bên ngoài', 'Provider'), t('Số lượng', 'Count'), t('Lâu nhất', 'Oldest')]
  return (
    <table class="list">
      <thead><tr>{names.map((n) => <th key={n} scope="col">{n}</th>)}<th scope="col"><span class="visually-hidden">{t('Mở', 'Open')}</span></th></tr></thead>
      <tbody>
        {groups.map((g) => (
          <tr key={keyOf(g)}>
            <td data-label={names[0]}><span>{lang === 'vi' ? g.title : g.title_en}<br /><span class="code small muted">{g.code}</span></span></td>
            <td data-label={names[1]}><span>{t(...kinds[g.process])}, <span class="code small">{g.step}</span></span></td>
            <td data-label={names[2]}><span>{g.provider || '–'}</span></td>
            <td data-label={names[3]}><strong>{g.count}</strong></td>
            <td data-label={names[4]}><Age since={g.oldest} /></td>
            <td class="act"><Button onPress={() => open(g)}>{t('Mở', 'Open')}<span class="visually-hidden"> {g.code} {g.step} {g.provider}</span></Button></td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Group({ group, back }: { group: IncidentGroup; back: () => void }) {
  const [list, setList] = useState<Incident[] | null>(null)
  const [results, setResults] = useState<Result[] | null>(null)
  const [error, setError] = useState<unknown>(null)
  useEffect(() => { incidentsOf(group).then(setList, setError) }, [])
  return (
    <>
      <div><Button kind="quiet" onPress={back}>‹ {t('Mọi sự cố', 'All incidents')}</Button></div>
      <Heading>{lang === 'vi' ? group.title : group.title_en}</Heading>
      <Facts rows={[[t('Mã', 'Code'), <span class="code">{group.code}</span>], [t('Bước', 'Step'), <span class="code">{group.step}</span>], [t('Bên ngoài', 'Provider'), group.provider],
        [t('Tìm trong Temporal', 'Search in Temporal'), <span class="code small">{searchOf(group)}</span>]]} />
      <Trouble error={error} />
      {!list && !error && <Waiting text={t('Đang tải…', 'Loading…')} />}
      {list && <Repairing list={list} show={setResults} />}
      {results ? <Results results={results} /> : list && <IncidentTable list={list} />}
    </>
  )
}

/** The same group in the list of the Temporal UI. */
function searchOf(g: IncidentGroup): string {
  const parts = ['KysoAttention = true', `KysoReason = "${g.code}"`, `KysoStep = "${g.step}"`]
  if (g.provider) parts.push(`KysoProvider = "${g.provider}"`)
  return parts.join(' AND ')
}

function IncidentTable({ list }: { list: Incident[] }) {
  const names = [t('Quy trình', 'Process'), t('Lỗi', 'Error'), t('Lần thử', 'Attempts'), t('Từ', 'Age'), t('Người xử lý', 'Assignee')]
  return (
    <table class="list">
      <thead><tr>{names.map((n) => <th key={n} scope="col">{n}</th>)}<th scope="col"><span class="visually-hidden">{t('Mở', 'Open')}</span></th></tr></thead>
      <tbody>
        {list.map((i) => (
          <tr key={i.id}>
            <td data-label={names[0]}><span class="code small">{i.process_id}</span></td>
            <td data-label={names[1]}><span class="small">{i.attention.message}</span></td>
            <td data-label={names[2]}><span>{i.attention.attempts}</span></td>
            <td data-label={names[3]}><Age since={i.attention.since} /></td>
            <td data-label={names[4]}><span>{i.assignee || '–'}</span></td>
            <td class="act"><a class="button" href={`/ops/${encodeURIComponent(i.id)}`}>{t('Xem', 'Show')}<span class="visually-hidden"> {i.process_id}</span></a></td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** Chooses a repair, shows what it would touch, and does it only then. */
function Repairing({ list, show }: { list: Incident[]; show: (r: Result[]) => void }) {
  const actions = commonActions(list)
  const [action, setAction] = useState(actions[0] ?? '')
  const [reason, setReason] = useState('')
  const [dry, setDry] = useState(false)
  const [typed, setTyped] = useState('')
  const [begun, setBegun] = useState(false)
  const many = list.length > typedAbove
  const apply = async () => {
    setBegun(true)
    await repairAll(list, action, reason.trim(), show)
  }
  if (begun || list.length === 0) return null
  if (actions.length === 0) return <Notice title={t('Không có cách xử lý chung; hãy mở từng sự cố.', 'They share no repair; open each.')} />
  return (
    <form class="card" onSubmit={(e) => e.preventDefault()}>
      <h2>{t('Xử lý', 'Repair')}</h2>
      <label class="stack"><span class="label">{t('Cách xử lý', 'Action')}</span>
        <select value={action} disabled={dry} onChange={(e) => setAction(e.currentTarget.value)}>{actions.map((a) => <option key={a} value={a}>{t(...(actionWords[a] ?? [a, a]))}</option>)}</select>
      </label>
      <Field label={t('Lý do', 'Reason')} hint={t('Ngắn gọn, không có dữ liệu cá nhân: lý do được lưu lại', 'Brief and without personal data: it is kept')} value={reason} onValue={setReason} maxLength={1000} />
      {!dry && <div class="row"><Button kind="primary" disabled={!reason.trim()} onPress={() => setDry(true)}>{t('Chạy thử', 'Dry run')}</Button></div>}
      {dry && (
        <>
          <Notice kind="warn" title={t(`Chạy thử: ${list.length} sự cố sẽ được xử lý. Chưa có gì thay đổi.`, `Dry run: ${list.length} incidents would be repaired. Nothing has changed.`)}>
            {list.length === atMost && <span>{t(`Mỗi lần nhiều nhất ${atMost}, cũ nhất trước.`, `${atMost} in one go at the most, the oldest first.`)}</span>}
          </Notice>
          {many && <Field label={t(`Gõ ${list.length} để xác nhận`, `Type ${list.length} to confirm`)} inputMode="numeric" value={typed} onValue={setTyped} />}
          <div class="row">
            <Button kind={action === 'cancel' || action === 'close' ? 'danger' : 'primary'} disabled={many && typed.trim() !== String(list.length)} onPress={apply}>{t('Thực hiện', 'Apply')}</Button>
            <Button kind="quiet" onPress={() => setDry(false)}>{t('Quay lại', 'Back')}</Button>
          </div>
        </>
      )}
    </form>
  )
}

function Results({ results }: { results: Result[] }) {
  const names = [t('Quy trình', 'Process'), t('Kết quả', 'Outcome')]
  const done = results.filter((r) => r.outcome && r.outcome !== 'still-waiting').length
  return (
    <>
      <p role="status">{t(`${done}/${results.length} đã có kết quả`, `${done} of ${results.length} have an outcome`)}</p>
      <table class="list">
        <thead><tr>{names.map((n) => <th key={n} scope="col">{n}</th>)}</tr></thead>
        <tbody>
          {results.map((r) => {
            const words = r.outcome && outcomes[r.outcome]
            return (
              <tr key={r.incident.id}>
                <td data-label={names[0]}><a class="code small" href={`/ops/${encodeURIComponent(r.incident.id)}`}>{r.incident.process_id}</a></td>
                <td data-label={names[1]}><span>{words ? <span class={`badge ${words[2]}`}>{t(words[0], words[1])}</span> : '…'} {r.problem}</span></td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </>
  )
}

function OneIncident({ id, me }: { id: string; me: string }) {
  const [incident, setIncident] = useState<IncidentHistory | null>(null)
  const [steps, setSteps] = useState<Pick<Transition, 'at' | 'title' | 'title_en'>[]>([])
  const [note, setNote] = useState('')
  const [results, setResults] = useState<Result[] | null>(null)
  const [error, setError] = useState<unknown>(null)
  const act = async (what: () => Promise<IncidentHistory>) => {
    try {
      setIncident(await what())
      setError(null)
    } catch (e) {
      setError(e)
    }
  }
  useEffect(() => {
    void act(async () => {
      const found = await get<IncidentHistory>(incidentPath(id))
      const process = await get<{ transitions?: Transition[] }>(found.path).catch(() => null) // it may be lost: that is an incident, too
      setSteps(process?.transitions ?? [])
      return found
    })
  }, [id])
  if (!incident) return error ? <Trouble error={error} /> : <Waiting text={t('Đang mở…', 'Opening…')} />
  const a = incident.attention
  const assign = (assignee?: string) => act(() => post(`${incidentPath(id)}/assign`, assignee ? { assignee } : {}))
  const say = () => act(async () => {
    const shown = await post<IncidentHistory>(`${incidentPath(id)}/notes`, { text: note.trim() })
    setNote('')
    return shown
  })
  const mine = incident.assignee === me
  return (
    <>
      <a href="/ops">‹ {t('Mọi sự cố', 'All incidents')}</a>
      <Heading step={id}>{lang === 'vi' ? a.title : a.title_en}</Heading>
      <Trouble error={error} />
      <div class="review">
        <div class="stack">
          <section class="card" aria-labelledby="facts">
            <h2 id="facts">{t(...kinds[incident.process])}</h2>
            <Facts rows={[[t('Mã quy trình', 'Process'), <span class="code small">{incident.process_id}</span>], [t('Mã lỗi', 'Code'), <span class="code">{a.code}</span>], [t('Bước', 'Step'), <span class="code">{a.step}</span>],
              [t('Bên ngoài', 'Provider'), a.provider], [t('Lỗi', 'Error'), a.message], [t('Số lần thử', 'Attempts'), a.attempts], [t('Từ', 'Since'), moment(a.since)],
              [t('Đã đóng', 'Closed'), incident.closed_at && `${moment(incident.closed_at)}, ${incident.action ?? ''}, ${incident.actor ?? ''}`], [t('Lý do', 'Reason'), incident.note]]} />
          </section>
          <Entries incident={incident} />
          {steps.length > 0 && (
            <section class="card" aria-labelledby="timeline">
              <h2 id="timeline">{t('Diễn biến', 'Timeline')}</h2>
              <Timeline over={false} entries={steps.map((s) => ({ at: s.at, text: lang === 'vi' ? s.title : s.title_en }))} />
            </section>
          )}
        </div>
        <div class="stack">
          {!incident.closed_at && <Repairing list={[incident]} show={setResults} />}
          {results && <Results results={results} />}
          <section class="card" aria-labelledby="owner">
            <h2 id="owner">{t('Người xử lý', 'Assignee')}</h2>
            <span>{incident.assignee || t('Chưa ai nhận', 'Not assigned')}</span>
            <div class="row"><Button onPress={() => assign(mine ? undefined : me)}>{mine ? t('Trả lại', 'Give back') : t('Nhận xử lý', 'Assign to me')}</Button></div>
          </section>
          <form class="card" onSubmit={(e) => e.preventDefault()}>
            <label class="stack"><span class="label">{t('Ghi chú cho người vận hành khác', 'Note for other operators')}</span><textarea rows={3} maxLength={1000} value={note} onInput={(e) => setNote(e.currentTarget.value)} /></label>
            <div class="row"><Button disabled={!note.trim()} onPress={say}>{t('Lưu ghi chú', 'Add the note')}</Button></div>
          </form>
        </div>
      </div>
    </>
  )
}

const entryWords: Record<IncidentEntry['kind'], [string, string]> = { failed: ['Lỗi', 'Failed'], assigned: ['Giao cho', 'Assigned to'], noted: ['Ghi chú', 'Note'] }

/** Every try with its error, who works on it, what was said. */
function Entries({ incident }: { incident: IncidentHistory }) {
  if (incident.entries.length === 0) return null
  return (
    <section class="card" aria-labelledby="entries">
      <h2 id="entries">{t('Các lần thử và ghi chú', 'Attempts and notes')}</h2>
      <Facts rows={incident.entries.map((e) => [moment(e.at), <>{t(...entryWords[e.kind])}{e.attempt ? ` ${e.attempt}` : ''}: {[e.code, e.text].filter(Boolean).join(' · ') || '–'} <span class="muted">{e.actor}</span></>])} />
    </section>
  )
}

mount(<Operations />)
