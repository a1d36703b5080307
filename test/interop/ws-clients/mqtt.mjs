// mqtt over `ws`: subscribes, is told what it publishes, loses its connection, subscribes again by itself, and ends.
import { once } from 'node:events'
import process from 'node:process'
import mqtt from 'mqtt'

const client = mqtt.connect(`${process.argv[2]}/mqtt`, { reconnectPeriod: 1, keepalive: 0, clientId: 'loopback' })
await once(client, 'connect')
await client.subscribeAsync('prices/#')
for (const price of ['1.5', '2.5']) {
  const message = once(client, 'message')
  client.publish('prices/btc', price)
  const [topic, payload] = await message
  console.log(topic, String(payload))
  if (price === '2.5') break
  const again = once(client, 'connect')
  const lost = once(client, 'close')
  client.publish('drop', '')
  await lost
  console.log('lost')
  await again
}
await client.endAsync()
console.log('done')
