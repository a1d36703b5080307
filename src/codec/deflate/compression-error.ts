/** From the numbers of what is wrong with compressed data to {@link CompressionError}. */

import { CompressionError, type CompressionErrorCode } from '../../errors.ts'

/** In the order of the codec's numbers, from 1. */
const ERRORS: readonly (readonly [CompressionErrorCode, string])[] = [
  ['InvalidBlockType', 'a block has the reserved type 3'],
  ['InvalidStoredLength', 'the length of a stored block and its complement differ'],
  ['TooManyCodes', 'a block has more than 286 codes of literals and lengths, or 30 of distances'],
  ['InvalidCodeLengths', 'the code of the code lengths is over-subscribed or incomplete'],
  ['InvalidRepeat', 'a code length is repeated that is not there, or past the end'],
  ['MissingEndOfBlock', 'a block has no code for its end'],
  ['InvalidLiteralCode', 'the code of literals and lengths is over-subscribed or incomplete'],
  ['InvalidDistanceCode', 'the code of distances is over-subscribed or incomplete'],
  ['InvalidLength', 'a literal or a length has a code that does not exist'],
  ['InvalidDistance', 'a distance has a code that does not exist'],
  ['DistanceTooFar', 'a match begins before the data, or before the window'],
  ['UnfinishedMessage', 'a message does not end with an empty stored block whose lengths are left out (RFC 7692 section 7.2.1)'],
  ['InvalidHeader', 'the header is not that of the format'],
  ['UnsupportedMethod', 'the header names another method than deflate'],
  ['UnsupportedWindow', 'the header names a window of more than 32 KiB'],
  ['DictionaryRequired', 'the data needs a dictionary'],
  ['HeaderChecksumMismatch', 'the checksum of the header is wrong'],
  ['ChecksumMismatch', 'the checksum of the data is wrong'],
  ['LengthMismatch', 'the length of the data is wrong'],
]

/** @param number of the codec's, 1 and more */
export function compressionError(number: number): CompressionError {
  const [code, text] = ERRORS[number - 1] ?? []
  if (code === undefined || text === undefined) throw new RangeError(`unknown error ${number} of compressed data`)
  return new CompressionError(code, text)
}
