// Placing the signature box on a page: by dragging, by a click and buttons, and by keyboard and numbers. Positions are
// points from the lower left corner of the page as it is shown, as the API counts; people read millimetres.
import interact from 'interactjs'
import { useEffect, useRef, useState } from 'preact/hooks'
import { t } from './i18n'
import { draw, openPDF, pageSize } from './pdf'
import { Sheet, usePDF, useWidth } from './sheet'
import type { Placement } from './shapes.gen'
import { Trouble, Waiting } from './ui'

const mm = 72 / 25.4
const least = { width: 80, height: 20 }

/** A box on a page; every number is set. */
export type Box = Required<Pick<Placement, 'page' | 'x' | 'y' | 'width' | 'height'>>

/** Keeps a box on its page and large enough. */
export function fit(box: Box, page: { width: number; height: number }): Box {
  const width = Math.min(Math.max(box.width, least.width), page.width)
  const height = Math.min(Math.max(box.height, least.height), page.height)
  return {
    page: box.page, width, height,
    x: Math.min(Math.max(box.x, 0), page.width - width),
    y: Math.min(Math.max(box.y, 0), page.height - height),
  }
}

/** Where a signature stands unless a place is given. */
export function usualBox(page: number, size: { width: number; height: number }): Box {
  return fit({ page, width: 200, height: 64, x: size.width - 200 - 36, y: 36 }, size)
}

interface Props {
  url: string
  box: Box | null
  onBox: (box: Box) => void
  look: string // address of the preview, without its size
}

/** The page view with the box, the thumbnails and the numbers. */
export function Place({ url, box, onBox, look }: Props) {
  const { doc, error } = usePDF(url)
  const [size, setSize] = useState<{ width: number; height: number } | null>(null)
  const [viewer, room] = useWidth<HTMLDivElement>()
  const [zoom, setZoom] = useState(1)
  const number = box?.page ?? doc?.numPages ?? 1
  const now = useRef<{ box: Box | null; size: typeof size }>({ box, size })
  now.current = { box, size }

  useEffect(() => {
    if (doc && size && !box) onBox(usualBox(doc.numPages, size))
  }, [doc, size, box])

  if (error) return <Trouble error={error} />
  if (!doc) return <Waiting text={t('Đang mở tài liệu…', 'Opening the document…')} />
  const width = Math.max(240, (room - 24) * zoom)
  const scale = size ? width / size.width : 1
  const set = (change: Partial<Box>) => {
    const { box: b, size: s } = now.current
    if (b && s) onBox(fit({ ...b, ...change }, s))
  }
  const clicked = (e: MouseEvent) => {
    const target = e.currentTarget as HTMLElement
    if (!box || !size || (e.target as HTMLElement).closest('.box') || String(window.getSelection())) return
    const r = target.getBoundingClientRect()
    set({ x: (e.clientX - r.left) / scale - box.width / 2, y: size.height - (e.clientY - r.top) / scale - box.height / 2 })
  }
  const turn = (to: number) => set({ page: Math.min(Math.max(to, 1), doc.numPages) })
  return (
    <div class="place">
      <div class="thumbs" role="group" aria-label={t('Các trang', 'Pages')}>
        {Array.from({ length: Math.min(doc.numPages, 200) }, (_, i) => (
          <button type="button" key={i} class="thumb" aria-current={number === i + 1} onClick={() => turn(i + 1)}>
            <Thumb doc={doc} number={i + 1} />
            <span class="visually-hidden">{t('Trang', 'Page')} </span>{i + 1}
          </button>
        ))}
      </div>
      <div class="stack">
        <div class="row between">
          <div class="row">
            <button type="button" class="button square" aria-label={t('Trang trước', 'Previous page')} disabled={number <= 1} onClick={() => turn(number - 1)}>‹</button>
            <span>{t('Trang', 'Page')} {number} / {doc.numPages}</span>
            <button type="button" class="button square" aria-label={t('Trang sau', 'Next page')} disabled={number >= doc.numPages} onClick={() => turn(number + 1)}>›</button>
          </div>
          <div class="row">
            <button type="button" class="button square" aria-label={t('Thu nhỏ', 'Zoom out')} disabled={zoom <= 0.5} onClick={() => setZoom(zoom - 0.25)}>−</button>
            <span>{Math.round(zoom * 100)} %</span>
            <button type="button" class="button square" aria-label={t('Phóng to', 'Zoom in')} disabled={zoom >= 3} onClick={() => setZoom(zoom + 0.25)}>+</button>
          </div>
        </div>
        <div class="viewer" ref={viewer} tabIndex={0} role="region" aria-label={t('Trang tài liệu', 'Page of the document')}>
          {room > 0 && (
            <Sheet doc={doc} number={number} width={width} text onPage={(p) => setSize(pageSize(p))} onClick={clicked}>
              {box && size && <SignatureBox box={box} size={size} scale={scale} set={set} turn={turn} look={look} />}
            </Sheet>
          )}
        </div>
      </div>
      {box && size && <Numbers box={box} size={size} pages={doc.numPages} set={set} />}
    </div>
  )
}

function Thumb({ doc, number }: { doc: import('./pdf').PDFDocumentProxy; number: number }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    const c = canvas.current
    if (!c) return
    // Only what is in view is drawn: a long document would take minutes.
    const seen = new IntersectionObserver((entries) => {
      if (!entries.some((e) => e.isIntersecting)) return
      seen.disconnect()
      void doc.getPage(number).then((page) => draw(page, c, 90).done)
    })
    seen.observe(c)
    return () => seen.disconnect()
  }, [doc, number])
  return <canvas ref={canvas} width="90" height="127" aria-hidden="true" />
}

interface BoxProps {
  box: Box
  size: { width: number; height: number }
  scale: number
  set: (change: Partial<Box>) => void
  turn: (page: number) => void
  look: string
}

function SignatureBox({ box, size, scale, set, turn, look }: BoxProps) {
  const element = useRef<HTMLDivElement>(null)
  const live = useRef({ box, scale })
  live.current = { box, scale }
  useEffect(() => {
    // Only the page view scrolls to the box, not the whole page.
    const e = element.current
    const view = e?.closest('.viewer')
    if (e && view) view.scrollTop += e.getBoundingClientRect().bottom - view.getBoundingClientRect().bottom + 24
  }, [box.page])
  useEffect(() => {
    const e = element.current
    if (!e) return
    const handle = interact(e)
      .draggable({ listeners: { move: (m: { dx: number; dy: number }) => {
        const { box: b, scale: s } = live.current
        set({ x: b.x + m.dx / s, y: b.y - m.dy / s })
      } } })
      .resizable({ edges: { right: true, bottom: true }, margin: 14, listeners: { move: (m: { deltaRect?: { width: number; height: number } }) => {
        const { box: b, scale: s } = live.current
        const d = m.deltaRect
        if (d) set({ width: b.width + d.width / s, height: b.height + d.height / s, y: b.y - d.height / s })
      } } })
    return () => handle.unset()
  }, [])
  const key = (e: KeyboardEvent) => {
    const step = (e.shiftKey ? 10 : 1) * mm
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key]
    if (e.key === 'PageUp' || e.key === 'PageDown') {
      turn(box.page + (e.key === 'PageUp' ? -1 : 1))
    } else if (by && e.altKey) {
      set({ width: box.width + by[0]! * step, height: box.height - by[1]! * step, y: box.y + by[1]! * step })
    } else if (by) {
      set({ x: box.x + by[0]! * step, y: box.y + by[1]! * step })
    } else {
      return
    }
    e.preventDefault()
  }
  return (
    <div ref={element} class="box" data-testid="signature-box" tabIndex={0} role="application" aria-roledescription={t('khung chữ ký', 'signature box')}
      aria-label={spoken(box)} aria-describedby="box-keys" onKeyDown={key}
      style={{ left: `${box.x * scale}px`, top: `${(size.height - box.y - box.height) * scale}px`, width: `${box.width * scale}px`, height: `${box.height * scale}px` }}>
      <Look url={look} width={box.width} height={box.height} scale={scale} />
    </div>
  )
}

/** Draws how the signature will look; the API draws it with the code that signs. */
function Look({ url, width, height, scale }: { url: string; width: number; height: number; scale: number }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    let alive = true
    const timer = setTimeout(async () => {
      const join = url.includes('?') ? '&' : '?'
      const doc = await openPDF(`${url}${join}width=${width.toFixed(1)}&height=${height.toFixed(1)}`).catch(() => null)
      if (!doc) return
      const page = await doc.getPage(1)
      if (alive && canvas.current) await draw(page, canvas.current, width * scale).done
      void doc.loadingTask.destroy()
    }, 150)
    return () => {
      alive = false
      clearTimeout(timer)
    }
  }, [url, width, height, scale])
  return <canvas ref={canvas} aria-hidden="true" />
}

function inMM(points: number): number {
  return Math.round((points / mm) * 10) / 10
}

function spoken(b: Box): string {
  return t(
    `Trang ${b.page}, cách mép trái ${Math.round(b.x / mm)} mm, cách mép dưới ${Math.round(b.y / mm)} mm, rộng ${Math.round(b.width / mm)} mm, cao ${Math.round(b.height / mm)} mm`,
    `Page ${b.page}, ${Math.round(b.x / mm)} mm from the left, ${Math.round(b.y / mm)} mm from the bottom, ${Math.round(b.width / mm)} mm wide, ${Math.round(b.height / mm)} mm high`,
  )
}

function Numbers({ box, size, pages, set }: { box: Box; size: { width: number; height: number }; pages: number; set: (change: Partial<Box>) => void }) {
  const step = 5 * mm
  const buttons: [string, string, Partial<Box> | null][] = [
    ['', '', null], ['↑', t('Lên', 'Up'), { y: box.y + step }], ['', '', null],
    ['←', t('Sang trái', 'Left'), { x: box.x - step }], ['↓', t('Xuống', 'Down'), { y: box.y - step }], ['→', t('Sang phải', 'Right'), { x: box.x + step }],
  ]
  return (
    <div class="card">
      <h2>{t('Vị trí chữ ký', 'Where the signature stands')}</h2>
      <p class="small muted" id="box-keys">{t('Kéo khung, bấm vào trang, dùng các nút, hoặc chọn khung rồi dùng phím mũi tên (Alt + mũi tên đổi kích thước, Page Up/Down đổi trang).', 'Drag the box, click on the page, use the buttons, or focus the box and use the arrow keys (Alt + arrow resizes, Page Up/Down changes the page).')}</p>
      <div class="steppers">
        {buttons.map(([sign, name, change], i) => change
          ? <button type="button" key={name} class="button square" aria-label={name} onClick={() => set(change)}>{sign}</button>
          : <span key={i} />)}
      </div>
      <div class="row" style={{ justifyContent: 'center' }}>
        <button type="button" class="button square" aria-label={t('Nhỏ hơn', 'Smaller')} onClick={() => set({ width: box.width * 0.9, height: box.height * 0.9 })}>−</button>
        <span>{t('Cỡ', 'Size')}</span>
        <button type="button" class="button square" aria-label={t('Lớn hơn', 'Larger')} onClick={() => set({ width: box.width * 1.1, height: box.height * 1.1 })}>+</button>
      </div>
      <div class="numbers">
        <Number label={t('Trang', 'Page')} value={box.page} least={1} most={pages} step={1} onNumber={(page) => set({ page })} />
        <span />
        <Number label={t('Cách trái (mm)', 'From the left (mm)')} value={inMM(box.x)} least={0} most={inMM(size.width)} onNumber={(v) => set({ x: v * mm })} />
        <Number label={t('Cách dưới (mm)', 'From the bottom (mm)')} value={inMM(box.y)} least={0} most={inMM(size.height)} onNumber={(v) => set({ y: v * mm })} />
        <Number label={t('Rộng (mm)', 'Width (mm)')} value={inMM(box.width)} least={inMM(least.width)} most={inMM(size.width)} onNumber={(v) => set({ width: v * mm })} />
        <Number label={t('Cao (mm)', 'Height (mm)')} value={inMM(box.height)} least={inMM(least.height)} most={inMM(size.height)} onNumber={(v) => set({ height: v * mm })} />
      </div>
      <p class="visually-hidden" aria-live="polite" data-testid="spoken">{spoken(box)}</p>
    </div>
  )
}

function Number(p: { label: string; value: number; least: number; most: number; step?: number; onNumber: (v: number) => void }) {
  // A number that is being typed is not a number yet; it counts when the field is left.
  return (
    <div class="field">
      <label class="small">
        {p.label}
        <input type="number" inputMode="decimal" min={p.least} max={p.most} step={p.step ?? 0.1} value={p.value}
          onChange={(e) => { const v = e.currentTarget.valueAsNumber; if (!window.Number.isNaN(v)) p.onNumber(v) }} />
      </label>
    </div>
  )
}
