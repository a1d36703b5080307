/** What a Worker of these tests does with a request: it runs the check that the request names. */

import { type Outcome, outcomeOf, type Runnable } from '../integration/run-check.ts'

interface Order<Environment> {
  readonly name: string
  readonly environment: Environment
}

/** @param limit longest time for one check, in ms */
export async function answer<Environment>(
  request: Request,
  checks: readonly Runnable<{ nexus: never; env: Environment }>[],
  nexus: unknown,
  limit: number,
): Promise<Response> {
  const { name, environment } = (await request.json()) as Order<Environment>
  const check = checks.find((each) => each.name === name)
  const none: Outcome = { name, error: 'there is no such check' }
  return Response.json(check === undefined ? none : await outcomeOf(check, { nexus: nexus as never, env: environment }, limit))
}
