import { existsSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { decode, encode } from '@jridgewell/sourcemap-codec'
import { transform } from 'esbuild'
import { minifySync } from 'rolldown/utils'

/**
 * Without white space, with the shorter of two ways to write the same, and with short names for what is local to a function: 25 % less to load and to
 * parse. Classes, functions and members keep their names, also in stack traces, and the maps lead to lines of the sources.
 */
async function shorten(code) {
  const mangleCache = Object.fromEntries(shippedNames())
  const minified = await transform(code, {
    minifyWhitespace: true,
    minifySyntax: true,
    charset: 'utf8',
    target: 'es2022',
    sourcemap: 'external',
    mangleProps: /^\$/,
    mangleCache,
  })
  return { code: minified.code, map: minified.map }
}

function shortenLocals(code, { fileName }) {
  const mangle = { toplevel: false, keepNames: { function: true, class: true } }
  const { code: shorter, map, errors } = minifySync(fileName, code, { compress: false, mangle, codegen: { removeWhitespace: true }, sourcemap: true })
  if (errors.length > 0) throw new Error(errors[0].message)
  return { code: shorter, map: { ...map, names: [] } }
}

const IMPORT = /^import \{([^}]*)\} from '(\.[^']*)';$/gm
const NUMBER = /^export const (\w+) = (\d+);$/gm

/**
 * Imported numbers, such as those of the binary interface, as literals. A name that one chunk exports is looked up in a cell of its module at each use, by
 * its own module too, and no engine folds it: taking a message cost a third more.
 */
async function foldNumbers(code, id) {
  const numbers = {}
  const rest = code.replace(IMPORT, (_, names, from) => {
    const exported = new Map(Array.from(readFileSync(path.join(path.dirname(id), from), 'utf8').matchAll(NUMBER), ([, name, value]) => [name, value]))
    const others = names.split(',').filter((each) => {
      const name = each.trim()
      if (exported.has(name)) numbers[name] = exported.get(name)
      return !exported.has(name)
    })
    return others.length === 0 ? '' : `import {${others.join(',')}} from '${from}';`
  })
  return Object.keys(numbers).length === 0 ? null : transform(rest, { define: numbers, charset: 'utf8', target: 'es2022', sourcemap: 'external' })
}

/** Private names, and those of them that stand for functions somewhere. */
const privates = new Set()
const functions = new Set()

/**
 * What a private name is called in what ships, the same in all chunks: functions keep their names, which stack traces show; nobody sees those of fields, which
 * are numbers of base 36.
 */
function shippedNames() {
  let number = 0
  const next = () => {
    const name = (number++).toString(36)
    return functions.has(name) ? next() : name
  }
  return [...privates].sort().map((name) => [`$${name}`, `_$${functions.has(name) ? name : next()}`])
}

/**
 * Private names become properties that begin with `_$`: engines check the class of an object wherever a private name is used. Errors keep theirs, as loggers
 * print every property of an error. A name is as long as before, so that maps stay true; `shorten` gives it the name that it ships with.
 */
function openPrivates(code) {
  const starts = []
  const visit = (node) => {
    if (/^Class(Declaration|Expression)$/.test(node.type) && node.superClass?.name?.endsWith('Error')) return
    if (node.type === 'BinaryExpression' && node.left.type === 'PrivateIdentifier')
      throw new Error(`#${node.left.name} in: means nothing in what ships`)
    if (node.type === 'PrivateIdentifier') {
      starts.push(node.start)
      privates.add(node.name)
    }
    const isFunction = node.type === 'MethodDefinition' || (node.type === 'PropertyDefinition' && /Function/.test(node.value?.type))
    if (isFunction && node.key.type === 'PrivateIdentifier') functions.add(node.key.name)
    for (const child of Object.values(node).flat()) if (typeof child?.type === 'string') visit(child)
  }
  visit(this.parse(code))
  const opened = code.split('')
  for (const start of starts) opened[start] = '$'
  return starts.length === 0 ? null : { code: opened.join(''), map: null }
}

/**
 * Maps that lead to lines of the sources, not to columns: a mapping where another line begins, and none between. A stack trace shows as much, and the whole
 * package is a fifth smaller.
 */
function onlyLines(_, bundle) {
  for (const [name, asset] of Object.entries(bundle)) {
    if (!name.endsWith('.map')) continue
    const map = JSON.parse(asset.source)
    const lines = decode(map.mappings).map((segments) => {
      let [source, line] = [-1, -1]
      return segments.filter((segment) => {
        if (segment.length > 1 && segment[1] === source && segment[2] === line) return false
        ;[, source, line] = segment
        return true
      })
    })
    asset.source = JSON.stringify({ ...map, mappings: encode(lines) })
  }
}

// One file for each entry, shared chunks between them. The runtime adapters import node: builtins, which stay imports.
export default {
  plugins: [
    { name: 'clean', buildStart: () => rmSync('dist', { recursive: true, force: true }) },
    {
      // So that maps lead to the sources, and not to what tsc made of them.
      name: 'maps of tsc',
      load: (id) => (existsSync(`${id}.map`) ? { code: readFileSync(id, 'utf8'), map: JSON.parse(readFileSync(`${id}.map`, 'utf8')) } : null),
    },
    { name: 'numbers', transform: foldNumbers },
    { name: 'private names', transform: openPrivates },
    { name: 'shorter code', renderChunk: shorten },
    { name: 'shorter names', renderChunk: (code, chunk) => shortenLocals(code, chunk) },
    { name: 'lines alone', generateBundle: onlyLines },
  ],
  input: Object.fromEntries(
    [
      'node',
      'deno',
      'bun',
      'workerd',
      'codec',
      'node-codec',
      'testing',
      'cli',
      ...['node', 'deno', 'bun', 'workerd'].flatMap((runtime) => [`${runtime}-websocket`, `${runtime}-fetch`]),
      ...['node', 'deno', 'bun'].flatMap((runtime) => [`${runtime}-ws`, `${runtime}-undici`]),
    ].map((name) => [name, `build/js/src/entry/${name}.js`]),
  ),
  external: [/^node:/, /^cloudflare:/, './codec.wasm', './deflate.wasm'],
  // The binaries lie beside the entry in dist, not where the source was.
  makeAbsoluteExternalsRelative: false,
  output: {
    dir: 'dist',
    format: 'es',
    sourcemap: true,
    // Where a line comes from, without the sources themselves: they would be half of the package.
    sourcemapExcludeSources: true,
    entryFileNames: '[name].js',
    chunkFileNames: 'shared-[name].js',
    hoistTransitiveImports: false,
    // The binary for compressed data lies apart. Every entry loads it, as text: it is compiled when it is first needed, which must not wait for an import.
    manualChunks: (id) => (id.endsWith('/codec/deflate/binary.js') ? 'deflate-binary' : undefined),
    // Whole names between the chunks: easier to read, and 1.1 KB less when packed.
    minifyInternalExports: false,
  },
}
