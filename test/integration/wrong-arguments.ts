/**
 * What a caller hands in is judged before anything begins: every argument of every public function with values that it may not be. Each is refused with
 * an error of the package that names the parameter; nothing is dialled, leased, sent or left behind. Options have a table of their own (wrong-values.ts).
 */

import type * as Codec from '../../src/entry/codec.ts'
import type * as Nexus from '../../src/entry/node.ts'
import type * as Testing from '../../src/entry/testing.ts'
import { ok } from './assert.ts'
import { type Kind, OPTIONS as OPTION_KINDS, print, WRONG } from './wrong-values.ts'

/** One parameter of one function, and what it may not be. */
export interface WrongCall {
  /** As the API reference has them: `WsStream.sendText(text)`. */
  readonly name: string
  readonly wrong: readonly unknown[]
  /** What the error is, when it is not `InvalidOption`: a documented code, or the name of a platform's error. */
  readonly codes?: readonly string[]
  /** How the error names the parameter, when not by its name. */
  readonly says?: string
  call(value: never): unknown
}

const symbol = Symbol('wrong')
const nothing = (): void => {}

const TEXT: readonly unknown[] = [undefined, null, 5, true, symbol, 1n, {}, [], ['a'], nothing, new Uint8Array(1), new Date(0)]
const BYTES: readonly unknown[] = [
  undefined,
  null,
  5,
  true,
  symbol,
  'abc',
  {},
  [],
  [1, 2],
  { length: 3 },
  { byteLength: 3 },
  nothing,
  new Blob(['x']),
]
/** Of those that have a default. */
const OTHER_BYTES: readonly unknown[] = BYTES.slice(1)
const URLS: readonly unknown[] = [...TEXT, '', 'no url', 'ftp://127.0.0.1', '//127.0.0.1', 'http://', { href: 5 }]
const COUNT: readonly unknown[] = [undefined, null, '1', true, symbol, 1n, {}, [], [1], nothing, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]
const FUNCTION: readonly unknown[] = [undefined, null, 5, 'f', true, symbol, {}, []]
const OBJECT: readonly unknown[] = [undefined, null, 5, 'x', true, symbol, 1n, nothing]
/** What is not a value of a header field or a query parameter; undefined leaves it out. */
const FIELD_VALUE: readonly unknown[] = [null, symbol, 1n, {}, [], ['a'], nothing, new Date(0)]
const FIELDS: readonly unknown[] = [null, 5, 'X-Key: 1', symbol, ['X-Key', 'value'], [['X-Key']], { 'X-Key': null }, { 'X-Key': {} }]
const REQUEST: readonly unknown[] = [...OBJECT, {}, [], { bytes: new Uint8Array(1) }, 'GET /', new Uint8Array(4)]
const OPTIONS: readonly unknown[] = [null, 5, 'x', true, symbol, [], nothing, { noSuchOption: 1 }]
const FLAG: readonly unknown[] = [null, 0, 1, 'true', symbol, {}, []]
const TRANSPORT: readonly unknown[] = [...OBJECT, {}, [], { write: nothing }]
const URL_CODES = ['InvalidUrl']
const PATH_CODES = ['InvalidUrl']
const NUMBER_OF_BYTES = ['InvalidOption', 'BufferFull']

/** Options of functions that wrong-values.ts does not have. */
const optionsOf = (name: string, call: (value: never) => unknown): WrongCall => ({ name, wrong: OPTIONS, says: '', call })

/** What a WebSocket, open to a peer, is asked for. Nothing of it may reach the peer. */
export function streamCalls(nexus: typeof Nexus, ws: Nexus.WsStream, refused: string, fresh: () => Nexus.Transport): WrongCall[] {
  const { WsStream } = nexus
  const builder = WsStream.builder()
  return [
    { name: 'WsStream.connect(url)', wrong: URLS, codes: URL_CODES, says: '', call: (value) => WsStream.connect(value) },
    { name: 'WsStream.connectWith(transport)', wrong: TRANSPORT, call: (value) => WsStream.connectWith(value, refused) },
    { name: 'WsStream.connectWith(url)', wrong: URLS, codes: URL_CODES, says: '', call: (value) => WsStream.connectWith(fresh(), value) },
    { name: 'WsStream.connectWith(options)', wrong: OPTIONS, says: '', call: (value) => WsStream.connectWith(fresh(), refused, value) },
    { name: 'WsStream.accept(transport)', wrong: TRANSPORT, call: (value) => WsStream.accept(value) },
    { name: 'WsStream.sessions(url)', wrong: URLS, codes: URL_CODES, says: '', call: (value) => WsStream.sessions(value).next() },
    { name: 'WsStream.sendText(text)', wrong: TEXT, call: (value) => ws.sendText(value) },
    optionsOf('WsStream.sendText(options)', (value) => ws.sendText('a', value)),
    { name: 'WsStream.sendBinary(bytes)', wrong: BYTES, call: (value) => ws.sendBinary(value) },
    optionsOf('WsStream.sendBinary(options)', (value) => ws.sendBinary(new Uint8Array(1), value)),
    { name: 'WsStream.sendPing(bytes)', wrong: OTHER_BYTES, call: (value) => ws.sendPing(value) },
    { name: 'WsStream.sendPong(bytes)', wrong: OTHER_BYTES, call: (value) => ws.sendPong(value) },
    {
      name: 'WsStream.close(code)',
      wrong: [null, '1000', true, symbol, 1n, {}, [], [1000], 999, 1004, 1006, 1015, 2999, 5000, 1000.5, Number.NaN],
      codes: ['OutgoingCloseCodeInvalid'],
      call: (value) => ws.close(value),
    },
    { name: 'WsStream.forEach(handler)', wrong: FUNCTION, call: (value) => ws.forEach(value) },
    { name: 'WsStream.close(reason)', wrong: TEXT.slice(1), call: (value) => ws.close(1000, value) },
    { name: 'WsStreamBuilder.connect(url)', wrong: URLS, codes: URL_CODES, says: '', call: (value) => builder.connect(value) },
    { name: 'WsStreamBuilder.connectWith(transport)', wrong: TRANSPORT, call: (value) => builder.connectWith(value, refused) },
    { name: 'WsStreamBuilder.connectWith(url)', wrong: URLS, codes: URL_CODES, says: '', call: (value) => builder.connectWith(fresh(), value) },
    { name: 'WsStreamBuilder.accept(transport)', wrong: TRANSPORT, call: (value) => builder.accept(value) },
    optionsOf('WsStreamBuilder.accept(options)', (value) => builder.accept(fresh(), value)),
    { name: 'WsStreamBuilder.sessions(url)', wrong: URLS, codes: URL_CODES, says: '', call: (value) => builder.sessions(value).next() },
    optionsOf('WsStreamBuilder.sessions(options)', (value) => builder.sessions(refused, value).next()),
  ]
}

/** What takes part in an upgrade of `node:http`, which workerd has not. */
export function upgradeCalls({ WsStream }: typeof Nexus): WrongCall[] {
  const request = { method: 'GET', url: '/', httpVersion: '1.1', rawHeaders: [] }
  const handshake = { Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version': '13' }
  const rawHeaders = Object.entries({ Host: 'server.test', ...handshake }).flat()
  const socket = { on: nothing, write: nothing, end: nothing, destroy: nothing, pause: nothing, resume: nothing } as never
  const head = new Uint8Array(0)
  return [
    {
      name: 'WsStream.acceptUpgrade(request)',
      wrong: [...OBJECT, {}, [], { rawHeaders: 'Host: a' }, { rawHeaders: [5] }, { ...request, method: 5 }],
      call: (value) => WsStream.acceptUpgrade(value, socket, head),
    },
    { name: 'WsStream.acceptUpgrade(socket)', wrong: TRANSPORT, call: (value) => WsStream.acceptUpgrade(request, value, head) },
    { name: 'WsStream.acceptUpgrade(head)', wrong: BYTES, call: (value) => WsStream.acceptUpgrade(request, socket, value) },
    optionsOf('WsStream.acceptUpgrade(options)', (value) => WsStream.acceptUpgrade(request, socket, head, value)),
    {
      name: 'UpgradeRequest.header(name)',
      wrong: TEXT,
      call: (value) => {
        const onRequest = (seen: Nexus.UpgradeRequest): Nexus.UpgradeDecision => {
          seen.header(value)
          return { accept: true }
        }
        return WsStream.acceptUpgrade({ ...request, rawHeaders }, socket, head, { onRequest })
      },
    },
  ]
}

/** What needs nobody on the other side. */
export function pureCalls(nexus: typeof Nexus): WrongCall[] {
  const { nodeTransport, publishDiagnostics } = nexus
  const socket = { on: nothing, write: nothing, end: nothing, destroy: nothing, pause: nothing, resume: nothing } as never
  return [
    // Made by their static methods alone.
    ...(['WsStream', 'HttpConnection', 'ClientPool', 'AtomicClientPool', 'AtomicClientSlot', 'SharedAcquirer'] as const).map((name) => ({
      name: `${name}(made)`,
      wrong: [...OBJECT, {}, []],
      says: 'new',
      call: (value: never) => Reflect.construct(nexus[name], [value]),
    })),
    { name: 'publishDiagnostics(pool)', wrong: [...OBJECT, {}, []], call: (value) => publishDiagnostics(value) },
    { name: 'nodeTransport(socket)', wrong: TRANSPORT, call: (value) => nodeTransport(value) },
    { name: 'nodeTransport(head)', wrong: OTHER_BYTES, call: (value) => nodeTransport(socket, value) },
  ]
}

/** Every method of the builders, whose values are judged as the options are that they set. */
export function builderCalls({ ClientPool, HttpConnection, WsStream }: typeof Nexus): WrongCall[] {
  const builders = {
    'WsStream.connect': WsStream.builder(),
    'HttpConnection.connect': HttpConnection.builder(),
    'ClientPool.connect': ClientPool.builder(),
  }
  return Object.entries(builders).flatMap(([fn, builder]) => {
    const kinds = Object.entries(OPTION_KINDS[fn] as Readonly<Record<string, Kind>>)
    // A proxy is judged as a whole by what connects through it, before that: see wrong-values.ts.
    return kinds
      .filter(([option]) => option !== 'proxy')
      .map(([option, kind]): WrongCall => {
        const set = Reflect.get(builder, option) as (value: unknown) => unknown
        return {
          name: `${builder.constructor.name}.${option}(value)`,
          wrong: WRONG[kind],
          codes: ['InvalidOption', 'TlsOptionInvalid'],
          says: option,
          call: (value) => set.call(builder, value),
        }
      })
  })
}

/** What connections, pools and their parts are asked for. Nothing of it may reach the server. */
export function restCalls(
  nexus: typeof Nexus,
  conn: Nexus.HttpConnection,
  pool: Nexus.ClientPool,
  slot: Nexus.ClientSlot,
  fresh: () => Nexus.Transport,
): WrongCall[] {
  const { AtomicClientPool, ClientPool, HttpConnection } = nexus
  const builder = HttpConnection.builder()
  const get = (): Nexus.Request => slot.writer.get('/').finish()
  const invalidUrl = (name: string, call: (value: never) => unknown): WrongCall => ({ name, wrong: URLS, codes: URL_CODES, says: '', call })
  return [
    invalidUrl('HttpConnection.connect(url)', (value) => HttpConnection.connect(value)),
    { name: 'HttpConnection.connectWith(transport)', wrong: TRANSPORT, call: (value) => HttpConnection.connectWith(value) },
    {
      name: 'HttpConnection.connectWith(url)',
      wrong: ['', 'no url', 'ftp://127.0.0.1'],
      codes: URL_CODES,
      says: '',
      call: (value) => HttpConnection.connectWith(fresh(), value),
    },
    {
      name: 'HttpConnection.connectWith(options)',
      // A string is a URL.
      wrong: OPTIONS.filter((value) => typeof value !== 'string'),
      says: '',
      call: (value) => HttpConnection.connectWith(fresh(), value),
    },
    { name: 'HttpConnection.send(request)', wrong: REQUEST, call: (value) => conn.send(value) },
    { name: 'HttpConnection.send(reader)', wrong: [...OBJECT.slice(1), {}, []], call: (value) => conn.send(get(), value) },
    optionsOf('HttpConnection.send(options)', (value) => conn.send(get(), undefined, value)),
    { name: 'HttpConnection.sendStreaming(request)', wrong: REQUEST, call: (value) => conn.sendStreaming(value) },
    optionsOf('HttpConnection.sendStreaming(options)', (value) => conn.sendStreaming(get(), value)),
    invalidUrl('HttpConnectionBuilder.connect(url)', (value) => builder.connect(value)),
    { name: 'HttpConnectionBuilder.connectWith(transport)', wrong: TRANSPORT, call: (value) => builder.connectWith(value) },
    {
      name: 'HttpConnectionBuilder.connectWith(url)',
      wrong: URLS.slice(1),
      codes: URL_CODES,
      says: '',
      call: (value) => builder.connectWith(fresh(), value),
    },
    invalidUrl('ClientPool.connect(url)', (value) => ClientPool.connect(value)),
    invalidUrl('ClientPoolBuilder.url(url)', (value) => ClientPool.builder().url(value).build()),
    { name: 'ClientPoolBuilder.defaultHeader(name)', wrong: TEXT, says: '', call: (value) => ClientPool.builder().defaultHeader(value, 'x') },
    {
      name: 'ClientPoolBuilder.defaultHeader(value)',
      wrong: FIELD_VALUE.filter((value) => !Array.isArray(value)),
      says: 'X-Key',
      call: (value) => ClientPool.builder().defaultHeader('X-Key', value),
    },
    {
      name: 'ClientPool.observe(observer)',
      wrong: [undefined, null, 5, 'x', [], symbol, nothing, { onSlotUp: 5 }],
      call: (value) => pool.observe(value),
    },
    optionsOf('ClientPool.ready(options)', (value) => pool.ready(value)),
    { name: 'ClientPool.request(method)', wrong: [...TEXT, 'get', 'Post'], call: (value) => pool.request(value, '/') },
    { name: 'ClientPool.request(method)', wrong: ['', 'G T', 'GET\r\n'], codes: ['HeaderInjection'], call: (value) => pool.request(value, '/') },
    { name: 'ClientPool.request(path)', wrong: [...TEXT, 'x', '../x'], codes: PATH_CODES, call: (value) => pool.request('GET', value) },
    {
      name: 'ClientPool.fetch(input)',
      wrong: [symbol, 5, null, 'http://', 'ftp://a/'],
      codes: ['TypeError'],
      says: '',
      call: (value) => pool.fetch(value),
    },
    { name: 'ClientPool.fetch(init)', wrong: [5, 'x', symbol], codes: ['TypeError'], call: (value) => pool.fetch('/', value) },
    { name: 'ClientSlot.send(request)', wrong: REQUEST, call: (value) => slot.send(value) },
    { name: 'ClientSlot.sendStreaming(request)', wrong: REQUEST, call: (value) => slot.sendStreaming(value) },
    optionsOf('ClientSlot.sendStreaming(options)', (value) => slot.sendStreaming(get(), value)),
    invalidUrl('AtomicClientPool.connect(url)', (value) => AtomicClientPool.connect(value)),
    ...requestCalls(nexus, slot.writer),
  ]
}

/** What a writer of requests is asked for. */
export function requestCalls({ RequestWriter }: Pick<typeof Nexus, 'RequestWriter'>, writer: Nexus.ClientSlot['writer']): WrongCall[] {
  const paths = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'] as const
  const begun = (): Nexus.QueryPhase => writer.post('/')
  return [
    { name: 'RequestWriter(host)', wrong: [...TEXT, '', 'a b', 'a/b'], call: (value) => new RequestWriter(value) },
    optionsOf('RequestWriter(options)', (value) => new RequestWriter('a', value)),
    { name: 'RequestWriter.defaultHeader(name)', wrong: TEXT, call: (value) => writer.defaultHeader(value, 'x') },
    { name: 'RequestWriter.defaultHeader(value)', wrong: FIELD_VALUE, says: 'X-Key', call: (value) => writer.defaultHeader('X-Key', value) },
    { name: 'RequestWriter.setBasePath(path)', wrong: [...TEXT, 'x', '/a b', '/a?b'], says: 'ath', call: (value) => writer.setBasePath(value) },
    ...paths.map(
      (method): WrongCall => ({
        name: `RequestWriter.${method}(path)`,
        wrong: [...TEXT, 'x', '/../x'],
        codes: PATH_CODES,
        call: (value) => writer[method](value).finish(),
      }),
    ),
    { name: 'RequestWriter.request(method)', wrong: [...TEXT, 'get'], call: (value) => writer.request(value, '/').finish() },
    { name: 'RequestWriter.request(path)', wrong: [...TEXT, 'x'], codes: PATH_CODES, call: (value) => writer.request('GET', value).finish() },
    { name: 'QueryPhase.query(name)', wrong: TEXT, call: (value) => begun().query(value, 'x').finish() },
    { name: 'QueryPhase.query(value)', wrong: FIELD_VALUE, says: 'key', call: (value) => begun().query('key', value).finish() },
    { name: 'QueryPhase.queryRaw(query)', wrong: TEXT, call: (value) => begun().queryRaw(value).finish() },
    { name: 'HeadersPhase.header(name)', wrong: TEXT, call: (value) => begun().header(value, 'x').finish() },
    { name: 'HeadersPhase.header(value)', wrong: FIELD_VALUE, says: 'X-Key', call: (value) => begun().header('X-Key', value).finish() },
    {
      name: 'HeadersPhase.body(content)',
      wrong: BYTES.filter((value) => typeof value !== 'string'),
      says: 'body',
      call: (value) => begun().body(value).finish(),
    },
    { name: 'HeadersPhase.bodyWriter(fill)', wrong: FUNCTION, call: (value) => begun().bodyWriter(value).finish() },
    {
      name: 'HeadersPhase.bodyWriter(fill)',
      wrong: [undefined, null, '1', -1, 1.5, 2 ** 40, {}],
      call: (value) =>
        begun()
          .bodyWriter(() => value)
          .finish(),
    },
    { name: 'HeadersPhase.bodyFixed(length)', wrong: COUNT, call: (value) => begun().bodyFixed(value, nothing).finish() },
    { name: 'HeadersPhase.bodyFixed(fill)', wrong: FUNCTION, call: (value) => begun().bodyFixed(1, value).finish() },
    { name: 'HeadersPhase.stream(source)', wrong: [...OBJECT, {}, [], ['a'], new Uint8Array(1)], call: (value) => begun().stream(value).finish() },
    {
      name: 'HeadersPhase.stream(length)',
      wrong: COUNT.slice(1),
      call: (value) =>
        begun()
          .stream((async function* () {})(), value)
          .finish(),
    },
    {
      name: 'Request.overwriteHeader(name)',
      wrong: [...TEXT, 'X-None'],
      says: '',
      call: (value) => writer.get('/').finish().overwriteHeader(value, 'x'),
    },
    {
      name: 'Request.overwriteHeader(value)',
      wrong: [...TEXT, 'too long'],
      says: '',
      call: (value) => writer.get('/').header('X-Key', '1').finish().overwriteHeader('X-Key', value),
    },
  ]
}

/** What a response is asked for, whichever kind it is. */
export function responseCalls(kind: string, response: Pick<Nexus.RestResponse, 'header' | 'headerBytes' | 'fieldName' | 'fieldValue'>): WrongCall[] {
  const index = [...COUNT, 1_000]
  return [
    { name: `${kind}.header(name)`, wrong: TEXT, call: (value) => response.header(value) },
    { name: `${kind}.headerBytes(name)`, wrong: TEXT, call: (value) => response.headerBytes(value) },
    { name: `${kind}.fieldName(index)`, wrong: index, codes: ['RangeError'], says: 'field', call: (value) => response.fieldName(value) },
    { name: `${kind}.fieldValue(index)`, wrong: index, codes: ['RangeError'], says: 'field', call: (value) => response.fieldValue(value) },
  ]
}

/** What the slots of threads are asked for. */
export function threadCalls(
  { AtomicClientSlot, SharedAcquirer }: typeof Nexus,
  pool: Nexus.AtomicClientPool,
  owned: Nexus.OwnedSlot,
  slot: Nexus.AtomicClientSlot,
): WrongCall[] {
  const plans = [...OBJECT, {}, [], { id: 5 }, { id: 'x' }]
  const acquire = (options: never): unknown => SharedAcquirer.attach(pool.plan).acquire(options)
  const get = (): Nexus.Request => slot.writer.get('/').finish()
  const workers = [null, 5, 'x', true, symbol, {}, [], { threadId: '1' }, { threadId: 1 }]
  return [
    { name: 'AtomicClientPool.watch(worker)', wrong: [undefined, ...workers], call: (value) => pool.watch(value) },
    { name: 'OwnedSlot.handOff(worker)', wrong: workers, call: (value) => owned.handOff(value) },
    optionsOf('OwnedSlot.handOff(options)', (value) => owned.handOff(undefined, value)),
    { name: 'AtomicClientSlot.attach(plan)', wrong: plans, call: (value) => AtomicClientSlot.attach(value) },
    { name: 'AtomicClientSlot.detach(plan)', wrong: plans, call: (value) => AtomicClientSlot.detach(value) },
    {
      name: 'AtomicClientSlot.receive(message)',
      wrong: [...OBJECT, [], { nexusSlot: 5 }, { nexusSlot: pool.plan.id }, { nexusSlot: 'x', plan: {} }],
      call: (value) => AtomicClientSlot.receive(value),
    },
    {
      name: 'AtomicClientSlot.receive(message)',
      wrong: [{ nexusSlot: 'x' }],
      codes: ['NotAttached'],
      says: '',
      call: (value) => AtomicClientSlot.receive(value),
    },
    { name: 'AtomicClientSlot.send(request)', wrong: REQUEST, call: (value) => slot.send(value) },
    optionsOf('AtomicClientSlot.send(options)', (value) => slot.send(get(), value)),
    { name: 'AtomicClientSlot.handOff(worker)', wrong: [null, 5, 'x', {}, [], { threadId: '1' }], call: (value) => slot.handOff(value) },
    { name: 'SharedAcquirer.attach(plan)', wrong: plans, call: (value) => SharedAcquirer.attach(value) },
    optionsOf('SharedAcquirer.acquire(options)', acquire),
  ]
}

/** What the codec is asked for, without any connection. */
export function codecCalls(codec: typeof Codec): WrongCall[] {
  const { reader, writer } = codec.framePair('client')
  const message = codec.framePair('server')
  message.writer.encodeBinary(new Uint8Array(8))
  reader.read(message.writer.data())
  const borrowed = reader.next() as Codec.Message
  const other = codec.framePair('client').reader
  const response = new codec.ResponseReader()
  const requests = new codec.RequestReader()
  requests.read(new TextEncoder().encode('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab'))
  const head = requests.next() as Codec.RequestHead
  const decoder = new codec.ChunkedDecoder()
  const inflater = new codec.Inflater('gzip')
  const deflater = new codec.Deflater('gzip')
  const room = new Uint8Array(1_024)
  const key = new Uint8Array(4)
  const keys = new codec.MaskKeys()
  const hello = { target: '/', host: 'a', headers: [], protocols: [], nonce: new Uint8Array(16) }
  const { ClientHandshake, ServerHandshake } = codec
  const server = (): Codec.ServerHandshake => {
    const { reader, writer } = codec.framePair('server')
    return new ServerHandshake(reader, writer, 16_384)
  }
  const valid = {
    method: 'GET',
    target: '/',
    version: '1.1',
    headers: [
      ['Host', 'a'],
      ['Upgrade', 'websocket'],
      ['Connection', 'upgrade'],
      ['Sec-WebSocket-Version', '13'],
      ['Sec-WebSocket-Key', 'AAAAAAAAAAAAAAAAAAAAAA=='],
    ],
  } as const
  const willing = (): Codec.ServerHandshake => {
    const handshake = server()
    handshake.take(valid)
    return handshake
  }
  const PARTS: readonly unknown[] = [undefined, null, 5, 'x', {}, [], symbol]
  const lists = [undefined, null, 5, 'x', symbol, {}, ['x'], [['X-Key']], [['X-Key', 5]], [[5, 'x']]]
  const numbers = ['getUint8', 'getUint16', 'getInt32', 'getUint32', 'getBigInt64', 'getFloat64'] as const
  return [
    { name: 'applyMask(bytes)', wrong: BYTES, call: (value) => codec.applyMask(value, key) },
    { name: 'applyMask(key)', wrong: [...BYTES, new Uint8Array(3), new Uint8Array(5)], call: (value) => codec.applyMask(room, value) },
    { name: 'applyMask(offset)', wrong: COUNT.slice(1), call: (value) => codec.applyMask(room, key, value) },
    { name: 'generateKey(random)', wrong: FUNCTION.slice(1), call: (value) => codec.generateKey(value) },
    { name: 'computeAcceptKey(key)', wrong: [...TEXT, '', 'abc'], says: 'ey', call: (value) => codec.computeAcceptKey(value) },
    { name: 'framePair(role)', wrong: [...TEXT, 'Client', ''], call: (value) => codec.framePair(value) },
    optionsOf('framePair(options)', (value) => codec.framePair('client', value)),
    { name: 'writeRequest(method)', wrong: TEXT, call: (value) => codec.writeRequest(value, '/', undefined, room) },
    { name: 'writeRequest(target)', wrong: TEXT, call: (value) => codec.writeRequest('GET', value, undefined, room) },
    { name: 'writeRequest(headers)', wrong: FIELDS, call: (value) => codec.writeRequest('GET', '/', value, room) },
    { name: 'writeRequest(output)', wrong: BYTES, call: (value) => codec.writeRequest('GET', '/', undefined, value) },
    { name: 'requestSize(method)', wrong: TEXT, call: (value) => codec.requestSize(value, '/') },
    { name: 'requestSize(target)', wrong: TEXT, call: (value) => codec.requestSize('GET', value) },
    { name: 'requestSize(headers)', wrong: FIELDS, call: (value) => codec.requestSize('GET', '/', value) },
    { name: 'writeResponse(status)', wrong: [...COUNT, 99, 1_000], call: (value) => codec.writeResponse(value, '', undefined, room) },
    { name: 'writeResponse(reason)', wrong: TEXT, call: (value) => codec.writeResponse(200, value, undefined, room) },
    { name: 'writeResponse(headers)', wrong: FIELDS, call: (value) => codec.writeResponse(200, '', value, room) },
    { name: 'writeResponse(output)', wrong: BYTES, call: (value) => codec.writeResponse(200, '', undefined, value) },
    { name: 'responseSize(status)', wrong: [...COUNT, 99, 1_000], call: (value) => codec.responseSize(value, '') },
    { name: 'responseSize(reason)', wrong: TEXT, call: (value) => codec.responseSize(200, value) },
    { name: 'responseSize(headers)', wrong: FIELDS, call: (value) => codec.responseSize(200, '', value) },

    optionsOf('FrameReader(options)', (value) => new codec.FrameReader(value)),
    { name: 'FrameReader.filled(length)', wrong: [...COUNT, 2 ** 30], codes: NUMBER_OF_BYTES, says: '', call: (value) => other.filled(value) },
    { name: 'FrameReader.read(bytes)', wrong: BYTES, call: (value) => other.read(value) },
    optionsOf('FrameWriter(options)', (value) => new codec.FrameWriter(value)),
    { name: 'FrameWriter.encodedLength(payload)', wrong: COUNT, call: (value) => writer.encodedLength(value) },
    { name: 'FrameWriter.encodeText(text)', wrong: TEXT, call: (value) => writer.encodeText(value) },
    { name: 'FrameWriter.encodeUtf8(bytes)', wrong: BYTES, call: (value) => writer.encodeUtf8(value) },
    { name: 'FrameWriter.encodeBinary(bytes)', wrong: BYTES, call: (value) => writer.encodeBinary(value) },
    { name: 'FrameWriter.encodePing(bytes)', wrong: OTHER_BYTES, call: (value) => writer.encodePing(value) },
    { name: 'FrameWriter.encodePong(bytes)', wrong: OTHER_BYTES, call: (value) => writer.encodePong(value) },
    { name: 'FrameWriter.encodeClose(code)', wrong: COUNT, codes: ['OutgoingCloseCodeInvalid'], call: (value) => writer.encodeClose(value) },
    { name: 'FrameWriter.encodeClose(reason)', wrong: TEXT.slice(1), call: (value) => writer.encodeClose(1000, value) },
    { name: 'FrameWriter.encodeWith(kind)', wrong: [...TEXT, 'ping', ''], call: (value) => writer.encodeWith(value, 1, nothing) },
    { name: 'FrameWriter.encodeWith(length)', wrong: COUNT, call: (value) => writer.encodeWith('text', value, nothing) },
    { name: 'FrameWriter.encodeWith(fill)', wrong: FUNCTION, call: (value) => writer.encodeWith('text', 1, value) },
    { name: 'FrameWriter.data(from)', wrong: [...COUNT.slice(1), 1], call: (value) => writer.data(value) },
    { name: 'FrameWriter.advance(count)', wrong: [...COUNT, 1], codes: ['RangeError'], says: 'advance', call: (value) => writer.advance(value) },
    { name: 'MaskKeys(random)', wrong: FUNCTION.slice(1), call: (value) => new codec.MaskKeys(value) },
    { name: 'MaskKeys.bytes(count)', wrong: [...COUNT, 65_537], call: (value) => keys.bytes(value) },
    ...numbers.map(
      (method): WrongCall => ({
        name: `Message.${method}(index)`,
        wrong: [...COUNT, 8],
        codes: ['RangeError'],
        says: 'bytes at',
        call: (value) => borrowed[method](value),
      }),
    ),
    ...(['inflate', 'inflateText'] as const).flatMap((method): WrongCall[] => [
      { name: `Message.${method}(format)`, wrong: [...TEXT, 'br', 'zlib', ''], call: (value) => borrowed[method](value) },
      optionsOf(`Message.${method}(options)`, (value) => borrowed[method]('gzip', value)),
    ]),

    optionsOf('ResponseReader(options)', (value) => new codec.ResponseReader(value)),
    { name: 'ResponseReader.begin(method)', wrong: TEXT, call: (value) => response.begin(value) },
    { name: 'ResponseReader.filled(length)', wrong: [...COUNT, 2 ** 30], codes: NUMBER_OF_BYTES, says: '', call: (value) => response.filled(value) },
    { name: 'ResponseReader.read(bytes)', wrong: BYTES, call: (value) => response.read(value) },
    { name: 'ResponseReader.end(proof)', wrong: [null, 5, true, symbol, {}, [], '', 'yes'], call: (value) => response.end(value) },
    optionsOf('RequestReader(options)', (value) => new codec.RequestReader(value)),
    { name: 'RequestReader.consume(length)', wrong: [...COUNT, 3], call: (value) => requests.consume(value) },
    { name: 'RequestReader.consume(ended)', wrong: FLAG, call: (value) => requests.consume(0, value) },
    { name: 'RequestReader.filled(length)', wrong: [...COUNT, 2 ** 30], codes: NUMBER_OF_BYTES, says: '', call: (value) => requests.filled(value) },
    { name: 'RequestReader.read(bytes)', wrong: BYTES, call: (value) => requests.read(value) },
    ...responseCalls('BorrowedHead', head),
    ...responseCalls('OwnedResponse', new codec.OwnedResponse(200, '', '1.1', [], [], room)),
    optionsOf('ChunkedDecoder(options)', (value) => new codec.ChunkedDecoder(value)),
    { name: 'ChunkedDecoder.decode(input)', wrong: BYTES, call: (value) => decoder.decode(value, room) },
    { name: 'ChunkedDecoder.decode(output)', wrong: BYTES, call: (value) => decoder.decode(room, value) },
    { name: 'Inflater(format)', wrong: [...TEXT, '', 'zip', 'GZIP'], call: (value) => new codec.Inflater(value) },
    optionsOf('Inflater(options)', (value) => new codec.Inflater('gzip', value)),
    { name: 'Inflater.inflate(input)', wrong: BYTES, call: (value) => inflater.inflate(value, room) },
    { name: 'Inflater.inflate(output)', wrong: BYTES, call: (value) => inflater.inflate(room, value) },
    { name: 'Inflater.inflateAll(input)', wrong: BYTES, call: (value) => inflater.inflateAll(value) },
    { name: 'Deflater(format)', wrong: [...TEXT, '', 'zip', 'GZIP'], call: (value) => new codec.Deflater(value) },
    optionsOf('Deflater(options)', (value) => new codec.Deflater('gzip', value)),
    { name: 'Deflater.deflate(input)', wrong: BYTES, call: (value) => deflater.deflate(value, room) },
    { name: 'Deflater.deflate(output)', wrong: BYTES, call: (value) => deflater.deflate(room, value) },
    { name: 'Deflater.deflate(flush)', wrong: [...TEXT.slice(1), '', 'full'], call: (value) => deflater.deflate(room, room, value) },
    { name: 'Deflater.deflateAll(input)', wrong: BYTES, call: (value) => deflater.deflateAll(value) },

    { name: 'ClientHandshake(reader)', wrong: PARTS, call: (value) => new ClientHandshake(value, writer, hello, 16_384) },
    { name: 'ClientHandshake(writer)', wrong: PARTS, call: (value) => new ClientHandshake(reader, value, hello, 16_384) },
    { name: 'ClientHandshake(hello)', wrong: PARTS, call: (value) => new ClientHandshake(reader, writer, value, 16_384) },
    ...Object.entries({
      target: TEXT,
      host: TEXT,
      headers: lists,
      protocols: [undefined, null, 5, {}, [5], ['a b']],
      nonce: [...BYTES, new Uint8Array(15)],
    }).map(
      ([part, wrong]): WrongCall => ({
        name: 'ClientHandshake(hello)',
        wrong,
        says: part,
        call: (value) => new ClientHandshake(reader, writer, { ...hello, [part]: value }, 16_384),
      }),
    ),
    { name: 'ClientHandshake(maxHead)', wrong: [...COUNT, 15], says: 'maxHead', call: (value) => new ClientHandshake(reader, writer, hello, value) },
    {
      name: 'ClientHandshake(maxHeaders)',
      wrong: [...COUNT.slice(1), 0],
      call: (value) => new ClientHandshake(reader, writer, hello, 16_384, value),
    },
    { name: 'ServerHandshake(reader)', wrong: PARTS, call: (value) => new ServerHandshake(value, writer, 16_384) },
    { name: 'ServerHandshake(writer)', wrong: PARTS, call: (value) => new ServerHandshake(reader, value, 16_384) },
    { name: 'ServerHandshake(maxHead)', wrong: [...COUNT, 15], says: 'maxHead', call: (value) => new ServerHandshake(reader, writer, value) },
    { name: 'ServerHandshake(maxHeaders)', wrong: [...COUNT.slice(1), 0], call: (value) => new ServerHandshake(reader, writer, 16_384, value) },
    {
      name: 'ServerHandshake.take(head)',
      wrong: [...PARTS, { ...valid, method: 5 }, { ...valid, headers: [['Host']] }],
      call: (value) => server().take(value),
    },
    { name: 'ServerHandshake.accept(protocol)', wrong: TEXT, call: (value) => willing().accept(value, []) },
    { name: 'ServerHandshake.accept(headers)', wrong: lists, call: (value) => willing().accept('', value) },
    { name: 'ServerHandshake.refuse(status)', wrong: [...COUNT, 99, 1_000], call: (value) => server().refuse(value, '', [], '') },
    { name: 'ServerHandshake.refuse(reason)', wrong: TEXT, call: (value) => server().refuse(400, value, [], '') },
    { name: 'ServerHandshake.refuse(headers)', wrong: lists, call: (value) => server().refuse(400, '', value, '') },
    { name: 'ServerHandshake.refuse(body)', wrong: TEXT, call: (value) => server().refuse(400, '', [], value) },
  ]
}

/** What the means of testing are asked for. */
export function testingCalls({ memoryPair, VirtualClock }: typeof Testing): WrongCall[] {
  const clock = new VirtualClock()
  const [end] = memoryPair({ clock })
  const TIME: readonly unknown[] = [null, '1', true, symbol, 1n, {}, [], nothing, Number.NaN]
  return [
    { name: 'VirtualClock(start)', wrong: TIME, call: (value) => new VirtualClock(value) },
    { name: 'VirtualClock.set(callback)', wrong: FUNCTION, call: (value) => clock.set(value, 1) },
    { name: 'VirtualClock.set(delay)', wrong: [undefined, ...TIME], call: (value) => clock.set(nothing, value) },
    { name: 'VirtualClock.advance(ms)', wrong: [undefined, ...TIME, -1, Number.POSITIVE_INFINITY], call: (value) => clock.advance(value) },
    optionsOf('memoryPair(options)', (value) => memoryPair(value)),
    { name: 'MemoryTransport.cut(afterBytes)', wrong: COUNT, call: (value) => end.cut(value) },
    { name: 'MemoryTransport.cut(how)', wrong: [null, 5, true, symbol, {}, '', 'cut'], call: (value) => end.cut(1, value) },
  ]
}

/** What TLS without a socket is asked for. */
export function tlsCodecCalls({ TlsCodec }: Pick<typeof Nexus, 'TlsCodec'>): WrongCall[] {
  const tls = new TlsCodec('127.0.0.1')
  return [
    { name: 'TlsCodec(hostname)', wrong: [...TEXT, '', 'host:1', 'a/b'], call: (value) => new TlsCodec(value) },
    optionsOf('TlsCodec(options)', (value) => new TlsCodec('a', value)),
    { name: 'TlsCodec.readTls(bytes)', wrong: BYTES, call: (value) => tls.readTls(value) },
    { name: 'TlsCodec.encrypt(bytes)', wrong: BYTES, call: (value) => tls.encrypt(value) },
    { name: 'TlsCodec.readPlaintext(target)', wrong: BYTES, call: (value) => tls.readPlaintext(value) },
    { name: 'TlsCodec.writeTlsTo(target)', wrong: BYTES, call: (value) => tls.writeTlsTo(value) },
    { name: 'TlsCodec.drainPlaintextInto(sink)', wrong: [...OBJECT, {}, []], call: (value) => tls.drainPlaintextInto(value) },
  ]
}

/** A connection that nobody may read from or write to. */
export function unusedTransport(): Nexus.Transport {
  const used = (): never => {
    throw new Error('the transport was used')
  }
  return { targetCount: 1, lastWrite: 'nothing', start: used, resume: used, write: used, end: used, destroy: nothing }
}

/** Makes every call with every wrong value. Throws a list of all that was not refused as it should have been. */
export async function refuseAll(calls: readonly WrongCall[]): Promise<void> {
  const faults: string[] = []
  for (const { name, wrong, codes = ['InvalidOption'], says, call } of calls) {
    const parameter = says ?? (/\((\w+)\)/.exec(name)?.[1] as string)
    for (const value of wrong) {
      const fault = await faultOf(() => call(value as never), codes, parameter)
      if (fault !== null) faults.push(`${name} with ${print(value)}: ${fault}`)
    }
  }
  ok(faults.length === 0, `each is refused by its name:\n${faults.join('\n')}`)
}

async function faultOf(call: () => unknown, codes: readonly string[], parameter: string): Promise<string | null> {
  let result: unknown
  try {
    result = await call()
  } catch (error) {
    const { code, name, message } = error as { code?: string; name: string; message: string }
    if (!codes.includes(code ?? name)) return `${codes.join(' or ')} expected, but it was ${name} ${code}: ${message}`
    return message.includes(parameter) ? null : `the error does not name ${parameter}: ${message}`
  }
  return `it was accepted, and gave ${print(result)}`
}
