// viem's webSocket transport: requests and a subscription; its connection is lost, and it connects and subscribes again by itself.
import process from 'node:process'
import { createPublicClient, webSocket } from 'viem'

// Where the runtime has a WebSocket, viem takes it.
const transport = webSocket(`${process.argv[2]}/ethereum`, { keepAlive: false, reconnect: { delay: 1 }, retryCount: 0 })
const client = createPublicClient({ transport })
console.log(await client.getChainId(), await client.getBlockNumber())
let onBlock
const block = () =>
  new Promise((resolve) => {
    onBlock = resolve
  })
let received = block()
let isLost = false
const unwatch = client.watchBlockNumber({
  emitOnBegin: false,
  onBlockNumber: (number) => onBlock(number),
  onError: () => {
    if (!isLost) console.log('lost')
    isLost = true
  },
})
console.log(await received)
received = block()
client.request({ method: 'drop' }).catch(() => {})
console.log(await received)
console.log(await client.getBlockNumber({ cacheTime: 0 }))
unwatch()
;(await client.transport.getRpcClient()).close()
console.log('done')
