/** What a Worker of these tests does with a request: it runs the check that the request names. */

import { type Outcome, runCheck } from '../integration/run-checks.ts'

interface Order<Environment> {
  readonly name: string
  readonly environment: Environment
}

/** @param limit longest time for one check, in ms */
export async function answer<Environment>(
  request: Request,
  checks: readonly { readonly name: string; run(context: { nexus: never; env: Environment }): Promise<void> }[],
  nexus: unknown,
  limit?: number,
): Promise<Response> {
  const { name, environment } = (await request.json()) as Order<Environment>
  const check = checks.find((each) => each.name === name)
  let error: string | null = check === undefined ? 'there is no such check' : null
  try {
    if (check !== undefined) await runCheck(check, { nexus: nexus as never, env: environment }, limit)
  } catch (reason) {
    error = reason instanceof Error ? `${(reason as { code?: string }).code ?? ''} ${reason.message}\n${reason.stack}` : String(reason)
  }
  return Response.json({ name, error } satisfies Outcome)
}
