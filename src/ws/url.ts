/** WebSocket URLs (RFC 6455 section 3). */

import { parseServerUrl, type ServerUrl, type UrlKind } from '../url.ts'

/** Where a URL leads and what its opening request says. */
export type WsTarget = ServerUrl

const WEB_SOCKET: UrlKind = { plain: ['ws:', 'http:'], secure: ['wss:', 'https:'], name: 'WebSocket' }

/** Takes `ws:`, `wss:` and, as their synonyms, `http:` and `https:`. Throws `InvalidUrl`. */
export function parseWsUrl(url: string | URL): WsTarget {
  return parseServerUrl(url, WEB_SOCKET)
}
