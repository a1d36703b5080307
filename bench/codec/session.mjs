// @ts-check
// One runtime's part in a run: it is told what to do, and answers. What it runs on only has to bring the modules and a way to talk: the runner
// beside this file does so with files and standard input; the Worker imports the two binaries and answers requests.

import { Counter, calibrate, checksum, Timer } from './meter.mjs'
import { workloads } from './workloads.mjs'

/**
 * @typedef {{ do: 'list' } | { do: 'count' | 'checksum', id: string } | { do: 'begin', id: string } | { do: 'open', id: string, seconds: number } | { do: 'run', passes: number }} Command
 */

/**
 * @param {import('./workloads.mjs').Faces} faces
 * @param {Record<'codec' | 'deflate', WebAssembly.Module>} shipped
 * @param {Record<'codec' | 'deflate', WebAssembly.Module>} counting
 * @param {ConstructorParameters<typeof Counter>[2]} layout of the counting modules
 * @param {() => number} cpu seconds that this process has computed so far; 0 where that is not known
 */
export function session(faces, shipped, counting, layout, cpu = () => 0) {
  const plain = new faces.Codec(shipped.codec, faces.webTextDecoding(), undefined, shipped.deflate)
  const timer = new Timer(faces, plain)
  /** @type {Counter | null} */
  let counter = null
  return async (/** @type {Command} */ command) => {
    switch (command.do) {
      case 'list':
        return workloads.map(({ id }) => id)
      case 'count':
        counter ??= new Counter(faces, counting, layout)
        return counter.count(command.id)
      case 'checksum':
        return checksum(faces, plain, command.id)
      case 'begin':
        return timer.begin(command.id)
      case 'open': {
        const opened = timer.begin(command.id)
        return { passes: await calibrate((passes) => timer.run(passes), command.seconds), ...opened }
      }
      case 'run': {
        const before = cpu()
        const seconds = timer.run(command.passes)
        return { seconds, cpu: (cpu() - before) / seconds }
      }
    }
  }
}
