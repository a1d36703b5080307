// graphql-ws: a subscription that goes on over a second connection when the first is lost.
import process from 'node:process'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'

const client = createClient({
  url: `${process.argv[2]}/graphql`,
  webSocketImpl: WebSocket,
  retryAttempts: 3,
  retryWait: async () => {},
  shouldRetry: () => true,
  on: { connected: () => console.log('connected') },
})
for await (const { data } of client.iterate({ query: 'subscription { price }' })) console.log(data.price)
await client.dispose()
console.log('done')
