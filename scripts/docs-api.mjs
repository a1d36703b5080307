// @ts-check
// Writes docs/api from the docstrings, one page for each room of the public surface and an index, and the tables of options in the guides.
//
//     npm run docs:api                               docs/api, and the guides in docs
//     node scripts/docs-api.mjs <folder> <folder>    elsewhere

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { readSurface } from './api-surface.mjs'
import { renewTables } from './options-tables.mjs'

/** @import { Doc, Member, Public } from './api-surface.mjs' */

const docs = fileURLToPath(new URL('../docs', import.meta.url))
const target = resolve(process.argv[2] ?? join(docs, 'api'))
const guidesTarget = resolve(process.argv[3] ?? docs)

/** The pages in the order in which they are read. */
const PAGES = [
  { file: 'websocket', title: 'WebSocket', about: 'Clients and servers of RFC 6455. The guide is [websocket.md](../websocket.md).' },
  { file: 'rest', title: 'REST and the pool', about: 'Connections, pools, requests and responses of RFC 9112. The guide is [rest.md](../rest.md).' },
  { file: 'threads', title: 'Threads', about: 'A pool whose slots any thread may hold. The guide is [threads.md](../threads.md).' },
  { file: 'codec', title: 'Codec', about: 'Bytes in, bytes out, for an event loop of your own: nothing here waits, and nothing asks a runtime.' },
  {
    file: 'errors',
    title: 'Errors',
    about:
      'Each has a stable `code`: match on that, not on the message. A code never changes its meaning; new ones are added. What each means and what to do: [websocket.md](../websocket.md#errors), [rest.md](../rest.md#errors), [threads.md](../threads.md#errors).',
  },
  {
    file: 'transports',
    title: 'Transports, TLS and proxies',
    about: 'What connections are made of and how they are made. The guide is [tls-and-proxies.md](../tls-and-proxies.md).',
  },
  {
    file: 'drop-ins',
    title: 'Drop-ins',
    about: 'Classes that existing code calls, over those of this package. The guide is [coming-from.md](../coming-from.md#one-line).',
  },
  { file: 'testing', title: 'Testing', about: 'Connections without sockets, and time without waiting.' },
]

/** Where a name stands, by the file and the name of its declaration: the first that fits. @type {[RegExp, string][]} */
const PLACES = [
  [/^src\/errors\.ts#/, 'errors'],
  [/^src\/(?:rest\/shared\/|entry\/node\.ts#(?:AtomicClient|SharedAcquirer))/, 'threads'],
  [/^src\/(?:ws\/|backoff\.ts|codec\/ws\/message\.ts|entry\/node(?:-server)?\.ts#(?:WsStream|UpgradeIncoming)$)/, 'websocket'],
  [/^src\/(?:rest\/|codec\/http\/(?:request|request-phases|response)\.ts#|entry\/node(?:-diagnostics)?\.ts#)/, 'rest'],
  [/^src\/(?:codec\/|option-rules\.ts#|entry\/(?:codec|compression)\.ts#)/, 'codec'],
  [/^src\/(?:testing\/|transport\/memory\/|clock\.ts)/, 'testing'],
  [/^src\/(?:faces\/|entry\/(?:websocket-names|\w+-websocket|\w+-fetch)\.ts#)/, 'drop-ins'],
  [/^src\/transport\//, 'transports'],
]

const KINDS = { Class: 'Classes', Function: 'Functions', Constant: 'Constants', Interface: 'Interfaces and types', Type: 'Interfaces and types' }

const surface = readSurface()
const pageOf = new Map(
  surface.map(({ name, file }) => {
    const page = PLACES.find(([pattern]) => pattern.test(`${file}#${name}`))?.[1]
    if (page === undefined) throw new Error(`${file}#${name} belongs to no page: see PLACES in scripts/docs-api.mjs`)
    return [name, page]
  }),
)
/** @type {string[]} */
const undocumented = []

/** The anchor that a heading gets. @param {string} heading */
const slug = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')

/** @param {string} name @param {string} from the page that links */
const linkTo = (name, from) => `${pageOf.get(name) === from ? '' : `${pageOf.get(name)}.md`}#${slug(name)}`

/** A type or name as code, linked when it has one public name in it. @param {string} text @param {string} from */
function code(text, from) {
  const names = [...new Set(text.match(/\b[A-Z]\w+\b/g))].filter((name) => pageOf.has(name))
  return names.length === 1 ? `[\`${text}\`](${linkTo(/** @type {string} */ (names[0]), from)})` : `\`${text}\``
}

/** Resolves what a docstring links. @param {string} text @param {string} from */
function linked(text, from) {
  return text.replace(/\{@link\s+([\w.]+)(?:\s*\|?\s*([^}]*))?\}/g, (_, name, label) => {
    const [first] = /** @type {[string]} */ (name.split('.'))
    // What only the inside knows is told by its last part.
    if (!pageOf.has(first)) return `\`${label || name.split('.').at(-1)}\``
    return `[\`${label || name}\`](${linkTo(first, from)})`
  })
}

/** The first sentence, for an index. @param {Doc | null} doc @param {string} from */
function brief(doc, from) {
  const [first = ''] = (doc?.text ?? '').split(/\n\n|\n```/)
  return linked(
    first
      .replaceAll('\n', ' ')
      .replace(/(?<=[^.]\.|[^.]:)\s.*$/, '')
      .replace(/:$/, '.'),
    from,
  )
}

/** What parameters mean, and what is thrown. @param {Doc | null} doc @param {string} from */
function rest(doc, from) {
  const params = [...(doc?.params ?? [])].map(([name, text]) => `- \`${name}\`: ${linked(text, from)}\n`).join('')
  const tags = (doc?.tags ?? []).map((text) => `${linked(text, from)}\n\n`).join('')
  return (params === '' ? '' : `${params}\n`) + tags
}

/** Where it may be imported from. @param {readonly string[]} entries */
function importsOf(entries) {
  const main = ['node', 'deno', 'bun', 'workerd'].filter((entry) => entries.includes(entry))
  const names =
    main.length === 4
      ? ['`nexus-async-net`']
      : main.length === 3 && !main.includes('workerd')
        ? ['`nexus-async-net` (not on workerd)']
        : main.map((entry) => `\`nexus-async-net/${entry}\``)
  for (const face of ['websocket', 'fetch']) if (entries.includes(`node-${face}`)) names.push(`\`nexus-async-net/${face}\``)
  for (const entry of ['codec', 'testing']) if (entries.includes(entry)) names.push(`\`nexus-async-net/${entry}\``)
  return names.join(', ')
}

/** A member that takes a line. @param {Public} owner @param {Member} member @param {string} from */
function lineOf({ name: owner }, { name, isStatic, signatures, doc }, from) {
  if (doc === null || doc.text === '') undocumented.push(`${owner}.${name}`)
  const [label, ...type] = (signatures[0] ?? name).split(/(?=\??: )/)
  const text = linked(doc?.text ?? '', from)
    .replace(/\n\n/g, '\n\n  ')
    .replace(/\n(?=\S)/g, '\n  ')
  const rendered = type.join('').replace(/^\?/, '').replace(/^: /, '')
  const optional = type[0]?.startsWith('?') ? '?' : ''
  return `- ${isStatic ? 'static ' : ''}**\`${label}${optional}\`** ${code(rendered, from)}  \n  ${text}\n`
}

/** A member that has a heading. @param {Public} owner @param {Member} member @param {string} from */
function sectionOf(owner, { name, kind, isStatic, signatures, doc }, from) {
  const label = name.startsWith('[') ? name : `.${name}`
  const title = kind === 'constructor' ? `new ${owner.name}()` : `${owner.name}${label}()`
  if (kind !== 'constructor' && (doc === null || doc.text === '')) undocumented.push(`${owner.name}.${name}`)
  const shown = signatures.map((each) => (kind === 'constructor' ? each.replace(/^new \w+/, `new ${owner.name}`) : each))
  return `#### ${isStatic && kind === 'method' ? 'static ' : ''}${title}\n\n\`\`\`ts\n${shown.join('\n')}\n\`\`\`\n\n${doc?.text ? `${linked(doc.text, from)}\n\n` : ''}${rest(doc, from)}`
}

/** @param {Public} item @param {string} from */
function render(item, from) {
  if (item.doc === null || item.doc.text === '') undocumented.push(item.name)
  let out = `### ${item.name}\n\n*${item.kind}, from ${importsOf(item.entries)}*\n\n`
  const text = linked(item.doc?.text ?? '', from)
  out += text === '' ? '' : `${text}\n\n`
  if (item.kind === 'Function') return `${out}\`\`\`ts\n${item.text}\n\`\`\`\n\n${rest(item.doc, from)}`
  // Shapes of what belongs to a platform, or that nobody has to look into, say it all themselves.
  const isPlain = item.kind === 'Interface' && item.bases.length === 0 && item.members.every(({ doc }) => doc === null)
  if (item.kind === 'Type' || item.kind === 'Constant' || isPlain) return `${out}\`\`\`ts\n${item.text}\n\`\`\`\n\n`
  if (item.bases.length > 0)
    out +=
      `Has all of ${item.bases.map((name) => `[\`${name}\`](${linkTo(name, from)})`).join(' and ')}${item.members.length > 0 ? ', and' : ''}:\n\n`.replace(
        /(?<!and):\n/,
        '.\n',
      )
  const shown = item.members.filter(({ kind, signatures }) => kind !== 'constructor' && signatures.length > 0)
  // Who has to make one has a documented constructor.
  const made = item.members.filter(({ kind, doc }) => kind === 'constructor' && doc !== null)
  const methods = shown.filter(({ kind }) => kind === 'method')
  const lines = shown.filter(({ kind }) => kind === 'property').map((member) => lineOf(item, member, from))
  const sections = [...made, ...methods.filter(({ isStatic }) => isStatic), ...methods.filter(({ isStatic }) => !isStatic)].map((member) =>
    sectionOf(item, member, from),
  )
  return `${out}${lines.join('')}${lines.length > 0 ? '\n' : ''}${sections.join('')}`
}

rmSync(target, { recursive: true, force: true })
mkdirSync(target, { recursive: true })
const NOTE = '<!-- Made by `npm run docs:api` from the docstrings; edit those. -->'
let index = `${NOTE}\n\n# API reference\n\nOne page for each part of the package, made from the docstrings of its sources.\n`
for (const { file, title, about } of PAGES) {
  const items = surface.filter(({ name }) => pageOf.get(name) === file)
  const groups = [...new Set(Object.values(KINDS))]
    .map((group) => ({ group, of: items.filter(({ kind }) => KINDS[kind] === group) }))
    .filter(({ of }) => of.length > 0)
  const list = groups.flatMap(({ of }) => of).map(({ name, doc }) => `- [\`${name}\`](#${slug(name)}): ${brief(doc, file)}\n`)
  const body = groups.map(({ group, of }) => `## ${group}\n\n${of.map((item) => render(item, file)).join('')}`)
  writeFileSync(join(target, `${file}.md`), `${`${NOTE}\n\n# ${title}\n\n${about}\n\n${list.join('')}\n${body.join('')}`.trimEnd()}\n`)
  const names = groups
    .filter(({ group }) => group !== KINDS.Type)
    .flatMap(({ of }) => of.map(({ name }) => `[\`${name}\`](${file}.md#${slug(name)})`))
  index += `\n## [${title}](${file}.md)\n\n${about}\n${names.length > 0 ? `\n${names.join(' · ')}\n` : ''}`
}
writeFileSync(join(target, 'README.md'), index)

const guides = readdirSync(docs)
  .filter((name) => name.endsWith('.md'))
  .map((name) => /** @type {[string, string]} */ ([name, readFileSync(join(docs, name), 'utf8')]))
mkdirSync(guidesTarget, { recursive: true })
for (const [name, text] of await renewTables(surface, new Map(guides))) writeFileSync(join(guidesTarget, name), text)

if (undocumented.length > 0) {
  process.stderr.write(`without a docstring:\n${undocumented.map((name) => `  ${name}\n`).join('')}`)
  process.exitCode = 1
}
