/** Listeners in the manner of `EventTarget`, over those of an `EventEmitter`, as npm `ws` has them. */

import type { EventEmitter } from 'node:events'

/** What a listener may be. */
export type Listener = ((event: WsEvent) => unknown) | { handleEvent(event: WsEvent): unknown }

/** A listener's options. */
export interface ListenerOptions {
  once?: boolean
}

/** What a listener receives: as `ws` has them, without further members of DOM events. */
export interface WsEvent {
  readonly type: string
  readonly target: object
  readonly data?: unknown
  readonly code?: number
  readonly reason?: string
  readonly wasClean?: boolean
  readonly error?: Error
  readonly message?: string
}

/** A listener of the emitter that stands for one of events. */
interface Wrapper {
  (...args: unknown[]): void
  readonly of: Listener
  readonly isAttribute: boolean
}

/** The event of each type, out of what the emitter's listeners receive. */
const EVENTS: Readonly<Record<string, (...args: never[]) => Omit<WsEvent, 'type' | 'target'>>> = {
  open: () => ({}),
  message: (data: { toString(): string }, isBinary: boolean) => ({ data: isBinary ? data : data.toString() }),
  error: (error: Error) => ({ error, message: error.message }),
  close: (code: number, reason: { toString(): string }) => ({ code, reason: reason.toString(), wasClean: code !== 1006 }),
}

/** @param isAttribute it is the value of `on…` */
export function addEventListener(target: EventEmitter, type: string, of: Listener, { once = false }: ListenerOptions, isAttribute: boolean): void {
  const eventOf = EVENTS[type]
  if (eventOf === undefined || (!isAttribute && find(target, type, of, false) !== undefined)) return
  const call = (...args: unknown[]): void => {
    const event: WsEvent = { type, target, ...eventOf(...(args as never[])) }
    if (typeof of === 'function') of.call(target, event)
    else of.handleEvent(event)
  }
  const wrapper: Wrapper = Object.assign(call, { of, isAttribute })
  if (once) target.once(type, wrapper)
  else target.on(type, wrapper)
}

export function removeEventListener(target: EventEmitter, type: string, of: Listener, isAttribute: boolean): void {
  const wrapper = find(target, type, of, isAttribute)
  if (wrapper !== undefined) target.removeListener(type, wrapper)
}

/** The value of `on…`. */
export function listenerOf(target: EventEmitter, type: string): Listener | null {
  return (target.listeners(type) as Wrapper[]).find((each) => each.isAttribute)?.of ?? null
}

function find(target: EventEmitter, type: string, of: Listener, isAttribute: boolean): Wrapper | undefined {
  return (target.listeners(type) as Wrapper[]).find((each) => each.of === of && each.isAttribute === isAttribute)
}
