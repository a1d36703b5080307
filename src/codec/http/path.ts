/** Whether a request's path leaves the base path. */

/** A dot segment (RFC 3986 section 3.3), plain or percent-encoded. */
const DOTS = /^(?:\.|%2e){1,2}$/i
/** What parts segments for some: a backslash for URLs of browsers and for IIS, encoded slashes for proxies that decode first, a semicolon for Tomcat. */
const PARTS = /[\\;]|%2f|%5c/i

/**
 * Whether the path climbs above its beginning, by `..` in any spelling that a server or a proxy on the way may understand. A path that climbs no
 * further than it has descended is allowed. The query is not checked.
 */
export function climbsOut(path: string): boolean {
  if (!path.includes('.') && !path.includes('%')) return false
  const query = path.indexOf('?')
  let depth = 0
  for (const segment of (query < 0 ? path : path.slice(0, query)).split('/')) {
    // A server that merges slashes does not count an empty segment.
    if (segment === '') continue
    const dots = segment.split(PARTS).filter((part) => DOTS.test(part))
    const ups = dots.filter((part) => part.length === 2 || part.length > 3).length
    if (dots.length === 0) depth++
    else depth -= ups
    if (depth < 0) return true
  }
  return false
}
