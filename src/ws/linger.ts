/** The last moments of a connection that we give up: the peer is notified, and gets some time to read why. */

import type { Runtime } from '../runtime.ts'
import type { Connection } from './connection.ts'

/**
 * Sends what is written, ends our side, drops what still arrives until the peer ends too or `timeout` ms have passed, and frees everything.
 * Closing at once instead would make the system answer unread bytes with a reset, which can destroy what the peer has not read yet.
 */
export async function linger(runtime: Runtime, connection: Connection, timeout: number): Promise<void> {
  const { reader, sender, transport } = connection
  let timer: unknown
  const over = new Promise<void>((resolve) => {
    const discard = (): void => {
      reader.reset()
      connection.resume()
    }
    connection.handTo({ onBytes: discard, onEnd: resolve, onWritten: () => {}, onClosed: () => resolve() })
    timer = runtime.clock.set(resolve, timeout)
    discard()
  })
  await Promise.race([over, sender.flushed().catch(() => {})])
  if (!connection.isClosed) transport.end()
  await over
  runtime.clock.clear(timer)
  sender.stop(new Error('the connection is closed'))
  transport.destroy()
  connection.release()
}
