/** What the entries `nexus-async-net/compat/undici` export alike. */

export {
  type AgentOptions,
  type AnyDispatcher,
  type Dispatch,
  Dispatcher,
  type DispatcherOptions,
  getGlobalDispatcher,
  type Interceptor,
  PoolDispatcher,
  setGlobalDispatcher,
} from '../faces/node/undici.ts'
export type { DispatchController, DispatchHandler } from '../faces/node/undici-call.ts'
export type { DispatchOptions } from '../faces/node/undici-request.ts'
