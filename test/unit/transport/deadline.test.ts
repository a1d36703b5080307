import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import { withDeadline } from '../../../src/transport/deadline.ts'

const address = { hostname: 'feed.test', port: 80, secure: false }

describe('withDeadline', () => {
  /** An attempt that is settled by hand. */
  function manual(options: { connectTimeout?: number; signal?: AbortSignal }) {
    const log: string[] = []
    let done = (_: string): void => {}
    let failed = (_: unknown): void => {}
    const result = withDeadline<string>(
      systemClock,
      address,
      options,
      (onDone, onFailed) => {
        log.push('begun')
        done = onDone
        failed = onFailed
        return () => log.push('given up')
      },
      (late) => log.push(`discarded ${late}`),
    )
    return { log, result, done: (value: string) => done(value), failed: (error: unknown) => failed(error) }
  }

  test('the connection, and later ones discarded', async () => {
    const { log, result, done, failed } = manual({})
    done('first')
    done('second')
    failed(new Error('late'))
    expect(await result).toBe('first')
    expect(log).toEqual(['begun', 'discarded second'])
  })

  test('a failure is mapped', async () => {
    const { result, failed } = manual({ connectTimeout: 0 })
    failed(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }))
    await expect(result).rejects.toMatchObject({ code: 'ConnectRefused' })
  })

  test('a timeout gives up once; what comes late is discarded', async () => {
    const { log, result, done } = manual({ connectTimeout: 1 })
    await expect(result).rejects.toMatchObject({ code: 'ConnectTimeout', message: expect.stringMatching(/feed\.test:80.*1 ms/) })
    done('late')
    expect(log).toEqual(['begun', 'given up', 'discarded late'])
  })

  test('an abort rejects with its reason', async () => {
    const controller = new AbortController()
    const { log, result, failed } = manual({ signal: controller.signal })
    controller.abort('reason')
    failed(new Error('closed by us'))
    await expect(result).rejects.toBe('reason')
    expect(log).toEqual(['begun', 'given up'])
  })

  test('an abort beforehand begins nothing', async () => {
    const { log, result } = manual({ signal: AbortSignal.abort('before') })
    await expect(result).rejects.toBe('before')
    expect(log).toEqual([])
  })

  test('an abort afterwards is nothing', async () => {
    const controller = new AbortController()
    const { log, result, done } = manual({ signal: controller.signal })
    done('x')
    controller.abort()
    expect(await result).toBe('x')
    expect(log).toEqual(['begun'])
  })

  test('an attempt that throws has failed', async () => {
    const attempt = (): void => {
      throw new Error('at once')
    }
    await expect(withDeadline(systemClock, address, {}, attempt, () => {})).rejects.toMatchObject({ code: 'ConnectFailed' })
  })

  test.each([-1, Number.NaN, 2 ** 31, '5'])('connectTimeout %s is no time', async (connectTimeout) => {
    await expect(manual({ connectTimeout: connectTimeout as number }).result).rejects.toMatchObject({ code: 'InvalidOption' })
  })
})
