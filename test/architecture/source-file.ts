import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

export interface Import {
  /** As it is written. */
  readonly specifier: string
  /** A file of ours: its path in the repository. */
  readonly path: string | undefined
  /** A package or built-in module: its name, without `node:` and without what follows it. */
  readonly module: string | undefined
  readonly typeOnly: boolean
}

export interface SourceFile {
  /** Path in the repository. */
  readonly path: string
  readonly imports: readonly Import[]
  /** The code without comments, and without what stands in strings. */
  readonly code: string
}

/** The product's TypeScript: not tests, nor what serves development. */
export function productFiles(root: string): SourceFile[] {
  const tests = ['test', '**/*.test.ts', 'processors/testing', 'sinks/testing', 'api/testing']
  const exclude = ['node_modules', 'dist', '.tradewind', 'dev', 'bench', 'docs', 'deploy', ...tests]
  return globSync('*/**/*.ts', { cwd: root, exclude }).map((path) => parse(path, readFileSync(join(root, path), 'utf8')))
}

export function parse(path: string, text: string): SourceFile {
  const withoutComments = text.replace(COMMENT_OR_LITERAL, (match) => (match.startsWith('/*') || match.startsWith('//') ? ' ' : match))
  const imports = [...withoutComments.matchAll(IMPORT)].map(({ groups }) => {
    const specifier = groups?.['from'] ?? groups?.['dynamic'] ?? groups?.['bare'] ?? ''
    const local = specifier.startsWith('.')
    return {
      specifier,
      path: local ? normalize(join(dirname(path), specifier)) : undefined,
      module: local ? undefined : specifier.replace(/^node:/, '').replace(/^(@[^/]+\/[^/]+|[^@/]+)\/.*/, '$1'),
      typeOnly: groups?.['type'] !== undefined,
    }
  })
  return { path, imports, code: withoutComments.replace(COMMENT_OR_LITERAL, (literal) => (literal.startsWith('`') ? literal : "''")) }
}

// Template literals stay whole, since code may stand in them. A regular expression that holds a quote would mislead this; then write it as \x27.
const COMMENT_OR_LITERAL = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g
const IMPORT = /(?:import|export)\s+(?<type>type\s)?[^'"`;()]*?\sfrom\s*['"](?<from>[^'"]+)['"]|import\(\s*['"](?<dynamic>[^'"]+)['"]|import\s*['"](?<bare>[^'"]+)['"]/g
