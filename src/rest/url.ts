/** URLs of HTTP servers (RFC 9110 section 4.2). */

import { parseServerUrl, type ServerUrl, type UrlKind } from '../url.ts'

const HTTP: UrlKind = { plain: ['http:'], secure: ['https:'], name: 'HTTP' }

/** Takes `http:` and `https:`. Throws `InvalidUrl`. */
export function parseHttpUrl(url: string | URL): ServerUrl {
  const server = parseServerUrl(url, HTTP)
  return { ...server, address: { ...server.address, speaksHttp: true } }
}
