// Builds the pages into ../dist: one script per page with shared chunks, one style sheet, fonts, pdf.js with its worker.
// Names carry a hash of the content; manifest.json says which file is which.
import { build } from 'esbuild'
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const dist = join(here, '..', 'dist')
const pdfjs = join(here, 'node_modules', 'pdfjs-dist')
const pages = ['home', 'sign', 'verify', 'register', 'resume', 'officer', 'ops', 'login', 'me']

// Browsers get what is smaller; the server has no more to do than to choose.
async function compress(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isFile() || !/\.(js|mjs|css|wasm)$/.test(entry.name)) continue
    const data = await readFile(join(folder, entry.name))
    const packed = {
      br: await promisify(brotliCompress)(data, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: data.length } }),
      gz: await promisify(gzip)(data, { level: 9 }),
    }
    for (const [ending, small] of Object.entries(packed)) {
      if (small.length < data.length) await writeFile(join(folder, `${entry.name}.${ending}`), small)
    }
  }
}

for (const name of await readdir(dist).catch(() => [])) {
  if (name !== '.gitkeep') await rm(join(dist, name), { recursive: true })
}
await mkdir(dist, { recursive: true })

const worker = await readFile(join(pdfjs, 'build', 'pdf.worker.min.mjs'))
const workerName = `pdf-worker-${createHash('sha256').update(worker).digest('hex').slice(0, 8)}.mjs`
await writeFile(join(dist, workerName), worker)
for (const folder of ['cmaps', 'standard_fonts', 'wasm', 'iccs']) {
  await cp(join(pdfjs, folder), join(dist, folder), { recursive: true })
}

const result = await build({
  absWorkingDir: here,
  entryPoints: [...pages.map((name) => `src/pages/${name}.tsx`), 'src/styles/app.css'],
  outdir: dist,
  entryNames: '[name]-[hash]',
  chunkNames: 'chunk-[hash]',
  assetNames: '[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  minify: true,
  sourcemap: false,
  metafile: true,
  target: ['es2022', 'chrome120', 'firefox121', 'safari17'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  loader: { '.woff2': 'file', '.woff': 'file' },
  define: { PDF_WORKER: JSON.stringify(`/assets/${workerName}`) },
  legalComments: 'linked',
})

const manifest = {}
for (const [path, output] of Object.entries(result.metafile.outputs)) {
  if (output.entryPoint) manifest[basename(output.entryPoint).replace(/\.(tsx|css)$/, '')] = basename(path)
}
await writeFile(join(dist, 'manifest.json'), JSON.stringify(manifest, null, 2) + '\n')
await compress(dist)
await compress(join(dist, 'wasm'))
console.log(`pages built: ${Object.keys(manifest).sort().join(', ')}`)
