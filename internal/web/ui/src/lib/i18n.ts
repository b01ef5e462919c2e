// Two languages. The server decides which one and writes it into <html lang>.
export const lang: 'vi' | 'en' = document.documentElement.lang === 'en' ? 'en' : 'vi'

/** Returns the text of the page's language. */
export function t(vi: string, en: string): string {
  return lang === 'vi' ? vi : en
}

const locale = lang === 'vi' ? 'vi-VN' : 'en-GB'
const zone = 'Asia/Ho_Chi_Minh'

const dateTime = new Intl.DateTimeFormat(locale, { day: '2-digit', month: '2-digit', year: 'numeric', hour: '2-digit', minute: '2-digit', timeZone: zone })
const day = new Intl.DateTimeFormat(locale, { day: '2-digit', month: '2-digit', year: 'numeric', timeZone: zone })
const number = new Intl.NumberFormat(locale)
const currency = new Intl.NumberFormat('vi-VN', { style: 'currency', currency: 'VND' })

/** Shows a moment in Vietnam's time; the empty string for none. */
export function moment(at?: string): string {
  return at ? dateTime.format(new Date(at)) : ''
}

/** Shows a date; a plain date (2021-06-01) stays what it is in every zone. */
export function date(at?: string): string {
  if (!at) return ''
  return day.format(new Date(at.length === 10 ? `${at}T12:00:00Z` : at))
}

/** Shows an amount in đồng. */
export function money(vnd: number): string {
  return currency.format(vnd)
}

/** Shows a size in bytes in the unit that people use. */
export function size(bytes: number): string {
  if (bytes < 1024) return `${number.format(bytes)} B`
  if (bytes < 1 << 20) return `${number.format(Math.round(bytes / 1024))} KB`
  return `${number.format(Math.round((bytes / (1 << 20)) * 10) / 10)} MB`
}
