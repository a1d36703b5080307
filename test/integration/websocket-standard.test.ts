/**
 * What the web-platform tests of `/websockets` ask of a `WebSocket` that has no document, over `ws:` and over `wss:`. Each test has the name of theirs, and
 * code of its own. Not here: what needs a page, a frame, a worker, a cache of pages, `XMLHttpRequest` or cookies, and `WebSocketStream`.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CloseEvent, WebSocket } from '../../src/entry/node-websocket.ts'
import { type Peers, startPeers } from './peers.ts'

let peers: Peers
beforeAll(async () => {
  peers = await startPeers()
})
afterAll(() => peers.close())

/** The class as a page has it: with two arguments, and trust in the server's certificate. */
class Socket extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols, { tls: { ca: peers.environment.ca } })
  }
}

const event = <T extends 'open' | 'message' | 'error' | 'close'>(ws: WebSocket, type: T): Promise<Event> =>
  new Promise((resolve) => ws.addEventListener(type, resolve, { once: true }))
const closed = async (ws: WebSocket): Promise<[code: number, reason: string, wasClean: boolean]> => {
  const { code, reason, wasClean } = (await event(ws, 'close')) as CloseEvent
  return [code, reason, wasClean]
}
async function open(base: string, protocols?: string | string[]): Promise<WebSocket> {
  const ws = new Socket(`${base}/echo?plain`, protocols)
  await event(ws, 'open')
  return ws
}
/** The name of the DOMException that a call throws. */
function refusal(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    expect(error).toBeInstanceOf(DOMException)
    return (error as DOMException).name
  }
  return 'nothing'
}

async function echoed(base: string, sent: unknown, type: 'blob' | 'arraybuffer' = 'arraybuffer'): Promise<unknown> {
  const ws = await open(base)
  ws.binaryType = type
  ws.send(sent as string)
  const { data } = (await event(ws, 'message')) as MessageEvent
  expect(ws.bufferedAmount).toBe(0)
  ws.close(1000)
  expect((await closed(ws))[2]).toBe(true)
  return data
}

async function closesWith(base: string, ...args: [number?, string?]): Promise<unknown> {
  const ws = await open(base)
  ws.close(...args)
  return closed(ws)
}

const syntaxErrors = (...urls: unknown[]): void => {
  for (const url of urls) expect(refusal(() => new Socket(url as string))).toBe('SyntaxError')
}
const protocolErrors = (base: string, ...protocols: (string | string[])[]): void => {
  for (const each of protocols) expect(refusal(() => new Socket(`${base}/echo`, each))).toBe('SyntaxError')
}
const closeErrors = async (base: string, name: string, ...args: unknown[][]): Promise<void> => {
  const ws = await open(base)
  for (const each of args) expect(refusal(() => ws.close(...(each as [number])))).toBe(name)
  expect(ws.readyState).toBe(1)
  ws.close()
  await closed(ws)
}

type Views = Float32Array | Float64Array | Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array
const view = async (base: string, sent: Views): Promise<void> => {
  const bytes = new Uint8Array(sent.buffer, sent.byteOffset, sent.byteLength)
  for (let i = 0; i < bytes.length; i++) bytes[i] = i
  expect(new Uint8Array((await echoed(base, sent)) as ArrayBuffer)).toEqual(bytes)
}

const CASES: Readonly<Record<string, (base: string) => unknown>> = {
  'Create-asciiSep-protocol-string': (base) => protocolErrors(base, '/echo'),
  'Create-blocked-port': async (base) => {
    const ws = new Socket(`${new URL(base).protocol}//127.0.0.1:7/`)
    const failed = event(ws, 'error')
    expect(await closed(ws)).toEqual([1006, '', false])
    await failed
  },
  'Create-extensions-empty': async (base) => {
    const ws = await open(base)
    expect(ws.extensions).toBe('')
    ws.close()
  },
  'Create-http-urls': async (base) => {
    const ws = new Socket(base.replace('ws', 'http'))
    expect(ws.url).toBe(`${base}/`)
    ws.close()
    await closed(ws)
  },
  'Create-invalid-urls': (base) =>
    syntaxErrors('ws://foo bar.com/', 'wss://foo bar.com/', 'ftp://peer.test/', 'mailto:a@b.c', 'about:blank', `${base}/#`, `${base}/#test`, '#test'),
  'Create-non-absolute-url': () => syntaxErrors('test', '?', null, 123),
  'Create-nonAscii-protocol-string': (base) => protocolErrors(base, '\u0080echo'),
  'Create-protocol-with-space': (base) => protocolErrors(base, 'ec ho'),
  'Create-protocols-repeated': (base) => protocolErrors(base, ['echo', 'echo']),
  'Create-protocols-repeated-case-insensitive': (base) => protocolErrors(base, ['echo', 'eCho']),
  'Create-url-with-space': (base) => {
    syntaxErrors(base.replace('127', 'a b.127'))
    const ws = new Socket(`${base}/a b`)
    expect(ws.url).toBe(`${base}/a%20b`)
    ws.close()
  },
  'Create-valid-url': async (base) => void (await open(base)).close(),
  'Create-valid-url-array-protocols': async (base) => {
    const ws = await open(base, ['v2.feed', 'v1'])
    expect(ws.readyState).toBe(1)
    ws.close()
  },
  'Create-valid-url-binaryType-blob': async (base) => {
    const ws = await open(base)
    expect(ws.binaryType).toBe('blob')
    ws.close()
  },
  'Create-valid-url-protocol': async (base) => {
    const ws = await open(base, 'v2.feed')
    expect(ws.protocol).toBe('v2.feed')
    ws.close()
  },
  'Create-valid-url-protocol-empty': (base) => {
    const ws = new Socket(`${base}/echo`)
    expect(ws.protocol).toBe('')
    ws.close()
  },
  'Create-valid-url-protocol-setCorrectly': async (base) => {
    const ws = await open(base, ['v2.feed', 'other'])
    expect(ws.protocol).toBe('v2.feed')
    ws.close()
  },
  'Create-valid-url-protocol-string': async (base) => void (await open(base, 'v2.feed')).close(),
  'Create-verify-url-set-default-port': (base) => {
    const { protocol } = new URL(base)
    const ws = new Socket(`${protocol}//peer.test:${protocol === 'ws:' ? 80 : 443}`)
    expect(ws.url).toBe(`${protocol}//peer.test/`)
    ws.close()
  },
  'Create-verify-url-set-non-default-port': (base) => {
    const ws = new Socket(base)
    expect(ws.url).toBe(`${base}/`)
    ws.close()
  },
  'Create-wrong-scheme': () => syntaxErrors('httpx://peer.test/'),
  'Close-1000': async (base) => expect(await closesWith(base, 1000)).toEqual([1000, '', true]),
  'Close-1000-reason': async (base) => expect(await closesWith(base, 1000, 'Clean Close')).toEqual([1000, 'Clean Close', true]),
  'Close-1000-verify-code': async (base) => expect(await closesWith(base, 1000, 'Clean Close')).toContain(1000),
  'Close-1005': (base) => closeErrors(base, 'InvalidAccessError', [1005], [1005, 'Reason']),
  'Close-1005-verify-code': async (base) => expect(await closesWith(base)).toEqual([1005, '', true]),
  'Close-2999-reason': (base) => closeErrors(base, 'InvalidAccessError', [2999, 'Reason']),
  'Close-3000-reason': async (base) => expect(await closesWith(base, 3000, 'Clean Close')).toEqual([3000, 'Clean Close', true]),
  'Close-3000-verify-code': async (base) => expect(await closesWith(base, 3000)).toContain(3000),
  'Close-4999-reason': async (base) => expect(await closesWith(base, 4999, 'Clean Close')).toEqual([4999, 'Clean Close', true]),
  'Close-Reason-124Bytes': (base) => closeErrors(base, 'SyntaxError', [1000, 'x'.repeat(124)]),
  'Close-onlyReason': (base) => closeErrors(base, 'InvalidAccessError', ['Close with only reason']),
  'Close-readyState-Closed': async (base) => {
    const ws = await open(base)
    ws.close()
    await closed(ws)
    expect(ws.readyState).toBe(3)
  },
  'Close-readyState-Closing': async (base) => {
    const ws = await open(base)
    ws.close()
    expect(ws.readyState).toBe(2)
    await closed(ws)
  },
  'Close-reason-unpaired-surrogates': async (base) => expect(await closesWith(base, 1000, '\ud807')).toEqual([1000, '\ufffd', true]),
  'Close-server-initiated-close': async (base) => {
    const ws = new Socket(`${base}/close?code=1000`)
    expect((await closed(ws))[2]).toBe(true)
    expect(ws.readyState).toBe(3)
  },
  'Close-undefined': async (base) => expect(await closesWith(base, undefined)).toEqual([1005, '', true]),
  'close-invalid': (base) =>
    closeErrors(base, 'InvalidAccessError', ...[0, 500, Number.NaN, 'string', null, 0x10000 + 1000, -1, 999, 1001, 5000].map((code) => [code])),
  'Send-0byte-data': async (base) => expect(await echoed(base, '')).toBe(''),
  'Send-65K-data': async (base) => expect(await echoed(base, 'c'.repeat(65_000))).toBe('c'.repeat(65_000)),
  'Send-before-open': (base) => {
    const ws = new Socket(`${base}/echo`)
    expect(refusal(() => ws.send('early'))).toBe('InvalidStateError')
    ws.close()
  },
  'Send-binary-65K-arraybuffer': async (base) => expect(((await echoed(base, new ArrayBuffer(65_000))) as ArrayBuffer).byteLength).toBe(65_000),
  'Send-binary-arraybuffer': async (base) => expect(await echoed(base, new ArrayBuffer(15))).toEqual(new ArrayBuffer(15)),
  'Send-binary-arraybufferview-float32': (base) => view(base, new Float32Array(4)),
  'Send-binary-arraybufferview-float64': (base) => view(base, new Float64Array(4)),
  'Send-binary-arraybufferview-int16-offset': (base) => view(base, new Int16Array(new ArrayBuffer(8), 2)),
  'Send-binary-arraybufferview-int32': (base) => view(base, new Int32Array(4)),
  'Send-binary-arraybufferview-int8': (base) => view(base, new Int8Array(8)),
  'Send-binary-arraybufferview-uint16-offset-length': (base) => view(base, new Uint16Array(new ArrayBuffer(8), 2, 2)),
  'Send-binary-arraybufferview-uint32-offset': (base) => view(base, new Uint32Array(new ArrayBuffer(8), 4)),
  'Send-binary-arraybufferview-uint8-offset': (base) => view(base, new Uint8Array(new ArrayBuffer(8), 2)),
  'Send-binary-arraybufferview-uint8-offset-length': (base) => view(base, new Uint8Array(new ArrayBuffer(8), 2, 4)),
  'Send-binary-blob': async (base) => {
    const received = await echoed(base, new Blob(['x'.repeat(65_000)]), 'blob')
    expect(received).toBeInstanceOf(Blob)
    expect(await (received as Blob).text()).toBe('x'.repeat(65_000))
  },
  'Send-data': async (base) => expect(await echoed(base, 'Message to send')).toBe('Message to send'),
  'Send-null': async (base) => expect(await echoed(base, null)).toBe('null'),
  'Send-paired-surrogates': async (base) => expect(await echoed(base, '\ud801\udc07')).toBe('\ud801\udc07'),
  'Send-unicode-data': async (base) => expect(await echoed(base, '¥¥¥¥¥¥')).toBe('¥¥¥¥¥¥'),
  'Send-unpaired-surrogates': async (base) => expect(await echoed(base, '\ud807')).toBe('\ufffd'),
  'binaryType-wrong-value': async (base) => {
    const ws = await open(base)
    for (const type of ['', 'notBlob', 'ArrayBuffer', 'constructor', null]) {
      ws.binaryType = type as 'blob'
      expect(ws.binaryType).toBe('blob')
    }
    ws.close()
  },
  constructor: (base: string) => {
    expect(() => new (WebSocket as unknown as new () => WebSocket)()).toThrow(TypeError)
    expect(() => (WebSocket as unknown as (url: string) => void)(base)).toThrow(TypeError)
    const ws = new (WebSocket as unknown as new (...args: unknown[]) => WebSocket)(base, 'echo', undefined, 'more')
    expect(ws).toBeInstanceOf(WebSocket)
    ws.close()
  },
  eventhandlers: async (base) => {
    const ws = new Socket(`${base}/echo`)
    for (const name of ['onopen', 'onerror', 'onmessage', 'onclose'] as const) {
      for (const value of ['a string', 1, undefined, null]) {
        ws[name] = value as unknown as null
        expect(ws[name]).toBe(null)
      }
      const handler = (): void => {}
      ws[name] = handler
      expect(ws[name]).toBe(handler)
    }
    ws.close()
    await closed(ws)
  },
  'send-many-64K-messages-with-backpressure': async (base) => {
    const ws = await open(base)
    const message = 'm'.repeat(65_536)
    let received = 0
    const all = new Promise<void>((resolve) => {
      ws.onmessage = ({ data }) => {
        expect(data).toBe(message)
        if (++received === 16) resolve()
      }
    })
    for (let i = 0; i < 16; i++) ws.send(message)
    await all
    ws.close()
  },
  'interfaces/CloseEvent/clean-close': async (base) => expect((await closesWith(base, 1000)) as unknown[]).toContain(true),
  'interfaces/CloseEvent/constructor': (base) => {
    const ws = new Socket(base)
    ws.close()
    return event(ws, 'close').then((close) => {
      expect(
        new (close.constructor as new (type: string, init: object) => CloseEvent)('foo', { code: 1, reason: 'r', wasClean: true }),
      ).toMatchObject({
        ...{ type: 'foo', code: 1, reason: 'r', wasClean: true },
      })
    })
  },
  'interfaces/WebSocket/constants': () => expect([WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.CLOSING, WebSocket.CLOSED]).toEqual([0, 1, 2, 3]),
  'interfaces/WebSocket/bufferedAmount': async (base) => {
    const ws = await open(base)
    ws.send('x'.repeat(100))
    expect(ws.bufferedAmount).toBe(100)
    ws.close()
    ws.send('å')
    expect(ws.bufferedAmount).toBeGreaterThanOrEqual(2)
    await closed(ws)
    const after = ws.bufferedAmount
    ws.send('xy')
    expect(ws.bufferedAmount).toBe(after + 2)
  },
  'interfaces/WebSocket/close-connecting': async (base) => {
    const ws = new Socket(`${base}/echo`)
    ws.close()
    expect(ws.readyState).toBe(2)
    const failed = event(ws, 'error')
    expect(await closed(ws)).toEqual([1006, '', false])
    await failed
  },
  'interfaces/WebSocket/close-multiple': async (base) => {
    const ws = await open(base)
    let count = 0
    ws.addEventListener('close', () => count++)
    ws.close()
    ws.close()
    await closed(ws)
    ws.close()
    await new Promise((resolve) => setImmediate(resolve))
    expect(count).toBe(1)
  },
  'interfaces/WebSocket/readyState': (base) => {
    const ws = new Socket(base)
    expect(ws.readyState).toBe(0)
    expect(() => Reflect.set(ws, 'readyState', 5)).not.toThrow()
    expect(ws.readyState).toBe(0)
    ws.close()
  },
}

describe.each(['ws', 'wss'] as const)('over %s:', (scheme) => {
  test.each(Object.entries(CASES))('%s', async (_, check) => {
    await check(peers.environment[scheme])
  })
})
