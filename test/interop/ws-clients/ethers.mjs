// ethers: requests and a subscription over a WebSocketProvider; its connection is lost, and another provider goes on.
import process from 'node:process'
import { WebSocketProvider } from 'ethers'

for (let round = 0; round < 2; round++) {
  const provider = new WebSocketProvider(`${process.argv[2]}/ethereum`, 1, { staticNetwork: true })
  console.log(await provider.getBlockNumber(), (await provider.getBalance(`0x${'0'.repeat(40)}`)).toString())
  console.log(await new Promise((resolve) => provider.once('block', resolve)))
  if (round === 0) {
    const closed = new Promise((resolve) => {
      provider.websocket.onclose = resolve
    })
    // It is never answered.
    provider.send('drop', []).catch(() => {})
    await closed
    console.log('lost')
  }
  await provider.destroy()
}
console.log('done')
process.exit(0)
