/** The HTTP classes of one runtime. */

import { compose } from '../composition.ts'
import type { Runtime } from '../runtime.ts'
import { ClientPool } from './client-pool.ts'
import { HttpConnection } from './connection.ts'

/** Classes that know each other: the connections of a pool are of the connection's class. */
export interface HttpFamily {
  readonly HttpConnection: typeof HttpConnection
  readonly ClientPool: typeof ClientPool
}

/** The classes of `runtime`. */
export function httpFamily(runtime: Runtime): HttpFamily {
  const Connection = compose(HttpConnection, runtime)
  return { HttpConnection: Connection, ClientPool: compose(ClientPool, { runtime, HttpConnection: Connection }) }
}
