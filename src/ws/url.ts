/** WebSocket URLs (RFC 6455 section 3). */

import { UsageError } from '../errors.ts'
import type { Address } from '../transport/transport.ts'

/** Where a URL leads and what its opening request says. */
export interface WsTarget {
  readonly address: Address
  /** Value of `Host`: with the port when it is not the scheme's, IPv6 in brackets. */
  readonly host: string
  /** Path and query. */
  readonly target: string
  /** Value of `Authorization` when the URL has user and password. */
  readonly authorization: string | undefined
}

/** Takes `ws:`, `wss:` and, as their synonyms, `http:` and `https:`. Throws `InvalidUrl`. */
export function parseWsUrl(url: string | URL): WsTarget {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch (cause) {
    throw new UsageError('InvalidUrl', `${JSON.stringify(String(url))} is not a URL; expected something like wss://host:port/path`, { cause })
  }
  const secure = parsed.protocol === 'wss:' || parsed.protocol === 'https:'
  if (!secure && parsed.protocol !== 'ws:' && parsed.protocol !== 'http:') {
    throw new UsageError('InvalidUrl', `${parsed.protocol}// is not a WebSocket scheme: use ws:// or wss://`)
  }
  if (parsed.hash !== '' || String(url).endsWith('#')) throw new UsageError('InvalidUrl', 'a WebSocket URL has no fragment (RFC 6455 section 3)')
  if (parsed.hostname === '') throw new UsageError('InvalidUrl', 'the URL has no host')
  return {
    address: {
      hostname: parsed.hostname.replace(/^\[|\]$/g, ''),
      port: parsed.port === '' ? (secure ? 443 : 80) : Number(parsed.port),
      secure,
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
