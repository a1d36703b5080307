/** Debian's Python with its `websockets`: never a Python of the developer's own. */

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** The command that runs a script. */
export const python: readonly string[] = ['/usr/bin/python3']

/** Fails with what to do when the package is missing. */
export async function requirePython(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('/usr/bin/python3', ['-c', 'import websockets; print(websockets.__version__)'])
    return stdout.trim()
  } catch (cause) {
    throw new Error('the interoperability tests need /usr/bin/python3 with websockets: apt-get install python3-websockets', { cause })
  }
}
