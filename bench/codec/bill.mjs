// @ts-check
// A workload's counts as a bill: what each function of the codec had of them.

/**
 * @param {string} id
 * @param {import('./meter.mjs').Counts} counts
 */
export function bill(id, counts) {
  const { messages, bytes, instructions, functions, crossings, calls, wasmCopied, copies, jsCopied } = counts
  const each = (/** @type {number} */ total) => (total / messages).toFixed(2)
  const rows = Object.entries(functions).map(([name, count]) => [name, each(count), `${((100 * count) / instructions).toFixed(1)} %`])
  const called = Object.entries(calls).map(([name, count]) => `${name} ${each(count)}`)
  const copied = Object.entries(copies).map(([name, count]) => `${name} ${each(count)}`)
  const width = Math.max(44, ...rows.map(([name]) => name.length))
  const line = (/** @type {string[]} */ [name, amount, share]) => `  ${name.padEnd(width)}${amount.padStart(14)}${share.padStart(9)}`
  const detail = (/** @type {string[]} */ parts) => (parts.length === 0 ? '' : `  (${parts.join(', ')})`)
  return [
    `${id}`,
    `  ${messages} messages, ${each(bytes)} bytes each; checksum ${counts.checksum}`,
    '',
    line(['instructions a message', '', '']),
    ...rows.map(line),
    `  ${'─'.repeat(width + 23)}`,
    line(['in all', each(instructions), '']),
    line(['a byte', (instructions / bytes).toFixed(3), '']),
    '',
    `${line(['calls into WebAssembly', each(crossings), ''])}${detail(called)}`,
    `${line(['bytes copied in WebAssembly', each(wasmCopied), ''])}${detail(copied)}`,
    line(['bytes copied in JavaScript', each(jsCopied), '']),
    '',
  ].join('\n')
}
