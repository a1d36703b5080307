/** Options, on every runtime: what a caller may not hand in is refused before anything begins. */

import { CheckList } from './rest-context.ts'
import { checkWrongValues } from './wrong-values.ts'

const list = new CheckList()
export const optionChecks = list.checks

list.add('every wrong value of every option is refused by its name, before anything begins', async ({ nexus, env }) => {
  await checkWrongValues(nexus, env.refused, () => nexus.ClientPool.connect(env.http))
})
