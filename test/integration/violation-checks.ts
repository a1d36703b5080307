import { equal, fails, hex, isError } from './assert.ts'
import { ask, type Check, CLOSE, clientFrames, closeCodeSent, frame, newId, open, PING, PONG, recv, subject, TEXT, within } from './check-tools.ts'

const { checks, check, checkBoth } = subject()

/** All of these checks, in order. */
export const violationChecks: readonly Check[] = checks

const TOO_LONG = '827f0000000005f5e100' // announces 100 MB
const BROKEN: readonly (readonly [string, string, string, number])[] = [
  ['a 100 MB frame header', TOO_LONG, 'PayloadTooLarge', 1009],
  ['a frame of 2^63 bytes', '827f8000000000000000', 'PayloadTooLarge', 1009],
  ['a control frame over 125 bytes', frame(PING, 'x'.repeat(126)), 'ControlFrameTooLarge', 1002],
  ['a fragmented ping', frame(PING, 'x', { fin: false }), 'FragmentedControlFrame', 1002],
  ['a masked frame', frame(TEXT, 'hello', { key: [1, 2, 3, 4] }), 'MaskedFrameFromServer', 1002],
  ['reserved bits', 'c100', 'ReservedBitsSet', 1002],
  ['opcode 3', '8300', 'InvalidOpcode', 1002],
  ['opcode 11', '8b00', 'InvalidOpcode', 1002],
  ['a length that is not minimal', '817e0005', 'NonMinimalLength', 1002],
  ['a continuation of nothing', '8000', 'ContinuationWithoutStart', 1002],
  ['a message inside a message', frame(TEXT, 'a', { fin: false }) + frame(TEXT, 'b'), 'NewMessageDuringAssembly', 1002],
  ['half a close code', '880103', 'CloseFrameTooShort', 1002],
  ['close code 1005 on the wire', '880203ed', 'InvalidCloseCode', 1002],
  ['close code 999 on the wire', '880203e7', 'InvalidCloseCode', 1002],
  ['a close reason that is not UTF-8', '880303e8ff', 'InvalidUtf8InCloseReason', 1007],
]

for (const [what, bytes, code, closeCode] of BROKEN) {
  checkBoth(`${what} is ${code}, and the peer is told ${closeCode}`, async (context, { bad }) => {
    const id = newId()
    const ws = await open(context, `${bad}/early?id=${id}&frames=${frame(TEXT, 'good')}${bytes}${frame(TEXT, 'never seen')}`)
    equal((await recv(ws)).text, 'good')
    const error = await fails(ws.recv(), 'ProtocolError', code)
    equal(error.closeCode, closeCode)
    await fails(ws.recv(), 'ProtocolError', code)
    await fails(ws.readable(), 'ProtocolError', code)
    const info = await ws.closed
    equal([info.code, info.wasClean], [1006, false])
    isError(info.error, 'ProtocolError', code)
    equal(closeCodeSent((await ask(context, `/ended?id=${id}`)) as string), closeCode, 'the code that the peer was told')
    await fails(() => ws.sendText('x'), 'UsageError', 'NotOpen')
  })
}

check('invalid UTF-8 is refused in every position of a message', async (context) => {
  const good = '0123456789abcdef0123456789'
  for (let at = 0; at <= good.length; at += 3) {
    const bytes = new Uint8Array([...new TextEncoder().encode(good.slice(0, at)), 0xc3, 0x28, ...new TextEncoder().encode(good.slice(at))])
    const split = Math.floor(bytes.length / 2)
    for (const frames of [
      frame(TEXT, bytes),
      frame(TEXT, bytes.subarray(0, split), { fin: false }) + frame(0, bytes.subarray(split)),
      frame(TEXT, new Uint8Array(0), { fin: false }) + frame(0, bytes),
    ]) {
      const ws = await open(context, `${context.env.raw}/early?frames=${frames}`)
      await fails(ws.recv(), 'ProtocolError', 'InvalidUtf8')
    }
  }
})

check('a character that the end of its message cuts off is InvalidUtf8', async (context) => {
  for (const end of [Uint8Array.of(0xe2, 0x82), Uint8Array.of(0xf0), Uint8Array.of(0x61, 0xf0, 0x9f, 0x8c)]) {
    const ws = await open(context, `${context.env.raw}/dribble?frames=${frame(TEXT, end)}`)
    await fails(ws.recv(), 'ProtocolError', 'InvalidUtf8')
  }
})

check('maxMessageSize and maxFrameSize are limits of their own', async (context) => {
  const two = frame(TEXT, 'x'.repeat(600), { fin: false }) + frame(0, 'x'.repeat(600))
  const message = await open(context, `${context.env.raw}/early?frames=${two}`, { maxMessageSize: 1_000 })
  await fails(message.recv(), 'ProtocolError', 'MessageTooLarge')
  const single = await open(context, `${context.env.raw}/early?frames=${two}`, { maxFrameSize: 500 })
  await fails(single.recv(), 'ProtocolError', 'PayloadTooLarge')
  await within(context, `${context.env.raw}/early?frames=${two}`, async (ws) => equal((await recv(ws)).length, 1_200), {
    maxMessageSize: 1_200,
    maxFrameSize: 600,
  })
  await within(
    context,
    `${context.env.ws}/echo`,
    async (ws) => {
      await fails(() => ws.sendText('x'.repeat(1_001)), 'EncodeError', 'OutgoingMessageTooLarge')
      await fails(() => ws.sendText('€'.repeat(334)), 'EncodeError', 'OutgoingMessageTooLarge')
      await fails(() => ws.sendBinary(new Uint8Array(1_001)), 'EncodeError', 'OutgoingMessageTooLarge')
      ws.sendText('€'.repeat(333))
      equal((await recv(ws)).length, 999)
    },
    { maxMessageSize: 1_000 },
  )
})

check('nothing after a close frame is delivered', async (context) => {
  const frames = `${frame(TEXT, 'before')}${frame(CLOSE, Uint8Array.of(3, 232))}${frame(TEXT, 'after')}c100`
  const ws = await open(context, `${context.env.raw}/early-end?frames=${frames}`)
  equal((await recv(ws)).text, 'before')
  equal((await recv(ws)).closeCode, 1000)
  equal(await ws.recv(), null)
  const info = await ws.closed
  equal([info.code, info.wasClean, info.error], [1000, true, null])
})

check('a close frame is answered with its code, once', async (context) => {
  const id = newId()
  const ws = await open(context, `${context.env.raw}/early?id=${id}&frames=${frame(CLOSE, Uint8Array.of(0x0f, 0xa1, 0x68, 0x69))}`, {
    closeTimeout: 50,
  })
  equal((await recv(ws)).closeCode, 4001)
  equal(await ws.recv(), null)
  const frames = clientFrames((await ask(context, `/ended?id=${id}`)) as string)
  equal(
    frames.map(({ opcode, payload }) => [opcode, hex(payload.subarray(0, 2))]),
    [[CLOSE, '0fa1']],
  )
})

check('an unasked pong is delivered and harms nobody', async (context) => {
  await within(context, `${context.env.raw}/early?frames=${frame(PONG, 'why')}${frame(TEXT, 'x')}`, async (ws) => {
    const pong = await recv(ws)
    equal([pong.kind, pong.text], ['pong', 'why'])
    equal((await recv(ws)).text, 'x')
  })
})
