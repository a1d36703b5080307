// @ts-check
/** Milliseconds since 1970, in steps of less than a microsecond, and the same on every thread of the process. */

const origin = performance.timeOrigin

/** @returns {number} */
export const now = () => origin + performance.now()
