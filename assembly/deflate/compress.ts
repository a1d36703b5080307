// Deflate (RFC 1951) for what is sent: one level, and a fast one. Greedy matches of four bytes and more, found by hash chains of bounded depth.
//
// Rule 1: all state lives in the record and in the memory that it names. A block is written when it fits as a whole; so a call stops between blocks.
// Rule 2: places in the chains are numbers modulo 65,536. One that is old may look like one that is not: what it leads to is compared before it counts.
//         Nothing depends on what the memory held before.
//
//   buffer                     floor                      blockStart        position      filled       bufferEnd
//   │ …                        │ history                  │ in tokens       │ not looked at│ free        │

import {
  COMPRESS_BUFFER, COMPRESS_BUFFER_END, COMPRESS_BYTES, COMPRESS_CHAINS, COMPRESS_DEPTH, COMPRESS_FLAGS, COMPRESS_HASHES, COMPRESS_HASH_BITS,
  COMPRESS_INPUT, COMPRESS_NEEDED, COMPRESS_OUTPUT, COMPRESS_TABLES, COMPRESS_TOKENS, COMPRESS_TOKENS_END, COMPRESS_WINDOW, DEFLATED_FORMAT,
  DEFLATED_GZIP, DEFLATED_RAW, DEFLATED_ZLIB, DEFLATE_DONE, DEFLATE_FULL, DEFLATE_MORE, FLUSH_FINISH, FLUSH_NONE, FLUSH_SYNC,
} from "../abi";
import { adler32, crc32 } from "./checksum";
import { HUFFMAN_SCRATCH_BYTES, makeCodes, makeLengths } from "./huffman";

const LITERALS: u32 = 286;
const DISTANCES: u32 = 30;
const PRECODES: u32 = 19;
const END_OF_BLOCK: u32 = 256;
const LONGEST_MATCH: u32 = 258;
/** Shortest match that is looked for. Shorter ones seldom cost less than their literals. */
const SHORTEST_MATCH: u32 = 4;
/** A match of that length does not pay farther away than this. */
const NEAR: u32 = 4096;
/** A match that is this long is good enough. */
const GOOD_MATCH: u32 = 64;
/** Places inside a match that are found by later ones. */
const MOST_INSERTED: u32 = 32;
/** Bytes at the end of the input that wait for more, so that a match is not cut. */
const LOOK_AHEAD: u32 = LONGEST_MATCH + SHORTEST_MATCH;
/** Tokens, in bytes, of a block that is too short for a code of its own to pay: the head of a dynamic block takes 40 bytes and more. */
const SMALL_BLOCK: u32 = 128;
/** Bytes that writing may touch behind what it writes. */
const WRITE_SLACK: u32 = 8;

// Stages.
const HEAD: u32 = 0;
const BODY: u32 = 1;
const TRAILER: u32 = 2;
const COMPLETE: u32 = 3;

@unmanaged
export class Compress {
  hold: u64; //           0  bits that do not fill a byte yet
  bits: u32; //           8
  stage: u32; //         12
  input: u32; //         16  where the last call stopped reading …
  output: u32; //        20  … and writing
  inputEnd: u32; //      24
  outputEnd: u32; //     28
  buffer: u32; //        32  memory of history and input, set by the caller, as are …
  bufferEnd: u32; //     36
  hashes: u32; //        40  the last place of each hash, half-words
  chains: u32; //        44  the place before each, half-words
  tokens: u32; //        48  what the block consists of, half-words
  tokensEnd: u32; //     52
  tables: u32; //        56  those of CRC-32
  window: u32; //        60
  hashBits: u32; //      64
  depth: u32; //         68  places that are compared for a match
  flags: u32; //         72
  needed: u32; //        76  bytes of output that a call needs which had too few
  floor: u32; //         80
  blockStart: u32; //    84  0 when it has left the buffer
  position: u32; //      88
  filled: u32; //        92
  token: u32; //         96  where the next one goes
  bias: u32; //         100  a place is an address and this
  check: u32; //        104
  total: u32; //        108
  runs: u32; //         112  of code lengths
  literals: u32; //     116  code lengths that are sent
  distances: u32; //    120
  precodes: u32; //     124
}

// What lies behind the record's fields.
const LITERAL_COUNTS: usize = 128; //   288 words
const DISTANCE_COUNTS: usize = 1280; //  32 words
const PRECODE_COUNTS: usize = 1408; //   32 words
const LITERAL_CODES: usize = 1536; //   288 words
const DISTANCE_CODES: usize = 2688; //   32 words
const PRECODE_CODES: usize = 2816; //    32 words
const LENGTHS_BYTES: usize = 320;
const CODE_LENGTHS: usize = 2944; //    288 and 32 bytes
const PRECODE_LENGTHS: usize = 3264; //  32 bytes
const RUNS: usize = 3296; //            320 half-words: a symbol, and the value of its extra bits
const SCRATCH: usize = 3936;

/** Compile-time proof that the record is where abi.ts says it is. */
export function checkCompressLayout(): void {
  if (
    SCRATCH + HUFFMAN_SCRATCH_BYTES != COMPRESS_BYTES || offsetof<Compress>() != LITERAL_COUNTS ||
    offsetof<Compress>("input") != COMPRESS_INPUT || offsetof<Compress>("output") != COMPRESS_OUTPUT ||
    offsetof<Compress>("buffer") != COMPRESS_BUFFER || offsetof<Compress>("bufferEnd") != COMPRESS_BUFFER_END ||
    offsetof<Compress>("hashes") != COMPRESS_HASHES || offsetof<Compress>("chains") != COMPRESS_CHAINS ||
    offsetof<Compress>("tokens") != COMPRESS_TOKENS || offsetof<Compress>("tokensEnd") != COMPRESS_TOKENS_END ||
    offsetof<Compress>("tables") != COMPRESS_TABLES || offsetof<Compress>("window") != COMPRESS_WINDOW ||
    offsetof<Compress>("hashBits") != COMPRESS_HASH_BITS || offsetof<Compress>("depth") != COMPRESS_DEPTH ||
    offsetof<Compress>("flags") != COMPRESS_FLAGS || offsetof<Compress>("needed") != COMPRESS_NEEDED
  ) {
    ERROR("assembly/abi.ts and the Compress record differ");
  }
}

/** The order in which the lengths of the code lengths' code go out (section 3.2.7). */
// prettier-ignore
const ORDER: usize = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);

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

function beginBlock(r: Compress): void {
  r.token = r.tokens;
  r.blockStart = r.position;
  memory.fill(changetype<usize>(r) + LITERAL_COUNTS, 0, DISTANCE_COUNTS + 128 - LITERAL_COUNTS);
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

function hasRoom(r: Compress, bytes: u32): bool {
  r.needed = bytes + WRITE_SLACK;
  return r.outputEnd - r.output >= bytes + WRITE_SLACK;
}

/** Ends the byte under way with zeros. */
function fillByte(r: Compress): void {
  store<u64>(r.output, r.hold);
  r.output += (r.bits + 7) >> 3;
  r.hold = 0;
  r.bits = 0;
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

/** Index of the symbol of a length, from 0 for 3. */
// @ts-ignore: decorator
@inline
function lengthSymbol(length: u32): u32 {
  const value = length - 3;
  if (value < 8) return value;
  if (value == 255) return 28;
  const extra = 29 - clz(value);
  return (extra << 2) + (value >> extra);
}

// @ts-ignore: decorator
@inline
function lengthExtra(symbol: u32): u32 {
  return symbol < 8 || symbol == 28 ? 0 : (symbol - 4) >> 2;
}

// @ts-ignore: decorator
@inline
function distanceSymbol(distance: u32): u32 {
  const value = distance - 1;
  if (value < 4) return value;
  const extra = 30 - clz(value);
  return (extra << 1) + (value >> extra);
}

// @ts-ignore: decorator
@inline
function distanceExtra(symbol: u32): u32 {
  return symbol < 4 ? 0 : (symbol - 2) >> 1;
}

// @ts-ignore: decorator
@inline
function count(r: Compress, table: usize, symbol: u32): void {
  const at = changetype<usize>(r) + table + ((<usize>symbol) << 2);
  store<u32>(at, load<u32>(at) + 1);
}

/** Turns the input in front of `limit` into tokens. False when there is no room for another one. */
function findMatches(r: Compress, limit: usize): bool {
  const hashes = <usize>r.hashes;
  const chains = <usize>r.chains;
  const window = r.window;
  const mask = window - 1;
  const shift = 32 - r.hashBits;
  const bias = r.bias;
  const floor = <usize>r.floor;
  const filled = <usize>r.filled;
  const lastToken = <usize>r.tokensEnd - 4;
  const depth = r.depth;
  let token = <usize>r.token;
  let position = <usize>r.position;
  let hasRoom = true;
  while (position < limit) {
    if (token > lastToken) {
      hasRoom = false;
      break;
    }
    const left = <u32>(filled - position);
    let longest: u32 = SHORTEST_MATCH - 1;
    let best: u32 = 0;
    if (left >= SHORTEST_MATCH) {
      const word = load<u32>(position);
      const slot = hashes + ((<usize>((word * 0x9e3779b1) >> shift)) << 1);
      const here = <u32>position + bias;
      let candidate = <u32>load<u16>(slot);
      store<u16>(slot, <u16>here);
      store<u16>(chains + ((<usize>(here & mask)) << 1), <u16>candidate);
      const most = min(window, <u32>(position - floor));
      const room = min(LONGEST_MATCH, left);
      let last: u32 = 0;
      for (let tries = depth; tries != 0; tries--) {
        const distance = (here - candidate) & 0xffff;
        if (distance <= last || distance > most) break;
        last = distance;
        const other = position - distance;
        if (load<u32>(other) == word && (best == 0 || load<u8>(other + longest) == load<u8>(position + longest))) {
          let length: u32 = 4;
          while (length + 8 <= room) {
            const differs = load<u64>(other + length) ^ load<u64>(position + length);
            if (differs != 0) {
              length += <u32>ctz(differs) >> 3;
              break;
            }
            length += 8;
          }
          if (length + 8 > room) while (length < room && load<u8>(other + length) == load<u8>(position + length)) length++;
          if (length > longest && (length > SHORTEST_MATCH || distance <= NEAR)) {
            longest = length;
            best = distance;
            if (length >= GOOD_MATCH || length == room) break;
          }
        }
        candidate = load<u16>(chains + ((<usize>((here - distance) & mask)) << 1));
      }
    }
    if (best == 0) {
      const byte = <u32>load<u8>(position++);
      store<u16>(token, <u16>byte);
      token += 2;
      count(r, LITERAL_COUNTS, byte);
      continue;
    }
    store<u16>(token, <u16>(256 + longest - 3));
    store<u16>(token, <u16>(best - 1), 2);
    token += 4;
    count(r, LITERAL_COUNTS, 257 + lengthSymbol(longest));
    count(r, DISTANCE_COUNTS, distanceSymbol(best));
    const end = position + longest;
    const stop = min<usize>(min<usize>(end, position + MOST_INSERTED), filled - (SHORTEST_MATCH - 1));
    for (position++; position < stop; position++) {
      const slot = hashes + ((<usize>((load<u32>(position) * 0x9e3779b1) >> shift)) << 1);
      const here = <u32>position + bias;
      store<u16>(chains + ((<usize>(here & mask)) << 1), load<u16>(slot));
      store<u16>(slot, <u16>here);
    }
    position = end;
  }
  r.token = <u32>token;
  r.position = <u32>position;
  return hasRoom;
}

/** Writes the block under way in the shortest of the three ways. False when there is no room for it: nothing is written. */
function writeBlock(r: Compress, isLast: bool): bool {
  const record = changetype<usize>(r);
  const scratch = record + SCRATCH;
  const lengths = record + CODE_LENGTHS;
  const distanceLengths = lengths + 288;
  store<u32>(record + LITERAL_COUNTS + (END_OF_BLOCK << 2), 1);
  // Of the fixed code, which the last block may have had.
  store<u16>(lengths + LITERALS, 0);
  let dynamic: u32 = 0x4000_0000;
  if (r.token - r.tokens >= SMALL_BLOCK) {
    makeLengths(record + LITERAL_COUNTS, LITERALS, 15, lengths, scratch);
    makeLengths(record + DISTANCE_COUNTS, DISTANCES, 15, distanceLengths, scratch);
    dynamic = planLengths(r);
  } else memory.fill(lengths, 0, LENGTHS_BYTES);
  let fixed: u32 = 0;
  for (let i: u32 = 0; i < LITERALS; i++) {
    const many = load<u32>(record + LITERAL_COUNTS + ((<usize>i) << 2));
    const extra = i > END_OF_BLOCK ? lengthExtra(i - 257) : 0;
    dynamic += many * (load<u8>(lengths + i) + extra);
    fixed += many * ((i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8) + extra);
  }
  for (let i: u32 = 0; i < DISTANCES; i++) {
    const many = load<u32>(record + DISTANCE_COUNTS + ((<usize>i) << 2));
    const extra = distanceExtra(i);
    dynamic += many * (load<u8>(distanceLengths + i) + extra);
    fixed += many * (5 + extra);
  }
  const bytes = r.position - r.blockStart;
  const canStore = r.blockStart != 0 && bytes <= 0xffff && bytes != 0;
  const stored: u32 = canStore ? (bytes << 3) + 39 : -1;
  const least = min(stored, min(dynamic, fixed) + 3);
  if (!hasRoom(r, (r.bits + least + 7) >> 3)) return false;
  if (least == stored) {
    r.hold |= (<u64>u32(isLast)) << r.bits;
    r.bits += 3;
    fillByte(r);
    store<u32>(r.output, bytes | (~bytes << 16));
    memory.copy(r.output + 4, r.blockStart, bytes);
    r.output += 4 + bytes;
  } else {
    const type: u32 = dynamic < fixed ? 2 : 1;
    r.hold |= (<u64>(u32(isLast) | (type << 1))) << r.bits;
    r.bits += 3;
    if (type == 1) {
      memory.fill(lengths, 8, 144);
      memory.fill(lengths + 144, 9, 112);
      memory.fill(lengths + 256, 7, 24);
      memory.fill(lengths + 280, 8, 8);
      memory.fill(distanceLengths, 5, DISTANCES);
    } else writeLengths(r);
    makeCodes(lengths, 288, record + LITERAL_CODES, scratch);
    makeCodes(distanceLengths, DISTANCES, record + DISTANCE_CODES, scratch);
    writeTokens(r);
  }
  beginBlock(r);
  return true;
}

/** Puts the code lengths in runs (section 3.2.7), and makes the code for them. Returns the bits that they take. */
function planLengths(r: Compress): u32 {
  const record = changetype<usize>(r);
  const lengths = record + CODE_LENGTHS;
  const counts = record + PRECODE_COUNTS;
  let literals = LITERALS;
  while (literals > 257 && load<u8>(lengths + literals - 1) == 0) literals--;
  let distances = DISTANCES;
  while (distances > 1 && load<u8>(lengths + 288 + distances - 1) == 0) distances--;
  r.literals = literals;
  r.distances = distances;
  memory.fill(counts, 0, 128);
  let run = record + RUNS;
  const all = literals + distances;
  let bits: u32 = 0;
  for (let i: u32 = 0; i < all; ) {
    const value = lengthAt(lengths, literals, i);
    let many: u32 = 1;
    while (i + many < all && lengthAt(lengths, literals, i + many) == value) many++;
    i += many;
    if (value == 0) {
      while (many >= 11) {
        const some = min<u32>(many, 138);
        run = putRun(run, counts, 18, some - 11);
        bits += 7;
        many -= some;
      }
      if (many >= 3) {
        run = putRun(run, counts, 17, many - 3);
        bits += 3;
        many = 0;
      }
    } else {
      run = putRun(run, counts, value, 0);
      many--;
      while (many >= 3) {
        const some = min<u32>(many, 6);
        run = putRun(run, counts, 16, some - 3);
        bits += 2;
        many -= some;
      }
    }
    for (; many != 0; many--) run = putRun(run, counts, value, 0);
  }
  r.runs = <u32>(run - record - RUNS) >> 1;
  const own = record + PRECODE_LENGTHS;
  makeLengths(counts, PRECODES, 7, own, record + SCRATCH);
  makeCodes(own, PRECODES, record + PRECODE_CODES, record + SCRATCH);
  let precodes = PRECODES;
  while (precodes > 4 && load<u8>(own + load<u8>(ORDER + precodes - 1)) == 0) precodes--;
  r.precodes = precodes;
  for (let i: u32 = 0; i < PRECODES; i++) bits += load<u32>(counts + ((<usize>i) << 2)) * load<u8>(own + i);
  return bits + 14 + 3 * precodes;
}

// @ts-ignore: decorator
@inline
function lengthAt(lengths: usize, literals: u32, index: u32): u32 {
  const at: u32 = index < literals ? index : 288 + index - literals;
  return load<u8>(lengths + at);
}

function putRun(run: usize, counts: usize, symbol: u32, extra: u32): usize {
  store<u16>(run, <u16>(symbol | (extra << 8)));
  const at = counts + ((<usize>symbol) << 2);
  store<u32>(at, load<u32>(at) + 1);
  return run + 2;
}

/** The head of a dynamic block behind its type. */
function writeLengths(r: Compress): void {
  const record = changetype<usize>(r);
  put(r, r.literals - 257, 5);
  put(r, r.distances - 1, 5);
  put(r, r.precodes - 4, 4);
  for (let i: u32 = 0; i < r.precodes; i++) put(r, load<u8>(record + PRECODE_LENGTHS + load<u8>(ORDER + i)), 3);
  for (let i: usize = 0; i < <usize>r.runs; i++) {
    const run = <u32>load<u16>(record + RUNS + (i << 1));
    const symbol = run & 0xff;
    const code = load<u32>(record + PRECODE_CODES + ((<usize>symbol) << 2));
    put(r, code & 0xffff, code >> 16);
    if (symbol >= 16) put(r, run >> 8, symbol == 16 ? 2 : symbol == 17 ? 3 : 7);
  }
}

/** At most 32 bits. */
function put(r: Compress, value: u32, bits: u32): void {
  r.hold |= (<u64>value) << r.bits;
  r.bits += bits;
  store<u64>(r.output, r.hold);
  const whole = r.bits >> 3;
  r.output += whole;
  r.hold >>= whole << 3;
  r.bits &= 7;
}

/** The block's tokens and its end. */
function writeTokens(r: Compress): void {
  const literalCodes = changetype<usize>(r) + LITERAL_CODES;
  const distanceCodes = changetype<usize>(r) + DISTANCE_CODES;
  const end = <usize>r.token;
  let output = <usize>r.output;
  let hold = r.hold;
  let bits = r.bits;
  for (let token = <usize>r.tokens; token < end; token += 2) {
    const value = <u32>load<u16>(token);
    if (value < 256) {
      const code = load<u32>(literalCodes + ((<usize>value) << 2));
      hold |= (<u64>(code & 0xffff)) << bits;
      bits += code >> 16;
    } else {
      const length = value - 256 + 3;
      const symbol = lengthSymbol(length);
      let code = load<u32>(literalCodes + ((<usize>symbol + 257) << 2));
      hold |= (<u64>(code & 0xffff)) << bits;
      bits += code >> 16;
      const extra = lengthExtra(symbol);
      hold |= (<u64>((length - 3) & ((1 << extra) - 1))) << bits;
      bits += extra;
      token += 2;
      const distance = <u32>load<u16>(token) + 1;
      const far = distanceSymbol(distance);
      code = load<u32>(distanceCodes + ((<usize>far) << 2));
      hold |= (<u64>(code & 0xffff)) << bits;
      bits += code >> 16;
      const more = distanceExtra(far);
      hold |= (<u64>((distance - 1) & ((1 << more) - 1))) << bits;
      bits += more;
    }
    store<u64>(output, hold);
    output += bits >> 3;
    hold >>= bits & 56;
    bits &= 7;
  }
  r.output = <u32>output;
  r.hold = hold;
  r.bits = bits;
  const code = load<u32>(literalCodes + (END_OF_BLOCK << 2));
  put(r, code & 0xffff, code >> 16);
}
