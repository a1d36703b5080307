/** A Worker that runs one check against somebody else's server for each request to it: `<peer>: <name>`. */

import type * as Nexus from '../../../src/entry/node.ts'
import type { Runnable } from '../../integration/run-check.ts'
import { answer } from '../../workerd/answer.ts'
import { bunServerChecks } from '../bun-server-checks.ts'
import { clientChecks } from '../client-checks.ts'
import { echoChecks } from '../echo-shapes.ts'
import { gzipChecks } from '../gzip-checks.ts'
// Resolved by workerd: the built entry lies beside this module.
// @ts-expect-error: it is not there when types are checked
import * as nexus from './nexus/workerd.js'

type Checks = Readonly<Record<string, (context: never) => Promise<void>>>

const peers: Readonly<Record<string, Checks>> = { Python: clientChecks, ws: echoChecks, Bun: bunServerChecks, nginx: gzipChecks }

const all = Object.entries(peers).flatMap(([peer, checks]) =>
  Object.entries(checks).map(
    ([name, run]): Runnable<{ nexus: never; env: object }> => ({
      name: `${peer}: ${name}`,
      run: ({ nexus, env }) => run({ nexus: nexus as typeof Nexus, ...env } as never),
    }),
  ),
)

export default {
  fetch: (request: Request): Promise<Response> => answer(request, all, nexus, 120_000),
}
