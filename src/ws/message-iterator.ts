/**
 * The iterator of a `for await`. When a message is available, `next` resolves at once: an async generator takes three turns of the microtask queue for each.
 *
 * As those of a generator, calls of `next` that overlap are answered in order. Unlike there, `return` and `throw` do not wait for a `next` that waits for a
 * message: they end it.
 */

import type { OwnedMessage } from '../codec/ws/message.ts'

type Result = IteratorResult<OwnedMessage, undefined>

/** What a loop needs of its connection. */
export interface MessageFlow {
  /** The loop begins. Throws when there is another receiver. */
  enter(): void
  /** The loop has ended, or was left. */
  leave(): void
  /** The next text or binary message that has arrived; null when none has. */
  take(): OwnedMessage | null
  /** True when a message may have arrived, false at the end. */
  readable(): Promise<boolean>
}

/** Text and binary messages, owned, until the end. */
export class MessageIterator implements AsyncGenerator<OwnedMessage, void, undefined> {
  #state: 'new' | 'running' | 'over' = 'new'
  /** Calls of `next` that have not been answered, and the answer to the last of them. */
  #calls = 0
  #answer: Promise<Result> | null = null
  readonly #flow: MessageFlow

  constructor(flow: MessageFlow) {
    this.#flow = flow
  }

  /** The next message, if that needs no waiting. */
  take(): OwnedMessage | null {
    return this.#calls === 0 && this.#state === 'running' ? this.#flow.take() : null
  }

  next(): Promise<Result> {
    const value = this.take()
    if (value !== null) return Promise.resolve({ value, done: false })
    const wait = (): Promise<Result> => this.#wait()
    this.#answer = this.#calls++ === 0 || this.#answer === null ? wait() : this.#answer.then(wait, wait)
    return this.#answer
  }

  async return(value?: void | PromiseLike<void>): Promise<IteratorResult<OwnedMessage, void>> {
    this.#end()
    return { value: await value, done: true }
  }

  async throw(error: unknown): Promise<Result> {
    this.#end()
    throw error
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end()
  }

  /** Answers a call of `next`, in its turn. */
  async #wait(): Promise<Result> {
    try {
      if (this.#state === 'new') this.#begin()
      while (this.#state === 'running') {
        const value = this.#flow.take()
        if (value !== null) return { value, done: false }
        if (!(await this.#flow.readable())) this.#end()
      }
      return { value: undefined, done: true }
    } catch (error) {
      this.#end()
      throw error
    } finally {
      if (--this.#calls === 0) this.#answer = null
    }
  }

  #begin(): void {
    // When another receiver has the connection, this one has nothing to leave.
    this.#state = 'over'
    this.#flow.enter()
    this.#state = 'running'
  }

  #end(): void {
    const wasRunning = this.#state === 'running'
    this.#state = 'over'
    if (wasRunning) this.#flow.leave()
  }
}
