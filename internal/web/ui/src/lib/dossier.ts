// A dossier as the API shows it to officers.
import type { Registration } from './registrations'

export interface Claim {
  officer: string
  mine: boolean
  claimed_at: string
  expires_at: string
}

export interface Queued extends Registration {
  created_at: string
  claim?: Claim
  review_due?: string
}

export interface Check {
  code: string
  text: string
  text_en: string
}

export interface Dossier {
  registration: Queued & { warnings?: string[]; consented_at?: string }
  person?: Record<string, string>
  consents: { purpose: string; text_version: string; text_sha256: string; shown_at: string; accepted_at: string; channel: string }[]
  reviews: { id: string; decision: string; reason_text?: string; fields?: string[]; officer: string; at: string; public_note?: string; internal_note?: string }[]
  corrections: { id: string; at: string; changes: { field: string; old: string; new: string }[] }[]
  editors: string[]
  others: { id: string; status: string; title: string; created_at: string }[]
  claim?: Claim
  checks: Check[]
  reasons: Record<string, string>
  correctable: string[]
  evidence?: { code_id: string; sha256: string; at: string }
}

/** What the fields of a person are called. */
export const personFields: Record<string, [string, string]> = {
  id_number: ['Số định danh cá nhân', 'Citizen number'], full_name: ['Họ và tên', 'Full name'], birth_date: ['Ngày sinh', 'Born'],
  sex: ['Giới tính', 'Sex'], nationality: ['Quốc tịch', 'Nationality'], province: ['Tỉnh, thành phố', 'Province'], commune: ['Xã, phường', 'Commune'],
  address: ['Số nhà, đường', 'Street and number'], id_issued_on: ['Ngày cấp căn cước', 'Card issued on'], id_issued_by: ['Nơi cấp căn cước', 'Card issued by'],
  id_expires_on: ['Căn cước có giá trị đến', 'Card valid until'], phone: ['Số điện thoại', 'Phone'], email: ['Thư điện tử', 'E-mail'],
}
