/** Which proxy a connection is made through, the same on every runtime that can do so. */

import type { FieldsInit } from '../option-rules.ts'
import type { TlsConfig } from './tls-config.ts'

/** A proxy, with settings that its URL cannot express. */
export interface ProxyConfig {
  /**
   * `http://proxy.example:3128` (HTTP `CONNECT`, RFC 9110 section 9.3.6), `https://` (the same, over TLS), or `socks5://` (RFC 1928; the proxy
   * looks names up). Ports by default 80, 443 and 1080. User and password in it are sent to the proxy, percent-decoded.
   */
  readonly url: string | URL
  /** Further fields for the proxy, in this order and case: of the `CONNECT` request, and of every request that it forwards. Not for `socks5:`. */
  readonly headers?: FieldsInit | undefined
  /** How the connection to an `https:` proxy is secured. Default: the runtime's own roots. */
  readonly tls?: TlsConfig | undefined
  /**
   * How `http:` requests go through it. `'tunnel'`, the default: by `CONNECT`, as everything else. `'forward'`: the proxy reads them and passes them on; the
   * request target is in absolute form then (RFC 9112 section 3.2.2), for proxies that allow no `CONNECT` to port 80. `https:`, `ws:` and `wss:` are always
   * tunnelled. `'forward'` is refused for `socks5:`, which only tunnels.
   */
  readonly plain?: 'tunnel' | 'forward' | undefined
}

/**
 * A proxy, its URL, or `'environment'`: what HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY say (lower case first), as other programs read
 * them, for a tunnel. Null and undefined: none.
 */
export type ProxyOption = string | URL | ProxyConfig | null
