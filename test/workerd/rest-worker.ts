/** A Worker that runs one REST check for each request to it. */

import type { RestEnvironment } from '../integration/rest-context.ts'
import { poolChecks } from '../integration/rest-pool.ts'
import { requestChecks } from '../integration/rest-requests.ts'
import { runCheck } from '../integration/run-checks.ts'
// Resolved by workerd: the built entry lies beside this module.
// @ts-expect-error: it is not there when types are checked
import * as nexus from './nexus/workerd.js'

interface Order {
  readonly name: string
  readonly environment: RestEnvironment
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { name, environment } = (await request.json()) as Order
    const check = [...requestChecks, ...poolChecks].find((each) => each.name === name)
    let error: string | null = check === undefined ? 'there is no such check' : null
    try {
      if (check !== undefined) await runCheck(check, { nexus: nexus as never, env: environment }, 30_000)
    } catch (reason) {
      error = reason instanceof Error ? `${(reason as { code?: string }).code ?? ''} ${reason.message}\n${reason.stack}` : String(reason)
    }
    return Response.json({ name, error })
  },
}
