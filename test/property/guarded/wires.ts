/** What peers send, made in advance: generators cost more than what reads it. */

import { SequenceGenerator } from '../../reference/generator.ts'
import { body, chunked, damaged, request, response } from '../../reference/http-generator.ts'
import { latin1Bytes } from '../../reference/linear.ts'
import type { Random } from '../../reference/random.ts'

const EACH = 200
const METHODS = ['GET', 'HEAD', 'CONNECT', 'POST'] as const

/** A supply of frames and messages, right and wrong. */
export class Wires {
  readonly toClient: readonly Uint8Array[]
  readonly toServer: readonly Uint8Array[]
  readonly requests: readonly Uint8Array[]
  readonly bodies: readonly Uint8Array[]
  readonly responses: readonly { readonly method: string; readonly bytes: Uint8Array }[]

  constructor(random: Random) {
    const many = <T>(make: (i: number) => T): T[] => Array.from({ length: EACH }, (_, i) => make(i))
    const mostly = (text: string): Uint8Array => latin1Bytes(random.oneIn(3) ? damaged(random, text) : text)
    const client = new SequenceGenerator(random, 'client')
    const server = new SequenceGenerator(random, 'server')
    this.toClient = many(() => client.next().slice())
    this.toServer = many(() => server.next().slice())
    this.requests = many(() => mostly(request(random)))
    this.bodies = many(() => mostly(chunked(random, body(random))))
    this.responses = many(() => {
      const method = random.pick(METHODS)
      return { method, bytes: mostly(response(random, method)) }
    })
  }
}
