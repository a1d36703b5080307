/** `nexus-async-net/fetch` on Deno. */

import { type CreateFetch, createFetchOver } from '../faces/create-fetch.ts'
import { ClientPool } from './deno.ts'

export type { CreateFetch, CreateFetchOptions, PooledFetch } from '../faces/create-fetch.ts'

/**
 * A `fetch` as the Fetch standard has it, over pools of this package: one for each origin.
 *
 * ```ts
 * import { createFetch } from 'nexus-async-net/fetch'
 *
 * const fetch = createFetch({ connections: 8 })
 * const response = await fetch('https://exchange.example/v3/ticker')
 * console.log(await response.json())
 * await fetch.close()
 * ```
 */
export const createFetch: CreateFetch = createFetchOver(ClientPool)
