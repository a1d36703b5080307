/** Sources as the TypeScript compiler reads them, for tests of where files point and of what they keep. */

import { readdirSync, readFileSync } from 'node:fs'
// The newest compiler is native and has no interface to JavaScript.
import ts from 'typescript-5.7'

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

const trees = new Map<string, ts.SourceFile>()

/** The syntax tree of a text. */
export function parse(text: string): ts.SourceFile {
  const known = trees.get(text)
  if (known !== undefined) return known
  const tree = ts.createSourceFile(
    'source.ts',
    text,
    { languageVersion: ts.ScriptTarget.ESNext, jsDocParsingMode: ts.JSDocParsingMode.ParseNone },
    true,
  )
  trees.set(text, tree)
  return tree
}

/** Every node of a tree, parents first. */
export function* nodesOf(tree: ts.Node): Generator<ts.Node> {
  const children: ts.Node[] = []
  ts.forEachChild(tree, (child) => void children.push(child))
  for (const child of children) {
    yield child
    yield* nodesOf(child)
  }
}

/** The sources of the regular expressions, without delimiters and flags. */
export function regularExpressionsOf(text: string): string[] {
  return [...nodesOf(parse(text))].filter(ts.isRegularExpressionLiteral).map((node) => node.text.slice(1, node.text.lastIndexOf('/')))
}

export interface Import {
  /** As written. */
  readonly specifier: string
  readonly typeOnly: boolean
  /** By a call, when it is needed. */
  readonly isDynamic?: boolean
}

/** Static imports, re-exports, and dynamic imports of a literal. */
export function importsOf(text: string): Import[] {
  const imports: Import[] = []
  for (const node of nodesOf(parse(text))) {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      imports.push({ specifier: node.moduleSpecifier.text, typeOnly: isOfTypes(node.importClause) })
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)) {
      const { exportClause } = node
      const eachIsType = exportClause !== undefined && ts.isNamedExports(exportClause) && exportClause.elements.every(({ isTypeOnly }) => isTypeOnly)
      imports.push({ specifier: node.moduleSpecifier.text, typeOnly: node.isTypeOnly || eachIsType })
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments
      if (specifier !== undefined && ts.isStringLiteral(specifier)) imports.push({ specifier: specifier.text, typeOnly: false, isDynamic: true })
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
      imports.push({ specifier: node.argument.literal.text, typeOnly: true })
    }
  }
  return imports
}

function isOfTypes(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false
  if (clause.isTypeOnly) return true
  const { name, namedBindings } = clause
  return (
    name === undefined &&
    namedBindings !== undefined &&
    ts.isNamedImports(namedBindings) &&
    namedBindings.elements.every(({ isTypeOnly }) => isTypeOnly)
  )
}

/** Path from the root that a relative specifier in `path` means; null for a package. */
export function resolveImport(path: string, specifier: string): string | null {
  if (!specifier.startsWith('.')) return null
  return new URL(specifier, `file:///${path}`).pathname.slice(1)
}

export { ts }
