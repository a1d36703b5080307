/** URLs of servers: host and port, and what a request to them says. */

import { UsageError } from './errors.ts'
import { nameValue } from './naming.ts'

/** Where a URL leads. */
export interface ServerUrl {
  /** Name or IP address, IPv6 without brackets; port, the scheme's own when the URL has none. */
  readonly address: { readonly hostname: string; readonly port: number; readonly secure: boolean; readonly speaksHttp?: boolean }
  /** Value of `Host`: with the port when it is not the scheme's, IPv6 in brackets. */
  readonly host: string
  /** Path and query. */
  readonly target: string
  /** Value of `Authorization` when the URL has user and password. */
  readonly authorization: string | undefined
}

/** Which URLs are accepted. */
export interface UrlKind {
  /** Schemes without and with TLS, each with its colon; the first of each is the one that is named in messages. */
  readonly plain: readonly string[]
  readonly secure: readonly string[]
  /** As in "is not a … scheme". */
  readonly name: string
}

/** Takes a URL apart. Throws `InvalidUrl`, which says what was expected, and shows nothing of the URL except its scheme. */
export function parseServerUrl(url: string | URL, kind: UrlKind): ServerUrl {
  const { plain, secure, name } = kind
  const parsed = readUrl(url)
  if (typeof parsed === 'string') throw invalid(`the ${name} URL ${parsed}; expected something like ${secure[0]}//host:port/path`)
  const isSecure = secure.includes(parsed.protocol)
  if (!isSecure && !plain.includes(parsed.protocol)) {
    throw invalid(`${nameScheme(parsed, url)} is not a ${name} scheme: use ${plain[0]}// or ${secure[0]}//`)
  }
  if (parsed.hash !== '' || textOf(url)?.endsWith('#')) throw invalid(`a ${name} URL has no fragment`)
  if (parsed.hostname === '') throw invalid('the URL has no host')
  return {
    address: {
      hostname: parsed.hostname.replace(/^\[|\]$/g, ''),
      port: parsed.port === '' ? (isSecure ? 443 : 80) : Number(parsed.port),
      secure: isSecure,
    },
    host: parsed.host,
    target: parsed.pathname + parsed.search,
    authorization: basicAuthorization(parsed),
  }
}

/** The parsed URL; or why it can't be parsed, as text to follow its name, which shows nothing of it. */
export function readUrl(url: unknown): URL | string {
  const text = textOf(url)
  if (text === null) return `must be a string or a URL, but is ${nameValue(url)}`
  try {
    return new URL(text)
  } catch {
    return `is not a URL (it is ${nameValue(text)}, not shown, as it may hold a secret)`
  }
}

/** The scheme of a parsed URL, for messages. Text before a colon without `//` may be a user, followed by the password. */
export function nameScheme({ protocol }: URL, url: unknown): string {
  const scheme = `${protocol}//`
  return textOf(url)?.trim().toLowerCase().startsWith(scheme) ? scheme : 'what this URL begins with'
}

/** User and password of a URL, percent-decoded; null when it has none, undefined when they are not valid percent-encoding. */
export function readCredentials({ username, password }: URL): { readonly user: string; readonly password: string } | null | undefined {
  if (username === '' && password === '') return null
  try {
    return { user: decodeURIComponent(username), password: decodeURIComponent(password) }
  } catch {
    return undefined
  }
}

/** Basic credentials (RFC 7617). */
export function basicCredentials({ user, password }: { readonly user: string; readonly password: string }): string {
  const bytes = new TextEncoder().encode(`${user}:${password}`)
  return `Basic ${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))}`
}

function basicAuthorization(url: URL): string | undefined {
  const credentials = readCredentials(url)
  if (credentials === undefined) throw invalid('user or password of the URL are not valid percent-encoding')
  return credentials === null ? undefined : basicCredentials(credentials)
}

/** A string, or the `href` of a URL object, whichever realm it is from. */
function textOf(url: unknown): string | null {
  if (typeof url === 'string') return url
  const href: unknown = typeof url === 'object' && url !== null ? (url as { href?: unknown }).href : undefined
  return typeof href === 'string' ? href : null
}

function invalid(message: string): UsageError {
  return new UsageError('InvalidUrl', message)
}
