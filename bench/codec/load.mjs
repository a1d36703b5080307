// @ts-check
// The codec's faces as the build has made them, one module each (dist/ has the same code in fewer files), and the binaries.

/** @returns {Promise<import('./workloads.mjs').Faces>} */
export async function loadFaces() {
  const part = (/** @type {string} */ name) => import(new URL(`../../build/js/src/codec/${name}.js`, import.meta.url).href)
  const names = ['memory', 'text', 'frame-reader', 'frame-writer', 'mask-keys', 'handshake', 'request-writer', 'request-reader', 'response-reader']
  const modules = await Promise.all([...names, 'chunked-decoder', 'tools'].map(part))
  return Object.assign({}, ...modules)
}
