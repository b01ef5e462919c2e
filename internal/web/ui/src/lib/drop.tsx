// Where PDF files come in. Pictures and other files are turned away with the reason.
import { useRef, useState } from 'preact/hooks'
import { size, t } from './i18n'
import { Notice } from './ui'

const most = 256 * 1024 * 1024

/** Says why a file is not taken; the empty string when it is. */
async function refusal(file: File): Promise<string> {
  if (file.type.startsWith('image/')) return t(`“${file.name}” là ảnh. Chữ ký số gắn vào tệp PDF; hãy lưu ảnh thành PDF rồi chọn lại.`, `“${file.name}” is a picture. A digital signature belongs to a PDF; save the picture as PDF and choose that.`)
  if (file.size === 0) return t(`“${file.name}” là tệp rỗng.`, `“${file.name}” is empty.`)
  if (file.size > most) return t(`“${file.name}” lớn hơn ${size(most)}.`, `“${file.name}” is larger than ${size(most)}.`)
  const head = new TextDecoder('latin1').decode(await file.slice(0, 1024).arrayBuffer())
  if (!head.includes('%PDF-')) return t(`“${file.name}” không phải tệp PDF.`, `“${file.name}” is not a PDF.`)
  return ''
}

/** A drop zone with a button; several files only when asked for. */
export function Drop({ onFiles, several = false }: { onFiles: (files: File[]) => void; several?: boolean }) {
  const input = useRef<HTMLInputElement>(null)
  const [over, setOver] = useState(false)
  const [refused, setRefused] = useState<string[]>([])
  const take = async (list: FileList | null | undefined) => {
    const files = [...(list ?? [])]
    const verdicts = await Promise.all(files.map(refusal))
    setRefused(verdicts.filter((v) => v !== ''))
    const good = files.filter((_, i) => verdicts[i] === '')
    if (good.length > 0) onFiles(several ? good : good.slice(0, 1))
    if (input.current) input.current.value = '' // the same file may be chosen again
  }
  return (
    <div class="stack">
      <div class={`drop ${over ? 'over' : ''}`}
        onDragOver={(e) => { e.preventDefault(); setOver(true) }} onDragLeave={() => setOver(false)}
        onDrop={(e) => { e.preventDefault(); setOver(false); void take(e.dataTransfer?.files) }}>
        <p>{several ? t('Kéo thả các tệp PDF vào đây, hoặc', 'Drop PDF files here, or') : t('Kéo thả tệp PDF vào đây, hoặc', 'Drop a PDF here, or')}</p>
        <button type="button" class="button primary" onClick={() => input.current?.click()}>{t('Chọn tệp', 'Choose a file')}</button>
        <input ref={input} type="file" accept="application/pdf,.pdf" multiple={several} hidden aria-label={t('Tệp PDF', 'PDF file')} onChange={(e) => void take(e.currentTarget.files)} />
        <p class="small muted">{t(`PDF, tối đa ${size(most)}`, `PDF, at most ${size(most)}`)}</p>
      </div>
      {refused.map((text) => <Notice key={text} kind="bad" title={text} />)}
    </div>
  )
}
