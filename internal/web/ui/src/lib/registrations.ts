// A registration as the API shows it.
import { t } from './i18n'
import type { Attention } from './signings'

const payments: Record<string, [string, string]> = {
  pending: ['đang chờ ngân hàng', 'waiting for the bank'], captured: ['đã thanh toán', 'paid'], failed: ['không thành công', 'not paid'],
  review: ['đang đối soát', 'being looked into'], refunded: ['đã hoàn tiền', 'refunded'],
}

/** How an attempt to pay stands. */
export function paymentWords(status: string): string {
  return t(...(payments[status] ?? [status, status]))
}

export interface Package {
  code: string
  name_vi: string
  name_en: string
  price_vnd: number
  months: number
}

export interface Registration {
  id: string
  request_id: string
  issuer: string
  status: string
  title: string
  title_en: string
  final: boolean
  deadline?: string
  server_time: string
  attention?: Attention
  outcome?: { code: string; title: string; title_en: string }
  package?: string
  price_vnd?: number
  months?: number
  review?: { decision: string; reason_text?: string; fields?: string[]; public_note?: string }
  certificate?: { serial?: string; not_before?: string; not_after?: string }
  activation?: { started_at?: string; pin_set_at?: string }
  signing_id?: string
  documents: { name: string; number: string; content: string }[]
  person?: Record<string, string>
  packages?: Package[]
  payments?: { txn_ref: string; status: string; amount_vnd: number; created_at: string }[]
  transitions?: { seq: number; status: string; title: string; title_en: string; at: string }[]
}
