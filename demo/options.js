// @ts-check
/** The command line. */

import { parseArgs } from 'node:util'
import { INSTRUMENTS } from './market.js'

/** @type {string[]} */
const SYMBOLS = INSTRUMENTS.map(({ name }) => name)
const DEFAULT_SYMBOLS = SYMBOLS.slice(0, 6)
/** What says nothing to a server of somebody else's. */
const EXCHANGE_OPTIONS = /** @type {const} */ (['symbols', 'rate', 'gaps', 'drops', 'seed', 'orders', 'limit', 'kills', 'outage', 'threads'])

export const HELP = `\
nexus-async-net demo: market data over WebSocket, orders over HTTP, and a
client that stays right.

  npm run demo -- [options]                    on Node.js
  npx deno run -A demo/main.js [options]       on Deno
  npx bun demo/main.js [options]               on Bun

Without --url
  An exchange runs on a thread of its own and serves order books: snapshots
  as JSON, deltas as 24-byte binary messages. It leaves out deltas and cuts
  the connection on purpose. The client finds every gap, repairs it with a new
  snapshot, reconnects, and in the end compares its books with the exchange's.
  Meanwhile it sends orders over a pool of four connections. The exchange cuts
  them, idle or with an order in hand, and is gone for a while. In the end the
  client's orders are compared with the exchange's ledger.

  --symbols A,B    what to trade; default the first six of
                   ${SYMBOLS.slice(0, 4).join(', ')},
                   ${SYMBOLS.slice(4).join(', ')}
  --rate N         deltas a second, 1 to 2000000 (default 20000)
  --gaps N         deltas to leave out, 0 to 100, as time allows (default 3)
  --drops N        times to cut the connection, likewise (default 2)
  --seed N         the same seed makes the same market (default 1)
  --orders N       orders a second, 0 to 5000 (default 300)
  --limit N        orders a second that the exchange takes (default 250)
  --kills N        times to cut order connections, 0 to 100 (default 8)
  --outage S       seconds that orders cannot be sent, at most a third of
                   all (default 2)
  --threads N      strategies on threads of their own, 0 to 16, that trade
                   over one pool; they are killed --kills times, too
                   (default 0: no other threads)

With --url
  --url ws[s]://…  connects there instead; shows the first messages, then
                   rates and sizes
  --send TEXT      sent when connected; may be given more than once

Both
  --deflate        compresses the messages (permessage-deflate), and shows how
                   much of them is left; with --url if the server agrees
  --seconds N      how long, 1 to 3600 (default 6)
  --plain          a line a second instead of a table redrawn in place; also
                   when NO_COLOR is set or the output is no terminal
  --help           this

Examples
  npm run demo -- --rate 200000 --seconds 10
  npm run demo -- --symbols BTC-USD,ETH-USD --drops 5 --gaps 10
  npm run demo -- --threads 4 --kills 20
  npm run demo -- --deflate
  npm run demo -- --url wss://ws.example.com/feed --send '{"op":"subscribe"}'

Exit codes: 0 everything adds up, 1 something does not, 2 wrong arguments.
How it is made: client.js receives, trader.js sends orders, strategies.js has
threads do it, exchange.js serves, protocol.js says what.
`

/** The arguments cannot be used; the message says why. */
export class ArgumentError extends Error {}

/**
 * @typedef {{ help: boolean, plain: boolean, deflate: boolean, seconds: number, url: string | null, send: string[],
 *   symbols: string[], rate: number, gaps: number, drops: number, seed: number,
 *   orders: number, limit: number, kills: number, outage: number, threads: number }} Options
 */

/**
 * Throws {@link ArgumentError}.
 *
 * @param {string[]} args
 * @returns {Options}
 */
export function parseOptions(args) {
  const { values } = parse(args)
  if (values.url === undefined && values.send !== undefined) throw new ArgumentError('--send needs --url: the built-in client knows what to say')
  const alone = EXCHANGE_OPTIONS.find((name) => values[name] !== undefined)
  if (values.url !== undefined && alone !== undefined) throw new ArgumentError(`--${alone} is for the built-in exchange and says nothing to --url`)
  return {
    help: values.help ?? false,
    plain: values.plain ?? false,
    deflate: values.deflate ?? false,
    seconds: number('seconds', values.seconds ?? '6', 1, 3_600, false),
    url: values.url ?? null,
    send: values.send ?? [],
    symbols: values.symbols === undefined ? DEFAULT_SYMBOLS : symbols(values.symbols),
    rate: number('rate', values.rate ?? '20000', 1, 2_000_000),
    gaps: number('gaps', values.gaps ?? '3', 0, 100),
    drops: number('drops', values.drops ?? '2', 0, 100),
    seed: number('seed', values.seed ?? '1', 0, 2 ** 32 - 1),
    orders: number('orders', values.orders ?? '300', 0, 5_000),
    limit: number('limit', values.limit ?? '250', 1, 1_000_000),
    kills: number('kills', values.kills ?? '8', 0, 100),
    outage: number('outage', values.outage ?? '2', 0, 60, false),
    threads: number('threads', values.threads ?? '0', 0, 16),
  }
}

/** @param {string[]} args */
function parse(args) {
  const text = /** @type {const} */ ({ type: 'string' })
  const flag = /** @type {const} */ ({ type: 'boolean' })
  try {
    return parseArgs({
      args,
      options: {
        ...{ url: text, symbols: text, rate: text, gaps: text, drops: text, seed: text, seconds: text },
        ...{ orders: text, limit: text, kills: text, outage: text, threads: text },
        send: { type: 'string', multiple: true },
        plain: flag,
        deflate: flag,
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new ArgumentError(error instanceof Error ? error.message : String(error))
  }
}

/**
 * @param {string} name
 * @param {string} text
 * @param {number} min
 * @param {number} max
 */
function number(name, text, min, max, whole = true) {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value
  throw new ArgumentError(`--${name} must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}, but is '${text}'`)
}

/** @param {string} text */
function symbols(text) {
  const names = text.split(',').map((name) => name.trim().toUpperCase())
  for (const name of names) {
    if (!SYMBOLS.includes(name)) throw new ArgumentError(`--symbols: '${name}' is not traded here. There are ${SYMBOLS.join(', ')}`)
  }
  return [...new Set(names)]
}
