/** Names in what ships: private ones are properties (`rollup.config.js`), so that within one object each stands for one thing; classes keep theirs. */

import { expect, test } from 'vitest'
import { nodesOf, parse, readSources, ts } from './source.ts'

interface Declared {
  readonly place: string
  readonly name: string
  /** As it is written, without the `Base` of an import's second name. */
  readonly base: string | undefined
  readonly privates: readonly string[]
}

function classesOf(path: string, text: string): Declared[] {
  return [...nodesOf(parse(text))].filter(ts.isClassLike).map((node) => {
    const name = node.name?.text ?? ''
    const base = node.heritageClauses?.find(({ token }) => token === ts.SyntaxKind.ExtendsKeyword)?.types[0]?.expression.getText()
    const names = node.members.map((member) => member.name).filter((each) => each !== undefined && ts.isPrivateIdentifier(each))
    return { place: `${path}#${name}`, name, base: base?.replace(/^Base/, ''), privates: names.map((each) => each.getText()) }
  })
}

/** Classes of the platform have no private names that could meet ours. */
const PLATFORM = new Set(['EventTarget', 'Event', 'Response', 'EventEmitter'])

/** Private names of a class that one of its base classes has, too. When no class of ours has the name of its base class, it can be any. */
function shared(classes: readonly Declared[]): string[] {
  const basesOf = (of: Declared, seen: Set<Declared> = new Set([of])): Set<Declared> => {
    const named = classes.filter((each) => each.name === of.base)
    for (const base of of.base === undefined || PLATFORM.has(of.base) || named.length > 0 ? named : classes) {
      if (seen.has(base)) continue
      seen.add(base)
      basesOf(base, seen)
    }
    return seen
  }
  return classes.flatMap((each) => {
    const inherited = new Set([...basesOf(each)].flatMap((base) => (base === each ? [] : base.privates)))
    return each.privates.filter((name) => inherited.has(name)).map((name) => `${each.place} ${name}`)
  })
}

test('no class has a private name of its base classes', () => {
  const classes = readSources('src').flatMap(({ path, text }) => classesOf(path, text))
  expect(classes.filter(({ privates }) => privates.length > 0).length).toBeGreaterThan(5)
  // Errors keep their private names: see there.
  expect(shared(classes.filter(({ base }) => !base?.endsWith('Error')))).toEqual([])
})

test('… which is seen over several classes, over second names, and where the base class is a parameter', () => {
  const text =
    'class A { #a; #free() {} } class B extends A {} class C extends BaseB { #a; #c } const make = (Base) => class D extends Unknown { #c }'
  expect(shared(classesOf('file', text))).toEqual(['file#C #a', 'file#D #c'])
})

test('what ships leaves its names to classes that are derived from it', async () => {
  const path = 'src/ws/ws-connection.ts'
  const { text } = readSources('src').find((source) => source.path === path) as { text: string }
  const names = classesOf(path, text).flatMap(({ privates }) => privates.map((name) => name.slice(1)))
  const { WsStream } = await shipped<typeof import('../../src/entry/node.ts')>('node')
  const { memoryPair } = await shipped<typeof import('../../src/entry/testing.ts')>('testing')
  const own = ['state', 'options', 'transport', ...names].filter((name) => !(name in WsStream.prototype))
  expect(own.length).toBeGreaterThan(10)
  class Mine extends WsStream {
    constructor(made: ConstructorParameters<typeof WsStream>[0]) {
      super(made)
      Object.assign(this, Object.fromEntries(own.map((name) => [name, `my ${name}`])))
    }
  }
  const [end, other] = memoryPair()
  const [mine, peer] = await Promise.all([Mine.connectWith(end, 'ws://peer.test/'), WsStream.accept(other)])
  await peer.sendText('hello')
  expect((await mine.recv())?.text).toBe('hello')
  await mine.sendText('hello back')
  expect((await peer.recv())?.text).toBe('hello back')
  expect(own.filter((name) => Reflect.get(mine, name) !== `my ${name}`)).toEqual([])
  await Promise.all([mine.close(), peer.recv()])
})

test('every class of connections and pools ships with its own name', async () => {
  for (const name of ['node', 'testing']) {
    const classes = Object.entries(await shipped<Record<string, unknown>>(name)).filter(
      ([key, value]) => /^[A-Z]/.test(key) && typeof value === 'function',
    )
    expect(classes.length).toBeGreaterThan(0)
    for (const [key, value] of classes) expect((value as { readonly name: string }).name).toBe(key)
  }
})

/** An entry as it is built. */
const shipped = async <Entry>(name: string): Promise<Entry> => (await import(new URL(`../../dist/${name}.js`, import.meta.url).href)) as Entry
