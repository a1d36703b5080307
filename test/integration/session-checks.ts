import { equal } from './assert.ts'
import { type Check, subject } from './check-tools.ts'

const { checks, check } = subject()

/** All of these checks, in order. */
export const sessionChecks: readonly Check[] = checks

check('sessions open one stream after the other', async (context) => {
  const { WsStream } = context.nexus
  const downs: (number | null)[] = []
  const openings: number[] = []
  let streams = 0
  for await (const ws of WsStream.sessions(`${context.env.ws}/close?code=1012`, {
    backoff: { initial: 1, max: 2 },
    onOpen: (_, { session }) => {
      openings.push(session)
    },
    onDown: ({ close }) => downs.push(close?.code ?? null),
  })) {
    for await (const _ of ws) throw new Error('nothing is sent')
    if (++streams === 3) break
  }
  equal(
    [openings, downs],
    [
      [1, 2, 3],
      [1012, 1012],
    ],
  )
})
