// The verification of a file in the words of people; the words of ETSI EN 319 102-1 stand next to it.
import type { ComponentChildren } from 'preact'
import { Facts, Notice } from './ui'
import { moment, t } from './i18n'
import type { CertificateReport, SignatureReport, TimeReport, Verification } from './shapes.gen'

const kinds: Record<string, 'good' | 'warn' | 'bad'> = { TOTAL_PASSED: 'good', INDETERMINATE: 'warn', TOTAL_FAILED: 'bad' }

function words(verdict: string): string {
  switch (verdict) {
    case 'TOTAL_PASSED': return t('Hợp lệ', 'Valid')
    case 'TOTAL_FAILED': return t('Không hợp lệ', 'Not valid')
  }
  return t('Chưa đủ căn cứ để kết luận', 'Cannot be determined')
}

function meaning(verdict: string): string {
  switch (verdict) {
    case 'TOTAL_PASSED': return t('Tài liệu không bị thay đổi sau khi ký, chứng thư số của người ký có hiệu lực lúc ký.', 'The document is as it was signed, and the signer’s certificate was good at that time.')
    case 'TOTAL_FAILED': return t('Tài liệu đã bị thay đổi, hoặc chữ ký hay chứng thư số không dùng được.', 'The document was changed, or the signature or its certificate is no good.')
  }
  return t('Thiếu thông tin để kết luận, ví dụ không biết tổ chức cấp chứng thư số. Điều này chưa có nghĩa là chữ ký sai.', 'Something is missing for a verdict, for example the issuer is unknown here. That does not mean that the signature is wrong.')
}

function standing(state?: string): string {
  const names: Record<string, [string, string]> = {
    good: ['có hiệu lực', 'good'], revoked: ['đã thu hồi', 'revoked'], 'on-hold': ['tạm dừng', 'on hold'],
    expired: ['hết hạn', 'expired'], 'not-yet-valid': ['chưa tới ngày hiệu lực', 'not yet valid'], unknown: ['chưa rõ', 'unknown'],
  }
  const known = state ? names[state] : undefined
  return known ? t(...known) : state ?? ''
}

function coverage(s: SignatureReport): string {
  if (s.covers_all) return t('toàn bộ tài liệu', 'the whole document')
  switch (s.later_changes) {
    case 'validation-data': return t('về sau chỉ thêm dữ liệu kiểm tra', 'only validation data was added later')
    case 'signatures': return t('về sau chỉ thêm chữ ký khác', 'only signatures were added later')
    case 'form-filling': return t('về sau có điền thêm biểu mẫu; chữ ký này cho phép nhưng không xác nhận phần đó', 'form fields were filled in later, which the signature permits and does not vouch for')
    case 'new-signature-field': return t('về sau có chữ ký trong ô mới, mà mức chứng thực không nêu là được phép', 'a signature came later in a new field, which the certification does not list as permitted')
    case 'annotations': return t('về sau có thêm hoặc sửa chú thích; chữ ký này cho phép nhưng không xác nhận phần đó', 'annotations were added or changed later, which the signature permits and does not vouch for')
    case 'not-examined': return t('không so sánh được những thay đổi về sau', 'what was changed later could not be compared')
  }
  return t('không phải toàn bộ tài liệu; có thay đổi về sau', 'not the whole document; it was changed later')
}

function sentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1) + '.'
}

function certification(p?: number): string | undefined {
  switch (p) {
    case 1: return t('không cho phép thay đổi', 'allows no changes')
    case 2: return t('chỉ cho phép điền biểu mẫu và ký', 'allows forms and signatures only')
    case 3: return t('cho phép điền biểu mẫu, ký và chú thích', 'allows forms, signatures and annotations')
  }
  return undefined
}

/** What the certificate says of its owner and its issuer (Circular 15/2025/TT-BKHCN, 6.4.b). */
function owner(c?: CertificateReport): [string, ComponentChildren][] {
  if (!c) return []
  const list = (values?: string[]) => values?.join(', ')
  return [
    [t('Người ký', 'Signer'), c.subject.common_name],
    [t('Mã định danh', 'Identifier'), list(c.subject.identifiers)],
    [t('Tổ chức', 'Organization'), list(c.subject.organizations)],
    [t('Đơn vị quản lý', 'Managing unit'), list(c.subject.units)],
    [t('Chức danh', 'Title'), list(c.subject.titles)],
    [t('Tổ chức cấp', 'Issuer'), [c.issuer.common_name, ...(c.issuer.organizations ?? [])].filter(Boolean).join(', ')],
    [t('Số sê-ri', 'Serial number'), <span class="code small">{c.serial}</span>],
    [t('Thời hạn chứng thư số', 'Validity'), `${moment(c.not_before)} – ${moment(c.not_after)}`],
  ]
}

/** Whose time it is: a time-stamp that is there is never left out. */
function signedAt(time: TimeReport): string {
  const at = time.at ? moment(time.at) : t('không rõ', 'unknown')
  const authority = time.authority ?? t('tổ chức không rõ tên', 'an unnamed authority')
  if (time.stamp === 'invalid') return `${at} (${t('theo lời người ký; dấu thời gian không hợp lệ', 'the signer’s word; the time-stamp is not valid')}: ${authority})`
  if (time.by === 'claim' && time.stamp === 'unknown') return `${at} (${t('theo lời người ký; không đọc được chữ ký nên không rõ có dấu thời gian hay không', 'the signer’s word; the signature cannot be read, and whether it has a time-stamp is not known')})`
  if (time.by === 'claim') return `${at} (${t('theo lời người ký, không có dấu thời gian', 'the signer’s word, no time-stamp')})`
  if (time.by === 'none') return at
  if (time.stamp === 'not-judged') return `${at} (${t('dấu thời gian chưa kiểm tra được', 'time-stamp, not judged')}: ${authority})`
  return `${at} (${time.by === 'document-timestamp' ? t('theo dấu thời gian tài liệu', 'by document time-stamp') : t('theo dấu thời gian', 'by time-stamp')}: ${authority})`
}

function one(s: SignatureReport) {
  return (
    <section class="card" key={s.field} aria-label={s.field}>
      <div class="row between">
        <h3>{s.kind === 'document-timestamp' ? t('Dấu thời gian tài liệu', 'Document time-stamp') : s.signer || s.field}</h3>
        <span class={`badge ${kinds[s.verdict] ?? 'warn'}`}>{words(s.verdict)}</span>
      </div>
      {s.why_vi && s.why_en && <p>{sentence(t(s.why_vi, s.why_en))}</p>}
      <Facts rows={[
        ...owner(s.certificate),
        [t('Thời gian ký', 'Signed at'), signedAt(s.time)],
        [t('Lý do', 'Reason'), s.reason],
        [t('Nơi ký', 'Place'), s.location],
        [t('Mức chữ ký', 'Level'), s.level],
        [t('Chứng thực tài liệu', 'Certification'), certification(s.certifies)],
        [t('Toàn vẹn', 'Integrity'), s.intact ? t('nội dung còn nguyên', 'the content is untouched') : t('nội dung không khớp', 'the content does not match')],
        [t('Phạm vi', 'Coverage'), coverage(s)],
        [t('Chuỗi tin cậy', 'Chain'), s.chain_trusted ? t('dẫn tới gốc tin cậy', 'leads to a trusted root') : t('không dẫn tới gốc tin cậy', 'does not lead to a trusted root')],
        [t('Chứng thư số lúc ký', 'Certificate then'), standing(s.certificate_then)],
        [t('Chứng thư số hiện nay', 'Certificate now'), standing(s.certificate_now)],
        [t('Trạng thái được công bố lúc', 'Status published at'), s.status_made && moment(s.status_made)],
        ['ETSI EN 319 102-1', <span class="code small">{s.verdict}{s.sub_indication ? ` / ${s.sub_indication}` : ''}</span>],
      ]} />
      {s.findings && s.findings.length > 0 && (
        <details>
          <summary>{t('Chi tiết kỹ thuật', 'Findings')}</summary>
          <ul>{s.findings.map((f) => <li key={f.en}>{t(f.vi, f.en)}</li>)}</ul>
        </details>
      )}
    </section>
  )
}

/** A whole report. */
export function Report({ found }: { found: Verification }) {
  const none = !found.signed
  return (
    <div class="stack">
      <Notice kind={none ? 'warn' : kinds[found.verdict] ?? 'warn'} title={none ? t('Tài liệu không có chữ ký số', 'The document holds no signature') : words(found.verdict)}>
        {!none && <span>{meaning(found.verdict)}</span>}
      </Notice>
      {found.signatures.map(one)}
      {found.findings?.map((f) => <p class="small muted" key={f.en}>{t(f.vi, f.en)}</p>)}
    </div>
  )
}
