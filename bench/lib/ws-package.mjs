// @ts-check
// The `ws` package itself: by its file, since Bun puts an implementation of its own in its place when asked by name.

import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)
const root = dirname(require.resolve('ws/package.json'))

/** @type {typeof import('ws').WebSocket} */
export const WebSocket = require(join(root, 'lib/websocket.js'))

/** `ws`'s frame parser. */
export const Receiver = require(join(root, 'lib/receiver.js'))

/** Its permessage-deflate, for one connection. @type {any} */
export const PerMessageDeflate = require(join(root, 'lib/permessage-deflate.js'))

/** @type {string} */
export const wsVersion = require('ws/package.json').version
