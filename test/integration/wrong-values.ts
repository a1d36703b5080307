/**
 * What a caller hands in is judged before anything begins: every option of every public function with values that it may not have. Each is refused
 * with the option's name, and nothing is dialled: the server's address is one where nobody listens, so that an attempt would fail otherwise.
 */

import type * as Nexus from '../../src/entry/node.ts'
import { ok } from './assert.ts'

/** What an option may be. */
export type Kind =
  | 'integer'
  | 'size'
  | 'number'
  | 'flag'
  | 'text'
  | 'signal'
  | 'fields'
  | 'tokens'
  | 'callback'
  | 'bag'
  | 'tls'
  | 'proxy'
  | 'path'
  | 'keepAlive'
  | 'body'
  | 'observer'
  | 'deflate'

const symbol = Symbol('wrong')
const NOT_A_NUMBER: readonly unknown[] = [
  null,
  '5',
  Number.NaN,
  -1,
  2 ** 53,
  Number.POSITIVE_INFINITY,
  {},
  [],
  true,
  symbol,
  1n,
  () => {},
  new Date(0),
]

/** For each kind, values that it is not. */
export const WRONG: Readonly<Record<Kind, readonly unknown[]>> = {
  integer: [...NOT_A_NUMBER, 1.5],
  // Infinity is no limit.
  size: [...NOT_A_NUMBER.filter((value) => value !== Number.POSITIVE_INFINITY), 1.5, 2 ** 31],
  number: NOT_A_NUMBER,
  flag: [null, 0, 1, 'true', {}, symbol],
  text: [null, 5, {}, [], symbol, true],
  signal: [5, 'abort', {}, new AbortController(), new EventTarget(), true],
  fields: [
    null,
    5,
    'X-Key: 1',
    symbol,
    ['X-Key', 'value'],
    [['X-Key']],
    [['X-Key', '1', '2']],
    [[1, 'x']],
    { 'X-Key': null },
    { 'X-Key': {} },
    { 'X-Key': [[1]] },
  ],
  tokens: [null, 5, {}, symbol, 'a b', ['a', 'a'], [5], ''],
  callback: [null, 5, 'f', {}, []],
  bag: [null, 5, 'x', [], symbol, { unknownName: 1 }],
  tls: [null, 5, 'x', { rejectUnauthorized: false }, { ca: 5 }, { minVersion: '1.1' }],
  proxy: [
    5,
    {},
    symbol,
    [],
    { url: 'http://a', agent: 1 },
    'no url',
    true,
    { url: 'http://a', plain: 'direct' },
    { url: 'socks5://a', plain: 'forward' },
    { url: 'http://a', headers: 'X: 1' },
    { url: 'http://a', headers: { 'X-Key': null } },
  ],
  path: [null, 5, '', {}, 'a\0b'],
  keepAlive: [null, true, 0, 999, 'x', {}],
  observer: [null, 5, 'x', [], symbol, { onSlotUp: 5 }, { onRequest: null }],
  body: [null, 5, {}, [], true, symbol],
  deflate: [
    ...[null, 0, 'true', [], symbol, { unknownName: 1 }],
    ...[{ threshold: -1 }, { threshold: 2 ** 31 }, { threshold: 1.5 }, { threshold: '1' }],
    ...[7, 16, '9', 9.5].flatMap((bits) => [{ serverMaxWindowBits: bits }, { clientMaxWindowBits: bits }]),
    ...[1, 'true'].flatMap((on) => [{ serverNoContextTakeover: on }, { clientNoContextTakeover: on }]),
  ],
}

const STREAM = {
  bufferCapacity: 'integer',
  maxReadSize: 'integer',
  compactAt: 'number',
  maxFrameSize: 'integer',
  maxMessageSize: 'integer',
  writeBufferCapacity: 'integer',
  maxBufferedAmount: 'integer',
  perMessageDeflate: 'deflate',
  autoPong: 'flag',
  heartbeat: 'bag',
  dataTimeout: 'number',
  closeTimeout: 'number',
  handshakeTimeout: 'number',
  maskKeys: 'bag',
} as const satisfies Record<string, Kind>

const DIAL = {
  tls: 'tls',
  proxy: 'proxy',
  socketPath: 'path',
  noDelay: 'flag',
  keepAlive: 'keepAlive',
  connectTimeout: 'number',
  signal: 'signal',
} as const satisfies Record<string, Kind>

const READER = {
  capacity: 'integer',
  maxHeadSize: 'integer',
  maxHeaders: 'integer',
  maxBodySize: 'size',
  maxTrailerSize: 'integer',
  maxChunkExtension: 'integer',
} as const satisfies Record<string, Kind>

/** Of an opening handshake. */
const HEAD = { maxHeadSize: 'integer', maxHeaders: 'integer' } as const

const CONNECT = { ...STREAM, ...HEAD, ...DIAL, headers: 'fields', protocols: 'tokens' } as const

const POOL = {
  ...DIAL,
  ...READER,
  timeout: 'number',
  closeTimeout: 'number',
  requireVerifiedEnd: 'flag',
  decompress: 'flag',
  connections: 'integer',
  basePath: 'text',
  defaultHeaders: 'fields',
  writeBufferCapacity: 'integer',
  backoff: 'bag',
  acquireTimeout: 'number',
  maxQueue: 'integer',
  lazy: 'flag',
  maxAge: 'number',
  maxIdle: 'number',
  keepAliveMargin: 'number',
  keepWarm: 'bag',
  leakTimeout: 'number',
  observer: 'observer',
} as const satisfies Record<string, Kind>

const SEND = { timeout: 'number', requireVerifiedEnd: 'flag', decompress: 'flag', signal: 'signal', onInterim: 'callback' } as const satisfies Record<
  string,
  Kind
>

/** The options of each public function: what each may be. Compared with the package's own tables by the unit tests. */
export const OPTIONS: Readonly<Record<string, Readonly<Record<string, Kind>>>> = {
  'WsStream.connect': CONNECT,
  'WsStream.accept': { ...STREAM, ...HEAD, headers: 'fields', protocols: 'tokens', onRequest: 'callback', signal: 'signal' },
  'WsStream.sessions': { ...CONNECT, backoff: 'bag', stableAfter: 'number', onOpen: 'callback', onDown: 'callback', shouldRetry: 'callback' },
  'HttpConnection.connect': {
    ...DIAL,
    ...READER,
    timeout: 'number',
    closeTimeout: 'number',
    requireVerifiedEnd: 'flag',
    decompress: 'flag',
    reader: 'bag',
  },
  'ClientPool.connect': POOL,
  'AtomicClientPool.connect': { ...POOL, maxBodySize: 'integer', spareBlocks: 'integer', spin: 'integer' },
  'pool.acquire': { timeout: 'number', signal: 'signal' },
  'pool.close': { timeout: 'number' },
  'pool.request': { ...SEND, query: 'fields', headers: 'fields', body: 'body', retryUnsent: 'integer' },
  'slot.send': SEND,
}

/** Names that other clients have for something, and a part of what the error has to say of each. */
const FOREIGN: readonly (readonly [fn: string, name: string, hint: string])[] = [
  ['WsStream.connect', 'rejectUnauthorized', 'tls.dangerNoVerify'],
  ['WsStream.connect', 'maxPayload', 'maxMessageSize'],
  ['WsStream.connect', 'agent', 'proxy'],
  ['WsStream.connect', 'header', 'headers'],
  ['ClientPool.connect', 'headers', 'defaultHeaders'],
  ['ClientPool.connect', 'keepAliveTimeout', 'maxIdle'],
  ['ClientPool.connect', 'conections', 'connections'],
  ['pool.request', 'json', 'body'],
  ['pool.request', 'data', 'body'],
  ['pool.request', 'params', 'query'],
  ['slot.send', 'constructor', 'constructor'],
]

type Call = (options: unknown) => unknown

/** Every wrong value of every option, on this entry. */
export async function checkWrongValues(nexus: typeof Nexus, refused: string, openPool: () => Promise<Nexus.ClientPool>): Promise<void> {
  const pool = await openPool()
  const slot = pool.tryAcquire() as Nexus.ClientSlot
  const http = refused.replace(/^ws/, 'http')
  let dialled = 0
  const transport = (): never => {
    dialled++
    throw new Error('the transport was used')
  }
  const untouched = new Proxy({}, { get: transport }) as never
  const calls: Readonly<Record<string, Call>> = {
    'WsStream.connect': (options) => nexus.WsStream.connect(refused, options as never),
    'WsStream.accept': (options) => nexus.WsStream.accept(untouched, options as never),
    'WsStream.sessions': (options) => nexus.WsStream.sessions(refused, options as never).next(),
    'HttpConnection.connect': (options) => nexus.HttpConnection.connect(http, options as never),
    'ClientPool.connect': (options) => nexus.ClientPool.connect(http, options as never),
    'AtomicClientPool.connect': (options) => nexus.AtomicClientPool.connect(http, options as never),
    'pool.acquire': (options) => pool.acquire(options as never),
    'pool.close': (options) => pool.close(options as never),
    'pool.request': (options) => pool.request('GET', '/', options as never),
    'slot.send': (options) => slot.send(slot.writer.get('/').finish(), options as never),
  }
  try {
    for (const [fn, options] of Object.entries(OPTIONS)) {
      const call = calls[fn] as Call
      for (const bag of [null, 50, 'x', []]) await isRefused(() => call(bag), 'options', `${fn}(${print(bag)})`)
      await isRefused(() => call({ noSuchOption: 1 }), 'noSuchOption', `${fn}({ noSuchOption })`)
      for (const [name, kind] of Object.entries(options)) {
        for (const value of WRONG[kind]) {
          await isRefused(() => call({ [name]: value }), name, `${fn}({ ${name}: ${print(value)} })`)
          // It resolves before anything is dialled: what is wrong is refused all the same.
          if ('lazy' in options) await isRefused(() => call({ lazy: true, [name]: value }), name, `${fn}({ lazy: true, ${name}: ${print(value)} })`)
        }
      }
    }
    for (const [fn, name, hint] of FOREIGN) await isRefused(() => (calls[fn] as Call)({ [name]: 1 }), hint, `${fn}({ ${name} })`)
    ok(dialled === 0, `a transport was used ${dialled} times before the options were judged`)
    ok(pool.stats.waiting === 0 && pool.stats.leased === 1, `the pool has ${pool.stats.waiting} waiting and ${pool.stats.leased} leased`)
    ok(slot.connection?.state === 'idle', `the slot's connection is ${slot.connection?.state}`)
  } finally {
    slot.release()
    await pool.close()
  }
}

async function isRefused(call: () => unknown, named: string, what: string): Promise<void> {
  let error: unknown
  try {
    await call()
  } catch (thrown) {
    error = thrown
  }
  const { code, message } = (error ?? {}) as { code?: string; message?: string }
  ok(
    code === 'InvalidOption' || code === 'TlsOptionInvalid',
    `${what}: InvalidOption expected, but it was ${error === undefined ? 'accepted' : String(error)}`,
  )
  ok(message?.includes(named) === true, `${what}: the error does not name ${named}: ${message}`)
}

/** A value, for messages. */
export function print(value: unknown): string {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return `${value.constructor?.name ?? 'object'} ${Object.keys(value).join()}`
  return typeof value === 'string' ? JSON.stringify(value) : Array.isArray(value) ? `[${value.map(print).join()}]` : String(value)
}
