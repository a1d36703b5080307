/** What is judged of fields before there is memory for them is what the codec judges when it writes them. */

import { expect, test } from 'vitest'
import { checkFields } from '../../../../src/codec/http/injection.ts'
import { writeRequest } from '../../../../src/entry/codec.ts'
import { Random } from '../../../reference/random.ts'

function codeOf(work: () => unknown): string | null {
  try {
    work()
    return null
  } catch (error) {
    return (error as { code: string }).code
  }
}

const output = new Uint8Array(4_096)

function compare(name: string, value: string): void {
  const written = codeOf(() => writeRequest('GET', '/', [[name, value]], output))
  expect([name, value, codeOf(() => checkFields([[name, value]]))]).toEqual([name, value, written])
}

test('every character, alone and in the middle, in name and value', () => {
  for (let code = 0; code < 0x180; code++) {
    const character = String.fromCharCode(code)
    for (const text of [character, `a${character}b`]) {
      compare(text, 'v')
      compare('n', text)
    }
  }
  for (const text of ['', ' ', '\t', '€', '\u{1f600}', '\ud800', '\uffff']) {
    compare(text, 'v')
    compare('n', text)
  }
})

test('random fields', () => {
  const random = new Random(7)
  const text = (): string => Array.from({ length: random.below(6) }, () => String.fromCharCode(random.below(0x90))).join('')
  for (let i = 0; i < 2_000; i++) compare(text(), text())
})
