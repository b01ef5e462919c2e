import { useEffect, useRef, useState } from 'preact/hooks'
import { follow, get, newKey, post, wrongAt } from '../lib/api'
import { Approval } from '../lib/approval'
import { CodeForm } from '../lib/code'
import { Lost, LogInOffer } from '../lib/login'
import { date, lang, moment, money, t } from '../lib/i18n'
import { paymentWords } from '../lib/registrations'
import { Paper } from '../lib/sheet'
import { Share } from '../lib/share'
import type { Accepted, Package, Pay as PayLink, Registration, Return, Signing } from '../lib/shapes.gen'
import { Button, Facts, Field, Heading, Notice, Steps, Timeline, Trouble, Waiting, mount } from '../lib/ui'

const steps = [t('Tài khoản', 'Account'), t('Gói', 'Package'), t('Thanh toán', 'Payment'), t('Hợp đồng', 'Contract'), t('Thẩm định', 'Review'), t('Kích hoạt', 'Activation'), t('Hoàn tất', 'Done')]

const stepOf: Record<string, number> = {
  requested: 0, 'handed-off': 0, 'account-ready': 1, 'awaiting-payment': 2, 'awaiting-contract': 3,
  'in-review': 4, 'needs-more': 4, issuing: 4, activating: 5, accepting: 5, active: 6,
}

// The browser comes back from the payment page without knowing for which registration it went.
const memory = 'kyso-registration'

function Register() {
  const id = /^\/register\/([^/]+)$/.exec(location.pathname)?.[1]
  const query = new URLSearchParams(location.search)
  const token = query.get('token')
  if (id) return <Following id={id} />
  if (token) return <Arriving token={token} />
  if (/KS[0-9A-F]{24}\d\d/.test(location.search)) return <Returning query={location.search} />
  const known = localStorage.getItem(memory)
  return (
    <div class="page narrow">
      <h1>{t('Đăng ký chứng thư chữ ký số', 'Register a certificate')}</h1>
      <p class="lead">{t('Việc đăng ký bắt đầu trong ứng dụng VNeID: chọn “Dịch vụ khác”, “Chứng thư chữ ký số”, rồi “Đăng ký chứng thư chữ ký số”. VNeID sẽ đưa bạn tới đây.', 'Registration begins in the VNeID app, under “Chứng thư chữ ký số”. VNeID then brings you here.')}</p>
      {known && <div class="actions"><a class="button primary" href={`/register/${known}`}>{t('Tiếp tục hồ sơ đang làm', 'Go on with your registration')}</a></div>}
      <p><a href="/login">{t('Đăng nhập để tiếp tục hồ sơ từ trình duyệt khác', 'Log in to go on with a registration from another browser')}</a></p>
    </div>
  )
}

function open(id: string): void {
  localStorage.setItem(memory, id)
  location.replace(`/register/${id}`)
}

/** Takes the one-time token of VNeID; a reload in the middle hands it in once. */
function Arriving({ token }: { token: string }) {
  const [error, setError] = useState<unknown>(null)
  useEffect(() => {
    // The token must not stay in the history of the browser.
    history.replaceState(null, '', '/register')
    post<Accepted>('/v1/hand-off', { token }, `hand-off-${token}`).then((r) => open(r.registration_id), setError)
  }, [token])
  if (!error) return <Waiting text={t('Đang tiếp nhận từ VNeID…', 'Coming from VNeID…')} />
  return (
    <div class="page narrow">
      <h1>{t('Không mở được hồ sơ', 'The registration cannot be opened')}</h1>
      <Trouble error={error} />
      <LogInOffer to="/me" />
    </div>
  )
}

/** The browser is back from a payment party, which brings our name of the attempt, in whatever field. What it brings decides nothing; the registration shows how the payment stands. */
function Returning({ query }: { query: string }) {
  const [status, setStatus] = useState('')
  const [error, setError] = useState<unknown>(null)
  const known = localStorage.getItem(memory)
  useEffect(() => {
    history.replaceState(null, '', '/register')
    if (known) open(known)
    else get<Return>(`/v1/payments/return${query}`).then((r) => setStatus(r.status), setError)
  }, [])
  if (known) return <Waiting text={t('Đang quay lại hồ sơ…', 'Going back to your registration…')} />
  return (
    <div class="page narrow">
      <h1>{t('Thanh toán', 'Payment')}</h1>
      <Trouble error={error} />
      {(error || status) && <LogInOffer to="/me" />}
      {status && <Notice title={status === 'captured' ? t('Đã nhận được thanh toán', 'The payment has arrived') : t('Đang chờ ngân hàng xác nhận', 'Waiting for the bank')}>
        <span>{t('Hãy quay lại thiết bị đang làm hồ sơ.', 'Go back to the device with your registration.')}</span>
      </Notice>}
    </div>
  )
}

function Following({ id }: { id: string }) {
  const [r, setR] = useState<Registration | null>(null)
  const [error, setError] = useState<unknown>(null)
  const latest = useRef(0)
  const look = async () => {
    const turn = ++latest.current
    try {
      const now = await get<Registration>(`/v1/registrations/${id}`)
      if (turn === latest.current) {
        setR(now)
        setError(null)
      }
    } catch (e) {
      if (turn === latest.current) setError(e)
    }
  }
  useEffect(() => {
    void look()
    const stop = follow(`/v1/registrations/${id}/events`, () => void look())
    const timer = setInterval(() => void look(), 3000) // PIN and payment are no transitions
    return () => {
      stop()
      clearInterval(timer)
    }
  }, [id])
  if (!r) return error ? <Lost error={error} /> : <Waiting text={t('Đang mở…', 'Opening…')} />
  return (
    <div class="page narrow">
      {r.status in stepOf && <Steps names={steps} at={stepOf[r.status]!} />}
      {r.attention && (
        <Notice kind="warn" title={t('Chúng tôi đang xử lý', 'We are on it')}>
          <span>{lang === 'vi' ? r.attention.title : r.attention.title_en}. {t('Bạn không cần làm gì; hồ sơ tự tiếp tục.', 'You need not do anything; it goes on by itself.')}</span>
          <span class="small muted">{t('Mã tra cứu', 'Reference')}: <span class="code">{r.id}</span></span>
        </Notice>
      )}
      <Trouble error={error} />
      <Stage r={r} path={`/v1/registrations/${id}`} look={look} />
      {r.deadline && !r.final && <p class="small muted">{t('Hạn của bước này', 'This step ends')}: {moment(r.deadline)}</p>}
      {!r.final && <Share path={`/v1/registrations/${id}`} />}
      <History r={r} />
      {!r.final && r.status !== 'closing' && <Withdraw path={`/v1/registrations/${id}`} look={look} />}
    </div>
  )
}

interface StageProps {
  r: Registration
  path: string
  look: () => Promise<void>
}

function Stage(p: StageProps) {
  switch (p.r.status) {
    case 'requested': return <Waiting text={t('Đang tiếp nhận yêu cầu…', 'Taking the request…')} />
    case 'handed-off': return <Account {...p} />
    case 'account-ready': return <Packages {...p} />
    case 'awaiting-payment': return <Pay {...p} />
    case 'awaiting-contract': return <Contract {...p} />
    case 'in-review': return <Review {...p} />
    case 'issuing': return <><Heading step="issuing">{t('Hồ sơ đã được duyệt', 'Approved')}</Heading><Waiting text={t('Đang tạo khóa và cấp chứng thư số…', 'Making the key and the certificate…')} /></>
    case 'needs-more': return <Correct {...p} />
    case 'activating': return <Activate {...p} />
    case 'accepting': return <Accept {...p} />
    case 'active': return <Active {...p} />
    case 'closing': return <><Heading step="closing">{t('Đang kết thúc hồ sơ', 'Closing')}</Heading><Waiting text={t('Đang thu hồi và hoàn tiền nếu có…', 'Revoking and refunding what was done…')} /></>
  }
  return <Ended {...p} />
}

function Account({ r, path, look }: StageProps) {
  const [phone, setPhone] = useState('')
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [problem, setProblem] = useState<unknown>(null)
  const open = async (code: string) => {
    await post(`${path}/account`, { code, email, password })
    await look()
  }
  return (
    <>
      <Heading step="account">{t('Tài khoản của bạn', 'Your account')}</Heading>
      <p class="lead">{t('Đã có tài khoản? Nhập đúng số điện thoại, thư điện tử và mật khẩu đã đăng ký để đăng nhập.', 'You have an account? Give its phone, e-mail and password to log in.')}</p>
      <Facts rows={[[t('Họ và tên', 'Name'), r.person?.full_name ?? ''], [t('Số định danh', 'Citizen number'), r.person?.id_number ?? ''], [t('Tổ chức cấp', 'Issuer'), r.issuer]]} />
      <Field label={t('Số điện thoại', 'Phone')} type="tel" value={phone} onValue={setPhone} autocomplete="tel" inputMode="tel" hint={t('Số di động đăng ký với VNeID', 'The mobile number that VNeID knows')} error={wrongAt(problem, 'body.phone')} />
      <Field label={t('Thư điện tử', 'E-mail')} type="email" value={email} onValue={setEmail} autocomplete="email" inputMode="email" error={wrongAt(problem, 'body.email')} />
      <Field label={t('Mật khẩu', 'Password')} type="password" value={password} onValue={setPassword} autocomplete="new-password"
        hint={t('Ít nhất 8 ký tự; dấu và khoảng trắng đều được dùng', 'At least 8 characters; accents and spaces are welcome')}
        error={wrongAt(problem, 'body.password')} />
      <CodeForm path={path} purpose="account" phone={phone.trim()} action={t('Xác nhận', 'Confirm')} disabled={!email || !password} onCode={open}
        onProblem={setProblem} marked={['body.phone', 'body.email', 'body.password']} />
    </>
  )
}

function Packages({ r, path, look }: StageProps) {
  const [error, setError] = useState<unknown>(null)
  const choose = async (p: Package) => {
    setError(null)
    try {
      await post(`${path}/package`, { code: p.code })
      await look()
    } catch (e) {
      setError(e)
    }
  }
  return (
    <>
      <Heading step="package">{t('Chọn gói dịch vụ', 'Choose a package')}</Heading>
      <Trouble error={error} />
      <div class="choices">
        {r.packages?.map((p) => (
          <section class="card choice" key={p.code} aria-label={p.code}>
            <h2>{lang === 'vi' ? p.name_vi : p.name_en}</h2>
            <p class="price">{p.price_vnd === 0 ? t('Miễn phí', 'Free') : money(p.price_vnd)}</p>
            <p class="muted">{t(`Chứng thư số có hiệu lực ${p.months} tháng`, `The certificate is valid for ${p.months} months`)} · {p.code}</p>
            <Button kind="primary" onPress={() => choose(p)}>{t('Chọn gói', 'Choose')} {p.code}</Button>
          </section>
        ))}
      </div>
    </>
  )
}

function Pay({ r, path }: StageProps) {
  const [error, setError] = useState<unknown>(null)
  const last = r.payments?.at(-1)
  const pay = async () => {
    setError(null)
    try {
      const link = await post<PayLink>(`${path}/pay`, {}, newKey())
      localStorage.setItem(memory, r.id)
      location.assign(link.pay_url)
    } catch (e) {
      setError(e)
    }
  }
  return (
    <>
      <Heading step="payment">{t('Thanh toán', 'Payment')}</Heading>
      <p class="price">{money(r.price_vnd ?? 0)} <span class="muted small">{t('gói', 'package')} {r.package}</span></p>
      {last?.status === 'pending' && <Notice title={t('Đang chờ ngân hàng xác nhận', 'Waiting for the bank')}><span>{t('Nếu bạn đã trả tiền, hãy chờ; trang này tự chuyển tiếp. Nếu chưa, hãy mở lại trang thanh toán.', 'If you have paid, wait; this page goes on by itself. If not, open the payment page again.')}</span></Notice>}
      {last?.status === 'failed' && <Notice kind="warn" title={t('Lần thanh toán vừa rồi không thành công', 'The last attempt did not succeed')}><span>{t('Bạn chưa bị trừ tiền. Hãy thử lại.', 'No money was taken. Try again.')}</span></Notice>}
      {r.payments && r.payments.length > 0 && <Facts rows={r.payments.map((p) => [moment(p.created_at), paymentWords(p.status)])} />}
      <Trouble error={error} />
      <div class="actions"><Button kind="primary" onPress={pay}>{last ? t('Thanh toán lại trực tuyến', 'Pay online again') : t('Thanh toán trực tuyến', 'Pay online')}</Button></div>
    </>
  )
}

function Contract({ r, path, look }: StageProps) {
  const contract = r.documents.find((d) => d.name === 'contract')
  const [read, setRead] = useState(false)
  const agree = async (code: string) => {
    await post(`${path}/contract`, { code })
    await look()
  }
  return (
    <>
      <Heading step="contract">{t('Ký hợp đồng dịch vụ', 'Agree to the contract')}</Heading>
      {!contract && <Waiting text={t('Đang soạn hợp đồng…', 'Writing the contract…')} />}
      {contract && (
        <>
          <Paper url={contract.content} name={t('Hợp đồng dịch vụ', 'Contract')} />
          <a class="button" href={contract.content} download>{t('Tải hợp đồng', 'Download the contract')} {contract.number}</a>
          <label class="check"><input type="checkbox" checked={read} onChange={(e) => setRead(e.currentTarget.checked)} /><span>{t('Tôi đã đọc và đồng ý với nội dung hợp đồng', 'I have read the contract and agree to it')}</span></label>
          {read && <CodeForm path={path} purpose="contract" action={t('Ký hợp đồng', 'Agree')} onCode={agree} />}
        </>
      )}
    </>
  )
}

function Review({ r }: StageProps) {
  return (
    <>
      <Heading step="review">{t('Hồ sơ đang được thẩm định', 'Your application is being reviewed')}</Heading>
      <Notice title={t('Bạn không cần làm gì lúc này', 'There is nothing for you to do now')}>
        <span>{t('Cán bộ của tổ chức cấp chứng thư số đang đối chiếu hồ sơ. Có thể đóng trang này và quay lại sau.', 'An officer of the certification authority compares your application. You can close this page and come back.')}</span>
      </Notice>
      <Facts rows={[[t('Mã yêu cầu VNeID', 'VNeID request'), <span class="code small">{r.request_id}</span>]]} />
    </>
  )
}

const fields: Record<string, [string, string]> = {
  province: ['Tỉnh, thành phố', 'Province'], commune: ['Xã, phường', 'Commune'], address: ['Số nhà, đường', 'Street and number'],
  id_issued_on: ['Ngày cấp căn cước (năm-tháng-ngày)', 'Card issued on (year-month-day)'], id_issued_by: ['Nơi cấp căn cước', 'Card issued by'],
  id_expires_on: ['Ngày hết hạn căn cước (năm-tháng-ngày)', 'Card expires on (year-month-day)'], email: ['Thư điện tử', 'E-mail'],
}

function Correct({ r, path, look }: StageProps) {
  const asked = r.review?.fields ?? []
  const person: Record<string, string | undefined> = r.person ?? {}
  const [values, setValues] = useState<Record<string, string>>(() => Object.fromEntries(asked.map((f) => [f, person[f] ?? ''])))
  const [error, setError] = useState<unknown>(null)
  const send = async () => {
    setError(null)
    try {
      await post(`${path}/correction`, { fields: values })
      await look()
    } catch (e) {
      setError(e)
    }
  }
  return (
    <>
      <Heading step="correct">{t('Cần bổ sung thông tin', 'Please correct')}</Heading>
      <Notice kind="warn" title={r.review?.reason_text ?? ''}>{r.review?.public_note && <span>{r.review.public_note}</span>}</Notice>
      {asked.map((f) => (
        <Field key={f} label={t(...(fields[f] ?? [f, f]) as [string, string])} value={values[f] ?? ''} onValue={(v) => setValues({ ...values, [f]: v })}
          error={wrongAt(error, `body.fields.${f}`)} />
      ))}
      <Trouble error={error} marked={asked.map((f) => `body.fields.${f}`)} />
      <div class="actions"><Button kind="primary" onPress={send}>{t('Gửi bổ sung', 'Send')}</Button></div>
    </>
  )
}

function Activate({ r, path, look }: StageProps) {
  const set = r.activation?.pin_set_at
  const activate = async (code: string) => {
    await post(`${path}/activation`, { code })
    await look()
  }
  return (
    <>
      <Heading step="activate">{t('Kích hoạt chứng thư số', 'Activate the certificate')}</Heading>
      {!set && (
        <div class="card">
          <p class="big">{t('Đặt mã PIN trên điện thoại', 'Set the PIN on the phone')}</p>
          <p>{t('Mở ứng dụng ký số và đặt mã PIN 6 đến 8 chữ số. Mã PIN chỉ nhập trên điện thoại, không bao giờ trên trang này.', 'Open the signing app and set a PIN of 6 to 8 digits. It is typed on the phone only, never on this page.')}</p>
          <Waiting text={t('Đang chờ mã PIN…', 'Waiting for the PIN…')} />
        </div>
      )}
      {set && (
        <>
          <Notice kind="good" title={t('Mã PIN đã được đặt', 'The PIN is set')} />
          <CodeForm path={path} purpose="activation" action={t('Kích hoạt ngay', 'Activate')} onCode={activate} />
        </>
      )}
    </>
  )
}

function Accept({ r, path, look }: StageProps) {
  const [signing, setSigning] = useState<Signing | null>(null)
  const [error, setError] = useState<unknown>(null)
  useEffect(() => {
    if (!r.signing_id) return
    get<Signing>(`/v1/signings/${r.signing_id}`).then(setSigning, setError)
  }, [r.signing_id, r.server_time])
  const again = async () => {
    setError(null)
    try {
      await post(`${path}/acceptance`, {})
      await look()
    } catch (e) {
      setError(e)
    }
  }
  const over = signing?.final && signing.status !== 'signed'
  return (
    <>
      <Heading step="accept">{t('Ký biên bản nghiệm thu', 'Sign the acceptance record')}</Heading>
      <p>{t('Biên bản được ký bằng chính chứng thư số vừa cấp. Hãy xác nhận trên điện thoại.', 'It is signed with the new certificate itself. Confirm on the phone.')}</p>
      <Trouble error={error} />
      {over && <Notice kind="warn" title={signing.status === 'declined' ? t('Bạn đã từ chối trên điện thoại', 'Declined on the phone') : t('Đã hết thời gian xác nhận', 'The time to confirm is over')} />}
      {signing && !signing.final && (signing.countdown ? <Approval signing={signing} /> : <Waiting text={t('Đang gửi yêu cầu tới điện thoại…', 'Sending the request to the phone…')} />)}
      {over && <div class="actions"><Button kind="primary" onPress={again}>{t('Gửi lại', 'Send again')}</Button></div>}
    </>
  )
}

const papers: Record<string, [string, string]> = {
  request: ['Phiếu yêu cầu', 'Request form'], contract: ['Hợp đồng dịch vụ', 'Contract'], acceptance: ['Biên bản nghiệm thu', 'Acceptance record'],
}

function Files({ r }: { r: Registration }) {
  return (
    <ul class="files">
      {r.documents.map((d) => (
        <li key={d.name}><span class="name">{t(...(papers[d.name] ?? [d.name, d.name]) as [string, string])} <span class="muted small">{d.number}</span></span><a class="button" href={d.content} download>{t('Tải về', 'Download')}<span class="visually-hidden"> {d.number}</span></a></li>
      ))}
    </ul>
  )
}

function Active({ r }: StageProps) {
  return (
    <>
      <Heading step="active">{t('Chứng thư số của bạn đã hoạt động', 'Your certificate is active')}</Heading>
      <Notice kind="good" title={t('Bạn có thể ký văn bản ngay', 'You can sign now')} />
      <div class="card">
        <Facts rows={[
          [t('Chủ sở hữu', 'Owner'), r.person?.full_name ?? ''], [t('Tổ chức cấp', 'Issuer'), r.issuer],
          [t('Số sê-ri', 'Serial number'), <span class="code small">{r.certificate?.serial}</span>],
          [t('Hiệu lực', 'Valid'), `${date(r.certificate?.not_before)} – ${date(r.certificate?.not_after)}`],
        ]} />
      </div>
      <Files r={r} />
      <div class="actions"><a class="button primary" href="/sign">{t('Ký văn bản', 'Sign a document')}</a></div>
    </>
  )
}

function Ended({ r }: StageProps) {
  const title = lang === 'vi' ? r.title : r.title_en
  return (
    <>
      <Heading step={r.status}>{title}</Heading>
      <Notice kind="warn" title={r.outcome ? (lang === 'vi' ? r.outcome.title : r.outcome.title_en) : title}>
        {r.review?.decision === 'refuse' && <span>{r.review.reason_text} {r.review.public_note}</span>}
        {r.payments?.some((p) => p.status === 'refunded') && <span>{t('Tiền đã được hoàn.', 'The money was refunded.')}</span>}
      </Notice>
      {r.documents.length > 0 && <Files r={r} />}
    </>
  )
}

function History({ r }: { r: Registration }) {
  if (!r.transitions?.length) return null
  return (
    <details class="card" open={r.status === 'in-review'}>
      <summary>{t('Quá trình hồ sơ', 'What has happened')}</summary>
      <Timeline over={r.final} entries={r.transitions.map((x) => ({ text: lang === 'vi' ? x.title : x.title_en, at: x.at }))} />
    </details>
  )
}

/** Taking the request back asks once more: it cannot be undone. */
function Withdraw({ path, look }: { path: string; look: () => Promise<void> }) {
  const [sure, setSure] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const withdraw = async () => {
    try {
      await post(`${path}/withdraw`, { reason: 'withdrawn on the page' })
    } catch (e) {
      setError(e)
    }
    await look()
  }
  if (!sure) return <div><Button kind="quiet" onPress={() => setSure(true)}>{t('Rút yêu cầu', 'Withdraw')}</Button></div>
  return (
    <Notice kind="warn" title={t('Rút yêu cầu đăng ký?', 'Withdraw the registration?')}>
      <span>{t('Tiền đã trả được hoàn, chứng thư số đã cấp bị thu hồi. Không thể khôi phục.', 'What was paid is refunded, what was issued is revoked. This cannot be undone.')}</span>
      <Trouble error={error} />
      <div class="row">
        <Button kind="danger" onPress={withdraw}>{t('Rút yêu cầu', 'Withdraw')}</Button>
        <Button onPress={() => setSure(false)}>{t('Giữ lại', 'Keep it')}</Button>
      </div>
    </Notice>
  )
}

mount(<Register />)
