// PDF files as pictures with text, by pdf.js. Everything it loads comes from our own origin.
import { GlobalWorkerOptions, TextLayer, getDocument } from 'pdfjs-dist'
import type { PDFDocumentProxy, PDFPageProxy } from 'pdfjs-dist'

declare const PDF_WORKER: string

GlobalWorkerOptions.workerSrc = PDF_WORKER

export type { PDFDocumentProxy, PDFPageProxy }

/** Opens a document by its address; only the parts that are looked at are fetched. */
export function openPDF(url: string): Promise<PDFDocumentProxy> {
  return getDocument({
    url,
    withCredentials: true,
    disableAutoFetch: true,
    cMapUrl: '/assets/cmaps/',
    standardFontDataUrl: '/assets/standard_fonts/',
    wasmUrl: '/assets/wasm/',
    iccUrl: '/assets/iccs/',
    enableXfa: false,
    isEvalSupported: false,
  }).promise
}

/** The size of a page as it is shown, in points of 1/72 inch times the page's own unit. */
export function pageSize(page: PDFPageProxy): { width: number; height: number } {
  const { width, height } = page.getViewport({ scale: 1 })
  return { width: width / page.userUnit, height: height / page.userUnit }
}

/** A drawing that can be given up. */
export interface Drawing {
  done: Promise<void>
  cancel: () => void
}

/** Draws a page into a canvas so that it is so many CSS pixels wide, as sharp as the screen is. */
export function draw(page: PDFPageProxy, canvas: HTMLCanvasElement, width: number): Drawing {
  const ratio = Math.min(window.devicePixelRatio || 1, 2)
  const scale = (width / page.getViewport({ scale: 1 }).width) * ratio
  const viewport = page.getViewport({ scale })
  canvas.width = Math.ceil(viewport.width)
  canvas.height = Math.ceil(viewport.height)
  const task = page.render({ canvas, viewport, background: 'white' })
  const done = task.promise.catch((e: unknown) => {
    if (!(e instanceof Error) || e.name !== 'RenderingCancelledException') throw e
  })
  return { done, cancel: () => task.cancel() }
}

/** Lays the text of a page over its picture, invisible: it can be selected, and screen readers read it. */
export async function layText(page: PDFPageProxy, container: HTMLElement, width: number): Promise<void> {
  const scale = width / page.getViewport({ scale: 1 }).width
  container.replaceChildren()
  container.style.setProperty('--total-scale-factor', String(scale))
  container.style.setProperty('--scale-factor', String(scale))
  const layer = new TextLayer({ textContentSource: page.streamTextContent(), container, viewport: page.getViewport({ scale }) })
  await layer.render()
}
