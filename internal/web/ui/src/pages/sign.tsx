import { useEffect, useRef, useState } from 'preact/hooks'
import { Problem, follow, get, newKey, post, upload, wrongAt } from '../lib/api'
import { Approval } from '../lib/approval'
import { Lost } from '../lib/login'
import { Share } from '../lib/share'
import { Drop } from '../lib/drop'
import { date, lang, size, t } from '../lib/i18n'
import { Place } from '../lib/place'
import type { Box } from '../lib/place'
import { Report } from '../lib/report'
import type { Certificate, CertificateList, Document, DocumentFinding, Inspection, Placement, SignedDocument, Signing, SigningRequest, Verification } from '../lib/shapes.gen'
import { Button, Field, Heading, Notice, Steps, Trouble, Waiting, mount } from '../lib/ui'

const steps = [t('Tài liệu', 'Documents'), t('Chứng thư số', 'Certificate'), t('Vị trí', 'Position'), t('Xác nhận', 'Confirmation'), t('Kết quả', 'Result')]

/** The step of the header that a status belongs to. */
function stepOf(status: string): number {
  switch (status) {
    case 'created': case 'awaiting-certificate': return 1
    case 'awaiting-placement': return 2
    case 'preparing': case 'requested': case 'awaiting-approval': return 3
    case 'completing': return 4
  }
  return 4
}

function Sign() {
  const [id, setID] = useState(() => /^\/sign\/([^/]+)$/.exec(location.pathname)?.[1] ?? '')
  useEffect(() => {
    const back = () => setID(/^\/sign\/([^/]+)$/.exec(location.pathname)?.[1] ?? '')
    addEventListener('popstate', back)
    return () => removeEventListener('popstate', back)
  }, [])
  const go = (next: string) => {
    history.pushState(null, '', next ? `/sign/${next}` : '/sign')
    setID(next)
  }
  return id ? <Following key={id} id={id} go={go} /> : <Begin go={go} />
}

interface Upload {
  key: string
  file: File
  share: number
  id?: string
  found?: Inspection
  error?: unknown
}

/** Files and the signer's id. */
function Begin({ go }: { go: (id: string) => void }) {
  const [uploads, setUploads] = useState<Upload[]>([])
  const [user, setUser] = useState('')
  const [error, setError] = useState<unknown>(null)
  const key = useRef(newKey())
  const change = (k: string, with_: Partial<Upload>) => setUploads((list) => list.map((u) => (u.key === k ? { ...u, ...with_ } : u)))
  const add = (files: File[]) => {
    for (const file of files) {
      const u: Upload = { key: newKey(), file, share: 0 }
      setUploads((list) => [...list, u])
      void store(u, (with_) => change(u.key, with_))
    }
    key.current = newKey()
  }
  const ready = uploads.length > 0 && uploads.every((u) => u.found) && user.trim() !== ''
  const begin = async () => {
    setError(null)
    try {
      const order: SigningRequest = { user: user.trim(), level: 'B-LT', documents: uploads.map((u) => ({ id: u.id ?? '' })) }
      const made = await post<Signing>('/v1/signings', order, key.current)
      go(made.id)
    } catch (e) {
      if (e instanceof Problem && e.status < 500) key.current = newKey()
      setError(e)
    }
  }
  const nameOf = (location: string) => uploads[Number(/^body\.documents\[(\d+)\]/.exec(location)?.[1] ?? -1)]?.file.name
  return (
    <form class="page narrow" onSubmit={(e) => { e.preventDefault(); if (ready) void begin() }}>
      <Steps names={steps} at={0} />
      <Heading>{t('Ký văn bản', 'Sign documents')}</Heading>
      <Drop several onFiles={add} />
      {uploads.length > 0 && <ul class="files">{uploads.map((u) => <UploadRow key={u.key} upload={u} drop={() => { setUploads((l) => l.filter((o) => o.key !== u.key)); key.current = newKey() }} />)}</ul>}
      <Field label={t('Mã người dùng', 'User id')} value={user} onValue={(v) => { setUser(v); key.current = newKey() }} autocomplete="off" inputMode="text"
        hint={t('ICA. và số định danh, ví dụ ICA.079095012345; hoặc số định danh với nhà cung cấp khác', 'ICA. and the citizen number, such as ICA.079095012345; with another provider the number alone')}
        error={wrongAt(error, 'body.user')} />
      <Trouble error={error} marked={['body.user']} about={nameOf} />
      <div class="actions"><Button kind="primary" disabled={!ready} onPress={begin}>{t('Gửi yêu cầu', 'Send the request')}</Button></div>
    </form>
  )
}

async function store(u: Upload, change: (with_: Partial<Upload>) => void): Promise<void> {
  try {
    const stored = await upload<Document>(`/v1/documents?name=${encodeURIComponent(u.file.name)}`, u.file, 'application/pdf', (share) => change({ share }), u.key)
    change({ id: stored.id, share: 1 })
    change({ found: await get<Inspection>(`/v1/documents/${stored.id}/inspection`) })
  } catch (error) {
    change({ error })
  }
}

function UploadRow({ upload: u, drop }: { upload: Upload; drop: () => void }) {
  return (
    <li>
      <div class="stack" style={{ flex: 1 }}>
        <span class="name">{u.file.name}</span>
        {u.found && (
          <span class="small muted">
            {size(u.file.size)} · {u.found.pages} {t('trang', u.found.pages === 1 ? 'page' : 'pages')}
            {u.found.signatures > 0 && ` · ${t(`đã có ${u.found.signatures} chữ ký`, `${u.found.signatures} signed already`)}`}
          </span>
        )}
        <Findings list={u.found?.findings} />
        {!u.found && !u.error && <progress max="1" value={u.share} aria-label={t('Đang tải lên', 'Uploading')} />}
        <Trouble error={u.error} />
      </div>
      <button type="button" class="button quiet square" aria-label={t(`Bỏ ${u.file.name}`, `Remove ${u.file.name}`)} onClick={drop}>✕</button>
    </li>
  )
}

/** A signing from its request to its end, wherever it stands: after a reload, in a second tab, on another device. */
function Following({ id, go }: { id: string; go: (id: string) => void }) {
  const [signing, setSigning] = useState<Signing | null>(null)
  const [error, setError] = useState<unknown>(null)
  const latest = useRef(0)
  const look = async () => {
    const turn = ++latest.current
    try {
      const s = await get<Signing>(`/v1/signings/${id}`)
      if (turn === latest.current) {
        setSigning(s)
        setError(null)
      }
    } catch (e) {
      if (turn === latest.current) setError(e)
    }
  }
  useEffect(() => {
    void look()
    const stop = follow(`/v1/signings/${id}/events`, () => void look())
    const timer = setInterval(() => void look(), 10_000) // where event streams are cut by a proxy
    return () => {
      stop()
      clearInterval(timer)
    }
  }, [id])
  if (!signing) return error ? <Lost error={error} /> : <Waiting text={t('Đang mở…', 'Opening…')} />
  return (
    <div class="page">
      <Steps names={steps} at={stepOf(signing.status)} />
      {signing.attention && (
        <Notice kind="warn" title={t('Chúng tôi đang xử lý', 'We are on it')}>
          <span>{lang === 'vi' ? signing.attention.title : signing.attention.title_en}. {t('Bạn không cần làm gì; trang này tự tiếp tục.', 'You need not do anything; this page goes on by itself.')}</span>
          <span class="small muted">{t('Mã tra cứu', 'Reference')}: <span class="code">{signing.id}</span></span>
        </Notice>
      )}
      <Trouble error={error} />
      <Stage signing={signing} look={look} go={go} />
    </div>
  )
}

interface StageProps {
  signing: Signing
  look: () => Promise<void>
  go: (id: string) => void
}

function Stage(p: StageProps) {
  switch (p.signing.status) {
    case 'created':
      return <><Heading step="created">{t('Đang tìm chứng thư số', 'Looking for certificates')}</Heading><Waiting text={t('Đang hỏi nhà cung cấp…', 'Asking the provider…')} /></>
    case 'awaiting-certificate': return <Choose {...p} />
    case 'awaiting-placement': return <Placing {...p} />
    case 'preparing': case 'requested':
      return <><Heading step="preparing">{t('Đang gửi yêu cầu tới điện thoại', 'Sending the request to the phone')}</Heading><Waiting text={t('Đang chuẩn bị tài liệu…', 'Preparing the documents…')} /><Cancel {...p} /></>
    case 'awaiting-approval':
      return <div class="page narrow"><Heading step="approval">{t('Xác nhận trên điện thoại', 'Confirm on the phone')}</Heading><Approval signing={p.signing} /><Share path={`/v1/signings/${p.signing.id}`} /><Cancel {...p} /></div>
    case 'completing':
      return <><Heading step="completing">{t('Đã xác nhận, đang hoàn tất', 'Confirmed, completing')}</Heading><Waiting text={t('Đang gắn chữ ký và kiểm tra…', 'Embedding the signature and verifying…')} /></>
    case 'signed': return <Signed {...p} />
  }
  return <Ended {...p} />
}

function Choose({ signing, look }: StageProps) {
  const [list, setList] = useState<Certificate[] | null>(null)
  const [error, setError] = useState<unknown>(null)
  useEffect(() => {
    get<CertificateList>(`/v1/signings/${signing.id}/certificates`).then((l) => setList(l.items), setError)
  }, [signing.id])
  const choose = async (c: Certificate) => {
    setError(null)
    try {
      await post(`/v1/signings/${signing.id}/certificate`, { serial: c.fingerprint })
      await look()
    } catch (e) {
      setError(e)
    }
  }
  return (
    <>
      <Heading step="choose">{t('Chọn chứng thư số để ký', 'Choose the certificate')}</Heading>
      <Trouble error={error} />
      {!list && !error && <Waiting text={t('Đang tải…', 'Loading…')} />}
      {list && <Certificates list={list} choose={choose} />}
    </>
  )
}

function state(c: Certificate): [string, 'good' | 'bad' | 'warn'] {
  switch (c.state) {
    case 'expired': return [t('Hết hạn', 'Expired'), 'bad']
    case 'not-yet-valid': return [t('Chưa hiệu lực', 'Not yet valid'), 'warn']
  }
  return [t('Còn hiệu lực', 'Valid'), 'good']
}

function Certificates({ list, choose }: { list: Certificate[]; choose?: (c: Certificate) => Promise<void> }) {
  const names = [t('Chủ sở hữu', 'Owner'), t('Tổ chức cấp', 'Issuer'), t('Số sê-ri', 'Serial number'), t('Hiệu lực đến', 'Valid until'), t('Trạng thái', 'State')]
  return (
    <table class="list">
      <thead><tr>{names.map((n) => <th key={n} scope="col">{n}</th>)}<th scope="col"><span class="visually-hidden">{t('Chọn', 'Choose')}</span></th></tr></thead>
      <tbody>
        {list.map((c) => {
          const [word, kind] = state(c)
          return (
            <tr key={c.fingerprint} class={c.state === 'valid' ? '' : 'off'}>
              <td data-label={names[0]}><span>{c.owner}</span></td>
              <td data-label={names[1]}><span>{c.issuer}</span></td>
              <td data-label={names[2]}><span class="code small">{c.serial}</span></td>
              <td data-label={names[3]}><span>{date(c.valid_to)}</span></td>
              <td data-label={names[4]}><span class={`badge ${kind}`}>{word}</span></td>
              <td class="act">
                {c.chosen && <span class="badge">{t('Đã chọn', 'Chosen')}</span>}
                {choose && c.state === 'valid' && <Button kind="primary" onPress={() => choose(c)}>{t('Chọn', 'Choose')}<span class="visually-hidden"> {c.owner}, {c.issuer}</span></Button>}
              </td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}

/** What may make the file look otherwise later. */
function Findings({ list }: { list?: DocumentFinding[] }) {
  return <>{list?.map((f) => <span class="small" key={f.en}>{t('Lưu ý: ', 'Note: ')}{t(f.vi, f.en)}</span>)}</>
}

interface How {
  field?: string // of the file, instead of a box
  everyPage?: boolean
  allow?: Consents
}

/** What a refusal of the place said may be agreed to. */
type Consents = Pick<Placement, 'allow_cover' | 'allow_new_field'>

/** Asks whether the signature may stand where it was refused, when that is for the signer to say. */
function Agreeing({ error, at, allow, choose }: { error: unknown; at: number; allow: Consents; choose: (allow: Consents) => void }) {
  const places = error instanceof Problem ? error.fields.map((f) => f.location) : []
  const asked = (name: keyof Consents) => allow[name] || places.includes(`body.placements[${at}].${name}`)
  return (
    <>
      {asked('allow_cover') && (
        <label class="row"><input type="checkbox" checked={allow.allow_cover ?? false} onChange={(e) => choose({ ...allow, allow_cover: e.currentTarget.checked })} /> {t('Vẫn đặt khung ở đây, dù che nội dung người khác đã ký', 'Place the box here, although it covers what others have signed')}</label>
      )}
      {asked('allow_new_field') && (
        <label class="row"><input type="checkbox" checked={allow.allow_new_field ?? false} onChange={(e) => choose({ ...allow, allow_new_field: e.currentTarget.checked })} /> {t('Vẫn thêm ô ký mới, dù một số phần mềm sẽ coi tài liệu đã chứng thực là bị sửa', 'Add a new signature field, although some programs will call the certified document changed')}</label>
      )}
    </>
  )
}

/** A field that the author of the form left for a signature, the own box, and whether that stands on every page. */
function Ways({ found, how, choose }: { found?: Inspection; how: How; choose: (how: How) => void }) {
  const free = found?.fields?.filter((f) => !f.signed && !f.locked) ?? []
  return (
    <>
      {free.length > 0 && (
        <div class="row" role="group" aria-label={t('Chữ ký đặt ở đâu', 'Where the signature goes')}>
          <button type="button" class={`button ${how.field === undefined ? 'primary' : ''}`} aria-pressed={how.field === undefined} onClick={() => choose({})}>
            {t('Khung tự đặt', 'A box of my own')}
          </button>
          {free.map((f) => (
            <button type="button" key={f.number} class={`button ${how.field === f.name ? 'primary' : ''}`} aria-pressed={how.field === f.name} onClick={() => choose({ field: f.name })}>
              {t(`Ô “${f.name}”`, `Field “${f.name}”`)}{f.page ? t(` (trang ${f.page})`, ` (page ${f.page})`) : ''}
            </button>
          ))}
        </div>
      )}
      {how.field === undefined && (found?.pages ?? 1) > 1 && (
        <label class="row"><input type="checkbox" checked={how.everyPage ?? false} onChange={(e) => choose({ everyPage: e.currentTarget.checked })} /> {t('Hiện chữ ký ở mọi trang', 'Show it on every page')}</label>
      )}
      {how.field !== undefined && <Notice title={t(`Chữ ký được đặt vào ô “${how.field}” có sẵn trong tài liệu.`, `The signature goes into the field “${how.field}” of the document.`)} />}
    </>
  )
}

function Placing({ signing, look, go }: StageProps) {
  const [at, setAt] = useState(0)
  const [ways, setWays] = useState<How[]>(() => signing.documents.map(() => ({})))
  const [found, setFound] = useState<Record<string, Inspection>>({})
  const [boxes, setBoxes] = useState<(Box | null)[]>(() => signing.documents.map(() => null))
  const [chosen, setChosen] = useState<Certificate[]>([])
  const [error, setError] = useState<unknown>(null)
  useEffect(() => {
    get<CertificateList>(`/v1/signings/${signing.id}/certificates`).then((l) => setChosen(l.items.filter((c) => c.chosen)), setError)
  }, [signing.id])
  const here = signing.documents[at]?.id
  useEffect(() => {
    if (here && !found[here]) get<Inspection>(`/v1/documents/${here}/inspection`).then((one) => setFound((all) => ({ ...all, [here]: one })), setError)
  }, [here])
  const sign = async () => {
    setError(null)
    try {
      // A document that was not looked at gets the usual box on its last page.
      const placements = boxes.map((b, i) => {
        const how = ways[i] ?? {}
        return how.field !== undefined ? { field: how.field } : { ...b, ...how.allow, ...(how.everyPage ? { all_pages: true } : {}) }
      })
      await post(`/v1/signings/${signing.id}/placement`, { placements })
      await look()
    } catch (e) {
      setError(e)
    }
  }
  const document = signing.documents[at]
  if (!document) return null
  return (
    <>
      <Heading step="place">{t('Đặt khung chữ ký', 'Place the signature')}</Heading>
      {chosen.length > 0 && <Certificates list={chosen} />}
      {signing.documents.length > 1 && (
        <div class="row" role="group" aria-label={t('Tài liệu', 'Documents')}>
          {signing.documents.map((d, i) => (
            <button type="button" key={d.id} class={`button ${i === at ? 'primary' : ''}`} aria-pressed={i === at} onClick={() => setAt(i)}>
              {d.name}{boxes[i] ? ' ✓' : ''}
            </button>
          ))}
        </div>
      )}
      <Findings list={found[document.id]?.findings} />
      <Ways found={found[document.id]} how={ways[at] ?? {}} choose={(how) => setWays((list) => list.map((w, i) => (i === at ? how : w)))} />
      {ways[at]?.field === undefined && <Place key={document.id} url={`/v1/documents/${document.id}/content`} box={boxes[at] ?? null} look={`/v1/signings/${signing.id}/appearance`}
        onBox={(box) => setBoxes((list) => list.map((b, i) => (i === at ? box : b)))} />}
      <Trouble error={error} about={(location) => signing.documents[Number(/^body\.placements\[(\d+)\]/.exec(location)?.[1] ?? -1)]?.name} />
      {ways[at]?.field === undefined && <Agreeing error={error} at={at} allow={ways[at]?.allow ?? {}} choose={(allow) => setWays((list) => list.map((w, i) => (i === at ? { ...w, allow } : w)))} />}
      <div class="actions">
        <Button kind="primary" disabled={!boxes.some(Boolean) && !ways.some((w) => w.field !== undefined)} onPress={sign}>{t('Ký văn bản', 'Sign')}</Button>
        <Cancel signing={signing} look={look} go={go} />
      </div>
    </>
  )
}

function Cancel({ signing, look }: StageProps) {
  const [error, setError] = useState<unknown>(null)
  const cancel = async () => {
    try {
      await post(`/v1/signings/${signing.id}/cancel`, { reason: 'cancelled on the page' })
    } catch (e) {
      setError(e)
    }
    await look()
  }
  return <><Button onPress={cancel}>{t('Hủy yêu cầu', 'Cancel')}</Button><Trouble error={error} /></>
}

function Signed({ signing }: StageProps) {
  return (
    <div class="page narrow">
      <Heading step="signed">{t('Đã ký xong', 'Signed')}</Heading>
      {signing.documents.map((d) => <SignedFile key={d.id} document={d} path={`/v1/signings/${signing.id}/documents/${d.index}`} />)}
      <div class="actions"><a class="button" href="/sign">{t('Ký văn bản khác', 'Sign another document')}</a></div>
    </div>
  )
}

function SignedFile({ document: d, path }: { document: SignedDocument; path: string }) {
  const [found, setFound] = useState<Verification | null>(null)
  const [error, setError] = useState<unknown>(null)
  useEffect(() => {
    get<Verification>(`${path}/verification`).then(setFound, setError)
  }, [path])
  return (
    <section class="stack" aria-label={d.name}>
      <div class="row between card" style={{ display: 'flex' }}>
        <strong style={{ overflowWrap: 'anywhere' }}>{d.name}</strong>
        <a class="button primary" href={d.content} download>{t('Tải tệp đã ký', 'Download the signed file')}</a>
      </div>
      {found ? <Report found={found} /> : error ? <Trouble error={error} /> : <Waiting text={t('Đang kiểm tra tệp đã ký…', 'Verifying the signed file…')} />}
    </section>
  )
}

const ends: Record<string, [string, string]> = {
  declined: ['Bạn đã từ chối trên điện thoại', 'Declined on the phone'],
  expired: ['Đã hết thời gian xác nhận', 'The time to confirm is over'],
  cancelled: ['Đã hủy yêu cầu', 'Cancelled'],
  refused: ['Không ký được', 'It cannot be signed'],
}

/** Every end but the good one; asking again is one press, and two presses are one. */
function Ended({ signing, go }: StageProps) {
  const [error, setError] = useState<unknown>(null)
  const words = ends[signing.status] ?? ['Đã kết thúc', 'Ended']
  const again = async () => {
    setError(null)
    try {
      const documents = signing.documents.map((d) => (d.placement ? { id: d.id, placement: d.placement } : { id: d.id }))
      const body: Record<string, unknown> = { user: signing.user, level: signing.level, documents }
      const known = await get<CertificateList>(`/v1/signings/${signing.id}/certificates`)
      const serial = known.items.find((c) => c.chosen)?.serial ?? signing.serial
      if (serial) body.serial = serial
      const made = await post<Signing>('/v1/signings', body, `again-${signing.id}`)
      go(made.id)
    } catch (e) {
      setError(e)
    }
  }
  return (
    <div class="page narrow">
      <Heading step={signing.status}>{t(...words as [string, string])}</Heading>
      <Notice kind={signing.status === 'refused' ? 'bad' : 'warn'} title={signing.outcome ? (lang === 'vi' ? signing.outcome.title : signing.outcome.title_en) : t(...words as [string, string])}>
        <span>{t('Tài liệu gốc không thay đổi và chưa được ký.', 'The document is unchanged and not signed.')}</span>
      </Notice>
      <Trouble error={error} />
      <div class="actions">
        {signing.status !== 'refused' && <Button kind="primary" onPress={again}>{t('Gửi lại', 'Send again')}</Button>}
        <a class="button" href="/sign">{t('Bắt đầu lại', 'Start over')}</a>
      </div>
    </div>
  )
}

mount(<Sign />)
