/** What holds for every connection, and what only for plain ones. */

import assert from 'node:assert/strict'
import { lookup } from 'node:dns/promises'
import type { DialOptions } from '../../src/transport/transport.ts'
import { address, both, type ContractCase, type ContractContext, code, control, echoes, finish, open } from './contract-tools.ts'
import { FLOOD_SIZE, patternAt, patternFault } from './pattern.ts'
import { Probe } from './probe.ts'

/** Bytes of a write that no kernel takes at once. */
const BIG = 16 * 1024 * 1024

async function stopsTheSender(context: ContractContext, name: string, options: DialOptions = {}): Promise<void> {
  const probe = await open(context, name, options, 40_000)
  const first = await probe.next()
  const kept = first.slice()
  // While this one is held, others work until the sender makes no more progress.
  let sent = -1
  for (let before = -2; sent !== before; ) {
    for (let i = 0; i < 10; i++) await echoes(await open(context, 'echo'))
    before = sent
    sent = (await control(context, `?${name}`)) as number
  }
  assert.ok(sent < FLOOD_SIZE, `${sent} bytes were sent although nobody read`)
  assert.deepEqual(first, kept)
  assert.equal(patternFault(kept, 0), null)
  let count = kept.length
  let fault: string | null = null
  await probe.drain((bytes) => {
    fault ??= patternFault(bytes, count)
    count += bytes.length
  })
  assert.equal(fault, null)
  assert.equal(count, FLOOD_SIZE)
  assert.equal(probe.transport.endProof ?? 'unverified', name.startsWith('tls') && context.tellsEnds ? 'verified' : 'unverified')
  probe.transport.end()
  assert.equal(await probe.closed, null)
  probe.check()
}

/** Each once plain and once with TLS. */
export const shared: Record<string, ContractCase> = {
  ...both('echo, remote address', async (context, server) => {
    const probe = await open(context, server('echo'))
    assert.equal(probe.transport.remoteAddress, `127.0.0.1:${context.peer.ports[server('echo')]}`)
    assert.equal(probe.transport.alpnProtocol, undefined)
    await echoes(probe)
  }),
  ...both('a reader that does not ask stops the sender, and nothing is overwritten', (context, server) => stopsTheSender(context, server('flood'))),
  ...both('a large write, by parts; its memory is free afterwards', async (context, server) => {
    const probe = await open(context, server('sink'))
    const bytes = new Uint8Array(new WebAssembly.Memory({ initial: BIG / 65_536 }).buffer)
    let written = 0
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < bytes.length; i += 65_536) bytes.set(patternAt(written + i, 65_536), i)
      await probe.write(bytes)
      written += bytes.length
      bytes.fill(255)
    }
    probe.transport.end()
    await probe.drain()
    assert.equal(await probe.closed, null)
    probe.check()
  }),
  ...both('our end first: the peer may still talk', async (context, server) => {
    const probe = await open(context, server('late'))
    await probe.write('abc')
    probe.transport.end()
    assert.equal(await probe.text(), 'late:abc')
    assert.equal(await probe.closed, null)
    probe.check()
  }),
  ...both('the end comes after a write that is still under way', async (context, server) => {
    const probe = await open(context, server('late'))
    const written = probe.write(new Uint8Array(1_000_000).fill(97))
    probe.transport.end()
    assert.equal(await probe.text(), `late:${'a'.repeat(1_000_000)}`)
    await written
    assert.equal(await probe.closed, null)
    probe.check()
  }),
  ...both('destroy closes at once, however much is unread', async (context, server) => {
    const probe = await open(context, server('flood'))
    await probe.next()
    await finish(probe)
    assert.equal(probe.transport.write(new Uint8Array(1)), false)
  }),
  ...both('destroy closes both ways, even if the peer does not', async (context, server) => {
    const probe = await open(context, server('patient'))
    assert.equal(await probe.textOf(3), 'abc')
    await finish(probe)
    await control(context, `${server('patient')} closed`)
  }),
  ...both('destroy right after a write loses nothing that was written', async (context, server) => {
    const probe = await open(context, server('echo'))
    await probe.write('hello')
    await finish(probe)
  }),
}

/** Plain TCP. */
export const plain: Record<string, ContractCase> = {
  'the large write arrived intact': async (context) => {
    assert.deepEqual(await control(context, 'sink'), { count: 2 * BIG, fault: null })
  },
  'their end first: we may still talk': async (context) => {
    const probe = await open(context, 'early')
    assert.equal(await probe.text(), 'bye')
    // Anybody can send a FIN.
    assert.equal(probe.transport.endProof ?? 'unverified', 'unverified')
    await probe.write('after the end')
    probe.transport.end()
    assert.equal(await probe.closed, null)
    assert.equal(await control(context, 'early'), 'after the end')
    probe.check()
  },
  'a name instead of an address': async (context) => {
    const [first] = await lookup('localhost', { all: true })
    if (first !== undefined) await echoes(new Probe(await context.dial(address(context, 'echo', 'localhost'), {})))
  },
  'a reset is reported as one': async (context) => {
    const probe = await open(context, 'reset')
    assert.equal(await probe.textOf(3), 'abc')
    probe.resume()
    await probe.write('x')
    assert.equal(((await probe.closed) as { code?: string } | null)?.code, 'ConnectionReset')
    probe.check()
  },
  'destroy with a write under way lets go of its memory': async (context) => {
    const probe = await open(context, 'stalled')
    const bytes = patternAt(0, 250_000).slice()
    let sent = 0
    for (;;) {
      const part = patternAt(sent, 250_000).slice()
      bytes.set(part)
      if (!probe.transport.write(bytes)) {
        // Deno says false always: go on until no answer comes although others get theirs.
        const done = new Promise<boolean>((resolve) => {
          probe.onWritten = () => resolve(true)
        })
        const stuck = (async () => {
          for (let i = 0; i < 20; i++) await echoes(await open(context, 'echo'))
          return false
        })()
        if (!(await Promise.race([done, stuck]))) break
        await stuck
      }
      sent += bytes.length
    }
    await finish(probe)
    bytes.fill(255)
    await control(context, '!read the stalled')
    const { fault, count } = (await control(context, 'stalled')) as { fault: string | null; count: number }
    assert.equal(fault, null)
    assert.ok(count >= sent)
  },
  'nobody listens: ConnectRefused': async (context) => {
    assert.equal(await code(context.dial(address(context, 'refused'), {})), 'ConnectRefused')
    assert.equal(await code(context.dial(address(context, 'refused', '127.0.0.1', true), {})), 'ConnectRefused')
  },
  'no such name: HostNotFound': async (context) => {
    assert.equal(await code(context.dial({ hostname: 'no-such-host.invalid', port: 80, secure: false }, {})), 'HostNotFound')
  },
  'no answer to the connect: ConnectTimeout': async (context) => {
    assert.equal(await code(context.dial(address(context, 'full'), { connectTimeout: 50 })), 'ConnectTimeout')
  },
  'abort before and during the connect': async (context) => {
    const reason = new Error('changed my mind')
    const early = context.dial(address(context, 'echo'), { signal: AbortSignal.abort(reason) })
    await assert.rejects(early, (error) => error === reason)
    const controller = new AbortController()
    const attempt = context.dial(address(context, 'full'), { signal: controller.signal })
    controller.abort(reason)
    await assert.rejects(attempt, (error) => error === reason)
  },
  'an abort after the connect changes nothing': async (context) => {
    const controller = new AbortController()
    const probe = await open(context, 'echo', { signal: controller.signal })
    controller.abort()
    await echoes(probe)
  },
  'keepAlive: a reader that does not ask stops the sender': (context) => stopsTheSender(context, 'flood', { keepAlive: 30_000 }),
  'noDelay and keepAlive work, and are checked': async (context) => {
    await echoes(await open(context, 'echo', { noDelay: false, keepAlive: 30_000 }))
    await echoes(await open(context, 'echo', { noDelay: true, keepAlive: false }))
    assert.equal(await code(context.dial(address(context, 'echo'), { keepAlive: 5 })), 'InvalidOption')
    assert.equal(await code(context.dial(address(context, 'echo'), { noDelay: 1 as never })), 'InvalidOption')
    assert.equal(await code(context.dial(address(context, 'echo'), { connectTimeout: -1 })), 'InvalidOption')
  },
}
