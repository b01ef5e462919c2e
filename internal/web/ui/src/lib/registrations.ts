// What the states of a registration are called.
import { t } from './i18n'

const payments: Record<string, [string, string]> = {
  pending: ['đang chờ ngân hàng', 'waiting for the bank'], captured: ['đã thanh toán', 'paid'], failed: ['không thành công', 'not paid'],
  review: ['đang đối soát', 'being looked into'], refunded: ['đã hoàn tiền', 'refunded'],
}

/** How an attempt to pay stands. */
export function paymentWords(status: string): string {
  return t(...(payments[status] ?? [status, status]))
}

