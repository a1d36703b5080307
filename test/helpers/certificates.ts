/** Certificates made on the spot (EC P-256): an authority, leaves that are right, wrong or expired, a client's, and an authority nobody trusts. */

import './reflect.ts' // must be there before @peculiar/x509 is loaded
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

/** A certificate with its private key, both PEM. */
export interface Identity {
  readonly cert: string
  readonly key: string
}

/** Everything a TLS test wants. */
export interface TestCertificates {
  /** The authority that signed all of the below but `strangerCa`'s. */
  readonly ca: string
  /** For localhost, 127.0.0.1 and ::1. */
  readonly server: Identity
  /** For elsewhere.test only. */
  readonly wrongName: Identity
  /** For localhost, but it ended yesterday. */
  readonly expired: Identity
  /** For localhost, signed by nobody but itself. */
  readonly selfSigned: Identity
  /** A client's, good for client authentication. */
  readonly client: Identity
  /** An authority that signed none of these. */
  readonly strangerCa: string
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const day = 86_400_000
const serverAuth = '1.3.6.1.5.5.7.3.1'
const clientAuth = '1.3.6.1.5.5.7.3.2'
const localNames: x509.JsonGeneralNames = [
  { type: 'dns', value: 'localhost' },
  { type: 'ip', value: '127.0.0.1' },
  { type: 'ip', value: '::1' },
]

interface Authority {
  readonly certificate: x509.X509Certificate
  readonly keys: CryptoKeyPair
}

/** A server's certificate that is to be refused, and the authority that a client trusts all the same. */
export interface RefusedCertificate extends Identity {
  readonly ca: string
}

/**
 * Certificates for localhost whose chain is of a trusted authority and that must not be accepted: issued for a name that the authority may not issue for
 * (RFC 5280 section 4.2.1.10), or too weak. A server has to lower its own security level to show the weak ones.
 */
export async function makeRefusedCertificates(): Promise<Readonly<Record<'notPermitted' | 'excluded' | 'weakKey' | 'weakHash', RefusedCertificate>>> {
  x509.cryptoProvider.set(webcrypto as Crypto)
  const authority = await makeAuthority('Test authority of weak certificates')
  const weakKeys = (await webcrypto.subtle.generateKey(
    { name: 'RSASSA-PKCS1-v1_5', modulusLength: 768, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' },
    true,
    ['sign', 'verify'],
  )) as CryptoKeyPair
  const of = async (by: Authority, leaf: Partial<Leaf> = {}): Promise<RefusedCertificate> => ({
    ...(await issue(by, 'localhost', localNames, serverAuth, leaf)),
    ca: by.certificate.toString('pem'),
  })
  return {
    notPermitted: await of(await makeAuthority('Test authority for permitted.test', [nameConstraint(0, 'permitted.test')])),
    excluded: await of(await makeAuthority('Test authority for all but localhost', [nameConstraint(1, 'localhost')])),
    weakKey: await of(authority, { keys: weakKeys }),
    weakHash: await of(authority, { signingAlgorithm: { ...algorithm, hash: 'SHA-1' } }),
  }
}

/** The extension, with one DNS name: permitted ([0]) or excluded ([1]). */
function nameConstraint(kind: 0 | 1, name: string): x509.Extension {
  const tagged = (tag: number, ...content: number[]): number[] => [tag, content.length, ...content]
  const general = tagged(0x82, ...Buffer.from(name))
  return new x509.Extension('2.5.29.30', true, Uint8Array.from(tagged(0x30, ...tagged(0xa0 + kind, ...tagged(0x30, ...general)))))
}

/** Makes a new set; takes some tens of milliseconds. */
export async function makeCertificates(): Promise<TestCertificates> {
  x509.cryptoProvider.set(webcrypto as Crypto)
  const authority = await makeAuthority('Test authority')
  const stranger = await makeAuthority('Another authority')
  return {
    ca: authority.certificate.toString('pem'),
    server: await issue(authority, 'localhost', localNames, serverAuth),
    wrongName: await issue(authority, 'elsewhere.test', [{ type: 'dns', value: 'elsewhere.test' }], serverAuth),
    expired: await issue(authority, 'localhost', localNames, serverAuth, { end: -day }),
    selfSigned: await issue(null, 'localhost', localNames, serverAuth),
    client: await issue(authority, 'client', [{ type: 'dns', value: 'client.test' }], clientAuth),
    strangerCa: stranger.certificate.toString('pem'),
  }
}

async function makeAuthority(name: string, extensions: readonly x509.Extension[] = []): Promise<Authority> {
  const keys = await makeKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: makeSerial(),
    name: `CN=${name}`,
    notBefore: new Date(Date.now() - 30 * day),
    notAfter: new Date(Date.now() + 30 * day),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...extensions,
    ],
  })
  return { certificate, keys }
}

/** What is not the same for every leaf; it ends `end` ms from now. */
interface Leaf {
  readonly end: number
  readonly keys: CryptoKeyPair
  readonly signingAlgorithm: Algorithm & { readonly hash: string }
}

/** A leaf signed by `authority`, or by its own key for null. */
async function issue(
  authority: Authority | null,
  name: string,
  names: x509.JsonGeneralNames,
  usage: string,
  { end = 10 * day, keys: given, signingAlgorithm = algorithm }: Partial<Leaf> = {},
): Promise<Identity> {
  const keys = given ?? (await makeKeys())
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: makeSerial(),
    subject: `CN=${name}`,
    issuer: authority?.certificate.subject ?? `CN=${name}`,
    notBefore: new Date(Date.now() - 20 * day),
    notAfter: new Date(Date.now() + end),
    signingAlgorithm,
    publicKey: keys.publicKey,
    signingKey: authority?.keys.privateKey ?? keys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([usage]),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.AuthorityKeyIdentifierExtension.create(authority?.keys.publicKey ?? keys.publicKey),
    ],
  })
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')
  return { cert: certificate.toString('pem'), key }
}

async function makeKeys(): Promise<CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair
}

/** Positive and never twice the same: OpenSSL takes two certificates of one issuer and serial for the same one. */
function makeSerial(): string {
  return `01${Buffer.from(webcrypto.getRandomValues(new Uint8Array(15))).toString('hex')}`
}
