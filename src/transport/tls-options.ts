/** Checks a {@link TlsConfig} before any runtime sees it: the same mistake gets the same error everywhere. */

import { TlsError } from '../errors.ts'
import { nameChoice, nameValue } from '../naming.ts'
import { unknownOption } from '../option-rules.ts'
import type { TlsConfig } from './tls-config.ts'

/** A {@link TlsConfig} that was checked, with every default filled in. */
export interface TlsSettings {
  /** Certificates to trust, each one PEM text with one or more of them; null for the runtime's own roots. */
  readonly ca: readonly string[] | null
  /** The client's certificate chain and key, both PEM; null when the client shows none. */
  readonly identity: { readonly cert: string; readonly key: string } | null
  /** Protocols to offer, best first; empty for none. */
  readonly alpnProtocols: readonly string[]
  /** Name for SNI and verification; null when it is the host that is connected to. */
  readonly serverName: string | null
  readonly minVersion: '1.2' | '1.3'
  readonly resumeSessions: boolean
  readonly dangerNoVerify: boolean
}

const TLS_NAMES = ['ca', 'cert', 'key', 'alpnProtocols', 'serverName', 'minVersion', 'resumeSessions', 'dangerNoVerify']

/** A name that may go into SNI or be an IP address: no port, no brackets, no scheme, no spaces. */
const NAME = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})|[0-9A-Fa-f:.]{2,45})$/

/** The name that the certificate has to be for, as certificates and SNI write it: without the dot of a fully qualified name (RFC 6066 section 3). */
export function serverNameFor(hostname: string, { serverName }: TlsSettings): string {
  const name = serverName ?? hostname
  return name.endsWith('.') ? name.slice(0, -1) : name
}

/** SNI carries names only (RFC 6066 section 3). */
export function isIpAddress(name: string): boolean {
  return /:|^[\d.]+$/.test(name)
}

/**
 * Checks `config` and fills the defaults in.
 *
 * @throws TlsError with `TlsOptionInvalid`, naming the option and what is wrong
 */
export function checkTlsConfig(config: TlsConfig | undefined): TlsSettings {
  if (config !== undefined && (typeof config !== 'object' || config === null)) throw invalid(`tls must be an object, but is ${nameValue(config)}`)
  for (const name in config) {
    if (config[name as keyof TlsConfig] !== undefined && !TLS_NAMES.includes(name)) throw invalid(unknownOption(name, 'tls.', TLS_NAMES).message)
  }
  const { ca, cert, key, alpnProtocols, serverName, minVersion = '1.2', resumeSessions = true, dangerNoVerify = false } = config ?? {}
  if (minVersion !== '1.2' && minVersion !== '1.3') {
    throw invalid(`tls.minVersion must be '1.2' or '1.3', but is ${nameChoice(minVersion)}`)
  }
  for (const [name, value] of Object.entries({ resumeSessions, dangerNoVerify })) {
    if (typeof value !== 'boolean') throw invalid(`tls.${name} must be true or false, but is ${nameValue(value)}`)
  }
  return {
    ca: checkAuthorities(ca),
    identity: checkIdentity(cert, key),
    alpnProtocols: checkProtocols(alpnProtocols),
    serverName: checkServerName(serverName),
    minVersion,
    resumeSessions,
    dangerNoVerify,
  }
}

function checkAuthorities(ca: TlsConfig['ca']): readonly string[] | null {
  if (ca === undefined) return null
  const all: readonly unknown[] = Array.isArray(ca) ? ca : [ca]
  if (all.length === 0) throw invalid('tls.ca is empty: no certificate would be trusted; leave it out for the runtime’s own roots')
  return all.map((pem, i) => checkPem(Array.isArray(ca) ? `tls.ca[${i}]` : 'tls.ca', pem, 'CERTIFICATE'))
}

function checkIdentity(cert: unknown, key: unknown): TlsSettings['identity'] {
  if (cert === undefined && key === undefined) return null
  if (key === undefined) throw invalid('tls.cert needs tls.key, the private key that belongs to it')
  if (cert === undefined) throw invalid('tls.key needs tls.cert, the certificate that belongs to it')
  if (typeof key === 'string' && /^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(key)) {
    throw invalid('tls.key is encrypted; decrypt it first: no passphrase can be given')
  }
  return { cert: checkPem('tls.cert', cert, 'CERTIFICATE'), key: checkPem('tls.key', key, 'PRIVATE KEY') }
}

function checkProtocols(protocols: unknown): readonly string[] {
  if (protocols === undefined) return []
  if (!Array.isArray(protocols)) throw invalid(`tls.alpnProtocols must be an array of strings, but is ${nameValue(protocols)}`)
  for (const [i, protocol] of protocols.entries()) {
    // RFC 7301 section 3.1: 1 to 255 bytes. Every registered one is ASCII, and a runtime's idea of other text need not be ours.
    if (typeof protocol !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(protocol)) {
      throw invalid(`tls.alpnProtocols: each is 1 to 255 visible ASCII characters, but number ${i + 1} is ${nameValue(protocol)}`)
    }
  }
  // The caller's own may change.
  return [...protocols]
}

function checkServerName(name: unknown): string | null {
  if (name === undefined) return null
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw invalid(`tls.serverName must be a host name without port or brackets, but is ${nameValue(name)}`)
  }
  return name
}

/** One or more whole PEM blocks, one of them with a label that ends in `label` (keys: `EC PRIVATE KEY`, `RSA PRIVATE KEY`, `PRIVATE KEY`). */
function checkPem(option: string, pem: unknown, label: 'CERTIFICATE' | 'PRIVATE KEY'): string {
  if (typeof pem !== 'string') throw invalid(`${option} must be PEM text, but is ${nameValue(pem)}`)
  const blocks = [...pem.matchAll(/^-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\r?\n([A-Za-z0-9+/=\s]+?)^-----END \1-----[ \t]*$/gm)]
  if (blocks.length === 0) throw invalid(`${option} holds no PEM block (-----BEGIN ${label}-----): give the text itself, not the name of a file`)
  if (!blocks.some((block) => block[1]?.endsWith(label))) {
    throw invalid(`${option} holds ${blocks.map((block) => block[1]).join(', ')} where a ${label} belongs`)
  }
  // If blocks are joined without a line break, a runtime overlooks the second one or refuses the whole text.
  if (blocks.length !== pem.split('-----BEGIN ').length - 1) throw invalid(`${option} holds a PEM block that is not on lines of its own`)
  for (const block of blocks) if (!isDer(block[2] ?? '')) throw invalid(`${option} holds a ${block[1]} whose content is damaged`)
  return pem
}

/** Base64 of one DER value (X.690) with the right length. Each runtime would report a damaged value in its own way, some as a fault of the peer. */
function isDer(base64: string): boolean {
  let der: string
  try {
    der = atob(base64)
  } catch {
    return false
  }
  const first = der.charCodeAt(1)
  let length = first
  let start = 2
  if (first > 0x80) {
    start += first - 0x80
    length = 0
    for (let i = 2; i < start; i++) length = length * 256 + der.charCodeAt(i)
  }
  return start + length === der.length
}

function invalid(message: string): TlsError {
  return new TlsError('TlsOptionInvalid', message)
}
