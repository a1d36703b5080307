// @ts-check
// The declarations that an entry's users can see: what it exports, and whatever that is written in terms of.

import { relative, resolve } from 'node:path'
// The native compiler has no JavaScript API; the older one is here for the tests.
import ts from 'typescript-5.7'

/**
 * Files of declarations with what users can see of them, by path. A file of which nothing can be seen is left out, and so is every statement that
 * only other code of the package stands on.
 *
 * @param {readonly string[]} entries @returns {Map<string, string>}
 */
export function visibleDeclarations(entries) {
  const program = ts.createProgram([...entries], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    allowImportingTsExtensions: true,
    allowArbitraryExtensions: true,
    noEmit: true,
    types: [],
  })
  const checker = program.getTypeChecker()
  const sources = new Set(program.getSourceFiles().filter(({ fileName }) => resolve(fileName).startsWith(resolve('build'))))

  /** @type {Set<ts.Node>} */
  const visible = new Set()
  /** @type {Set<ts.SourceFile>} */
  const files = new Set(entries.map((entry) => /** @type {ts.SourceFile} */ (program.getSourceFile(entry))))

  /** @param {ts.Symbol | undefined} symbol */
  const see = (symbol) => {
    if (symbol === undefined) return
    if (symbol.flags & ts.SymbolFlags.Alias) {
      for (const node of symbol.declarations ?? []) if (sources.has(node.getSourceFile())) files.add(node.getSourceFile())
      see(checker.getAliasedSymbol(symbol))
      return
    }
    for (const declaration of symbol.declarations ?? []) {
      const statement = statementOf(declaration)
      if (statement === null || !sources.has(statement.getSourceFile()) || visible.has(statement)) continue
      visible.add(statement)
      files.add(statement.getSourceFile())
      read(statement)
    }
  }
  /** What a declaration is written in terms of. @param {ts.Node} node */
  const read = (node) => {
    if (ts.isIdentifier(node)) see(checker.getSymbolAtLocation(node))
    ts.forEachChild(node, read)
  }
  for (const entry of entries) {
    const module = checker.getSymbolAtLocation(/** @type {ts.SourceFile} */ (program.getSourceFile(entry)))
    for (const symbol of module === undefined ? [] : checker.getExportsOfModule(module)) see(symbol)
  }
  // A file that passes on what others declare.
  for (let isDone = false; !isDone; ) {
    isDone = true
    for (const source of [...files]) {
      for (const statement of source.statements) {
        if (!ts.isExportDeclaration(statement) || statement.moduleSpecifier === undefined) continue
        const target = checker.getSymbolAtLocation(statement.moduleSpecifier)?.declarations?.[0]?.getSourceFile()
        if (target === undefined || files.has(target) || !sources.has(target)) continue
        files.add(target)
        isDone = false
      }
    }
  }
  /** Can the name that is passed on be seen? @param {ts.ExportSpecifier} element */
  const isSeen = (element) => {
    const symbol = checker.getExportSpecifierLocalTargetSymbol(element)
    const original = symbol !== undefined && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
    return (original?.declarations ?? []).some(
      (declaration) => !sources.has(declaration.getSourceFile()) || visible.has(/** @type {ts.Node} */ (statementOf(declaration))),
    )
  }
  return new Map([...files].map((source) => [relative('', source.fileName), textOf(source, visible, isSeen)]))
}

/** The statement of a module that `node` is, or stands in. @param {ts.Node} node @returns {ts.Node | null} */
function statementOf(node) {
  let each = node
  while (each.parent !== undefined && !ts.isSourceFile(each.parent)) each = each.parent
  return each.parent === undefined ? null : each
}

/** @param {ts.SourceFile} source @param {ReadonlySet<ts.Node>} visible @param {(element: ts.ExportSpecifier) => boolean} isSeen */
function textOf(source, visible, isSeen) {
  const kept = source.statements.filter(
    (statement) => visible.has(statement) || ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement),
  )
  /** @type {Set<string>} */
  const named = new Set()
  /** @param {ts.Node} node */
  const name = (node) => {
    if (ts.isIdentifier(node)) named.add(node.text)
    ts.forEachChild(node, name)
  }
  for (const statement of kept) if (!ts.isImportDeclaration(statement)) name(statement)
  const head = source.text.slice(0, source.statements[0]?.getFullStart() ?? 0)
  return `${head}${kept.map((statement) => (ts.isImportDeclaration(statement) ? importOf(statement, named) : ts.isExportDeclaration(statement) ? exportOf(statement, isSeen) : textOfNode(statement))).join('')}\n`.trimStart()
}

/** @param {ts.Node} node */
function textOfNode(node) {
  return node.getFullText()
}

/** What is passed on, as far as it can be seen. @param {ts.ExportDeclaration} statement @param {(element: ts.ExportSpecifier) => boolean} isSeen */
function exportOf(statement, isSeen) {
  const { exportClause, moduleSpecifier } = statement
  if (exportClause === undefined || ts.isNamespaceExport(exportClause) || moduleSpecifier === undefined) return textOfNode(statement)
  const seen = exportClause.elements.filter(isSeen)
  if (seen.length === exportClause.elements.length) return textOfNode(statement)
  if (seen.length === 0) return ''
  const type = statement.isTypeOnly ? 'type ' : ''
  return `\nexport ${type}{ ${seen.map((each) => each.getText()).join(', ')} } from ${moduleSpecifier.getText()};`
}

/** An import, with the names that are still used. @param {ts.ImportDeclaration} statement @param {ReadonlySet<string>} named */
function importOf(statement, named) {
  const bindings = statement.importClause?.namedBindings
  if (bindings === undefined) return textOfNode(statement)
  if (ts.isNamespaceImport(bindings)) return named.has(bindings.name.text) ? textOfNode(statement) : ''
  const used = bindings.elements.filter(({ name }) => named.has(name.text))
  if (used.length === 0) return ''
  if (used.length === bindings.elements.length) return textOfNode(statement)
  const type = statement.importClause?.isTypeOnly === true ? 'type ' : ''
  return `\nimport ${type}{ ${used.map((each) => each.getText()).join(', ')} } from ${statement.moduleSpecifier.getText()};`
}
