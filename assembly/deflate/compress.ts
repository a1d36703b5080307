// Deflate (RFC 1951) for what is sent: one level, and a fast one. Greedy matches of four bytes and more, with the last place of the same hash.
//
// Rule 1: all state lives in the record and in the memory that it names. A block is written when it fits as a whole; so a call stops between blocks.
// Rule 2: places are numbers modulo 65,536. One that is old may look like one that is not: what it leads to is compared before it counts.
//         Nothing depends on what the memory held before.
//
//   buffer                     floor                      blockStart        position      filled       bufferEnd
//   │ …                        │ history                  │ in tokens       │ not looked at│ free        │

import {
  DEFLATED_FORMAT, DEFLATED_GZIP, DEFLATED_RAW, DEFLATED_ZLIB, DEFLATE_DONE, DEFLATE_FULL, DEFLATE_MORE, FLUSH_FINISH, FLUSH_NONE, FLUSH_SYNC,
} from "../abi";
import { writeBlock } from "./block-writer";
import { adler32, crc32 } from "./checksum";
import { beginBlock, Compress, DISTANCE_COUNTS, fillByte, hasRoom, LITERAL_COUNTS } from "./compress-record";
import { distanceSymbol, lengthSymbol } from "./match-symbols";

const LONGEST_MATCH: u32 = 258;
/** Shortest match that is looked for. Shorter ones seldom cost less than their literals. */
const SHORTEST_MATCH: u32 = 4;
/** A match of that length does not pay farther away than this. */
const NEAR: u32 = 4096;
/** Places inside a match that are found by later ones. */
const MOST_INSERTED: u32 = 32;
/** Bytes at the end of the input that wait for more, so that a match is not cut. */
const LOOK_AHEAD: u32 = LONGEST_MATCH + SHORTEST_MATCH;
// Stages.
const HEAD: u32 = 0;
const BODY: u32 = 1;
const TRAILER: u32 = 2;
const COMPLETE: u32 = 3;

/** Back to the first byte of a stream, with no history. */
export function deflateReset(record: usize): void {
  const r = changetype<Compress>(record);
  r.hold = 0;
  r.bits = 0;
  const format = r.flags & DEFLATED_FORMAT;
  r.stage = format == DEFLATED_RAW ? BODY : HEAD;
  r.check = format == DEFLATED_GZIP ? 0 : 1;
  r.total = 0;
  r.needed = 0;
  r.floor = r.buffer;
  r.position = r.buffer;
  r.filled = r.buffer;
  r.bias = 0 - r.buffer;
  memory.fill(r.hashes, 0, 2 << r.hashBits);
  beginBlock(r);
}

/**
 * Compresses the bytes at [from, to) to the record's output, in front of `end`. Returns MORE when it has all the input, and has written what `flush`
 * asks for; DONE when that was the end of the stream; FULL when there was too little room, to be called again with what was not read and the same flush:
 * `needed` says how much there must be.
 */
export function deflate(record: usize, from: u32, to: u32, end: u32, flush: u32): u32 {
  const r = changetype<Compress>(record);
  r.input = from;
  r.inputEnd = max(from, to);
  r.outputEnd = max(r.output, end);
  const format = r.flags & DEFLATED_FORMAT;
  if (r.stage == COMPLETE) return DEFLATE_DONE;
  if (r.stage == HEAD) {
    if (!hasRoom(r, format == DEFLATED_GZIP ? 10 : 2)) return DEFLATE_FULL;
    if (format == DEFLATED_GZIP) {
      // No name, no time; the system is unknown (RFC 1952 section 2.3.1).
      store<u64>(r.output, 0x88b1f);
      store<u16>(r.output, 0xff00, 8);
      r.output += 10;
    } else {
      // The window, and the fastest level; a multiple of 31 (RFC 1950 section 2.2).
      const method: u32 = 8 | ((ctz(r.window) - 8) << 4);
      store<u8>(r.output, <u8>method);
      store<u8>(r.output, <u8>(31 - (method << 8) % 31), 1);
      r.output += 2;
    }
    r.stage = BODY;
  }
  while (r.stage == BODY) {
    const some = min(r.bufferEnd - r.filled, r.inputEnd - r.input);
    if (some != 0) {
      if (format == DEFLATED_GZIP) r.check = crc32(r.tables, r.check, r.input, r.input + some);
      else if (format == DEFLATED_ZLIB) r.check = adler32(r.check, r.input, r.input + some);
      memory.copy(r.filled, r.input, some);
      r.filled += some;
      r.input += some;
      r.total += some;
    }
    const isAll = r.input == r.inputEnd;
    const ahead: u32 = isAll && flush != FLUSH_NONE ? 0 : LOOK_AHEAD;
    if (r.filled - r.position > ahead && !findMatches(r, r.filled - ahead)) {
      if (!writeBlock(r, false)) return DEFLATE_FULL;
      continue;
    }
    if (!isAll) {
      slide(r);
      continue;
    }
    if (flush == FLUSH_FINISH) {
      if (!writeBlock(r, true)) return DEFLATE_FULL;
      r.stage = TRAILER;
    } else {
      if (flush == FLUSH_SYNC) {
        if (r.token != r.tokens && !writeBlock(r, false)) return DEFLATE_FULL;
        if (!hasRoom(r, 6)) return DEFLATE_FULL;
        // An empty stored block.
        r.bits += 3;
        fillByte(r);
        store<u32>(r.output, 0xffff0000);
        r.output += 4;
      }
      return DEFLATE_MORE;
    }
  }
  if (!hasRoom(r, 9)) return DEFLATE_FULL;
  fillByte(r);
  if (format == DEFLATED_GZIP) {
    store<u32>(r.output, r.check);
    store<u32>(r.output, r.total, 4);
    r.output += 8;
  } else if (format == DEFLATED_ZLIB) {
    store<u32>(r.output, bswap<u32>(r.check));
    r.output += 4;
  }
  r.stage = COMPLETE;
  return DEFLATE_DONE;
}

/** Moves what matches may reach, and what was not looked at yet, to the begin of the buffer. */
function slide(r: Compress): void {
  const from = r.position - min(r.window, r.position - r.floor);
  const by = from - r.buffer;
  if (by == 0) return;
  memory.copy(r.buffer, from, r.filled - from);
  r.floor = r.buffer;
  r.position -= by;
  r.filled -= by;
  r.bias += by;
  // What has left the buffer can no longer be stored as it is.
  r.blockStart = r.blockStart >= from ? r.blockStart - by : 0;
}

// @ts-ignore: decorator
@inline
function count(r: Compress, table: usize, symbol: u32): void {
  const at = changetype<usize>(r) + table + ((<usize>symbol) << 2);
  store<u32>(at, load<u32>(at) + 1);
}

/** Where the last place of four bytes with their hash stands. */
// @ts-ignore: decorator
@inline
function slotOf(hashes: usize, word: u32, shift: u32): usize {
  return hashes + (<usize>((word * 0x9e3779b1) >> shift) << 1);
}

/** How long a match of four bytes is, up to `room`. */
// @ts-ignore: decorator
@inline
function matchLength(other: usize, position: usize, room: u32): u32 {
  let length: u32 = 4;
  while (length + 8 <= room) {
    const differs = load<u64>(other + length) ^ load<u64>(position + length);
    if (differs != 0) return length + (<u32>ctz(differs) >> 3);
    length += 8;
  }
  while (length < room && load<u8>(other + length) == load<u8>(position + length)) length++;
  return length;
}

/** Turns the input in front of `limit` into tokens. False when there is no room for another one. */
function findMatches(r: Compress, limit: usize): bool {
  const hashes = <usize>r.hashes;
  const window = r.window;
  const shift = 32 - r.hashBits;
  const bias = r.bias;
  const floor = <usize>r.floor;
  const filled = <usize>r.filled;
  const lastToken = <usize>r.tokensEnd - 4;
  // Behind it there are not four bytes to look for.
  const lastWord = filled - SHORTEST_MATCH;
  let token = <usize>r.token;
  let position = <usize>r.position;
  let fits = true;
  while (position < limit) {
    if (token > lastToken) {
      fits = false;
      break;
    }
    if (position <= lastWord) {
      const word = load<u32>(position);
      const here = <u32>position + bias;
      const slot = slotOf(hashes, word, shift);
      const distance = (here - load<u16>(slot)) & 0xffff;
      store<u16>(slot, <u16>here);
      // Also false for a distance of 0.
      if (distance - 1 < min(window, <u32>(position - floor)) && load<u32>(position - distance) == word) {
        const length = matchLength(position - distance, position, min(LONGEST_MATCH, <u32>(filled - position)));
        if (length > SHORTEST_MATCH || distance <= NEAR) {
          store<u16>(token, <u16>(256 + length - 3));
          store<u16>(token, <u16>(distance - 1), 2);
          token += 4;
          count(r, LITERAL_COUNTS, 257 + lengthSymbol(length));
          count(r, DISTANCE_COUNTS, distanceSymbol(distance));
          const end = position + length;
          const stop = min<usize>(min<usize>(end, position + MOST_INSERTED), lastWord + 1);
          for (position++; position < stop; position++) {
            store<u16>(slotOf(hashes, load<u32>(position), shift), <u16>(<u32>position + bias));
          }
          position = end;
          continue;
        }
      }
    }
    const byte = <u32>load<u8>(position++);
    store<u16>(token, <u16>byte);
    token += 2;
    count(r, LITERAL_COUNTS, byte);
  }
  r.token = <u32>token;
  r.position = <u32>position;
  return fits;
}
