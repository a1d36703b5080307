// @ts-check
// The profiles of docs/tuning.md, as options of WsStream.

const KIB = 1024

/** @type {Record<string, { title: string, options: import('../../dist/types/src/entry/node.d.ts').ConnectOptions }>} */
export const profiles = {
  default: { title: 'default', options: {} },
  ticks: { title: 'ticks', options: { bufferCapacity: 64 * KIB, maxReadSize: 8 * KIB, compactAt: 1 / 8 } },
  snapshots: { title: 'ticks with snapshots', options: { bufferCapacity: 256 * KIB, maxReadSize: 32 * KIB, compactAt: 1 / 4 } },
  bulk: { title: 'bulk', options: { bufferCapacity: 1_024 * KIB, maxReadSize: 128 * KIB, compactAt: 1 / 4 } },
  many: { title: 'many connections', options: { bufferCapacity: 16 * KIB, maxReadSize: 4 * KIB, compactAt: 1 / 4, writeBufferCapacity: 4 * KIB } },
}
