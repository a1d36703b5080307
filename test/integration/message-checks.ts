import { equal, fails, hex, ok, randomBytes, sameBytes } from './assert.ts'
import { type Check, MIB, recv, subject, within } from './check-tools.ts'
import { refuseAll, streamCalls, unusedTransport } from './wrong-arguments.ts'

const { checks, check, checkBoth } = subject()

/** All of these checks, in order. */
export const messageChecks: readonly Check[] = checks

// Messages.

checkBoth('text is echoed, ASCII and beyond', async (context, { good }) => {
  await within(context, `${good}/echo`, async (ws) => {
    for (const text of ['hello', 'Grüße, 世界 🌍', '\u0000\u007f', '"{}"', 'x'.repeat(70_000), 'é'.repeat(40_000)]) {
      await ws.sendText(text)
      const message = await recv(ws)
      equal(message.kind, 'text')
      equal(message.text, text)
    }
  })
})

checkBoth('every wrong argument of every function of a stream is refused by its name, and nothing is sent', async (context, { good }) => {
  await within(context, `${good}/echo`, async (ws) => {
    await refuseAll(streamCalls(context.nexus, ws, context.env.refused, unusedTransport))
    equal([ws.bufferedAmount, ws.readyState], [0, 'open'])
    ws.sendText('the first')
    const message = await recv(ws)
    equal([message.kind, message.text], ['text', 'the first'])
  })
})

checkBoth('empty messages are messages', async (context, { good }) => {
  await within(context, `${good}/echo`, async (ws) => {
    ws.sendText('')
    ws.sendBinary(new Uint8Array(0))
    const text = await recv(ws)
    equal([text.kind, text.length, text.text], ['text', 0, ''])
    const binary = await recv(ws)
    equal([binary.kind, binary.length], ['binary', 0])
  })
})

const SIZES = [1, 2, 125, 126, 127, 1_000, 16_383, 16_384, 65_535, 65_536, 65_537, 1_000_003, 4 * MIB + 5, 16 * MIB]

for (const size of SIZES) {
  checkBoth(`${size} random bytes come back as they went`, async (context, { good }) => {
    await within(context, `${good}/echo`, async (ws) => {
      const bytes = randomBytes(size)
      const sent = ws.sendBinary(bytes)
      const message = await recv(ws)
      equal(message.kind, 'binary')
      sameBytes(message.bytes, bytes)
      await sent
      equal(ws.bufferedAmount, 0)
    })
  })
}

checkBoth('a small buffer takes messages of any size', async (context, { good }) => {
  await within(
    context,
    `${good}/echo`,
    async (ws) => {
      for (const size of [0, 1, 200, 3_000, 4_096, 5_000, 100_000, 3 * MIB]) {
        const bytes = randomBytes(size)
        ws.sendBinary(bytes)
        sameBytes((await recv(ws)).bytes, bytes)
      }
    },
    { bufferCapacity: 4_096, writeBufferCapacity: 4_096 },
  )
})

checkBoth('fragmented messages arrive whole, with pings between their fragments', async (context, { good }) => {
  for (const [size, length] of [
    [1, 50],
    [7, 1_000],
    [1_000, 200_000],
    [65_536, 16 * MIB],
  ] as const) {
    const pings = length < MIB
    await within(context, `${good}/fragments?size=${size}${pings ? '&pings' : ''}`, async (ws) => {
      const bytes = randomBytes(length)
      ws.sendBinary(bytes)
      let pinged = 0
      for (;;) {
        const message = await recv(ws)
        if (message.kind === 'ping') {
          ok(message.text.startsWith('between '), 'the ping has its payload')
          pinged++
          continue
        }
        equal(message.kind, 'binary')
        sameBytes(message.bytes, bytes)
        break
      }
      // The last ping follows the last fragment.
      if (pings) equal(pinged, Math.ceil(length / size) - 1, 'pings before the message was complete')
    })
  }
})

checkBoth('text that is cut inside its characters is put together', async (context, { good }) => {
  await within(context, `${good}/fragments?size=1`, async (ws) => {
    const text = 'a€𝄞é'.repeat(40)
    ws.sendText(text)
    const message = await recv(ws)
    equal([message.kind, message.text], ['text', text])
  })
})

checkBoth('messages keep their order and their bounds', async (context, { good }) => {
  await within(context, `${good}/burst?messages=5000`, async (ws) => {
    for (let i = 0; i < 5_000; ) {
      ok(await ws.readable(), 'more comes')
      for (let message = ws.next(); message !== null; message = ws.next()) equal(message.text, `message ${i++}`)
    }
  })
})

checkBoth('several sends in one tick all arrive, in order', async (context, { good }) => {
  await within(context, `${good}/echo`, async (ws) => {
    for (let i = 0; i < 2_000; i++) {
      if (i % 3 === 0) ws.sendBinary(Uint8Array.of(i & 255, i >> 8))
      else ws.sendText(`message ${i}`)
    }
    for (let i = 0; i < 2_000; i++) {
      const message = await recv(ws)
      if (i % 3 === 0) sameBytes(message.bytes, Uint8Array.of(i & 255, i >> 8))
      else equal(message.text, `message ${i}`)
    }
  })
})

// Pings.

checkBoth('a ping is answered with its exact bytes', async (context, { good }) => {
  for (const length of [0, 1, 4, 124, 125]) {
    const payload = hex(randomBytes(length))
    await within(context, `${good}/ping?payload=${payload}`, async (ws) => {
      const ping = await recv(ws)
      equal([ping.kind, hex(ping.bytes)], ['ping', payload])
      equal((await recv(ws)).text, `pong ${payload}`)
    })
  }
})

check('without autoPong, the application answers pings', async (context) => {
  await within(
    context,
    `${context.env.ws}/ping?payload=616263`,
    async (ws) => {
      const ping = await recv(ws)
      ws.sendPong(Uint8Array.of(...ping.bytes, 33))
      equal((await recv(ws)).text, 'pong 61626321')
    },
    { autoPong: false },
  )
})

checkBoth('our pings come back as pongs with the same bytes', async (context, { good }) => {
  await within(context, `${good}/echo`, async (ws) => {
    for (const length of [0, 1, 125]) {
      const bytes = randomBytes(length)
      ws.sendPing(bytes)
      const pong = await recv(ws)
      equal(pong.kind, 'pong')
      sameBytes(pong.bytes, bytes)
    }
  })
})

check('a control frame over 125 bytes is refused before anything is sent', async (context) => {
  await within(context, `${context.env.ws}/echo`, async (ws) => {
    await fails(() => ws.sendPing(new Uint8Array(126)), 'EncodeError', 'ControlPayloadTooLarge')
    await fails(() => ws.sendPong(new Uint8Array(1_000)), 'EncodeError', 'ControlPayloadTooLarge')
    await fails(ws.close(1000, 'x'.repeat(124)), 'EncodeError', 'ControlPayloadTooLarge')
    await fails(ws.close(1000, 'é'.repeat(62)), 'EncodeError', 'ControlPayloadTooLarge')
    equal(ws.readyState, 'open')
    ws.sendText('still here')
    equal((await recv(ws)).text, 'still here')
  })
})
