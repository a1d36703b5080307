/** TLS settings, the same on every runtime; each adapter honours every one of them or refuses it by name. */

/** How to secure a connection. */
export interface TlsConfig {
  /** Certificates to trust, PEM, instead of the runtime's own roots. Several may stand in one string. */
  readonly ca?: string | readonly string[] | undefined
  /** The client's certificate chain, PEM. Needs `key`. */
  readonly cert?: string | undefined
  /** The client's private key, PEM. Needs `cert`. */
  readonly key?: string | undefined
  /** Protocols to offer (ALPN, RFC 7301), best first. Default none. */
  readonly alpnProtocols?: readonly string[] | undefined
  /** Name for SNI and verification, when it is not the host of the URL. */
  readonly serverName?: string | undefined
  /** Oldest version to speak. Default `'1.2'`. */
  readonly minVersion?: '1.2' | '1.3' | undefined
  /**
   * On Node, a pool that heals or renews and the `sessions` of a WebSocket resume TLS sessions (RFC 8446 section 2.2), which saves a certificate's way and check,
   * and lets the server see that the connections are of one client. False: each connection is a new one to it. Default true.
   */
  readonly resumeSessions?: boolean | undefined
  /** DANGEROUS: accept any certificate from anyone. For tests only: anyone on the path can read and change everything. */
  readonly dangerNoVerify?: boolean | undefined
}
