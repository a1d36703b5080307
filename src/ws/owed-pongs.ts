/**
 * Pings that cannot be answered yet, because the transport has not taken what was written before.
 *
 * All pings of a burst are answered, in order. The number of pings that a peer can make us keep is bounded: beyond the limit only the newest is
 * answered, which is enough for a peer that asks whether we live (RFC 6455 section 5.5.3).
 */

/** Most pings that are kept, in addition to the newest: with 125 bytes each, under 8 KiB. */
export const MAX_OWED_PONGS = 64

const NOTHING: readonly Uint8Array[] = []

/** The payloads of the pongs that are owed, oldest first. */
export class OwedPongs {
  private owed: Uint8Array[] = []

  /** Keeps a copy of a ping's payload. */
  add(payload: Uint8Array): void {
    this.owed[Math.min(this.owed.length, MAX_OWED_PONGS)] = payload.slice()
  }

  /** Takes all owed pongs. */
  take(): readonly Uint8Array[] {
    if (this.owed.length === 0) return NOTHING
    const { owed } = this
    this.owed = []
    return owed
  }
}
