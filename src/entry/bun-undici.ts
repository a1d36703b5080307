/** `nexus-async-net/compat/undici` on Bun. */

import { compose } from '../composition.ts'
import { Agent as Composable } from '../faces/node/undici.ts'
import { ClientPool } from './bun.ts'

export * from './undici-names.ts'

/** A dispatcher of undici's for any origin, over pools of this package. */
export const Agent: typeof Composable = compose(Composable, ClientPool)
export type Agent = Composable
