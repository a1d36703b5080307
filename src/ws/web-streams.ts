/** A WebSocket as WHATWG streams. */

import type { BytesInit } from '../codec/inputs.ts'
import { CloseCode, type OwnedMessage } from '../codec/ws/message.ts'
import type { CloseInfo } from './closing.ts'
import type { MessageIterator } from './message-iterator.ts'

/** The two directions. */
export interface WebSocketStreams {
  /** Text and binary messages, owned. Cancelling closes the connection. */
  readonly readable: ReadableStream<OwnedMessage>
  /**
   * Strings become text messages, buffers and views binary ones; anything else errors the stream with `InvalidOption`. Closing closes the connection;
   * aborting cuts it. When the connection fails, the stream is errored at once.
   */
  readonly writable: WritableStream<string | BytesInit>
}

/** The connection under the streams. */
interface StreamedConnection {
  /** Resolves when it is gone, however that came; never rejects. */
  readonly closed: Promise<CloseInfo>
  sendText(text: string): undefined | Promise<void>
  sendBinary(bytes: BytesInit): undefined | Promise<void>
  close(code: number): Promise<CloseInfo>
  destroy(): void
}

/** @internal */
export function webStreams(ws: StreamedConnection, messages: MessageIterator): WebSocketStreams {
  const readable = new ReadableStream<OwnedMessage>(
    {
      pull(controller): undefined | Promise<void> {
        const message = messages.take()
        if (message !== null) {
          controller.enqueue(message)
          return
        }
        return messages.next().then(({ done, value }) => (done ? controller.close() : controller.enqueue(value)))
      },
      async cancel(): Promise<void> {
        await ws.close(CloseCode.Normal)
      },
    },
    { highWaterMark: 0 },
  )
  const writable = new WritableStream<string | BytesInit>({
    start(controller): void {
      ws.closed.then(({ error }) => {
        if (error !== null) controller.error(error)
      })
    },
    async write(data): Promise<void> {
      await (typeof data === 'string' ? ws.sendText(data) : ws.sendBinary(data))
    },
    async close(): Promise<void> {
      await ws.close(CloseCode.Normal)
    },
    abort(): void {
      ws.destroy()
    },
  })
  return { readable, writable }
}
