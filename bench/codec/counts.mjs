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
 * @param {Uint8Array} shipped
 */
export function countAll(faces, shipped) {
  const { counting } = binaries(shipped)
  const counter = new Counter(faces, new WebAssembly.Module(counting.bytes), counting)
  return Object.fromEntries(workloads.map(({ id }) => [id, counter.count(id)]))
}
