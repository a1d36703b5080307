// @ts-check
// For the guard in `npm test`: the workloads counted over faces and a binary that are given.

import { binaries } from './binaries.mjs'
import { Counter, checksum } from './meter.mjs'
import { workloads } from './workloads.mjs'

export { compare } from './guard.mjs'
export { instrument } from './instrument.mjs'
export { checksum, workloads }

/**
 * @param {import('./workloads.mjs').Faces} faces
 * @param {Record<'codec' | 'deflate', Uint8Array>} shipped
 */
export function countAll(faces, shipped) {
  const { codec, deflate } = binaries(shipped)
  const modules = { codec: new WebAssembly.Module(codec.counting.bytes), deflate: new WebAssembly.Module(deflate.counting.bytes) }
  const counter = new Counter(faces, modules, { codec: codec.counting, deflate: deflate.counting })
  return Object.fromEntries(workloads.map(({ id }) => [id, counter.count(id)]))
}
