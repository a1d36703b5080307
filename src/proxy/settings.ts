/** The `proxy` option, checked: the same mistake gets the same error everywhere. */

import type { ProxyCredentials } from '../codec/tunnel.ts'
import { UsageError } from '../errors.ts'
import { printAddress } from '../transport/connect-errors.ts'
import type { ProxyConfig, ProxyOption } from '../transport/proxy-config.ts'
import type { TlsConfig } from '../transport/tls-config.ts'
import type { Address } from '../transport/transport.ts'

/** A proxy to go through. */
export interface ProxySettings {
  readonly kind: 'connect' | 'socks5'
  readonly address: Address
  readonly credentials: ProxyCredentials | null
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly tls: TlsConfig | undefined
}

/** A variable of the environment; undefined when it is not set. */
export type Environment = (name: string) => string | undefined

const KINDS: Readonly<Record<string, { readonly kind: ProxySettings['kind']; readonly port: number; readonly secure: boolean }>> = {
  'http:': { kind: 'connect', port: 80, secure: false },
  'https:': { kind: 'connect', port: 443, secure: true },
  'socks5:': { kind: 'socks5', port: 1080, secure: false },
  // What curl calls it when the proxy looks names up, which it always does here.
  'socks5h:': { kind: 'socks5', port: 1080, secure: false },
}

/**
 * The proxy for a connection to `address`; null when none is asked for, or the environment names none for it.
 *
 * @throws UsageError `InvalidOption`, which says what was expected; `OptionUnsupported` where the environment may not be read
 */
export function resolveProxy(option: ProxyOption | undefined, address: Address, environment: Environment): ProxySettings | null {
  if (option === undefined || option === null) return null
  if (option === 'environment') {
    const found = fromEnvironment(address, environment)
    return found === null ? null : parse({ url: found.url }, `${found.name} of the environment`)
  }
  if (typeof option === 'string' || option instanceof URL) return parse({ url: option }, 'proxy')
  if (typeof option !== 'object' || option.url === undefined) {
    throw invalid("proxy must be a URL, { url, headers, tls } or 'environment'")
  }
  return parse(option, 'proxy.url')
}

function parse({ url, headers, tls }: ProxyConfig, name: string): ProxySettings {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch (cause) {
    throw invalid(`${name} is not a URL; expected something like http://proxy.example:3128 or socks5://proxy.example`, cause)
  }
  const kind = KINDS[parsed.protocol]
  if (kind === undefined) throw invalid(`${name}: ${parsed.protocol}// is no kind of proxy: use http://, https:// or socks5://`)
  if (parsed.hostname === '') throw invalid(`${name} has no host`)
  if (!/^\/?$/.test(parsed.pathname) || parsed.search !== '' || parsed.hash !== '') throw invalid(`${name}: a proxy's URL ends after its port`)
  const credentials = credentialsOf(parsed, name)
  const fields: (readonly [string, string])[] = Object.entries(headers ?? {})
  if (kind.kind === 'socks5' && (fields.length > 0 || tls !== undefined)) throw invalid(`${name}: a SOCKS5 proxy takes neither headers nor tls`)
  if (credentials !== null && kind.kind === 'connect') fields.unshift(['Proxy-Authorization', `Basic ${base64(credentials)}`])
  return {
    kind: kind.kind,
    address: {
      hostname: parsed.hostname.replace(/^\[|\]$/g, ''),
      port: parsed.port === '' ? kind.port : Number(parsed.port),
      secure: kind.secure,
    },
    credentials,
    headers: fields,
    tls,
  }
}

function credentialsOf({ username, password }: URL, name: string): ProxyCredentials | null {
  if (username === '' && password === '') return null
  try {
    return { user: decodeURIComponent(username), password: decodeURIComponent(password) }
  } catch (cause) {
    throw invalid(`${name}: user or password are not valid percent-encoding`, cause)
  }
}

/** Basic credentials (RFC 7617). */
function base64({ user, password }: ProxyCredentials): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(`${user}:${password}`)))
}

/** What the variables say that other programs go by. There is no rule for them but custom; this is curl's, without its networks. */
function fromEnvironment(address: Address, environment: Environment): { name: string; url: string } | null {
  const variable = (name: string): string | undefined => {
    try {
      return environment(name)?.trim()
    } catch (cause) {
      throw new UsageError('OptionUnsupported', `proxy: 'environment' may not read ${name}: ${(cause as Error).message}`, { cause })
    }
  }
  const read = (name: string): { name: string; url: string } | null => {
    for (const spelled of [name.toLowerCase(), name]) {
      const value = variable(spelled)
      if (value) return { name: spelled, url: /^[a-z0-9+.-]+:\/\//i.test(value) ? value : `http://${value}` }
    }
    return null
  }
  if (isExempt(address, variable('no_proxy') ?? variable('NO_PROXY') ?? '')) return null
  return read(address.secure ? 'HTTPS_PROXY' : 'HTTP_PROXY') ?? read('ALL_PROXY')
}

/** Is the server in the list? An entry is a name, which includes those below it, an address, or either with a port; `*` is everybody. */
function isExempt(address: Address, list: string): boolean {
  const host = address.hostname.toLowerCase()
  const withPort = printAddress({ hostname: host, port: address.port })
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      const name = entry.replace(/^\*?\./, '')
      return entry === '*' || name === host || name === `[${host}]` || name === withPort || host.endsWith(`.${name}`) || withPort.endsWith(`.${name}`)
    })
}

function invalid(message: string, cause?: unknown): UsageError {
  return new UsageError('InvalidOption', message, cause === undefined ? {} : { cause })
}
