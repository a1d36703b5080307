/** URLs of servers: where they lead, and what a request to them says. */

import { UsageError } from './errors.ts'

/** Where a URL leads. */
export interface ServerUrl {
  /** Name or IP address, IPv6 without brackets; port, the scheme's own when the URL has none. */
  readonly address: { readonly hostname: string; readonly port: number; readonly secure: boolean }
  /** Value of `Host`: with the port when it is not the scheme's, IPv6 in brackets. */
  readonly host: string
  /** Path and query. */
  readonly target: string
  /** Value of `Authorization` when the URL has user and password. */
  readonly authorization: string | undefined
}

/** Which URLs are meant. */
export interface UrlKind {
  /** Schemes without and with TLS, each with its colon; the first of each is the one that is named in messages. */
  readonly plain: readonly string[]
  readonly secure: readonly string[]
  /** As in "is not a … scheme". */
  readonly name: string
}

/** Takes a URL apart. Throws `InvalidUrl`, which says what was expected. */
export function parseServerUrl(url: string | URL, kind: UrlKind): ServerUrl {
  const { plain, secure, name } = kind
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch (cause) {
    throw new UsageError('InvalidUrl', `${JSON.stringify(String(url))} is not a URL; expected something like ${secure[0]}//host:port/path`, { cause })
  }
  const isSecure = secure.includes(parsed.protocol)
  if (!isSecure && !plain.includes(parsed.protocol)) {
    throw new UsageError('InvalidUrl', `${parsed.protocol}// is not a ${name} scheme: use ${plain[0]}// or ${secure[0]}//`)
  }
  if (parsed.hash !== '' || String(url).endsWith('#')) throw new UsageError('InvalidUrl', `a ${name} URL has no fragment`)
  if (parsed.hostname === '') throw new UsageError('InvalidUrl', 'the URL has no host')
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

/** User and password of a URL as Basic credentials (RFC 7617). */
function basicAuthorization({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined
  try {
    const credentials = new TextEncoder().encode(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`)
    return `Basic ${btoa(String.fromCharCode(...credentials))}`
  } catch (cause) {
    throw new UsageError('InvalidUrl', 'user or password of the URL are not valid percent-encoding', { cause })
  }
}
