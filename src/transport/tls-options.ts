/** Checks a {@link TlsConfig} before any runtime sees it: the same mistake gets the same error everywhere. */

import { TlsError } from '../errors.ts'
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
  readonly dangerNoVerify: boolean
}

/** A name that may go into SNI or be an IP address: no port, no brackets, no scheme, no spaces. */
const namePattern = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})|[0-9A-Fa-f:.]{2,45})$/

/**
 * Checks `config` and fills the defaults in.
 *
 * @throws TlsError with `TlsOptionInvalid`, naming the option and what is wrong
 */
export function checkTlsConfig(config: TlsConfig | undefined): TlsSettings {
  if (config === undefined) return { ca: null, identity: null, alpnProtocols: [], serverName: null, minVersion: '1.2', dangerNoVerify: false }
  if (typeof config !== 'object' || config === null) throw invalid(`tls must be an object, but is ${kindOf(config)}`)
  const { minVersion = '1.2', dangerNoVerify = false } = config
  if (minVersion !== '1.2' && minVersion !== '1.3') {
    throw invalid(`tls.minVersion must be '1.2' or '1.3', but is ${JSON.stringify(minVersion)}`)
  }
  if (typeof dangerNoVerify !== 'boolean') throw invalid(`tls.dangerNoVerify must be true or false, but is ${kindOf(dangerNoVerify)}`)
  return {
    ca: checkAuthorities(config.ca),
    identity: checkIdentity(config.cert, config.key),
    alpnProtocols: checkProtocols(config.alpnProtocols),
    serverName: checkServerName(config.serverName),
    minVersion,
    dangerNoVerify,
  }
}

function checkAuthorities(ca: TlsConfig['ca']): readonly string[] | null {
  if (ca === undefined) return null
  const all: readonly unknown[] = Array.isArray(ca) ? ca : [ca]
  if (all.length === 0) throw invalid('tls.ca is empty: nobody would be trusted; leave it out for the runtime’s own roots')
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
  if (!Array.isArray(protocols)) throw invalid(`tls.alpnProtocols must be an array of strings, but is ${kindOf(protocols)}`)
  for (const protocol of protocols) {
    // RFC 7301 section 3.1: 1 to 255 bytes. Every registered one is ASCII, and a runtime's idea of other text need not be ours.
    if (typeof protocol !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(protocol)) {
      throw invalid(`tls.alpnProtocols: each is 1 to 255 visible ASCII characters, but one is ${JSON.stringify(protocol)}`)
    }
  }
  return protocols as readonly string[]
}

function checkServerName(name: unknown): string | null {
  if (name === undefined) return null
  if (typeof name !== 'string' || !namePattern.test(name)) {
    throw invalid(`tls.serverName must be a host name without port or brackets, but is ${JSON.stringify(name)}`)
  }
  return name
}

/** One or more whole PEM blocks whose label ends in `label` (keys: `EC PRIVATE KEY`, `RSA PRIVATE KEY`, `PRIVATE KEY`). */
function checkPem(option: string, pem: unknown, label: 'CERTIFICATE' | 'PRIVATE KEY'): string {
  if (typeof pem !== 'string') throw invalid(`${option} must be PEM text, but is ${kindOf(pem)}`)
  const labels = [...pem.matchAll(/^-----BEGIN ([A-Z0-9 ]+)-----[ \t]*\r?\n[A-Za-z0-9+/=\s]+?^-----END \1-----/gm)].map((block) => block[1] ?? '')
  if (labels.length === 0) throw invalid(`${option} holds no PEM block (-----BEGIN ${label}-----): give the text itself, not the name of a file`)
  if (!labels.some((text) => text.endsWith(label))) throw invalid(`${option} holds ${labels.join(', ')} where a ${label} belongs`)
  return pem
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value
}

function invalid(message: string): TlsError {
  return new TlsError('TlsOptionInvalid', message)
}
