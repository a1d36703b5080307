// @ts-check
// A process that answers each line of its standard input with one of its standard output, in order; both are JSON.

import process from 'node:process'

/** @param {unknown} value */
export const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)

/** Says `{ result }`, or `{ failed }` with why. Ends with the input. @param {(command: any) => unknown} answer */
export function answerLines(answer) {
  let text = ''
  let turn = Promise.resolve()
  process.stdin.on('data', (chunk) => {
    text += chunk
    const lines = text.split('\n')
    text = /** @type {string} */ (lines.pop())
    for (const line of lines) {
      turn = turn.then(async () => {
        try {
          say({ result: await answer(JSON.parse(line)) })
        } catch (error) {
          say({ failed: String(/** @type {any} */ (error)?.stack ?? error) })
        }
      })
    }
  })
  process.stdin.on('end', () => process.exit())
}
