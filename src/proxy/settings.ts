/** The `proxy` option, checked: the same mistake gets the same error everywhere. */

import { pairsOf } from '../codec/http/fields.ts'
import type { ProxyCredentials } from '../codec/http/tunnel.ts'
import { UsageError } from '../errors.ts'
import { nameChoice, nameValue } from '../naming.ts'
import type { ProxyConfig, ProxyOption } from '../transport/proxy-config.ts'
import type { TlsConfig } from '../transport/tls-config.ts'
import type { Address } from '../transport/transport.ts'
import { basicCredentials, nameScheme, readCredentials, readUrl } from '../url.ts'
import { isExempt } from './exemptions.ts'

/** A proxy to go through. */
export interface ProxySettings {
  readonly kind: 'connect' | 'socks5'
  readonly address: Address
  readonly credentials: ProxyCredentials | null
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly tls: TlsConfig | undefined
  /** It reads `http:` requests and passes them on. */
  readonly forwards: boolean
}

/** A variable of the environment; undefined when it is not set. */
export type Environment = (name: string) => string | undefined

const KINDS: Readonly<Record<string, { readonly kind: ProxySettings['kind']; readonly port: number; readonly secure: boolean }>> = {
  'http:': { kind: 'connect', port: 80, secure: false },
  'https:': { kind: 'connect', port: 443, secure: true },
  'socks5:': { kind: 'socks5', port: 1080, secure: false },
  // curl's name for a proxy that looks names up, which it always does here.
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
    throw invalid(`proxy must be a URL, { url, headers, tls, plain } or 'environment', but is ${nameValue(option)}`)
  }
  return parse(option, 'proxy.url')
}

function parse({ url, headers, tls, plain = 'tunnel' }: ProxyConfig, name: string): ProxySettings {
  const parsed = readUrl(url)
  if (typeof parsed === 'string') throw invalid(`${name} ${parsed}; expected something like http://proxy.example:3128 or socks5://proxy.example`)
  const kind = KINDS[parsed.protocol]
  if (kind === undefined) throw invalid(`${name}: ${nameScheme(parsed, url)} is no kind of proxy: use http://, https:// or socks5://`)
  if (parsed.hostname === '') throw invalid(`${name} has no host`)
  if (!/^\/?$/.test(parsed.pathname) || parsed.search !== '' || parsed.hash !== '') throw invalid(`${name}: a proxy's URL ends after its port`)
  const credentials = readCredentials(parsed)
  if (credentials === undefined) throw invalid(`${name}: user or password are not valid percent-encoding`)
  const fields = pairsOf(headers, 'proxy.headers')
  if (plain !== 'tunnel' && plain !== 'forward') throw invalid(`proxy.plain must be 'tunnel' or 'forward', but is ${nameChoice(plain)}`)
  const forwards = plain === 'forward'
  if (kind.kind === 'socks5') {
    if (fields.length > 0 || tls !== undefined) throw invalid(`${name}: a SOCKS5 proxy takes neither headers nor tls`)
    if (forwards) throw invalid("proxy.plain: a SOCKS5 proxy reads no requests, so it cannot 'forward' them: leave it out")
  }
  if (credentials !== null && kind.kind === 'connect') fields.unshift(['Proxy-Authorization', basicCredentials(credentials)])
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
    forwards,
  }
}

/** What the variables say that other programs go by. There is no rule for them but custom; this is curl's, without its networks. */
function fromEnvironment(address: Address, environment: Environment): { name: string; url: string } | null {
  const variable = (name: string): string => {
    try {
      return environment(name)?.trim() ?? ''
    } catch (cause) {
      throw new UsageError('OptionUnsupported', `proxy: 'environment' may not read ${name}: ${(cause as Error).message}`, { cause })
    }
  }
  const read = (name: string): { name: string; url: string } | null => {
    for (const spelled of [name.toLowerCase(), name]) {
      const value = variable(spelled)
      if (value === '' || (name === 'HTTP_PROXY' && isOfRequest(value, variable))) continue
      return { name: spelled, url: /^[a-z0-9+.-]+:\/\//i.test(value) ? value : `http://${value}` }
    }
    return null
  }
  if (isExempt(address, variable('no_proxy') || variable('NO_PROXY'))) return null
  return read(address.secure ? 'HTTPS_PROXY' : 'HTTP_PROXY') ?? read('ALL_PROXY')
}

/**
 * Whether a request that this process serves may have set it. A CGI script finds the request's field `Proxy` in HTTP_PROXY (RFC 3875 section 4.1.18): its
 * sender would choose the proxy of our requests. Only the variable in capitals is set this way; where case makes no difference, it is found by either name.
 */
function isOfRequest(value: string, variable: (name: string) => string): boolean {
  return value === variable('HTTP_PROXY') && variable('REQUEST_METHOD') !== ''
}

function invalid(message: string): UsageError {
  return new UsageError('InvalidOption', message)
}
