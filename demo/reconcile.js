// @ts-check
/** The client's orders against the exchange's ledger. */

/** @typedef {import('./trader.js').OrderRecord} OrderRecord */

/**
 * `lost`: booked, but not known to the client, or the reverse. `doubled`: sent twice, or two orders with one sequence. `swapped`: the
 * sequence of another order, or an answer to another question.
 *
 * @typedef {{ lost: number, doubled: number, swapped: number }} Differences
 */

/**
 * @param {ReadonlyMap<string, OrderRecord>} orders by id
 * @param {number} misdirected answers that named another order than was asked about
 * @param {import('./order-desk.js').OrderTotals} exchange
 * @returns {Differences}
 */
export function differences(orders, misdirected, { booked, doubled }) {
  const ledger = new Map(booked)
  let lost = 0
  let swapped = misdirected
  for (const { id, state, sequence } of orders.values()) {
    const expected = ledger.get(id)
    if (state === 'acknowledged' || state === 'found') {
      if (expected === undefined) lost++
      else if (expected !== sequence) swapped++
    } else if (expected !== undefined) {
      lost++
    }
  }
  for (const id of ledger.keys()) if (!orders.has(id)) lost++
  const sequences = [...orders.values()].flatMap(({ sequence }) => (sequence === 0 ? [] : [sequence]))
  return { lost, doubled: doubled + sequences.length - new Set(sequences).size, swapped }
}
