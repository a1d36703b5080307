/** The part of `cloudflare:sockets` that is used; its own types are those of another package. */

/** A socket of `connect()`. */
export interface WorkerdSocket {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
  readonly opened: Promise<{ readonly remoteAddress?: string }>
  readonly closed: Promise<void>
  // Missing in older versions.
  readonly secureTransport?: string
  close(): Promise<void>
  startTls(options?: { expectedServerHostname?: string }): WorkerdSocket
}
