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

/** Makes a new set; takes some tens of milliseconds. */
export async function makeCertificates(): Promise<TestCertificates> {
  x509.cryptoProvider.set(webcrypto as Crypto)
  const authority = await makeAuthority('Test authority')
  const stranger = await makeAuthority('Another authority')
  return {
    ca: authority.certificate.toString('pem'),
    server: await issue(authority, 'localhost', localNames, serverAuth),
    wrongName: await issue(authority, 'elsewhere.test', [{ type: 'dns', value: 'elsewhere.test' }], serverAuth),
    expired: await issue(authority, 'localhost', localNames, serverAuth, -day),
    selfSigned: await issue(null, 'localhost', localNames, serverAuth),
    client: await issue(authority, 'client', [{ type: 'dns', value: 'client.test' }], clientAuth),
    strangerCa: stranger.certificate.toString('pem'),
  }
}

async function makeAuthority(name: string): Promise<Authority> {
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
    ],
  })
  return { certificate, keys }
}

/** A leaf signed by `authority`, or by its own key for null; it ends `end` ms from now. */
async function issue(
  authority: Authority | null,
  name: string,
  names: x509.JsonGeneralNames,
  usage: string,
  end: number = 10 * day,
): Promise<Identity> {
  const keys = await makeKeys()
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: makeSerial(),
    subject: `CN=${name}`,
    issuer: authority?.certificate.subject ?? `CN=${name}`,
    notBefore: new Date(Date.now() - 20 * day),
    notAfter: new Date(Date.now() + end),
    signingAlgorithm: algorithm,
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
