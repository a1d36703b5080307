/** The tables of wrong values have every parameter of the API reference: what is new there, and not judged, is found here. */

import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as codec from '../../src/entry/codec.ts'
import * as nexus from '../../src/entry/node.ts'
import * as testing from '../../src/entry/testing.ts'
import {
  codecCalls,
  pureCalls,
  requestCalls,
  responseCalls,
  restCalls,
  streamCalls,
  testingCalls,
  threadCalls,
  tlsCodecCalls,
  upgradeCalls,
  type WrongCall,
} from '../integration/wrong-arguments.ts'
import { OPTIONS } from '../integration/wrong-values.ts'

/** What we call, and users make; and errors, which we make: the arguments are ours. */
const OURS = [
  'PoolObserver',
  'Transport',
  'TransportHandler',
  'PlaintextSink',
  'Clock',
  'HttpError',
  'EncodeError',
  'HandshakeError',
  'ProtocolError',
  'CompressionError',
]
/** Whose parameters are judged elsewhere, or nowhere, and why. */
const EXEMPT: Readonly<Record<string, string>> = {
  'Message.at(index)': 'undefined outside the payload, and for what is no index, as the platform’s arrays have it',
  'OwnedMessage.at(index)': 'as Message.at: test/unit/codec/ws/owned-block.test.ts',
  'Message.getUint16(littleEndian)': 'of DataView: true or not',
  'Message.getInt32(littleEndian)': 'of DataView: true or not',
  'Message.getUint32(littleEndian)': 'of DataView: true or not',
  'Message.getBigInt64(littleEndian)': 'of DataView: true or not',
  'Message.getFloat64(littleEndian)': 'of DataView: true or not',
  'PooledFetch.close(options)': 'ClientPool.close',
  'OwnedMessage(kind)': 'a value for tests and queues of callers: it says what it was given',
  'OwnedMessage(data)': 'the same',
  'OwnedMessage(closeCode)': 'the same',
  'VirtualClock.clear(timer)': 'harmless, whatever it is, as clearTimeout',
  'denoTransport(conn)': 'a connection of Deno, made by it',
  'denoTransport(alpnProtocol)': 'as Deno says it',
  'bunAcceptor(onTransport)': 'what a listener of Bun is made of',
  'AtomicClientPool.acquire(options)': 'ClientPool.acquire',
  'AtomicClientPool.close(options)': 'ClientPool.close',
  'AtomicClientSlot.sendSync(request)': 'judged with those of send; the thread of the tests, which owns the sockets, may not call it',
  'AtomicClientSlot.sendSync(options)': 'the same',
  'SharedAcquirer.acquireSync(options)': 'the same',
  'WebSocket.send(data)': 'the WebSockets standard says what becomes of it: test/unit/faces',
  'WebSocket.close(code)': 'the same',
  'WebSocket.close(reason)': 'the same',
  'WebSocket.addEventListener(type)': 'of EventTarget',
  'WebSocket.addEventListener(listener)': 'the same',
  'WebSocket.addEventListener(options)': 'the same',
  'workerdTransport(socket)': 'a socket of workerd, made by it',
}

/** `name(parameter)` of every function, method and constructor of the reference. */
function documented(): Set<string> {
  const folder = new URL('../../docs/api/', import.meta.url)
  const found = new Set<string>()
  for (const page of readdirSync(folder)) {
    const text = readFileSync(new URL(page, folder), 'utf8')
    for (const section of text.split(/^(?=#+ )/m)) {
      const title = /^#### (.+\(\))$/m.exec(section)?.[1] ?? /^### (\w+)$/m.exec(section)?.[1]
      const blocks = Array.from(section.matchAll(/^```ts\n([\s\S]*?)^```/gm), ([, block = '']) => block)
      // Others are examples.
      const block = title?.endsWith('()') ? blocks[0] : blocks.find((each) => each.startsWith('function '))
      if (title === undefined || block === undefined) continue
      const of = title.replace(/^static |^new |\(\)$/g, '')
      for (const signature of block.split('\n')) {
        const at = signature.indexOf('(')
        if (at < 0 || !/^(?:function |new )?[\w.]+(?:<[^(]*>)?\??\(/.test(signature)) continue
        for (const parameter of parametersOf(signature.slice(at + 1))) found.add(`${of}(${parameter})`)
      }
    }
  }
  return found
}

/** Names of what stands between the parentheses that were just opened. */
function parametersOf(text: string): string[] {
  const names: string[] = []
  let depth = 0
  let part = ''
  for (const character of text.replaceAll('=>', '')) {
    if (character === ')' && depth === 0) break
    if ('([{<'.includes(character)) depth++
    else if (')]}>'.includes(character)) depth--
    if (character === ',' && depth === 0) {
      names.push(part)
      part = ''
    } else part += character
  }
  return [...names, part].map((each) => /^\s*(\w+)/.exec(each)?.[1] ?? '').filter((name) => name !== '')
}

/** Options that wrong-values.ts goes through, by the functions that have them. */
const optionsThere = Object.keys(OPTIONS).map((fn) => `${fn.replace(/^pool\b/, 'ClientPool').replace(/^slot\b/, 'ClientSlot')}(options)`)

test('every parameter of every public function is in a table of wrong values, or is named here', () => {
  const nobody = new Proxy(() => nobody, { get: () => nobody }) as never
  const tables: readonly WrongCall[] = [
    ...streamCalls(nexus, nobody, '', nobody),
    ...upgradeCalls(nexus),
    ...pureCalls(nexus),
    ...restCalls(nexus, nobody, nobody, nobody, nobody),
    ...requestCalls(nexus, nobody),
    ...responseCalls('BorrowedHead', nobody),
    ...responseCalls('OwnedResponse', nobody),
    ...threadCalls(nexus, nobody, nobody, nobody),
    ...codecCalls(codec),
    ...testingCalls(testing),
    ...tlsCodecCalls(nexus),
  ]
  // The builders' methods are the options: builderCalls goes through them.
  const options = new Set(Object.values(OPTIONS).flatMap((kinds) => Object.keys(kinds)))
  const judged = new Set([...tables.map(({ name }) => name), ...optionsThere])
  const missing = [...documented()].filter((each) => {
    const [of = '', name = ''] = each.split(/[.(]/)
    if (OURS.includes(of) || (of.endsWith('Builder') && options.has(name))) return false
    return !judged.has(each.replace('(given)', '(options)')) && !(each in EXEMPT)
  })
  expect(missing).toEqual([])
})
