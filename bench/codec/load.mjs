// @ts-check
// The codec's faces, loaded when they are needed: the build may not be there.

/** @returns {Promise<import('./workloads.mjs').Faces>} */
export async function loadFaces() {
  return /** @type {any} */ (await import(new URL('./faces.mjs', import.meta.url).href))
}
