// Chunked bodies (RFC 9112 section 7.1): every byte of the framing is compared, none is skipped unseen.
//
// Rule 1: all state lives in the record; a call may stop at any byte and the next one goes on.
// Rule 2: white space, bare CR and bare LF are refused wherever the framing has them: each is a known way to make two parsers
//         disagree about where a chunk ends.
//
//   size line     1*16HEXDIG *( ";" token [ "=" ( token / quoted-string ) ] ) CRLF
//   chunk         size bytes CRLF
//   trailers      *( field-line CRLF ) CRLF, behind the chunk of size 0

import {
  CHUNKED_BYTES, CHUNKED_ERROR, CHUNKED_ERROR_A, CHUNKED_INPUT, CHUNKED_LIMIT, CHUNKED_MAX_EXTENSION, CHUNKED_MAX_TRAILER,
  CHUNKED_OUTPUT, CHUNKED_TRAILER, CHUNKS_DONE, CHUNKS_FAILED, CHUNKS_FULL, CHUNKS_MORE, HEAD_INCOMPLETE, HEAD_RECORD_BYTES,
  HEAD_TOO_MANY_FIELDS, HTTP_ERROR_BODY_TOO_LARGE, HTTP_ERROR_CHUNK_EXTENSION_TOO_LONG, HTTP_ERROR_MALFORMED_CHUNK,
  HTTP_ERROR_MALFORMED_TRAILER, HTTP_ERROR_NONE, HTTP_ERROR_TOO_MANY_HEADERS, HTTP_ERROR_TRAILERS_TOO_LARGE,
} from "../abi";
import { framesMessage } from "./framing";
import { Head, headScan, parseFields } from "./head";
import { isTokenByte, isValueByte, MAX_EXACT } from "./token";

const CR: u32 = 0x0d;
const LF: u32 = 0x0a;
const SEMICOLON: u32 = 0x3b;
const EQUALS: u32 = 0x3d;
const QUOTE: u32 = 0x22;
const BACKSLASH: u32 = 0x5c;
/** CR LF as a little-endian word. */
const CRLF: u32 = 0x0a0d;
/** Digits of the longest size line; upstream and llhttp count 16 too. */
const MAX_DIGITS: u32 = 16;
/** Digits that the quick way takes: chunks below 256 MiB. */
const MAX_PLAIN_DIGITS: usize = 7;
/** Trailers are looked through in steps of this, so that what lies behind them is not copied for nothing. */
const TRAILER_STEP: u32 = 512;

// States.
const SIZE: u32 = 0;
const EXTENSION_NAME: u32 = 1; // the first byte of it
const EXTENSION_IN_NAME: u32 = 2;
const EXTENSION_VALUE: u32 = 3; // the first byte of it
const EXTENSION_IN_VALUE: u32 = 4;
const EXTENSION_QUOTED: u32 = 5;
const EXTENSION_ESCAPED: u32 = 6;
const EXTENSION_QUOTED_END: u32 = 7;
const SIZE_LF: u32 = 8;
const DATA: u32 = 9;
const DATA_CR: u32 = 10;
const DATA_LF: u32 = 11;
const TRAILERS: u32 = 12;
const DONE: u32 = 13;
const FAILED: u32 = 14;

@unmanaged
export class Chunked extends Head {
  limit: f64; //          64  most bytes of the decoded body, set by the caller
  total: f64; //          72  bytes of the chunks whose size is known
  size: u64; //           80  of the size line under way, then bytes of the chunk that are still to come
  errorA: f64; //         88  the number of the error
  error: u32; //          96
  input: u32; //         100  where the last call stopped reading …
  output: u32; //        104  … and writing
  maxExtension: u32; //  108  bytes of one line's extensions, set by the caller
  trailer: u32; //       112  memory for the trailer section, set by the caller: two bytes more than …
  maxTrailer: u32; //    116  … its longest, set by the caller
  counted: u32; //       120  digits, or bytes of the extensions, or of the trailer section so far
  state: u32; //         124
}

/** Compile-time proof that the record is where abi.ts says it is. */
export function checkChunkedLayout(): void {
  if (
    offsetof<Chunked>() != CHUNKED_BYTES || offsetof<Chunked>("limit") != CHUNKED_LIMIT || CHUNKED_LIMIT != HEAD_RECORD_BYTES ||
    offsetof<Chunked>("errorA") != CHUNKED_ERROR_A || offsetof<Chunked>("error") != CHUNKED_ERROR ||
    offsetof<Chunked>("input") != CHUNKED_INPUT || offsetof<Chunked>("output") != CHUNKED_OUTPUT ||
    offsetof<Chunked>("maxExtension") != CHUNKED_MAX_EXTENSION || offsetof<Chunked>("trailer") != CHUNKED_TRAILER ||
    offsetof<Chunked>("maxTrailer") != CHUNKED_MAX_TRAILER
  ) {
    ERROR("assembly/abi.ts and the Chunked record differ");
  }
}

/** Back to the first byte of a body; limits and memory stay. */
export function chunkedReset(record: usize): void {
  const c = changetype<Chunked>(record);
  c.state = SIZE;
  c.size = 0;
  c.total = 0;
  c.counted = 0;
  c.fieldCount = 0;
  c.error = HTTP_ERROR_NONE;
  c.errorA = 0;
}

function fail(c: Chunked, error: u32, a: f64 = 0): u32 {
  c.state = FAILED;
  c.error = error;
  c.errorA = a;
  return CHUNKS_FAILED;
}

/**
 * Decodes the bytes at [from, to) to [target, targetEnd), which may be the same run: what is written is never ahead of what is read.
 * Returns a CHUNKS number, with `input` and `output` where it stopped.
 */
export function chunkedDecode(record: usize, from: usize, to: usize, target: usize, targetEnd: usize): u32 {
  const c = changetype<Chunked>(record);
  let at = from;
  let out = target;
  let result: u32 = CHUNKS_MORE;
  for (;;) {
    if (c.state == DATA) {
      const take = <usize>min<u64>(c.size, min<usize>(to - at, targetEnd - out));
      if (take != 0) {
        if (at != out) memory.copy(out, at, take);
        at += take;
        out += take;
        c.size -= take;
      }
      if (c.size != 0) {
        if (at != to) result = CHUNKS_FULL;
        break;
      }
      c.state = DATA_CR;
    }
    if (c.state == TRAILERS) {
      result = readTrailers(c, at, to);
      at = c.input;
      break;
    }
    if (c.state >= DONE) {
      result = c.state == DONE ? CHUNKS_DONE : CHUNKS_FAILED;
      break;
    }
    if (at == to) break;
    if (c.state == DATA_CR && at + 2 <= to && <u32>load<u16>(at) == CRLF) {
      at += 2;
      c.state = SIZE;
      continue;
    }
    if (c.state == SIZE && c.counted == 0) {
      const behind = plainSizeLine(c, at, to);
      if (behind != 0) {
        at = behind;
        continue;
      }
    }
    if (!step(c, load<u8>(at))) {
      result = CHUNKS_FAILED;
      break;
    }
    at++;
  }
  c.input = <u32>at;
  c.output = <u32>out;
  return result;
}

/**
 * The quick way over a size line that is all there, with nothing but a few digits on it, and a chunk that the limit allows. Returns the address
 * behind it, or 0, having done nothing, to leave it to {@link step}: that decides what is wrong.
 */
function plainSizeLine(c: Chunked, from: usize, to: usize): usize {
  let at = from;
  let size: u32 = 0;
  const most = min<usize>(to, from + MAX_PLAIN_DIGITS);
  while (at < most) {
    const digit = hexValue(load<u8>(at));
    if (digit == 16) break;
    size = (size << 4) | digit;
    at++;
  }
  if (size == 0 || at + 2 > to || <u32>load<u16>(at) != CRLF) return 0;
  const total = c.total + <f64>size;
  if (total > c.limit) return 0;
  c.total = total;
  c.size = size;
  c.state = DATA;
  return at + 2;
}

/** Takes one byte of the framing; false when it may not stand there. */
function step(c: Chunked, byte: u32): bool {
  switch (c.state) {
    case SIZE: {
      const digit = hexValue(byte);
      if (digit < 16) {
        if (++c.counted > MAX_DIGITS) break;
        c.size = (c.size << 4) | digit;
        return true;
      }
      if (c.counted == 0 || c.size > <u64>MAX_EXACT) break;
      c.counted = 0;
      return endOfPart(c, byte);
    }
    case EXTENSION_NAME:
      if (!isTokenByte(byte)) break;
      c.state = EXTENSION_IN_NAME;
      return countExtension(c);
    case EXTENSION_IN_NAME:
      if (isTokenByte(byte)) return countExtension(c);
      if (byte != EQUALS) return endOfPart(c, byte);
      c.state = EXTENSION_VALUE;
      return countExtension(c);
    case EXTENSION_VALUE:
      if (byte == QUOTE) c.state = EXTENSION_QUOTED;
      else if (isTokenByte(byte)) c.state = EXTENSION_IN_VALUE;
      else break;
      return countExtension(c);
    case EXTENSION_IN_VALUE:
      return isTokenByte(byte) ? countExtension(c) : endOfPart(c, byte);
    case EXTENSION_QUOTED:
      // RFC 9110 section 5.6.4: qdtext is what a value may hold, less the two that end it or begin a quoted-pair.
      if (byte == QUOTE) c.state = EXTENSION_QUOTED_END;
      else if (byte == BACKSLASH) c.state = EXTENSION_ESCAPED;
      else if (!isValueByte(byte)) break;
      return countExtension(c);
    case EXTENSION_ESCAPED:
      if (!isValueByte(byte)) break;
      c.state = EXTENSION_QUOTED;
      return countExtension(c);
    case EXTENSION_QUOTED_END:
      return endOfPart(c, byte);
    case SIZE_LF:
      if (byte != LF) break;
      c.counted = 0;
      if (c.size == 0) {
        c.state = TRAILERS;
        return true;
      }
      c.total += <f64>c.size;
      if (c.total > c.limit) {
        fail(c, HTTP_ERROR_BODY_TOO_LARGE, c.total);
        return false;
      }
      c.state = DATA;
      return true;
    case DATA_CR:
      if (byte != CR) break;
      c.state = DATA_LF;
      return true;
    case DATA_LF:
      if (byte != LF) break;
      c.state = SIZE;
      return true;
  }
  fail(c, HTTP_ERROR_MALFORMED_CHUNK);
  return false;
}

/** Behind the size or an extension: another extension, or the end of the line. */
function endOfPart(c: Chunked, byte: u32): bool {
  if (byte == SEMICOLON) {
    c.state = EXTENSION_NAME;
    return countExtension(c);
  }
  if (byte == CR) {
    c.state = SIZE_LF;
    return true;
  }
  fail(c, HTTP_ERROR_MALFORMED_CHUNK);
  return false;
}

function countExtension(c: Chunked): bool {
  if (++c.counted <= c.maxExtension) return true;
  fail(c, HTTP_ERROR_CHUNK_EXTENSION_TOO_LONG, c.counted);
  return false;
}

function hexValue(byte: u32): u32 {
  if (byte - 0x30 < 10) return byte - 0x30;
  const letter = (byte | 0x20) - 0x61;
  return letter < 6 ? letter + 10 : 16;
}

/** The trailer section: put together in its own memory, for the data before it may be moved over it, then cut like a head. */
function readTrailers(c: Chunked, from: usize, to: usize): u32 {
  let at = from;
  c.input = <u32>to;
  if (c.counted == 0 && at + 2 <= to && <u32>load<u16>(at) == CRLF) {
    c.input = <u32>at + 2;
    c.state = DONE;
    return CHUNKS_DONE;
  }
  // The two bytes of an empty section are not counted as trailers.
  const most = max<u32>(c.maxTrailer, 2);
  while (at < to) {
    const seen = c.counted;
    if (seen == most) {
      return fail(c, HTTP_ERROR_TRAILERS_TOO_LARGE);
    }
    const take = min<u32>(min<u32>(<u32>(to - at), most - seen), TRAILER_STEP);
    memory.copy(c.trailer + seen, at, take);
    c.counted = seen + take;
    if (seen < 2 && c.counted >= 2 && <u32>load<u16>(c.trailer) == CRLF) {
      c.input = <u32>at + 2 - seen;
      c.state = DONE;
      return CHUNKS_DONE;
    }
    const length = headScan(c.trailer, c.counted, seen);
    if (length < 0) return fail(c, HTTP_ERROR_MALFORMED_TRAILER);
    if (length != HEAD_INCOMPLETE) {
      c.input = <u32>at + length - seen;
      const fields = parseFields(c, c.trailer, c.trailer + length - 2);
      if (fields == HEAD_TOO_MANY_FIELDS) return fail(c, HTTP_ERROR_TOO_MANY_HEADERS, c.fieldCapacity);
      if (fields < 0 || framesMessage(changetype<usize>(c))) return fail(c, HTTP_ERROR_MALFORMED_TRAILER);
      c.state = DONE;
      return CHUNKS_DONE;
    }
    at += take;
  }
  return CHUNKS_MORE;
}
