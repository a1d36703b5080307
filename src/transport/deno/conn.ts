/** A Deno connection, as both the plain transport and the one with TLS use it. */

/** The part of a `Deno.Conn` that is used: a `Deno.TcpConn` or `Deno.TlsConn`. */
export interface DenoConn {
  readonly remoteAddr: unknown
  read(into: Uint8Array): Promise<number | null>
  write(bytes: Uint8Array): Promise<number>
  closeWrite(): Promise<void>
  close(): void
  // Of a TLS connection.
  handshake?(): Promise<unknown>
}
