/** A Worker that runs one check of an integration suite for each request to it. */

import type { Outcome } from '../integration/run-checks.ts'
import { runCheck } from '../integration/run-checks.ts'
import { checks, type Environment } from '../integration/suite.ts'
// Resolved by workerd: the built entry lies beside this module.
// @ts-expect-error: it is not there when types are checked
import * as nexus from './nexus/workerd.js'

interface Order {
  readonly name: string
  readonly environment: Environment
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { name, environment } = (await request.json()) as Order
    const check = checks.find((each) => each.name === name)
    let error: string | null = check === undefined ? 'there is no such check' : null
    try {
      if (check !== undefined) await runCheck(check, { nexus: nexus as never, env: environment })
    } catch (reason) {
      error = reason instanceof Error ? `${(reason as { code?: string }).code ?? ''} ${reason.message}\n${reason.stack}` : String(reason)
    }
    return Response.json({ name, error } satisfies Outcome)
  },
}
