/** `nexus-async-net/fetch` on Deno. */

import { type CreateFetch, createFetchOver } from '../faces/create-fetch.ts'
import { ClientPool } from './deno.ts'

export type { CreateFetch, CreateFetchOptions, PooledFetch } from '../faces/create-fetch.ts'

/** A `fetch` as the Fetch standard has it, over pools of this package: one for each origin. */
export const createFetch: CreateFetch = createFetchOver(ClientPool)
