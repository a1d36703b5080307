/** Functions that are imported, with their parameters. */
export const CHECKS: Readonly<Record<'read' | 'written' | 'copied' | 'filled', string>>
/** The checked binary, and how many places of it ask. */
export function checkedBinary(binary: Uint8Array): { binary: Uint8Array<ArrayBuffer>; accesses: Record<keyof typeof CHECKS, number> }
