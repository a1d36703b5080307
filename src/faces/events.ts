/** The events of a `WebSocket`: the runtime's classes, and ours where it has none. */

import { report } from '../callback.ts'
import { showsItself } from '../printing.ts'

/** How a connection ended (WebSockets standard, section 6). */
export interface CloseEvent extends Event {
  /** The peer's close code; 1005 when its close frame had none, 1006 when there was no close frame. */
  readonly code: number
  /** The peer's reason. */
  readonly reason: string
  /** Both sides sent a close frame. */
  readonly wasClean: boolean
}

/** What a {@link CloseEvent} is made with. */
export interface CloseEventOptions extends EventInit {
  code?: number
  reason?: string
  wasClean?: boolean
}

/** Makes {@link CloseEvent}s. */
export interface CloseEventClass {
  new (type: string, options?: CloseEventOptions): CloseEvent
  readonly prototype: CloseEvent
}

/** A failure: a plain event, with what went wrong. */
export interface ErrorEvent extends Event {
  /** Why the connection failed, or could not be made. */
  readonly error: Error
  /** Its message. */
  readonly message: string
}

class OwnCloseEvent extends Event implements CloseEvent {
  static {
    Object.defineProperty(this, 'name', { value: 'CloseEvent' })
    Object.defineProperty(this.prototype, Symbol.toStringTag, { value: 'CloseEvent', configurable: true })
  }

  readonly #code: number
  readonly #reason: string
  readonly #wasClean: boolean

  constructor(type: string, { code = 0, reason = '', wasClean = false, ...options }: CloseEventOptions = {}) {
    super(type, options)
    this.#code = code & 0xffff
    this.#reason = `${reason}`
    this.#wasClean = Boolean(wasClean)
  }

  get code(): number {
    return this.#code
  }

  get reason(): string {
    return this.#reason
  }

  get wasClean(): boolean {
    return this.#wasClean
  }
}

/** The runtime's `CloseEvent`; ours on Node.js before 23, which has none. */
export const closeEventClass: CloseEventClass = typeof CloseEvent === 'undefined' ? OwnCloseEvent : CloseEvent

/** Its events. */
export type RuntimeMessageEvent<Data> = MessageEvent<Data>

/** The runtime's `MessageEvent`, which all of them have. */
export const messageEventClass: typeof MessageEvent = MessageEvent

/** What a listener may be. */
export type Listener = EventListenerOrEventListenerObject

/** What is the same of all events of messages. */
const OF_ALL = {
  ...{ type: 'message', lastEventId: '', source: null, ports: Object.freeze([]), bubbles: false, cancelable: false, composed: false },
  ...{ defaultPrevented: false, returnValue: true, isTrusted: true },
}

/**
 * The event of a received message, one for each: an instance of the runtime's `MessageEvent`, whose own constructor and `dispatchEvent` take longer than all
 * the rest of receiving. Only its socket dispatches it; an event for another target is made from it, `new MessageEvent(event.type, event)`.
 */
export class ReceivedMessage {
  static {
    // What its instances say their class is, and what a copy is made with.
    Object.defineProperty(this.prototype, 'constructor', { value: MessageEvent })
    Object.setPrototypeOf(this.prototype, MessageEvent.prototype)
    for (const [name, value] of Object.entries(OF_ALL)) Object.defineProperty(this.prototype, name, { get: () => value, configurable: true })
    for (const name of Object.getOwnPropertyNames(this.prototype)) Object.defineProperty(this.prototype, name, { enumerable: name !== 'constructor' })
    showsItself(this.prototype, ({ origin }) => ({ type: OF_ALL.type, origin }))
  }

  readonly #target: EventTarget
  readonly #data: unknown
  readonly #origin: string
  #isDispatched = true
  #isStopped = false
  #isCancelled = false
  #time = 0

  private constructor(target: EventTarget, data: unknown, origin: string) {
    this.#target = target
    this.#data = data
    this.#origin = origin
  }

  /**
   * Dispatches the event of a message (DOM standard, section 2.9). A listener that another one removes meanwhile is not called, nor is one that is added;
   * what one throws becomes an uncaught exception.
   *
   * @param current the listeners at this moment; the list is another one when it has changed
   */
  static dispatch(target: EventTarget, data: unknown, origin: string, current: () => readonly PlainListener[]): void {
    const listeners = current()
    const event = new ReceivedMessage(target, data, origin)
    for (const listener of listeners) {
      if (current() !== listeners && !current().includes(listener)) continue
      const { callback, once } = listener
      if (once) target.removeEventListener('message', callback)
      try {
        if (typeof callback === 'function') callback.call(target, event as unknown as Event)
        else callback.handleEvent(event as unknown as Event)
      } catch (error) {
        report(error)
      }
      if (event.#isStopped) break
    }
    event.#isDispatched = false
  }

  get data(): unknown {
    return this.#data
  }
  get origin(): string {
    return this.#origin
  }
  get target(): EventTarget {
    return this.#target
  }
  get srcElement(): EventTarget {
    return this.#target
  }
  get currentTarget(): EventTarget | null {
    return this.#isDispatched ? this.#target : null
  }
  get eventPhase(): number {
    return this.#isDispatched ? Event.AT_TARGET : Event.NONE
  }
  get timeStamp(): number {
    if (this.#time === 0) this.#time = performance.now()
    return this.#time
  }
  get cancelBubble(): boolean {
    return this.#isCancelled
  }
  composedPath(): EventTarget[] {
    return this.#isDispatched ? [this.#target] : []
  }
  preventDefault(): void {}
  stopPropagation(): void {
    this.#isCancelled = true
  }
  stopImmediatePropagation(): void {
    this.#isCancelled = this.#isStopped = true
  }
  initEvent(): void {}
  initMessageEvent(): void {}
}

/** A listener that a socket's own dispatch knows: neither for the capturing phase nor removed by a signal. */
export interface PlainListener {
  readonly callback: Listener
  readonly once: boolean
}

/** An `error` event. */
export function errorEvent(error: Error): ErrorEvent {
  return Object.assign(new Event('error'), { error, message: error.message })
}
