// ccxt: markets and trades by REST, trades as they are made by `ws`; both lose their connections, and go on.
import process from 'node:process'
import { pro } from 'ccxt'

const { default: fetch } = await import(process.argv[3])
const venue = process.argv[2]
const rest = venue.replace('ws:', 'http:')
const exchange = new pro.binance({ options: { fetchMarkets: { types: ['spot'] }, fetchCurrencies: false } })
exchange.fetchImplementation = fetch
exchange.urls.api.public = `${rest}/binance`
exchange.urls.api.ws.spot = `${venue}/binance`
exchange.options.tradesLimit = 1
await exchange.loadHttpProxyAgent()
console.log(Object.keys(await exchange.loadMarkets()).join())
const nameOf = (error) => error.constructor.name
/** What comes of watching once the venue has done something. */
const watchWhen = async (what) => {
  const watched = exchange.watchTrades('BTC/USDT').then(([{ price }]) => price, nameOf)
  await (await fetch(`${rest}/${what}`)).text()
  return watched
}
for (let round = 0; round < 2; round++) {
  console.log(await exchange.fetchTime().catch(nameOf))
  const [{ symbol, price, amount }] = await exchange.watchTrades('BTC/USDT')
  console.log(symbol, price, amount)
  console.log(await watchWhen('trade'))
  if (round === 0) console.log(await watchWhen('drop'))
}
console.log(await exchange.fetchTime())
await exchange.close()
await fetch.close?.()
console.log('done')
