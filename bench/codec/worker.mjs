// @ts-nocheck: its modules come from workerd's configuration
// The session of workerd: binaries are modules, a command is a request.

import codec from './codec.wasm'
import layout from './counting.json'
import counting from './counting.wasm'
import countingDeflate from './counting-deflate.wasm'
import deflate from './deflate.wasm'
import * as faces from './faces.mjs'
import { session } from './session.mjs'

let answer = null

export default {
  async fetch(request) {
    try {
      answer ??= session(faces, { codec, deflate }, { codec: counting, deflate: countingDeflate }, layout)
      return Response.json({ result: await answer(await request.json()) })
    } catch (error) {
      return Response.json({ failed: String(error?.stack ?? error) })
    }
  },
}
