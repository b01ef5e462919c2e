// What the incident board asks of the API: the same doors, in the same order, as the command line's.
import { Problem, get, newKey, pause, post } from './api'
import { t } from './i18n'
import type { Incident, IncidentGroup, IncidentHistory, IncidentList } from './shapes.gen'

/** How many incidents one bulk repair takes at the most, the oldest first. */
export const atMost = 500

/** How many may be repaired without typing their number. */
export const typedAbove = 20

/** What became of a repair. not-done: the request itself was refused or lost. */
export type Outcome = 'recovered' | 'failed-again' | 'skipped' | 'given-up' | 'still-waiting' | 'not-done'

/** One incident of a bulk repair with its result. */
export interface Result {
  incident: Incident
  outcome?: Outcome
  problem?: string
}

/** The words for an outcome, and how a badge shows it. */
export const outcomes: Record<Outcome, [vi: string, en: string, badge: 'good' | 'warn' | 'bad']> = {
  recovered: ['Đã chạy tiếp', 'Recovered', 'good'],
  skipped: ['Đã bỏ qua bước', 'Skipped', 'good'],
  'given-up': ['Đã hủy', 'Given up', 'good'],
  'failed-again': ['Lại lỗi', 'Failed again', 'bad'],
  'still-waiting': ['Chưa có kết quả', 'Still waiting', 'warn'],
  'not-done': ['Không thực hiện được', 'Not done', 'bad'],
}

/** The words for a repair. */
export const actionWords: Record<string, [vi: string, en: string]> = {
  retry: ['Thử lại', 'Retry'], fix: ['Thử lại với dữ liệu đã sửa', 'Retry with corrected data'], skip: ['Bỏ qua bước', 'Skip the step'],
  cancel: ['Hủy quy trình', 'Cancel the process'], 'begin-again': ['Bắt đầu lại', 'Begin again'], close: ['Đóng và bồi hoàn', 'Close and compensate'],
  accept: ['Ghi nhận đã xử lý', 'Accept as settled'],
}

/** The path of one incident in the API. */
export const incidentPath = (id: string) => `/v1/incidents/${encodeURIComponent(id)}`

/** Lists the open incidents of a group, the oldest first, atMost of them. A group without a provider is not the sum of all
 *  providers, and the filter cannot say "none": pages are read until there are enough. */
export async function incidentsOf(group: IncidentGroup): Promise<Incident[]> {
  const filter = new URLSearchParams({ process: group.process, code: group.code, step: group.step, limit: String(atMost) })
  if (group.provider) filter.set('provider', group.provider)
  const found: Incident[] = []
  for (let path: string | undefined = `/v1/incidents?${filter}`; path && found.length < atMost;) {
    const page: IncidentList = await get<IncidentList>(path)
    found.push(...page.items.filter((i) => (i.attention.provider ?? '') === (group.provider ?? '')))
    path = page.next
  }
  return found.slice(0, atMost)
}

/** The repairs that every one of the incidents offers. */
export function commonActions(list: Incident[]): string[] {
  return (list[0]?.attention.actions ?? []).filter((a) => list.every((i) => i.attention.actions.includes(a)))
}

/** The door of a repair: the process's own, or the incident's where there is no process to ask. */
function door(i: Incident, action: string): string {
  const refund = i.process === 'registration' && !i.id.startsWith(i.process_id)
  return ['begin-again', 'close', 'accept'].includes(action) || refund ? `${incidentPath(i.id)}/repair` : `${i.path}/repair`
}

/** Repairs one incident and says what became of it. */
export async function repair(i: Incident, action: string, reason: string, key: string): Promise<Result> {
  try {
    const { outcome } = await post<{ outcome: Outcome }>(door(i, action), { action, reason }, `${key}/${i.id}`)
    return { incident: i, outcome }
  } catch (e) {
    if (e instanceof Problem) return { incident: i, outcome: 'not-done', problem: e.title }
    return { incident: i, outcome: 'not-done', problem: t('Không rõ lý do', 'For an unknown reason') }
  }
}

const closedAs: Record<string, Outcome> = { skip: 'skipped', cancel: 'given-up' }

/** Looks once at a repair that has no result yet. */
export async function recheck(r: Result): Promise<Result> {
  if (r.outcome !== 'still-waiting') return r
  try {
    const now = await get<IncidentHistory>(incidentPath(r.incident.id))
    if (now.action) return { ...r, outcome: closedAs[now.action] ?? 'recovered' }
    if ((now.attention.attempts ?? 0) > (r.incident.attention.attempts ?? 0)) return { ...r, outcome: 'failed-again' }
  } catch {
    // The next look may get an answer.
  }
  return r
}

/** Repairs a list, ten in a second, and looks at each until it has a result or a minute is over. on receives every change. */
export async function repairAll(list: Incident[], action: string, reason: string, on: (results: Result[]) => void): Promise<void> {
  const results: Result[] = list.map((incident) => ({ incident }))
  const key = newKey()
  const put = (n: number, r: Result) => {
    results[n] = r
    on([...results])
  }
  const begun: Promise<void>[] = []
  for (const [n, i] of list.entries()) {
    begun.push(repair(i, action, reason, key).then((r) => put(n, r)))
    if (n < list.length - 1) await pause(100)
  }
  await Promise.all(begun)
  for (let looks = 0; looks < 60 && results.some((r) => r.outcome === 'still-waiting'); looks++) {
    await pause(1000)
    for (const [n, r] of results.entries()) if (r.outcome === 'still-waiting') put(n, await recheck(r))
  }
}
