// @ts-check
// Compares counts with those that were accepted, and says which workload, which function and by how much.

/** Growth that is still let pass, as a share. */
export const TOLERANCE = 0.02

/** What is guarded: the number, its parts, and how it is called. */
const GUARDED = /** @type {const} */ ([
  ['instructions', 'functions', 'instructions'],
  ['crossings', 'calls', 'calls into WebAssembly'],
  ['wasmCopied', 'copies', 'bytes copied in WebAssembly'],
  ['jsCopied', '', 'bytes copied in JavaScript'],
])

/** @typedef {import('./meter.mjs').Counts} Counts */

/**
 * @param {Record<string, Counts>} accepted
 * @param {Record<string, Counts>} found
 * @returns {{ failures: string[], gains: string[] }} a line each; a gain is something that has shrunk by more than the tolerance
 */
export function compare(accepted, found) {
  /** @type {{ line: string, share: number }[]} */
  const grown = []
  const failures = []
  const gains = []
  /** @type {Map<string, { workloads: number, share: number }>} */
  const blamed = new Map()
  for (const id of Object.keys(accepted)) if (found[id] === undefined) failures.push(`${id}: is no longer measured`)
  for (const [id, now] of Object.entries(found)) {
    const before = accepted[id]
    if (before === undefined) {
      failures.push(`${id}: is new`)
      continue
    }
    if (before.messages !== now.messages || before.bytes !== now.bytes) {
      failures.push(`${id}: is another workload now (${before.messages} messages of ${before.bytes} bytes, then ${now.messages} of ${now.bytes})`)
      continue
    }
    if (before.checksum !== now.checksum) failures.push(`${id}: the codec gives something else (checksum ${before.checksum}, then ${now.checksum})`)
    for (const [total, parts, title] of GUARDED) {
      const share = now[total] === before[total] ? 0 : now[total] / before[total] - 1
      if (Math.abs(share) <= TOLERANCE) continue
      const line = `${id}: ${title} ${per(before[total], now)} → ${per(now[total], now)} a message (${percent(share)})`
      if (share < 0) {
        gains.push(line)
        continue
      }
      const culprits = parts === '' ? [] : growth(before[parts], now[parts])
      const names = culprits.slice(0, 3).map(({ name, from, to }) => `${name} ${per(from, now)} → ${per(to, now)}`)
      grown.push({ line: names.length === 0 ? line : `${line}\n    ${names.join('\n    ')}`, share })
      if (total === 'instructions' && culprits.length > 0) {
        const [{ name }] = culprits
        const known = blamed.get(name) ?? { workloads: 0, share: 0 }
        blamed.set(name, { workloads: known.workloads + 1, share: Math.max(known.share, share) })
      }
    }
  }
  grown.sort((a, b) => b.share - a.share)
  for (const { line } of grown) failures.push(line)
  for (const [name, { workloads, share }] of [...blamed].sort(([, a], [, b]) => b.workloads - a.workloads)) {
    failures.push(`most of it in ${name}: ${workloads} ${workloads === 1 ? 'workload' : 'workloads'}, up to ${percent(share)}`)
  }
  return { failures, gains }
}

/**
 * Functions whose counts have grown, most first.
 *
 * @param {Record<string, number>} before
 * @param {Record<string, number>} now
 */
function growth(before, now) {
  return Object.entries(now)
    .map(([name, to]) => ({ name, to, from: before[name] ?? 0 }))
    .filter(({ from, to }) => to > from)
    .sort((a, b) => b.to - b.from - (a.to - a.from))
}

/** @param {number} total @param {Counts} counts */
function per(total, { messages }) {
  const each = total / messages
  return Number.isInteger(each) ? String(each) : each.toFixed(each < 10 ? 3 : 1)
}

/** @param {number} share */
function percent(share) {
  return Number.isFinite(share) ? `${share < 0 ? '−' : '+'}${Math.abs(100 * share).toFixed(1)} %` : 'from none'
}
