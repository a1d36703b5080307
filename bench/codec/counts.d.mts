// Types of counts.mjs, for the tests, which are TypeScript.

export type Faces = Readonly<Record<string, unknown>>

export interface Counts {
  readonly messages: number
  readonly bytes: number
  readonly checksum: string
  readonly instructions: number
  readonly functions: Readonly<Record<string, number>>
  readonly crossings: number
  readonly calls: Readonly<Record<string, number>>
  readonly wasmCopied: number
  readonly copies: Readonly<Record<string, number>>
  readonly jsCopied: number
}

export interface Counting {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly regions: readonly { readonly counter: string; readonly instructions: Readonly<Record<string, number>> }[]
  readonly sites: readonly { readonly counter: string; readonly source: string }[]
  readonly instructions: number
}

export const workloads: readonly { readonly id: string; readonly source: string }[]
export function countAll(faces: Faces, shipped: Readonly<Record<'codec' | 'deflate', Uint8Array>>): Record<string, Counts>
export function checksum(faces: Faces, codec: unknown, id: string): string
export function compare(accepted: Record<string, Counts>, found: Record<string, Counts>): { failures: string[]; gains: string[] }
export function instrument(
  bytes: Uint8Array,
  names: { compiled: (index: number) => string; source: (offset: number, index: number) => string },
): Counting
