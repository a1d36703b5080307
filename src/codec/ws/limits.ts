/** How large incoming frames and messages may be: options, defaults and ranges. */

import { type Family, integer, number, oneOf, type Rule, SIZE_MAX, withDefaults } from '../../option-rules.ts'

/** Which end of the connection this is. */
export type Role = 'client' | 'server'

/** Options of a {@link FrameReader}. */
export interface FrameReaderOptions {
  /** Whose reader it is: a client takes unmasked frames only, a server masked ones. Default `'client'`. */
  role?: Role
  /** Bytes of the read buffer, 256 to 16 MiB. Default 1 MiB of address space; pages that are never touched cost nothing. */
  bufferCapacity?: number
  /** Consumed share of the buffer from which the unparsed rest is moved to its start, 0 to 1; 1 means only when it is full. Default 0.5. */
  compactAt?: number
  /** Longest payload of one frame in bytes, 0 to 2^31 - 1. Default 16 MiB. Checked from the header. */
  maxFrameSize?: number
  /** Longest message in bytes, 0 to 2^31 - 1. Default 16 MiB. Checked from each header. */
  maxMessageSize?: number
}

/** The limits of a reader of frames. */
export interface FrameLimits {
  readonly role: Role
  readonly capacity: number
  readonly compactAt: number
  readonly maxFrame: number
  readonly maxMessage: number
}

/** 16 MiB, as the original; `ws` allows 100 MiB, undici 128 MiB, nginx's proxy_buffers far less. */
export const DEFAULT_MAX_MESSAGE_SIZE: number = 16 * 1024 * 1024
export const DEFAULT_BUFFER_CAPACITY: number = 1024 * 1024

/** Whose end a reader or writer is. */
export const ROLE: Rule<Role> = { ...oneOf<Role>('client', 'server'), fallback: 'client' }

/** What a {@link FrameReader} may be given. */
export const FRAME_READER_OPTIONS: Family<FrameReaderOptions> = {
  role: ROLE,
  bufferCapacity: integer(256, 16 * 1024 * 1024, 'bytes', DEFAULT_BUFFER_CAPACITY),
  compactAt: number(0, 1, 'of the buffer', 0.5),
  maxFrameSize: integer(0, SIZE_MAX, 'bytes', DEFAULT_MAX_MESSAGE_SIZE),
  maxMessageSize: integer(0, SIZE_MAX, 'bytes', DEFAULT_MAX_MESSAGE_SIZE),
}

/** Fills in the defaults of options that were read. */
export function frameLimits(options: FrameReaderOptions): FrameLimits {
  const { role, bufferCapacity, compactAt, maxFrameSize, maxMessageSize } = withDefaults(
    FRAME_READER_OPTIONS,
    options,
  ) as Required<FrameReaderOptions>
  return { role, capacity: bufferCapacity, compactAt, maxFrame: maxFrameSize, maxMessage: maxMessageSize }
}
