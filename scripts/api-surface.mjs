// @ts-check
// What the entries export, read through the compiler's JavaScript API: names, signatures as they are written, and docstrings.

import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
// The native compiler has no such API; the older one is here for the tests.
import ts from 'typescript-5.7'

const root = fileURLToPath(new URL('../', import.meta.url))

/**
 * The entries, those first whose declaration counts where several have one of that name. Those of `compat` are documented by the packages whose names they have.
 */
const ENTRIES = [
  'node',
  'codec',
  'testing',
  'deno',
  'bun',
  'workerd',
  ...['node', 'deno', 'bun', 'workerd'].flatMap((runtime) => [`${runtime}-websocket`, `${runtime}-fetch`]),
]

/**
 * @typedef {object} Doc
 * @property {string} text Markdown, links still as `{@link X}`
 * @property {Map<string, string>} params
 * @property {string[]} tags `Throws …`, `Returns …`
 */

/**
 * @typedef {object} Member
 * @property {string} name
 * @property {'constructor' | 'method' | 'property'} kind
 * @property {boolean} isStatic
 * @property {string[]} signatures as they are written
 * @property {Doc | null} doc
 */

/**
 * @typedef {object} Public
 * @property {string} name
 * @property {'Class' | 'Interface' | 'Type' | 'Function' | 'Constant'} kind
 * @property {string} file from the root
 * @property {string[]} entries
 * @property {string} text as it is written, without its docstring
 * @property {Doc | null} doc
 * @property {string[]} bases public names whose members it has, too
 * @property {Member[]} members
 */

/** Every public name. @returns {Public[]} */
export function readSurface() {
  const files = ENTRIES.map((entry) => `${root}src/entry/${entry}.ts`)
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const program = ts.createProgram(
    [...files, ...['transport/workerd/module.d.ts', 'entry/codec.d.wasm.ts', 'entry/deflate.d.wasm.ts'].map((file) => `${root}src/${file}`)],
    options,
  )
  const checker = program.getTypeChecker()

  /**
   * A class that an entry composes is a constant and a type of one name: what it makes, and where its static members stand when that is another place.
   * @param {ts.Symbol} symbol
   */
  const composed = (symbol) => {
    const value = symbol.declarations?.find(ts.isVariableDeclaration)
    if (value?.type === undefined || !symbol.declarations?.some(ts.isTypeAliasDeclaration)) return null
    const instance = checker.getDeclaredTypeOfSymbol(symbol).symbol
    const type = checker.getTypeFromTypeNode(value.type).symbol
    return { symbol: instance, statement: value.parent.parent, statics: type === instance ? null : type }
  }

  /** @type {Map<string, { symbol: ts.Symbol, entries: string[], statement?: ts.Node, statics?: ts.Symbol | null }>} */
  const found = new Map()
  for (const entry of ENTRIES) {
    const source = program.getSourceFile(`${root}src/entry/${entry}.ts`)
    const module = source && checker.getSymbolAtLocation(source)
    if (!module) throw new Error(`there is no entry ${entry}`)
    for (const symbol of checker.getExportsOfModule(module)) {
      const known = found.get(symbol.name)
      if (known === undefined) {
        const original = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
        found.set(symbol.name, { symbol: original, ...composed(original), entries: [entry] })
      } else known.entries.push(entry)
    }
  }

  /** A class or interface and what it extends, nearest first. @param {ts.Symbol} symbol @returns {ts.Symbol[]} */
  const chainOf = (symbol) => {
    const type = checker.getDeclaredTypeOfSymbol(symbol)
    const bases = type.isClassOrInterface() ? checker.getBaseTypes(type) : []
    return [symbol, ...bases.flatMap((base) => (base.symbol === undefined ? [] : chainOf(base.symbol)))]
  }
  const chains = new Map(
    [...found.values()]
      .filter(({ symbol }) => symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface))
      .map(({ symbol }) => [symbol, chainOf(symbol)]),
  )
  const publicNames = new Map([...found].map(([name, { symbol }]) => [symbol, name]))

  /** Where the members that `owner` declares are told of, when not at `symbol`. @param {ts.Symbol} symbol @param {ts.Symbol} owner */
  const placeOf = (symbol, owner) => {
    const chain = chains.get(symbol) ?? []
    if (owner === symbol) return null
    if (publicNames.has(owner)) return /** @type {string} */ (publicNames.get(owner))
    for (const [other, its] of chains) {
      // A public class with nothing between itself and the inner one that they have in common.
      if (other !== symbol && its.includes(owner) && its.length < chain.length && its.slice(1).every((each) => chain.includes(each))) {
        return /** @type {string} */ (publicNames.get(other))
      }
    }
    return null
  }

  /** @param {string} name @param {{ symbol: ts.Symbol, entries: string[], statement?: ts.Node, statics?: ts.Symbol | null }} its @returns {Public} */
  const read = (name, { symbol, entries, statement: composition, statics }) => {
    const declaration = /** @type {ts.Declaration} */ (symbol.declarations?.[0])
    const file = relative(root, declaration.getSourceFile().fileName).replaceAll('\\', '/')
    const statement = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration
    const own = {
      name,
      file,
      entries,
      text: textOf(statement),
      doc: docOf(composition ?? statement),
      bases: /** @type {string[]} */ ([]),
      members: /** @type {Member[]} */ ([]),
    }
    if (ts.isTypeAliasDeclaration(declaration)) return { ...own, kind: 'Type' }
    if (ts.isVariableDeclaration(declaration)) return { ...own, kind: 'Constant' }
    if (ts.isFunctionDeclaration(declaration)) {
      const signatures = [signatureOf(declaration)]
      return { ...own, kind: 'Function', text: signatures[0] ?? '', members: [{ name, kind: 'method', isStatic: true, signatures, doc: own.doc }] }
    }
    const isClass = ts.isClassDeclaration(declaration) || composition !== undefined
    const chain = chains.get(symbol) ?? []
    const bases = new Set()
    const seen = new Map()
    // What is declared here first, then what the classes below add, in the order in which it is written.
    for (const owner of chain) {
      const place = placeOf(symbol, owner)
      for (const node of owner.declarations ?? []) {
        if ((!ts.isClassDeclaration(node) && !ts.isInterfaceDeclaration(node)) || isOfPlatform(node)) continue
        if (place !== null) bases.add(place)
        for (const member of membersOf(node)) {
          const key = `${member.isStatic} ${member.name}`
          const known = seen.get(key)
          if (known === undefined) {
            if (place === null) seen.set(key, { ...member, owner })
            continue
          }
          // Overloads, a getter and its setter, and a docstring that is inherited.
          if (known.owner === owner) known.signatures.push(...member.signatures)
          known.doc ??= member.kind === 'constructor' ? null : member.doc
        }
      }
    }
    for (const node of statics?.declarations ?? []) {
      if (!ts.isInterfaceDeclaration(node)) continue
      for (const member of membersOf(node)) {
        if (member.kind === 'method') seen.set(`true ${member.name}`, { ...member, isStatic: true, owner: symbol })
      }
    }
    const members = [...seen.values()].map(({ owner: _, ...member }) => member)
    const doc = own.doc ?? chain.map((each) => docOf(/** @type {ts.Node} */ (each.declarations?.[0]))).find((each) => each !== null) ?? null
    return { ...own, kind: isClass ? 'Class' : 'Interface', doc, bases: [...bases], members }
  }
  return [...found].map(([name, its]) => read(name, its))
}

/** @param {ts.Node} node */
function isOfPlatform(node) {
  return !node.getSourceFile().fileName.startsWith(`${root}src/`)
}

/** What a class or an interface declares and shows. @param {ts.ClassDeclaration | ts.InterfaceDeclaration} node @returns {Member[]} */
function membersOf(node) {
  /** @type {Member[]} */
  const members = []
  for (const member of node.members) {
    const flags = ts.getCombinedModifierFlags(/** @type {ts.Declaration} */ (member))
    if (flags & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected) || isInternal(member)) continue
    const isStatic = Boolean(flags & ts.ModifierFlags.Static)
    if (ts.isConstructorDeclaration(member)) {
      const doc = docOf(member)
      const isBody = member.body !== undefined && node.members.some((each) => ts.isConstructorDeclaration(each) && each.body === undefined)
      const signatures = isBody ? [] : [signatureOf(member, node.name?.text)]
      members.push({ name: 'constructor', kind: 'constructor', isStatic: true, signatures, doc })
      for (const parameter of member.parameters) {
        const its = ts.getCombinedModifierFlags(parameter)
        if (!ts.isParameterPropertyDeclaration(parameter, member) || its & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) continue
        const name = parameter.name.getText()
        const text = doc?.params.get(name)
        members.push({
          ...{ name, kind: 'property', isStatic: false },
          signatures: [`${its & ts.ModifierFlags.Readonly ? 'readonly ' : ''}${name}: ${parameter.type?.getText() ?? 'unknown'}`],
          doc: docOf(parameter) ?? (text === undefined ? null : { text: sentence(text), params: new Map(), tags: [] }),
        })
      }
      continue
    }
    if (member.name === undefined || ts.isPrivateIdentifier(member.name)) continue
    const isMethod = ts.isMethodDeclaration(member) || ts.isMethodSignature(member)
    // The body of an overload is not one of its signatures.
    const isBody =
      ts.isMethodDeclaration(member) &&
      member.body !== undefined &&
      node.members.some((each) => ts.isMethodDeclaration(each) && each.body === undefined && each.name.getText() === member.name.getText())
    const isSetter = ts.isSetAccessorDeclaration(member)
    const hasSetter =
      ts.isGetAccessorDeclaration(member) &&
      node.members.some((each) => ts.isSetAccessorDeclaration(each) && each.name.getText() === member.name?.getText())
    const signature = ts.isGetAccessorDeclaration(member)
      ? `${hasSetter ? '' : 'readonly '}${member.name.getText()}: ${member.type?.getText() ?? 'unknown'}`
      : signatureOf(member)
    members.push({
      ...{ name: member.name.getText(), kind: isMethod ? 'method' : 'property', isStatic },
      signatures: isBody || isSetter ? [] : [signature],
      doc: docOf(member),
    })
  }
  return members
}

/** A declaration as it is written, without docstrings, a body, and words that say nothing to who calls it. @param {ts.Node} node @param {string} [className] */
function signatureOf(node, className) {
  const body = /** @type {{ body?: ts.Node }} */ (node).body
  const source = node.getSourceFile().text
  const end = body === undefined ? node.end : body.getStart()
  const [first, second] = /** @type {{ parameters?: ts.NodeArray<ts.ParameterDeclaration> }} */ (node).parameters ?? []
  // Which class a static method is called on is no argument.
  let text =
    first?.name.getText() === 'this'
      ? source.slice(node.getStart(), first.getStart()) + source.slice(second?.getStart() ?? source.indexOf(')', first.end), end)
      : source.slice(node.getStart(), end)
  text = text
    .replace(/\/\*[\s\S]*?\*\/\s*/g, '')
    .trim()
    .replace(/[;,]$/, '')
  text = text.replace(/^(?:(?:export|static|async|override|abstract|declare|\*)\s*(?=[\w*[]))+/, '')
  if (className !== undefined) {
    text = text.replace(/^constructor/, `new ${className}`).replace(/(?<=[(\s])(?:readonly|public|private|protected) (?:readonly )?(?=\w+\??:)/g, '')
  }
  text = text
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\( /g, '(')
    .replace(/, \)/g, ')')
    .replace(/\{ \}/g, '{}')
    // What is taken apart at once is one argument all the same.
    .replace(/\(\{[^}]*\}: (?=\w)/, '(options: ')
  // The value of a property is not its type, unless that is all there is.
  if (!ts.isPropertyDeclaration(node)) return text
  const [before, value] = /** @type {[string, string?]} */ (text.split(/\s=\s(.*)$/))
  if (node.type !== undefined || value === undefined) return before
  const widened = { "'": 'string', t: 'boolean', f: 'boolean' }[value.charAt(0)] ?? 'number'
  return `${before}: ${before.startsWith('readonly ') ? value : widened}`
}

/** A statement as it is written, after its docstring. @param {ts.Node} node */
function textOf(node) {
  const source = node.getSourceFile().text
  return source.slice(node.getStart(), node.end).replace(/^export /, '')
}

/** @param {ts.Node} node */
function commentOf(node) {
  const source = node.getSourceFile().text
  const range = ts
    .getLeadingCommentRanges(source, node.getFullStart())
    ?.filter(({ pos }) => source.startsWith('/**', pos))
    .at(-1)
  return range === undefined ? null : source.slice(range.pos, range.end)
}

/** @param {ts.Node} node */
function isInternal(node) {
  return commentOf(node)?.includes('@internal') ?? false
}

/** Its docstring. @param {ts.Node} node @returns {Doc | null} */
function docOf(node) {
  const comment = commentOf(node)
  if (comment === null) return null
  const lines = comment
    .replace(/^\/\*\*\s?|\s*\*\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\*\s?/, ''))
  let text = ''
  const blocks = /** @type {string[]} */ ([])
  for (const line of lines) {
    if (/^@\w/.test(line)) blocks.push(line)
    else if (blocks.length > 0 && line === '') blocks.push('')
    else if (blocks.length > 0) blocks[blocks.length - 1] += ` ${line.trim()}`
    else text += `${line}\n`
  }
  const params = new Map()
  const tags = []
  for (const block of blocks) {
    if (!block.startsWith('@')) {
      if (block !== '') tags.push(block.trim())
      continue
    }
    const [, tag, rest = ''] = /^@(\w+)\s*([\s\S]*)$/.exec(block) ?? []
    const param = /^(\w+)\s+(?:- )?([\s\S]*)$/.exec(rest.trim())
    if (tag === 'param' && param) params.set(param[1], param[2])
    else if (tag === 'throws') tags.push(sentence(`Throws ${rest.trim()}`))
    else if (tag === 'returns') tags.push(sentence(`Returns ${rest.trim()}`))
    else throw new Error(`what is @${tag}? ${comment}`)
  }
  return { text: text.trim(), params, tags }
}

/** @param {string} text */
function sentence(text) {
  const trimmed = text.trim()
  return `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}${/[.!?:]$/.test(trimmed) ? '' : '.'}`
}
