/** What is known of the end of a connection: part of the ground, because transports find it out and HTTP (RFC 9112 section 9.8) depends on it. */

/**
 * - `verified`: TLS proved that the peer sent the end (close_notify, RFC 8446 section 6.1): nothing is missing before it.
 * - `truncated`: the connection below TLS ended without a close_notify: anybody on the path may have cut it.
 * - `unverified`: nothing proves it, as on every plain connection, whose FIN anybody can send, and on runtimes that do not report the close_notify.
 */
export type EndProof = 'verified' | 'unverified' | 'truncated'
