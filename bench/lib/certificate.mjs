// @ts-check
// An authority and a leaf for 127.0.0.1, made on the spot (EC P-256). Deno refuses a certificate that is its own authority.

import { webcrypto } from 'node:crypto'

// @peculiar/x509 wants the two functions of reflect-metadata that its injector uses, before it is loaded.
/** @type {WeakMap<object, Map<unknown, unknown>>} */
const stores = new WeakMap()
const reflect = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (Reflect))
const read = (/** @type {unknown} */ key, /** @type {object} */ target) => stores.get(target)?.get(key)
reflect['getMetadata'] ??= read
reflect['getOwnMetadata'] ??= read
reflect['defineMetadata'] ??= (/** @type {unknown} */ key, /** @type {unknown} */ value, /** @type {object} */ target) => {
  const store = stores.get(target) ?? new Map()
  stores.set(target, store.set(key, value))
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const day = 86_400_000

/** @returns {Promise<{ ca: string, cert: string, key: string }>} all PEM */
export async function makeCertificate() {
  const x509 = await import('@peculiar/x509')
  x509.cryptoProvider.set(/** @type {any} */ (webcrypto))
  const valid = { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + 10 * day), signingAlgorithm: algorithm }
  const keys = () => /** @type {Promise<any>} */ (webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']))
  const authorityKeys = await keys()
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...valid,
    serialNumber: '01',
    name: 'CN=Benchmark authority',
    keys: authorityKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  })
  const leafKeys = await keys()
  const leaf = await x509.X509CertificateGenerator.create({
    ...valid,
    serialNumber: '02',
    subject: 'CN=localhost',
    issuer: authority.subject,
    publicKey: leafKeys.publicKey,
    signingKey: authorityKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1']),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  })
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', leafKeys.privateKey), 'PRIVATE KEY')
  return { ca: authority.toString('pem'), cert: leaf.toString('pem'), key }
}
