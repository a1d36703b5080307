// @ts-nocheck: its modules come from workerd's configuration
// The session of workerd: binaries are modules, a command is a request.

import shipped from './codec.wasm'
import layout from './counting.json'
import counting from './counting.wasm'
import * as faces from './faces.mjs'
import { session } from './session.mjs'

let answer = null

export default {
  async fetch(request) {
    try {
      answer ??= session(faces, shipped, counting, layout)
      return Response.json({ result: await answer(await request.json()) })
    } catch (error) {
      return Response.json({ failed: String(error?.stack ?? error) })
    }
  },
}
