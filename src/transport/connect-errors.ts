/**
 * The runtimes' errors as our own errors: one code for one cause, whichever runtime reports it.
 *
 * Node and Bun name system errors by `code` (ECONNREFUSED) and certificate errors by OpenSSL's names; Deno has a class for each and distinguishes
 * certificate errors only by text. All are searched along `cause` and, for an attempt on several addresses, in `errors`.
 */

import { NexusError, TlsError, TransportError, type TransportErrorCode } from '../errors.ts'
import type { Destination } from './transport.ts'

/** Why a connection could not be made: a TransportError or TlsError with `error` as its cause. One of our own is returned as it is. */
export function connectError(error: unknown, address: Destination): Error {
  if (error instanceof NexusError) return error
  const where = printAddress(address)
  const facts = factsOf(error)
  const options = { cause: error }
  if (address.socketPath !== undefined && (facts.names.includes('ENOENT') || systemCode(facts) === 'ENOTFOUND')) {
    return new TransportError('ConnectRefused', `${where} does not exist: nobody listens, or the path is wrong`, options)
  }
  if (/keys may not be consistent|KEY_VALUES_MISMATCH|key values mismatch/i.test(facts.text)) {
    return new TlsError('TlsOptionInvalid', 'tls.key does not belong to tls.cert', options)
  }
  const certificate = certificateFault(facts)
  if (certificate !== null) return new TlsError('CertificateRejected', `${where}: the server's certificate was rejected: ${certificate}`, options)
  const tls = address.secure ? tlsFault(facts) : null
  if (tls !== null) return new TlsError('TlsHandshakeFailed', `${where}: the TLS handshake failed: ${tls}`, options)
  switch (systemCode(facts)) {
    case 'ECONNREFUSED':
      return new TransportError('ConnectRefused', `${where} refused the connection: nothing listens on that port, or a firewall rejects it`, options)
    case 'ENOTFOUND':
      return new TransportError('HostNotFound', `${address.hostname} has no address: check the name and the DNS settings`, options)
    case 'EHOSTUNREACH':
      return new TransportError('HostUnreachable', `${where} cannot be reached: there is no route to it from here`, options)
    case 'ETIMEDOUT':
      return new TransportError('ConnectTimeout', `${where} did not answer: the system gave up connecting`, options)
    case 'ECONNRESET':
      if (address.secure) {
        const message = `${where}: the server closed the connection during the TLS handshake: it may not speak TLS on that port, or may want a client certificate`
        return new TlsError('TlsHandshakeFailed', message, options)
      }
      return new TransportError('ConnectionReset', `${where} reset the connection while it was made`, options)
    default:
      return new TransportError('ConnectFailed', `${where}: the connection could not be made: ${facts.text}`, options)
  }
}

/** How an open connection was lost, with `error` as the cause. One of our own is returned as it is. */
export function lostError(error: unknown): TransportError {
  if (error instanceof TransportError) return error
  const facts = factsOf(error)
  const [code, message] = lossOf(facts)
  return new TransportError(code, message, { cause: error })
}

/** `192.0.2.1:443`, `[2001:db8::1]:443`: an address in its usual form. Port 0: only the code that made the connection knows it. */
export function printAddress(address: { readonly hostname: string; readonly port: number; readonly socketPath?: string | undefined }): string {
  if (address.socketPath !== undefined) return address.socketPath
  if (address.port === 0) return address.hostname
  return address.hostname.includes(':') ? `[${address.hostname}]:${address.port}` : `${address.hostname}:${address.port}`
}

/** The names and messages of an error and of the errors inside it. */
interface Facts {
  /** Codes and class names, outermost first. */
  readonly names: readonly string[]
  /** The messages, joined. */
  readonly text: string
}

/** How deep `cause` and `errors` are followed; anything deeper is a cycle or adds nothing. */
const MAX_DEPTH = 4

function factsOf(error: unknown): Facts {
  const names: string[] = []
  const texts: string[] = []
  const visit = (value: unknown, depth: number): void => {
    if (depth > MAX_DEPTH || value === null || value === undefined) return
    if (typeof value !== 'object') {
      texts.push(String(value))
      return
    }
    const { code, name, message, cause, errors, reason } = value as Record<string, unknown>
    for (const text of [code, name, reason]) if (typeof text === 'string' && text !== '') names.push(text)
    if (typeof message === 'string' && message !== '' && !texts.includes(message)) texts.push(message)
    visit(cause, depth + 1)
    if (Array.isArray(errors)) for (const inner of errors) visit(inner, depth + 1)
  }
  visit(error, 0)
  return { names, text: texts.length > 0 ? texts.join('; ') : names.length > 0 ? names.join(' ') : 'the runtime gave no reason' }
}

/** The runtimes' names for one cause; the first stands for all. */
const SYSTEM_NAMES: readonly (readonly [code: string, ...also: string[]])[] = [
  ['ECONNREFUSED', 'ConnectionRefused'],
  ['ENOTFOUND', 'EAI_AGAIN', 'EAI_NONAME', 'EAI_NODATA', 'EAI_FAIL', 'DNS_ENOTFOUND', 'DNS_ENODATA', 'DNS_ESERVFAIL', 'NotFound'],
  ['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN', 'EADDRNOTAVAIL', 'NetworkUnreachable', 'AddrNotAvailable'],
  ['ETIMEDOUT', 'TimedOut'],
  ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ConnectionReset', 'ConnectionAborted', 'BrokenPipe', 'UnexpectedEof', 'ERR_STREAM_PREMATURE_CLOSE'],
]

function systemCode({ names, text }: Facts): string | null {
  for (const [code, ...also] of SYSTEM_NAMES) if (names.includes(code) || also.some((name) => names.includes(name))) return code
  if (/failed to lookup address|getaddrinfo/i.test(text)) return 'ENOTFOUND'
  if (/os error 11[13]\b|no route to host|network is unreachable/i.test(text)) return 'EHOSTUNREACH'
  if (/connection refused/i.test(text)) return 'ECONNREFUSED'
  if (/connection reset|broken pipe|socket hang up|network connection lost|before secure TLS|unexpected eof|handshake eof/i.test(text))
    return 'ECONNRESET'
  return null
}

/** Names and texts (OpenSSL's, BoringSSL's, rustls's) for what can be wrong with a certificate, and what to do about it. */
const CERTIFICATE_FAULTS: readonly (readonly [pattern: RegExp, advice: string])[] = [
  [
    /ERR_TLS_CERT_ALTNAME|NotValidForName|HOSTNAME_MISMATCH|IP_ADDRESS_MISMATCH/i,
    'it is for another name; connect by a name in it, or set tls.serverName',
  ],
  [/CERT_HAS_EXPIRED|\bExpired\b|certificate (has )?expired/i, 'it has expired (or the clock of this machine is wrong)'],
  [/CERT_NOT_YET_VALID|NotValidYet/i, 'it is not valid yet (or the clock of this machine is wrong)'],
  [/CERT_REVOKED|\bRevoked\b/i, 'it was revoked'],
  [/DEPTH_ZERO_SELF_SIGNED_CERT|CaUsedAsEndEntity/i, 'it is self-signed; have one issued by an authority and give the authority in tls.ca'],
  [
    /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER|UnknownIssuer|CERT_UNTRUSTED/i,
    'no trusted authority issued it; give the authority in tls.ca',
  ],
  [
    /invalid peer certificate|^CERT_|INVALID_CA|INVALID_PURPOSE|CERT_SIGNATURE_FAILURE|PATH_LENGTH_EXCEEDED|SUBTREE_VIOLATION|EXCLUDED_VIOLATION|NAME_CONSTRAINT|UNSUPPORTED_CONSTRAINT|EE_KEY_TOO_SMALL|CA_KEY_TOO_SMALL|CA_MD_TOO_WEAK|[EC]{2}_MD_TOO_WEAK|(?:key|md|digest) too (?:small|weak)|name constraint|subtree violation|algorithm too weak|^UNSPECIFIED$|certificate verify failed/im,
    '',
  ],
]

function certificateFault(facts: Facts): string | null {
  const all = `${facts.names.join('\n')}\n${facts.text}`
  if (/\balert\b|_ALERT_/i.test(all)) return null // the server rejected our certificate, not we its
  for (const [pattern, advice] of CERTIFICATE_FAULTS) if (pattern.test(all)) return advice === '' ? facts.text : `${advice} (${facts.text})`
  return null
}

function tlsFault(facts: Facts): string | null {
  const all = `${facts.names.join('\n')}\n${facts.text}`
  if (
    /wrong.?version.?number|corrupt message|unexpected.message|unexpected handshake message|InvalidContentType|http.?request|packet length too long/i.test(
      all,
    )
  ) {
    return `the server does not speak TLS on that port (${facts.text})`
  }
  if (/protocol.?version|unsupported.?protocol|NoServerProtocol|PeerIncompatible|ServerDoesNotSupportTls/i.test(all)) {
    return `no TLS version or cipher in common; see tls.minVersion (${facts.text})`
  }
  if (/certificate.?required|handshake.?failure|bad.?certificate|unknown.?ca/i.test(all)) {
    return `the server refused us, perhaps because it wants a client certificate that it trusts: see tls.cert and tls.key (${facts.text})`
  }
  if (/no.?application.?protocol/i.test(all)) return `no protocol in common: see tls.alpnProtocols (${facts.text})`
  if (/\bERR_SSL_|\bERR_TLS_|\bERR_OSSL|\bEPROTO\b|\bInvalidData\b|\balert\b|\btls\b|\bssl\b|handshake/i.test(all)) return facts.text
  return null
}

function lossOf(facts: Facts): readonly [TransportErrorCode, string] {
  switch (systemCode(facts)) {
    case 'ECONNRESET':
      return ['ConnectionReset', `the peer reset the connection (${facts.text})`]
    case 'ETIMEDOUT':
      return ['ConnectionReset', `the peer stopped answering, and the system gave the connection up (${facts.text})`]
    case 'EHOSTUNREACH':
      return ['TransportFailed', `the peer can no longer be reached (${facts.text})`]
    default:
      return ['TransportFailed', `the connection failed: ${facts.text}`]
  }
}
