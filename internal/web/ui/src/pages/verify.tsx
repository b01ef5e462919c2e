import { useRef, useState } from 'preact/hooks'
import { upload } from '../lib/api'
import { Drop } from '../lib/drop'
import { size, t } from '../lib/i18n'
import { Report } from '../lib/report'
import type { Verification } from '../lib/shapes.gen'
import { Trouble, Waiting, mount } from '../lib/ui'

function Verify() {
  const [file, setFile] = useState<File | null>(null)
  const [found, setFound] = useState<Verification | null>(null)
  const [error, setError] = useState<unknown>(null)
  const turn = useRef(0)
  const take = async (files: File[]) => {
    const chosen = files[0]
    if (!chosen) return
    const mine = ++turn.current // a later file overtakes
    setFile(chosen)
    setFound(null)
    setError(null)
    try {
      const result = await upload<Verification>('/v1/verifications', chosen, 'application/pdf', () => {}, null)
      if (mine === turn.current) setFound(result)
    } catch (e) {
      if (mine === turn.current) setError(e)
    }
  }
  return (
    <div class="page narrow">
      <h1>{t('Kiểm tra chữ ký số', 'Verify signatures')}</h1>
      <p class="lead">{t('Chọn một tệp PDF đã ký. Tệp chỉ được đọc để kiểm tra rồi bị xóa.', 'Choose a signed PDF. It is read for the verification and then forgotten.')}</p>
      <Drop onFiles={(files) => void take(files)} />
      {file && <p><strong>{file.name}</strong> <span class="muted">{size(file.size)}</span></p>}
      {file && !found && !error && <Waiting text={t('Đang kiểm tra…', 'Verifying…')} />}
      <Trouble error={error} />
      {found && <Report found={found} />}
    </div>
  )
}

mount(<Verify />)
