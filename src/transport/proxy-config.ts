/** Which proxy a connection is made through, the same on every runtime that can do so. */

import type { TlsConfig } from './tls-config.ts'

/** A proxy, with settings that its URL cannot express. */
export interface ProxyConfig {
  /**
   * `http://proxy.example:3128` (HTTP `CONNECT`, RFC 9110 section 9.3.6), `https://` (the same, over TLS), or `socks5://` (RFC 1928; the proxy
   * looks names up). Ports by default 80, 443 and 1080. User and password in it are sent to the proxy, percent-decoded.
   */
  readonly url: string | URL
  /** Further fields of the `CONNECT` request, in this order and case. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** How the connection to an `https:` proxy is secured. Default: the runtime's own roots. */
  readonly tls?: TlsConfig | undefined
}

/**
 * A proxy, its URL, or `'environment'`: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY (lower case first), as other programs read
 * them. Null and undefined mean none.
 */
export type ProxyOption = string | URL | ProxyConfig | null
