// What stands around deflated data: gzip (RFC 1952), zlib (RFC 1950), or nothing; and the checks of what came out.

import {
  DEFLATED_FORMAT, DEFLATED_GZIP, DEFLATED_MEMBERS, DEFLATED_RAW, DEFLATE_ERROR_CHECKSUM, DEFLATE_ERROR_DICTIONARY, DEFLATE_ERROR_HEADER,
  DEFLATE_ERROR_HEADER_CHECKSUM, DEFLATE_ERROR_LENGTH, DEFLATE_ERROR_METHOD, DEFLATE_ERROR_UNFINISHED, DEFLATE_ERROR_WINDOW, INFLATE_DONE,
  INFLATE_FAILED, INFLATE_MORE,
} from "../abi";
import { adler32, crc32 } from "./checksum";
import { inflateBlocks, isBeforeEmptyBlock, isBetweenBlocks, resetBlocks, skipEmptyBlock } from "./inflate";
import { fail, FAILED, Inflate } from "./inflate-record";

// Stages.
const HEAD: u32 = 0;
const EXTRA_LENGTH: u32 = 1;
const EXTRA: u32 = 2;
const NAME: u32 = 3;
const COMMENT: u32 = 4;
const HEAD_CHECKSUM: u32 = 5;
const BODY: u32 = 6;
const TRAILER: u32 = 7;
const COMPLETE: u32 = 8;

// Flags of a gzip head (RFC 1952 section 2.3.1).
const FLAG_CHECKSUM: u32 = 2;
const FLAG_EXTRA: u32 = 4;
const FLAG_NAME: u32 = 8;
const FLAG_COMMENT: u32 = 16;
const FLAG_RESERVED: u32 = 0xe0;

const GZIP_MAGIC_1: u32 = 0x1f;
const GZIP_MAGIC_2: u32 = 0x8b;
const METHOD_DEFLATE: u32 = 8;
const GZIP_HEAD_BYTES: u32 = 10;

/** Back to the first byte of a stream, with no history. */
export function inflateReset(record: usize): void {
  const r = changetype<Inflate>(record);
  resetBlocks(r);
  r.members = 0;
  beginMember(r);
}

function beginMember(r: Inflate): void {
  const format = r.flags & DEFLATED_FORMAT;
  r.stage = format == DEFLATED_RAW ? BODY : HEAD;
  r.check = format == DEFLATED_GZIP ? 0 : 1;
  r.total = 0;
  r.counted = 0;
  r.headCheck = 0;
  r.headFlags = 0;
  r.word = 0;
  r.state = 0;
  // No member knows those before it.
  r.floor = r.output;
}

/**
 * Inflates the bytes at [from, to) to the record's output, in front of `end` or of the area's end. Returns an INFLATE number, with `input` and
 * `output` where it stopped: MORE when all input is used, FULL when there is a byte and no room for it.
 */
export function inflate(record: usize, from: u32, to: u32, end: u32): u32 {
  const r = changetype<Inflate>(record);
  r.input = from;
  r.inputEnd = max(from, to);
  r.outputEnd = max(r.output, min(end, r.areaEnd));
  if (r.stage == BODY && (r.flags & DEFLATED_FORMAT) == DEFLATED_RAW) return inflateBlocks(r);
  for (;;) {
    if (r.state == FAILED) return INFLATE_FAILED;
    if (r.stage == BODY) {
      const start = <usize>r.output;
      const result = inflateBlocks(r);
      const stop = <usize>r.output;
      if (stop != start) {
        r.total += <u32>(stop - start);
        if ((r.flags & DEFLATED_FORMAT) == DEFLATED_GZIP) r.check = crc32(r.tables, r.check, start, stop);
        else r.check = adler32(r.check, start, stop);
      }
      if (result != INFLATE_DONE) return result;
      r.stage = TRAILER;
      r.counted = 0;
      r.word = 0;
    } else if (r.stage == COMPLETE) {
      if ((r.flags & DEFLATED_MEMBERS) == 0 || r.input == r.inputEnd) return INFLATE_DONE;
      beginMember(r);
    } else if (r.stage == TRAILER) {
      if ((r.flags & DEFLATED_FORMAT) == DEFLATED_GZIP ? !gzipTrailer(r) : !zlibTrailer(r)) return r.state == FAILED ? INFLATE_FAILED : INFLATE_MORE;
      r.stage = COMPLETE;
      r.members++;
    } else {
      if (r.input == r.inputEnd) return INFLATE_MORE;
      if (isPlainHead(r)) {
        r.input += GZIP_HEAD_BYTES;
        r.stage = BODY;
        continue;
      }
      const byte = <u32>load<u8>(r.input++);
      const error = (r.flags & DEFLATED_FORMAT) == DEFLATED_GZIP ? gzipHead(r, byte) : zlibHead(r, byte);
      if (error != 0) return fail(r, error);
    }
  }
  return unreachable();
}

/**
 * The end of a message whose sender left out the lengths of the empty stored block at its end (RFC 7692 section 7.2.1): goes on as if they had come.
 * Returns DONE when the message is whole, and the next one can begin, or FAILED.
 */
export function inflateEndMessage(record: usize): u32 {
  const r = changetype<Inflate>(record);
  if (!isBeforeEmptyBlock(r)) return fail(r, DEFLATE_ERROR_UNFINISHED);
  skipEmptyBlock(r);
  return INFLATE_DONE;
}

/** Where raw data may end without a last block: between two of them, or in front of the lengths of an empty one. */
export function inflateMayEnd(record: usize): u32 {
  const r = changetype<Inflate>(record);
  return u32(isBetweenBlocks(r) || isBeforeEmptyBlock(r));
}

/**
 * Moves the last bytes of the output to the begin of the area: what matches may reach, and `keep` bytes at the least. Returns by how much everything
 * has moved, which is 0 when there is nothing to gain.
 */
export function inflateSlide(record: usize, keep: u32): u32 {
  const r = changetype<Inflate>(record);
  const output = r.output;
  const history = min(max(r.window, keep), output - r.area);
  const from = output - history;
  const by = from - r.area;
  if (by == 0) return 0;
  memory.copy(r.area, from, history);
  r.output = output - by;
  r.floor = r.floor > from ? r.floor - by : r.area;
  return by;
}

/** One byte of a zlib head (RFC 1950 section 2.2). Returns an error, or 0. */
function zlibHead(r: Inflate, byte: u32): u32 {
  if (r.counted == 0) {
    r.word = byte;
    r.counted = 1;
    return 0;
  }
  if (((r.word << 8) | byte) % 31 != 0) return DEFLATE_ERROR_HEADER;
  if ((r.word & 15) != METHOD_DEFLATE) return DEFLATE_ERROR_METHOD;
  if (r.word >> 4 > 7) return DEFLATE_ERROR_WINDOW;
  if ((byte & 0x20) != 0) return DEFLATE_ERROR_DICTIONARY;
  r.stage = BODY;
  return 0;
}

/** A gzip head with nothing in it, as nearly all are, which has arrived whole. */
function isPlainHead(r: Inflate): bool {
  if ((r.flags & DEFLATED_FORMAT) != DEFLATED_GZIP || r.counted != 0 || r.stage != HEAD) return false;
  return r.inputEnd - r.input >= GZIP_HEAD_BYTES && load<u32>(r.input) == (GZIP_MAGIC_1 | (GZIP_MAGIC_2 << 8) | (METHOD_DEFLATE << 16));
}

/** One byte of a gzip head, the last that was read. Returns an error, or 0. */
function gzipHead(r: Inflate, byte: u32): u32 {
  const n = r.counted++;
  if (r.stage != HEAD_CHECKSUM) r.headCheck = crc32(r.tables, r.headCheck, r.input - 1, r.input);
  switch (r.stage) {
    case HEAD:
      if (n == 0 && byte != GZIP_MAGIC_1) return DEFLATE_ERROR_HEADER;
      if (n == 1 && byte != GZIP_MAGIC_2) return DEFLATE_ERROR_HEADER;
      if (n == 2 && byte != METHOD_DEFLATE) return DEFLATE_ERROR_METHOD;
      if (n == 3) {
        if ((byte & FLAG_RESERVED) != 0) return DEFLATE_ERROR_HEADER;
        r.headFlags = byte;
      }
      if (n + 1 == GZIP_HEAD_BYTES) nextPart(r);
      return 0;
    case EXTRA_LENGTH:
      r.word |= byte << (n << 3);
      if (n == 1) {
        if (r.word == 0) nextPart(r);
        else {
          r.stage = EXTRA;
          r.counted = 0;
        }
      }
      return 0;
    case EXTRA:
      if (n + 1 == r.word) nextPart(r);
      return 0;
    case NAME:
    case COMMENT:
      if (byte == 0) nextPart(r);
      return 0;
    default:
      r.word |= byte << (n << 3);
      if (n == 1) {
        if (r.word != (r.headCheck & 0xffff)) return DEFLATE_ERROR_HEADER_CHECKSUM;
        nextPart(r);
      }
      return 0;
  }
}

/** The parts of a gzip head that its flags announce come in this order. */
function nextPart(r: Inflate): void {
  const flags = r.headFlags;
  const stage = r.stage;
  r.counted = 0;
  r.word = 0;
  if (stage < EXTRA_LENGTH && (flags & FLAG_EXTRA) != 0) r.stage = EXTRA_LENGTH;
  else if (stage < NAME && (flags & FLAG_NAME) != 0) r.stage = NAME;
  else if (stage < COMMENT && (flags & FLAG_COMMENT) != 0) r.stage = COMMENT;
  else if (stage < HEAD_CHECKSUM && (flags & FLAG_CHECKSUM) != 0) r.stage = HEAD_CHECKSUM;
  else r.stage = BODY;
}

/** The next 32-bit word of a trailer is in `word`. False while it is not. */
function readWord(r: Inflate, until: u32): bool {
  if (r.counted + 4 == until && r.inputEnd - r.input >= 4) {
    r.word = load<u32>(r.input);
    r.input += 4;
    r.counted = until;
    return true;
  }
  while (r.counted < until) {
    if (r.input == r.inputEnd) return false;
    r.word = (r.word >> 8) | (<u32>load<u8>(r.input++) << 24);
    r.counted++;
  }
  return true;
}

/** Checksum and length (RFC 1952 section 2.3.1). False while they are incomplete, and when they are wrong. */
function gzipTrailer(r: Inflate): bool {
  if (r.counted < 4) {
    if (!readWord(r, 4)) return false;
    if (r.word != r.check) {
      fail(r, DEFLATE_ERROR_CHECKSUM);
      return false;
    }
  }
  if (!readWord(r, 8)) return false;
  if (r.word == r.total) return true;
  fail(r, DEFLATE_ERROR_LENGTH);
  return false;
}

/** The checksum, most significant byte first (RFC 1950 section 2.2). */
function zlibTrailer(r: Inflate): bool {
  if (!readWord(r, 4)) return false;
  if (bswap<u32>(r.word) == r.check) return true;
  fail(r, DEFLATE_ERROR_CHECKSUM);
  return false;
}
