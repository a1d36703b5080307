// @ts-check
// A process that answers each line of its standard input with one of its standard output, in order; both are JSON.

import process from 'node:process'

/** @param {unknown} value */
export const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)

/** Acts on each line, one after the other. Ends with the input. @param {(message: any) => Promise<unknown>} act */
export function eachLine(act) {
  let text = ''
  let turn = Promise.resolve()
  process.stdin.on('data', (chunk) => {
    text += chunk
    const lines = text.split('\n')
    text = /** @type {string} */ (lines.pop())
    for (const line of lines) turn = turn.then(() => act(JSON.parse(line))).then(() => {})
  })
  process.stdin.on('end', () => process.exit())
}

/** Says `{ result }`, or `{ failed }` with why, for each line. @param {(command: any) => unknown} answer */
export function answerLines(answer) {
  eachLine(async (command) => {
    try {
      say({ result: await answer(command) })
    } catch (error) {
      say({ failed: String(/** @type {any} */ (error)?.stack ?? error) })
    }
  })
}
