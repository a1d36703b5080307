// nostr-tools: publishes to a relay and subscribes; its connection is lost, and it subscribes again by itself.
import process from 'node:process'
import { finalizeEvent, generateSecretKey } from 'nostr-tools/pure'
import { Relay, useWebSocketImplementation } from 'nostr-tools/relay'
import WebSocket from 'ws'

useWebSocketImplementation(WebSocket)
const relay = await Relay.connect(`${process.argv[2]}/nostr`, { enableReconnect: true })
relay.enableReconnect = true
relay.resubscribeBackoff = [1]
const key = generateSecretKey()
let time = 1_700_000_000
const note = (content) => finalizeEvent({ kind: 1, created_at: ++time, tags: [], content }, key)
const next = () => {
  let received
  const promise = new Promise((resolve) => {
    received = resolve
  })
  return [promise, received]
}
let [event, onEvent] = next()
let [subscribed, onSubscribed] = next()
relay.subscribe([{ kinds: [1] }], { onevent: ({ content }) => onEvent(content), oneose: () => onSubscribed('subscribed') })
for (const content of ['one', 'two']) {
  console.log(await subscribed)
  console.log(await relay.publish(note(content)))
  console.log(await event)
  ;[event, onEvent] = next()
  ;[subscribed, onSubscribed] = next()
  if (content === 'one') relay.publish(note('drop')).catch(() => {})
}
relay.close()
console.log(relay.connected)
