// @ts-check
// The `undici` package itself: by its file, since Bun puts an implementation of its own in its place when asked by name.

import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)
const root = dirname(require.resolve('undici/package.json'))

/** @type {typeof import('undici')} */
export const undici = require(join(root, 'index.js'))

/** A file of its insides, such as the binary of its parser. @param {string} file @returns {any} */
export const inside = (file) => require(join(root, 'lib', file))

/** @type {string} */
export const undiciVersion = require('undici/package.json').version
