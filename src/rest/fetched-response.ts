/** The `Response` of a `fetch`: the platform's own class, with what only the platform's own `fetch` can give one. */

import type { OwnedResponse } from '../codec/http/response.ts'

/** Statuses whose responses have no body (Fetch standard, "null body status"). */
const NULL_BODY = new Set([101, 103, 204, 205, 304])

export function hasNoBody(status: number): boolean {
  return NULL_BODY.has(status)
}

/** A standard response that knows where it came from. Servers accept it as an answer: its body and its fields are the platform's. */
export class FetchedResponse extends Response {
  readonly #url: string
  readonly #isRedirected: boolean

  /** @param url without fragment, of the last request */
  constructor(body: BodyInit | null, init: ResponseInit | undefined, url: string, isRedirected: boolean) {
    super(body, init)
    this.#url = url
    this.#isRedirected = isRedirected
  }

  override get url(): string {
    return this.#url
  }

  override get redirected(): boolean {
    return this.#isRedirected
  }

  /** As the standard has it for a response whose fields may all be read. */
  override get type(): ResponseType {
    return 'basic'
  }

  override clone(): Response {
    const { body, headers, status, statusText } = super.clone()
    return new FetchedResponse(body, { status, statusText, headers }, this.#url, this.#isRedirected)
  }
}

/** The body of a response as `fetch` has it. */
export function bodyOf({ status, body }: OwnedResponse): Uint8Array<ArrayBuffer> | null {
  return hasNoBody(status) ? null : (body as Uint8Array<ArrayBuffer>)
}

/** What was received as a standard response. @param received with a status that a `Response` can have: up to 599 */
export function respond(received: OwnedResponse, url: string, isRedirected: boolean): Response {
  const { status, reason } = received
  return new FetchedResponse(bodyOf(received), { status, statusText: reason, headers: received.headers() }, url, isRedirected)
}
