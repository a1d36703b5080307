/**
 * A standard response for platforms whose constructor is slow: what is asked for is made from what was received, and the platform's streams and fields only
 * when something needs them. For runtimes that take nothing from a `Response` but by its public members.
 */

import type { OwnedResponse } from '../codec/http/response.ts'
import { bodyOf, FetchedResponse } from './fetched-response.ts'

/** As {@link FetchedResponse}, with everything made when it is asked for. */
export class LazyResponse extends FetchedResponse {
  readonly #received: OwnedResponse
  #fields: Headers | null = null
  /** The same response, made by the platform: from then on its body is the one that is read. */
  #made: FetchedResponse | null = null
  /** The body was read, and the platform's response was not made before that. */
  #isRead = false

  /** @param received with a status that a `Response` can have: up to 599 */
  constructor(received: OwnedResponse, url: string, isRedirected: boolean) {
    super(null, undefined, url, isRedirected)
    this.#received = received
  }

  override get status(): number {
    return this.#received.status
  }

  override get ok(): boolean {
    const { status } = this
    return status >= 200 && status <= 299
  }

  override get statusText(): string {
    return this.#received.reason
  }

  override get headers(): Headers {
    this.#fields ??= new Headers(this.#received.headers())
    return this.#fields
  }

  override get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#platform.body
  }

  override get bodyUsed(): boolean {
    return this.#made === null ? this.#isRead : this.#made.bodyUsed
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    return this.#made === null ? this.#read(() => ownBuffer(this.#received)) : this.#made.arrayBuffer()
  }

  override bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.arrayBuffer().then((buffer) => new Uint8Array(buffer))
  }

  override text(): Promise<string> {
    return this.#made === null ? this.#read(() => this.#received.text()) : this.#made.text()
  }

  // biome-ignore lint/suspicious/noExplicitAny: the type of the standard method.
  override json(): Promise<any> {
    return this.#made === null ? this.#read(() => this.#received.json()) : this.#made.json()
  }

  override blob(): Promise<Blob> {
    return this.#platform.blob()
  }

  override formData(): Promise<FormData> {
    return this.#platform.formData()
  }

  override clone(): Response {
    return this.#platform.clone()
  }

  get #platform(): FetchedResponse {
    if (this.#made === null) {
      const { status, statusText, headers, url, redirected } = this
      this.#made = new FetchedResponse(bodyOf(this.#received), { status, statusText, headers }, url, redirected)
      // A body that was read is a stream that has ended, and that nobody can read again.
      if (this.#isRead) void this.#made.body?.cancel()
    }
    return this.#made
  }

  /** Reads the body, which happens once. */
  async #read<T>(take: () => T): Promise<T> {
    if (this.#isRead) throw new TypeError('the body of this response was read already')
    this.#isRead = bodyOf(this.#received) !== null
    return take()
  }
}

/** The memory of a body that is read once. */
function ownBuffer({ body }: OwnedResponse): ArrayBuffer {
  const { buffer, byteLength } = body as Uint8Array<ArrayBuffer>
  return byteLength === buffer.byteLength ? buffer : buffer.slice(body.byteOffset, body.byteOffset + byteLength)
}
