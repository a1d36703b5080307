/** The servers that `NO_PROXY` exempts from the proxy. */

import { printAddress } from '../transport/connect-errors.ts'
import type { Address } from '../transport/transport.ts'

/**
 * Whether the server is in the list. Entries are separated by commas or white space. `*` matches every server. A name includes the names below it, with or
 * without a leading dot or `*.`; dots at its end, or at the end of the server's name, mean nothing (RFC 1034 section 3.1). An IP address only matches itself. Each may have a port.
 */
export function isExempt({ hostname, port }: Address, list: string): boolean {
  const host = withoutRoot(hostname.toLowerCase())
  const isAddress = host.includes(':') || /^\d+(?:\.\d+){3}$/.test(host)
  // As lists have them: addresses of IPv6 with brackets or without, everything with its port or without.
  const spellings = [host, printAddress({ hostname: host, port })]
  if (host.includes(':')) spellings.push(`[${host}]`)
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => {
      if (entry === '*') return true
      const name = withoutRoot(entry.replace(/^\*?\./, ''))
      return name !== '' && spellings.some((spelling) => spelling === name || (!isAddress && spelling.endsWith(`.${name}`)))
    })
}

/** A name, with a port or without, less the dot of the root. */
function withoutRoot(name: string): string {
  const colon = name.lastIndexOf(':')
  const end = colon < 0 ? name.length : colon
  return name.charAt(end - 1) === '.' ? name.slice(0, end - 1) + name.slice(end) : name
}
