/** A transport's user that checks the transport's rules as it goes. Works on every runtime. */

import assert from 'node:assert/strict'
import type { Transport, TransportHandler } from '../../src/transport/transport.ts'

/** Reads into a linear memory, as the real user does. */
export class Probe implements TransportHandler {
  readonly memory: WebAssembly.Memory = new WebAssembly.Memory({ initial: 4 })
  readonly targets: readonly Uint8Array[]
  /** The broken rules, in words. */
  readonly faults: string[] = []
  /** Resolves when the peer has ended. */
  readonly ended: Promise<void>
  /** Resolves with the error of the end, or null. */
  readonly closed: Promise<Error | null>
  private resolveEnded = (): void => {}
  private resolveClosed = (_: Error | null): void => {}
  private onChunk: ((bytes: Uint8Array) => void) | null = null
  private onWrite: (() => void) | null = null
  private asked = false
  private gone = false

  constructor(
    readonly transport: Transport,
    targetSize: number = 65_536,
  ) {
    this.targets = [0, 1].slice(0, transport.targetCount).map((i) => new Uint8Array(this.memory.buffer, 1024 + i * targetSize, targetSize))
    this.ended = new Promise((resolve) => {
      this.resolveEnded = resolve
    })
    this.closed = new Promise((resolve) => {
      this.resolveClosed = resolve
    })
    transport.start(this, this.targets)
  }

  onRead(index: number, length: number): void {
    this.answered('onRead')
    const target = this.targets[index]
    if (target === undefined || length < 1 || length > target.length) this.faults.push(`onRead(${index}, ${length})`)
    this.onChunk?.((target as Uint8Array).subarray(0, length))
  }

  onEnd(): void {
    this.answered('onEnd')
    this.resolveEnded()
  }

  onWritten(): void {
    if (this.gone || this.onWrite === null) this.faults.push('onWritten without a write')
    const { onWrite } = this
    this.onWrite = null
    onWrite?.()
  }

  onClosed(error: Error | null): void {
    if (this.gone) this.faults.push('onClosed twice')
    this.gone = true
    this.resolveClosed(error)
  }

  /** Asks for the next event. */
  resume(): void {
    this.asked = true
    this.transport.resume()
  }

  /** Asks once; resolves with the bytes where they lie. */
  next(): Promise<Uint8Array> {
    return new Promise((resolve) => {
      this.onChunk = (bytes) => {
        this.onChunk = null
        resolve(bytes)
      }
      this.resume()
    })
  }

  /** Hands every chunk to `use` until the peer ends. */
  async drain(use: (bytes: Uint8Array) => void = () => {}): Promise<void> {
    this.onChunk = (bytes) => {
      use(bytes)
      this.resume()
    }
    this.resume()
    await this.ended
    this.onChunk = null
  }

  /** Reads text until the peer ends. */
  async text(): Promise<string> {
    let text = ''
    await this.drain((bytes) => {
      text += new TextDecoder().decode(bytes.slice())
    })
    return text
  }

  /** Reads exactly `length` bytes of text. */
  async textOf(length: number): Promise<string> {
    let text = ''
    while (text.length < length) text += new TextDecoder().decode((await this.next()).slice())
    return text
  }

  /** Writes; resolves when the bytes are out. */
  write(bytes: Uint8Array | string): Promise<void> {
    return new Promise((resolve) => {
      this.onWrite = resolve
      if (this.transport.write(typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes)) {
        this.onWrite = null
        resolve()
      }
    })
  }

  /** Fails when a rule was broken. */
  check(): void {
    assert.deepEqual(this.faults, [])
  }

  private answered(event: string): void {
    if (this.gone) this.faults.push(`${event} after onClosed`)
    if (!this.asked) this.faults.push(`${event} unasked`)
    this.asked = false
  }
}
