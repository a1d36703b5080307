/** Just enough reading of TypeScript to check where files point and what they keep: no parser with an API of its own is at hand. */

import { readdirSync, readFileSync } from 'node:fs'

export interface SourceFile {
  /** From the project's root, with slashes. */
  readonly path: string
  readonly text: string
}

const root = new URL('../../', import.meta.url)

/** Every .ts file under a folder, or the file itself. */
export function readSources(...places: string[]): SourceFile[] {
  return places.flatMap((place) =>
    place.endsWith('.ts')
      ? [{ path: place, text: readFileSync(new URL(place, root), 'utf8') }]
      : readdirSync(new URL(`${place}/`, root), { withFileTypes: true })
          .toSorted((a, b) => a.name.localeCompare(b.name))
          .flatMap((entry) => {
            const path = `${place}/${entry.name}`
            return entry.isDirectory() ? readSources(path) : path.endsWith('.ts') ? readSources(path) : []
          }),
  )
}

/** A regular expression, not a division, begins after one of these. */
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\n]|\breturn|=>)\s*$/

/**
 * The code alone: comments go, and so does what is in strings, templates and regular expressions (their delimiters stay, and so do
 * the expressions in a template).
 */
export function codeOf(text: string): string {
  return scan(text).code
}

/** The sources of the regular expressions, without delimiters and flags. */
export function regularExpressionsOf(text: string): string[] {
  return scan(text).expressions
}

function scan(text: string): { code: string; expressions: string[] } {
  const expressions: string[] = []
  let out = ''
  let i = 0
  /** Brace depth at which each open template's expression ends. */
  const templates: number[] = []
  let depth = 0
  const template = (): void => {
    while (i < text.length) {
      if (text[i] === '\\') i += 2
      else if (text[i] === '`') {
        out += '`'
        i++
        return
      } else if (text.startsWith('${', i)) {
        out += '${'
        i += 2
        templates.push(depth++)
        return
      } else i++
    }
  }
  while (i < text.length) {
    const c = text[i] as string
    if (text.startsWith('//', i)) {
      while (i < text.length && text[i] !== '\n') i++
    } else if (text.startsWith('/*', i)) {
      i = Math.max(i + 2, text.indexOf('*/', i + 2) + 2)
      out += ' '
    } else if (c === "'" || c === '"') {
      out += c
      for (i++; i < text.length && text[i] !== c; i++) if (text[i] === '\\') i++
      out += c
      i++
    } else if (c === '`') {
      out += c
      i++
      template()
    } else if (c === '/' && BEFORE_REGEX.test(out)) {
      out += '/'
      const start = i + 1
      let inClass = false
      for (i++; i < text.length && (inClass || text[i] !== '/'); i++) {
        if (text[i] === '\\') i++
        else if (text[i] === '[') inClass = true
        else if (text[i] === ']') inClass = false
      }
      expressions.push(text.slice(start, i))
      out += '/'
      i++
    } else {
      if (c === '{') depth++
      if (c === '}') {
        depth--
        if (templates.at(-1) === depth) {
          templates.pop()
          out += '}'
          i++
          template()
          continue
        }
      }
      out += c
      i++
    }
  }
  return { code: out, expressions }
}

/** What of the code stands outside every bracket: brackets stay, their contents go. */
export function topLevelOf(code: string): string {
  let out = ''
  let depth = 0
  for (const c of code) {
    if ('})]'.includes(c)) depth--
    if (depth === 0) out += c
    if ('{(['.includes(c)) depth++
  }
  return out
}

export interface Import {
  /** As written. */
  readonly specifier: string
  readonly typeOnly: boolean
}

/** Static imports, re-exports, and dynamic imports of a literal. */
export function importsOf(text: string): Import[] {
  // Comments may hold examples with imports; strings must stay.
  const plain = text.replace(/\/\*[\s\S]*?\*\//g, ' ').replace(/^\s*\/\/.*$/gm, '')
  const imports: Import[] = []
  const statement = /\b(import|export)\s+(type\s+)?((?:[\w*$\s{},]|\bas\b)*?)\s*from\s*(['"])([^'"]+)\4/g
  for (const match of plain.matchAll(statement)) {
    const names = /\{([^}]*)\}/.exec(match[3] as string)?.[1]
    const eachIsType =
      names !== undefined &&
      !/^\s*\w+\s*,/.test(match[3] as string) &&
      names.split(',').every((name) => name.trim() === '' || /^\s*type\s/.test(name))
    imports.push({ specifier: match[5] as string, typeOnly: match[2] !== undefined || eachIsType })
  }
  for (const match of plain.matchAll(/\bimport\s*(?:\(\s*)?(['"])([^'"]+)\1/g)) imports.push({ specifier: match[2] as string, typeOnly: false })
  return imports
}

/** Path from the root that a relative specifier in `path` means; null for a package. */
export function resolveImport(path: string, specifier: string): string | null {
  if (!specifier.startsWith('.')) return null
  return new URL(specifier, `file:///${path}`).pathname.slice(1)
}
