/** The TCP options of a {@link DialOptions}, checked: the same mistake gets the same error everywhere. */

import { UsageError } from '../errors.ts'
import { nameValue } from '../naming.ts'
import { type Family, flag, isBag, type Rule, refused, rule, signal, timeLimit, unknownOption } from '../option-rules.ts'
import type { ProxyOption } from './proxy-config.ts'
import type { TlsConfig } from './tls-config.ts'
import { checkTlsConfig } from './tls-options.ts'
import type { DialOptions, Transport } from './transport.ts'

const TRANSPORT_METHODS = ['start', 'resume', 'write', 'end', 'destroy'] as const

/** A connection that a caller made. Throws `InvalidOption`. */
export function checkTransport(transport: unknown): Transport {
  if (isBag(transport) && TRANSPORT_METHODS.every((name) => typeof transport[name] === 'function')) return transport as unknown as Transport
  throw refused('transport', `a Transport, with ${TRANSPORT_METHODS.join(', ')}`, transport)
}

/** Most bytes of a path: the system cuts off a longer one (sockaddr_un) and reaches another socket. */
const SOCKET_PATH_MAX = 107

function isSocketPath(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.includes('\0') && new TextEncoder().encode(value).length <= SOCKET_PATH_MAX
}

/** The option `socketPath`; null when it is not set. Throws `InvalidOption`. */
export function checkSocketPath({ socketPath, proxy }: DialOptions): string | null {
  if (socketPath === undefined) return null
  if (!isSocketPath(socketPath)) {
    throw new UsageError('InvalidOption', `socketPath must be the path of a Unix domain socket, 1 to 107 bytes, but is ${nameValue(socketPath)}`)
  }
  if (proxy !== undefined && proxy !== null) throw new UsageError('InvalidOption', 'socketPath and proxy cannot be used together')
  return socketPath
}

/** TCP options with every default filled in. */
export interface TcpSettings {
  readonly noDelay: boolean
  /** Idle time in ms before the first probe, or false for no probes. */
  readonly keepAlive: false | number
}

/** Operating systems count this in seconds, up to 32,767 of them (Linux); less than one would become their default of hours. */
const KEEP_ALIVE_MIN = 1_000
const KEEP_ALIVE_MAX = 32_767_000

/** Judged with the same error everywhere: `TlsOptionInvalid`. */
const tls: Rule<TlsConfig> = {
  expects: 'an object like { ca, serverName }',
  read(_name, value) {
    checkTlsConfig(value as TlsConfig)
    return value as TlsConfig
  },
}

const PROXY_NAMES = ['url', 'headers', 'tls', 'plain']

/** Its URL, fields and TLS are judged by `src/proxy`, which knows the kinds of proxies, before anything is dialled. */
const proxy: Rule<ProxyOption> = {
  expects: "a URL, { url, headers, tls, plain }, 'environment' or null",
  read(name, value) {
    if (value === null || typeof value === 'string' || value instanceof URL) return value
    if (!isBag(value)) throw refused(name, this.expects, value)
    for (const each in value) {
      if (value[each] !== undefined && !PROXY_NAMES.includes(each)) throw unknownOption(each, `${name}.`, PROXY_NAMES)
    }
    return value as unknown as ProxyOption
  },
}

/** How connections are made, whatever protocol they carry. */
export const DIAL_OPTIONS: Family<DialOptions> = {
  tls,
  proxy,
  socketPath: rule('the path of a Unix domain socket, 1 to 107 bytes', isSocketPath),
  noDelay: flag(true),
  keepAlive: rule(
    'false, or 1,000 to 32,767,000 ms',
    (value) => value === false || (typeof value === 'number' && value >= KEEP_ALIVE_MIN && value <= KEEP_ALIVE_MAX),
    false,
  ),
  connectTimeout: timeLimit(10_000),
  signal,
}

/** Checks the TCP options and fills the defaults in. Throws `InvalidOption` with the name, the range and the value. */
export function checkTcpOptions({ noDelay = true, keepAlive = false }: DialOptions): TcpSettings {
  DIAL_OPTIONS.noDelay.read('noDelay', noDelay)
  DIAL_OPTIONS.keepAlive.read('keepAlive', keepAlive)
  return { noDelay, keepAlive }
}
