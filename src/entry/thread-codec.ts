/** The codec of this thread: compiled on first use, its memories shared by everything that any entry makes here. */

import { CODEC_TEXT } from '../codec/binary.ts'
import { DEFLATE_TEXT } from '../codec/deflate/binary.ts'
import { Codec } from '../codec/memory.ts'
import { webTextDecoding } from '../codec/text.ts'

/** One for a thread, whichever entries are imported. An entry that knows a faster way to decode text says so. */
export const threadCodec: Codec = new Codec(
  () => CODEC_TEXT,
  webTextDecoding(),
  undefined,
  () => DEFLATE_TEXT,
)
