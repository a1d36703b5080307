/** The options of npm `ws`, as those of a `WsStream`. What cannot be honoured is refused by its name; what is unknown is ignored, as `ws` does. */

import { Buffer } from 'node:buffer'
import { CloseCode } from '../../codec/ws/message.ts'
import { UsageError } from '../../errors.ts'
import { SIZE_MAX } from '../../option-rules.ts'
import type { ConnectOptions, DeflateOptions } from '../../ws/options.ts'

/** Options of npm `ws`, as it has them; further ones are ignored. */
export interface ClientOptions {
  protocols?: string | string[]
  headers?: Record<string, unknown>
  origin?: string
  auth?: string
  handshakeTimeout?: number
  closeTimeout?: number
  perMessageDeflate?: boolean | Record<string, unknown>
  maxPayload?: number
  followRedirects?: boolean
  maxRedirects?: number
  allowSynchronousEvents?: boolean
  autoPong?: boolean
  skipUTF8Validation?: boolean
  protocolVersion?: number
  agent?: unknown
  ca?: unknown
  cert?: unknown
  key?: unknown
  servername?: string
  rejectUnauthorized?: boolean
  [other: string]: unknown
}

/** Fields that the handshake sends by itself, whatever is given: `ws` overwrites them, too. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  ...['connection', 'upgrade', 'sec-websocket-version', 'sec-websocket-key', 'sec-websocket-extensions', 'sec-websocket-protocol'],
])

/** What there is no way to honour here, where ignoring it would change what happens. */
const UNSUPPORTED = [
  'createConnection',
  'finishRequest',
  'lookup',
  'localAddress',
  'pfx',
  'passphrase',
  'checkServerIdentity',
  'secureContext',
  'crl',
]

/** As {@link ConnectOptions}. Throws `OptionUnsupported` for what cannot be honoured. */
export function connectOptions(options: ClientOptions, protocols: readonly string[]): ConnectOptions {
  const agent = agentOptions(options.agent)
  const all: ClientOptions = { ...agent, ...options }
  for (const name of UNSUPPORTED) if (all[name] !== undefined && all[name] !== null) throw unsupported(name)
  const { handshakeTimeout = 0, closeTimeout = 30_000, maxPayload = 100 * 1024 * 1024, autoPong = true, minVersion } = all
  const size = maxPayload > 0 ? Math.min(maxPayload, SIZE_MAX) : SIZE_MAX
  const tls = {
    ca: pem(all.ca) as string[] | undefined,
    cert: pem(all.cert)?.join('\n'),
    key: pem(all.key)?.join('\n'),
    serverName: all.servername || undefined,
    alpnProtocols: all['ALPNProtocols'] as string[] | undefined,
    minVersion: minVersion === 'TLSv1.3' ? ('1.3' as const) : undefined,
    dangerNoVerify: all.rejectUnauthorized === false ? true : undefined,
  }
  return {
    headers: fields(all),
    protocols,
    perMessageDeflate: deflate(all.perMessageDeflate ?? true),
    maxMessageSize: size,
    maxFrameSize: size,
    maxBufferedAmount: SIZE_MAX,
    connectTimeout: handshakeTimeout,
    handshakeTimeout,
    closeTimeout,
    autoPong,
    proxy: agent.proxy,
    ...(Object.values(tls).some((value) => value !== undefined) ? { tls } : {}),
  }
}

/** The error for an option that stands for something which is not here. */
export function unsupported(name: string): UsageError {
  return new UsageError('OptionUnsupported', `${name} of ws is not supported by nexus-async-net/compat/ws`)
}

function fields({ headers = {}, origin, auth }: ClientOptions): [string, string][] {
  const list: [string, string][] = []
  if (auth !== undefined && !Object.keys(headers).some((name) => name.toLowerCase() === 'authorization')) {
    list.push(['Authorization', `Basic ${Buffer.from(auth).toString('base64')}`])
  }
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || OWN_FIELDS.has(name.toLowerCase())) continue
    for (const each of Array.isArray(value) ? value : [value]) list.push([name, `${each}`])
  }
  if (origin) list.push(['Origin', origin])
  return list
}

function deflate(given: boolean | Record<string, unknown>): boolean | DeflateOptions {
  if (typeof given !== 'object' || given === null) return Boolean(given)
  const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits, threshold } = given
  const bits = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)
  return {
    serverNoContextTakeover: Boolean(serverNoContextTakeover),
    clientNoContextTakeover: Boolean(clientNoContextTakeover),
    serverMaxWindowBits: bits(serverMaxWindowBits),
    clientMaxWindowBits: bits(clientMaxWindowBits),
    threshold: bits(threshold),
  }
}

/** Text of certificates and keys. */
function pem(value: unknown): string[] | undefined {
  if (value === undefined || value === null) return undefined
  return (Array.isArray(value) ? value : [value]).map((each) => (typeof each === 'string' ? each : Buffer.from(each as Uint8Array).toString()))
}

/** Of an agent of `node:http`, the options of its connections; of one for a proxy (`proxy-agent` and its like), the proxy. */
function agentOptions(agent: unknown): ClientOptions & { proxy?: string } {
  if (!agent) return {}
  const { proxy, options, createSocket, connect } = agent as { proxy?: unknown; options?: object; createSocket?: unknown; connect?: unknown }
  if (proxy instanceof URL) return { proxy: proxy.href }
  const socks = proxy as { host?: unknown; port?: unknown; type?: unknown; userId?: string; password?: string } | undefined
  if (socks?.type === 5 && typeof socks.host === 'string') {
    const credentials = socks.userId === undefined ? '' : `${encodeURIComponent(socks.userId)}:${encodeURIComponent(socks.password ?? '')}@`
    return { proxy: `socks5://${credentials}${socks.host}:${socks.port}` }
  }
  if (typeof createSocket === 'function' && connect === undefined) return { ...options } as ClientOptions
  throw unsupported('this agent')
}

/** A close code that may be sent. */
export function isCloseCode(code: unknown): code is number {
  if (typeof code !== 'number') return false
  return (
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== CloseCode.NoStatus && code !== CloseCode.Abnormal) || (code >= 3000 && code <= 4999)
  )
}
