import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** One file of the dashboard, as it is sent. */
export interface DashboardFile {
  readonly bytes: Buffer
  readonly type: string
  readonly etag: string
}

export interface DashboardFiles {
  /** The document of each page. */
  readonly document: DashboardFile
  /** What may run in it: its own modules, and the import map in it. */
  readonly contentSecurityPolicy: string
  /** By path below /dashboard/, with a hash in it: what is behind a path never changes. Nothing else can be asked for: there is no way from a path to the disk. */
  readonly files: ReadonlyMap<string, DashboardFile>
}

const packages = createRequire(import.meta.url)
const FOLDER = fileURLToPath(new URL('./dashboard', import.meta.url))
const PLACEHOLDER = '<!-- import map and modules: written by the gateway -->'
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}

/** Packages that the browser loads, as their npm packages hold them: import name to what Node would load, and the file beside it that a browser takes. */
const MODULES: Readonly<Record<string, readonly [entry: string, file: string]>> = {
  preact: ['preact', 'preact.mjs'],
  'preact/hooks': ['preact/hooks', 'hooks.mjs'],
  htm: ['htm', 'htm.module.js'],
  uplot: ['uplot', 'uPlot.esm.js'],
}
const STYLES = ['uplot/dist/uPlot.min.css']
const FONTS: readonly (readonly [family: string, weight: string, entry: string, subset: string])[] = [
  ['IBM Plex Sans Variable', '100 700', '@fontsource-variable/ibm-plex-sans/files/ibm-plex-sans-latin-wght-normal.woff2', 'latin'],
  ['IBM Plex Sans Variable', '100 700', '@fontsource-variable/ibm-plex-sans/files/ibm-plex-sans-latin-ext-wght-normal.woff2', 'latin-ext'],
  ['IBM Plex Mono', '400', '@fontsource/ibm-plex-mono/files/ibm-plex-mono-latin-400-normal.woff2', 'latin'],
  ['IBM Plex Mono', '400', '@fontsource/ibm-plex-mono/files/ibm-plex-mono-latin-ext-400-normal.woff2', 'latin-ext'],
]
const SUBSETS: Readonly<Record<string, string>> = {
  latin: 'U+0000-00FF, U+0131, U+0152-0153, U+02BB-02BC, U+02C6, U+02DA, U+02DC, U+2000-206F, U+20AC, U+2122, U+2190-2193, U+2212, U+2215, U+FEFF, U+FFFD',
  'latin-ext': 'U+0100-02BA, U+02BD-02C5, U+02C7-02CC, U+02CE-02D7, U+02DD-02FF, U+1E00-1E9F, U+1EF2-1EFF, U+20A0-20AB, U+20AD-20C0',
}

/** Reads the dashboard into memory: some hundred kilobytes. */
export async function readDashboard(): Promise<DashboardFiles> {
  const own = await readOwn()
  // One hash for all of ours: they name each other by relative paths.
  const base = hashOf(Buffer.from([...own].map(([path, { etag }]) => path + etag).join()), 'hex').slice(0, 12)
  const files = new Map([...own].map(([path, file]) => [`${base}/${path}`, file]))
  const ours = [...files.keys()].filter((path) => path.endsWith('.js') && !path.endsWith('/theme.js'))
  const imports = await addModules(files)
  const styles = await Promise.all(STYLES.map((entry) => addPackageFile(files, packages.resolve(entry))))
  const fonts = `${base}/fonts.css`
  files.set(fonts, fileOf(Buffer.from(await addFonts(files)), TYPES['.css'] ?? ''))
  const importMap = JSON.stringify({ imports })
  const sheets = [`/dashboard/${fonts}`, ...styles].map((href) => `<link rel="stylesheet" href="${href}" />`)
  const preloads = [...Object.values(imports), ...ours.map((path) => `/dashboard/${path}`)].map((href) => `<link rel="modulepreload" href="${href}" />`)
  const head = [...sheets, `<script type="importmap">${importMap}</script>`, ...preloads].join('\n    ')
  const html = (await readFile(join(FOLDER, 'index.html'), 'utf8')).replaceAll('"/dashboard/', `"/dashboard/${base}/`).replace(PLACEHOLDER, () => head)
  return { document: fileOf(Buffer.from(html), 'text/html; charset=utf-8'), contentSecurityPolicy: policyOf(importMap), files }
}

async function readOwn(): Promise<Map<string, DashboardFile>> {
  const files = new Map<string, DashboardFile>()
  for (const entry of (await readdir(FOLDER, { recursive: true })).sort()) {
    const type = TYPES[extname(entry)]
    if (type !== undefined) files.set(entry.replaceAll('\\', '/'), fileOf(await readFile(join(FOLDER, entry)), type))
  }
  return files
}

/** Bare imports are resolved by an import map, so that the packages' own files are served as they are. */
async function addModules(files: Map<string, DashboardFile>): Promise<Record<string, string>> {
  const imports: Record<string, string> = {}
  for (const [name, [entry, file]] of Object.entries(MODULES)) imports[name] = await addPackageFile(files, join(dirname(packages.resolve(entry)), file))
  return imports
}

async function addFonts(files: Map<string, DashboardFile>): Promise<string> {
  const faces: string[] = []
  for (const [family, weight, entry, subset] of FONTS) {
    const url = await addPackageFile(files, packages.resolve(entry))
    faces.push(`@font-face{font-family:'${family}';font-weight:${weight};font-display:swap;src:url(${url}) format('woff2');unicode-range:${SUBSETS[subset] ?? ''}}`)
  }
  return faces.join('\n')
}

async function addPackageFile(files: Map<string, DashboardFile>, source: string): Promise<string> {
  const bytes = await readFile(source)
  const path = `vendor/${hashOf(bytes, 'hex').slice(0, 12)}/${basename(source)}`
  files.set(path, fileOf(bytes, TYPES[extname(source)] ?? ''))
  return `/dashboard/${path}`
}

function fileOf(bytes: Buffer, type: string): DashboardFile {
  return { bytes, type, etag: `"${hashOf(bytes, 'base64url').slice(0, 22)}"` }
}

function policyOf(importMap: string): string {
  return [
    "default-src 'none'",
    `script-src 'self' 'sha256-${hashOf(Buffer.from(importMap), 'base64')}'`,
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

function hashOf(bytes: Buffer, encoding: 'hex' | 'base64' | 'base64url'): string {
  return createHash('sha256').update(bytes).digest(encoding)
}
