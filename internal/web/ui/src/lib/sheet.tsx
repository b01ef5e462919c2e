// One page of a PDF, with its text for screen readers, as wide as there is room.
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { t } from './i18n'
import { draw, layText, openPDF } from './pdf'
import type { PDFDocumentProxy, PDFPageProxy } from './pdf'
import { Trouble, Waiting } from './ui'

/** Opens a document for a component and closes it with it. */
export function usePDF(url: string): { doc: PDFDocumentProxy | null; error: unknown } {
  const [doc, setDoc] = useState<PDFDocumentProxy | null>(null)
  const [error, setError] = useState<unknown>(null)
  useEffect(() => {
    let alive = true
    let opened: PDFDocumentProxy | null = null
    setDoc(null)
    openPDF(url).then(
      (d) => {
        opened = d
        if (alive) setDoc(d)
        else void d.loadingTask.destroy()
      },
      (e: unknown) => { if (alive) setError(e) },
    )
    return () => {
      alive = false
      void opened?.loadingTask.destroy()
    }
  }, [url])
  return { doc, error }
}

/** A page of so many CSS pixels; children lie over it. */
export function Sheet(p: { doc: PDFDocumentProxy; number: number; width: number; text?: boolean; onPage?: (page: PDFPageProxy) => void; children?: ComponentChildren; onClick?: (e: MouseEvent) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const text = useRef<HTMLDivElement>(null)
  const [ratio, setRatio] = useState(Math.SQRT2)
  useEffect(() => {
    let cancel = () => {}
    let alive = true
    void p.doc.getPage(p.number).then(async (page) => {
      if (!alive || !canvas.current) return
      const { width, height } = page.getViewport({ scale: 1 })
      setRatio(height / width)
      p.onPage?.(page)
      const drawing = draw(page, canvas.current, p.width)
      cancel = drawing.cancel
      await drawing.done
      if (alive && text.current) await layText(page, text.current, p.width)
    })
    return () => {
      alive = false
      cancel()
    }
  }, [p.doc, p.number, p.width])
  return (
    <div class="sheet" style={{ width: `${p.width}px`, height: `${p.width * ratio}px` }} onClick={p.onClick}>
      <canvas ref={canvas} aria-hidden="true" />
      {p.text && <div class="textLayer" ref={text} />}
      {p.children}
    </div>
  )
}

/** The width of an element, followed as it changes. */
export function useWidth<E extends HTMLElement>(): [(e: E | null) => void, number] {
  const [element, setElement] = useState<E | null>(null)
  const [width, setWidth] = useState(0)
  useEffect(() => {
    if (!element) return
    const observer = new ResizeObserver(() => setWidth(element.clientWidth))
    observer.observe(element)
    setWidth(element.clientWidth)
    return () => observer.disconnect()
  }, [element])
  return [setElement, width]
}

/** A whole paper to read. */
export function Paper({ url, name }: { url: string; name: string }) {
  const { doc, error } = usePDF(url)
  const [box, width] = useWidth<HTMLDivElement>()
  if (error) return <Trouble error={error} />
  return (
    <div class="paper" ref={box} tabIndex={0} role="region" aria-label={name}>
      {!doc && <Waiting text={t('Đang mở tài liệu…', 'Opening the document…')} />}
      {doc && width > 40 && Array.from({ length: doc.numPages }, (_, i) => <Sheet key={i} doc={doc} number={i + 1} width={width - 16} text />)}
    </div>
  )
}
