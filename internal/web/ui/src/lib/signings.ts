// A signing as the API shows it.
export interface Placement {
  page?: number
  x?: number
  y?: number
  width?: number
  height?: number
}

export interface SignedDocument {
  index: number
  id: string
  name?: string
  size: number
  sha256: string
  placement?: Placement
  digest_prefix?: string
  signed_id?: string
  content?: string
}

export interface Attention {
  incident_id?: string
  code: string
  title: string
  title_en: string
  since: string
}

export interface Signing {
  id: string
  status: string
  final: boolean
  level: string
  user?: string
  serial?: string
  certificate?: string
  short_code?: string
  server_time: string
  countdown?: { accepted_at: string; expires_at: string; remaining_seconds: number; server_time: string; short_code?: string }
  attention?: Attention
  outcome?: { code: string; title: string; title_en: string }
  documents: SignedDocument[]
}

export interface Certificate {
  owner: string
  issuer: string
  serial: string
  fingerprint: string
  valid_from: string
  valid_to: string
  state: 'valid' | 'expired' | 'not-yet-valid'
  chosen: boolean
}
