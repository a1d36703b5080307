// The frame reader (RFC 6455 section 5): bytes in, one descriptor out for each message or part of one.
//
// Rule 1: all state lives in the record; a call may stop anywhere and the next one goes on.
// Rule 2: once failed or closed, no further byte is interpreted.
// Rule 3: a frame is judged by its header, before any of its payload is awaited.
//
//        start            head          tail            end
//   slab  | released ...... | unparsed .. | spare ....... |
//
// A payload in place is unmasked where it lies. The caller may overwrite it only after it has walked its descriptor.

import {
  DESCRIPTOR_ASCII, DESCRIPTOR_BYTES, DESCRIPTOR_LENGTH_SHIFT,
  ERROR_CLOSE_FRAME_TOO_SHORT, ERROR_CONTINUATION_WITHOUT_START, ERROR_CONTROL_FRAME_TOO_LARGE, ERROR_FRAGMENTED_CONTROL_FRAME,
  ERROR_INVALID_CLOSE_CODE, ERROR_INVALID_OPCODE, ERROR_INVALID_UTF8, ERROR_INVALID_UTF8_IN_CLOSE_REASON,
  ERROR_MASKED_FRAME_FROM_SERVER, ERROR_MESSAGE_TOO_LARGE, ERROR_NEW_MESSAGE_DURING_ASSEMBLY, ERROR_NON_MINIMAL_LENGTH,
  ERROR_PAYLOAD_TOO_LARGE, ERROR_RESERVED_BITS_SET, ERROR_UNMASKED_FRAME_FROM_CLIENT,
  KIND_DEFLATED_BINARY, KIND_DEFLATED_TEXT, KIND_DEFLATED_TEXT_PART, KIND_END_BINARY, KIND_END_TEXT, KIND_PART,
  MAX_CONTROL_PAYLOAD,
  OPCODE_BINARY, OPCODE_CLOSE, OPCODE_CONTINUATION, OPCODE_PONG, OPCODE_TEXT,
  READER_ASSEMBLING, READER_BYTES, READER_CONTROLS, READER_DEFLATE, READER_END, READER_ERROR, READER_ERROR_A, READER_ERROR_B, READER_HEAD, READER_IN_PLACE_LIMIT,
  READER_MAX_FRAME, READER_MAX_MESSAGE, READER_PENDING, READER_REMAINING, READER_ROLE, READER_START, READER_STATE, READER_TABLE,
  READER_TABLE_CAPACITY, READER_TAIL, ROLE_CLIENT, STATE_CLOSED, STATE_FAILED, STATE_HEADER, STATE_PARTS, STATE_PAYLOAD, UTF8_REJECT,
  UTF8_START,
} from "../abi";
import { maskCopy, rotateKey } from "../bytes/mask";
import { isAscii, utf8Validate } from "../bytes/utf8";
import { isValidCloseCode } from "./close";

@unmanaged
class Reader {
  start: u32; //          0  slab bounds, set by the caller
  end: u32; //            4
  head: u32; //           8  first byte not yet parsed
  tail: u32; //          12  one past the last byte received
  table: u32; //         16  descriptor table, set by the caller
  capacity: u32; //      20  its entries
  role: u32; //          24
  state: u32; //         28
  inPlaceLimit: u32; //  32  an unfinished frame (header and payload) up to this size is awaited in place
  assembling: u32; //    36  opcode of the fragmented message under way, 0 for none
  error: u32; //         40  protocol error, 0 for none
  pending: u32; //       44  1 while a frame or a fragmented message is unfinished
  maxFrame: u64; //      48  limits, set by the caller
  maxMessage: u64; //    56
  errorA: f64; //        64  the numbers of the error
  errorB: f64; //        72
  accumulated: u64; //   80  payload bytes of the fragmented message so far
  remaining: u64; //     88  payload bytes of the current frame not yet processed
  opcode: u32; //        96  current frame
  fin: u32; //          100
  key: u32; //          104  mask key, rotated to the next byte to unmask
  masked: u32; //       108
  processed: u32; //    112  payload bytes at `head` that are already unmasked and validated
  utf8: u32; //         116  validator state of the text message under way
  ascii: u32; //        120  1 while the message under way is all ASCII
  controls: u32; //     124  control frames among the descriptors of the last parse
  deflate: u32; //      128  1 when permessage-deflate was negotiated; set by the caller
  partKind: u32; //     132  what a part of the message under way is
  empty: u32; //        136  continuation frames of the message under way that had no payload
}

/** Compile-time proof that the record is where abi.ts says it is. */
export function checkReaderLayout(): void {
  if (
    offsetof<Reader>() != READER_BYTES || offsetof<Reader>("start") != READER_START || offsetof<Reader>("end") != READER_END ||
    offsetof<Reader>("head") != READER_HEAD || offsetof<Reader>("tail") != READER_TAIL || offsetof<Reader>("table") != READER_TABLE ||
    offsetof<Reader>("capacity") != READER_TABLE_CAPACITY || offsetof<Reader>("role") != READER_ROLE ||
    offsetof<Reader>("state") != READER_STATE || offsetof<Reader>("inPlaceLimit") != READER_IN_PLACE_LIMIT ||
    offsetof<Reader>("assembling") != READER_ASSEMBLING || offsetof<Reader>("error") != READER_ERROR ||
    offsetof<Reader>("pending") != READER_PENDING || offsetof<Reader>("maxFrame") != READER_MAX_FRAME ||
    offsetof<Reader>("maxMessage") != READER_MAX_MESSAGE || offsetof<Reader>("errorA") != READER_ERROR_A ||
    offsetof<Reader>("errorB") != READER_ERROR_B || offsetof<Reader>("remaining") != READER_REMAINING || offsetof<Reader>("controls") != READER_CONTROLS ||
    offsetof<Reader>("deflate") != READER_DEFLATE
  ) {
    ERROR("assembly/abi.ts and the Reader record differ");
  }
}

function fail(r: Reader, code: u32, a: f64 = 0, b: f64 = 0): void {
  r.state = STATE_FAILED;
  r.error = code;
  r.errorA = a;
  r.errorB = b;
}

// @ts-ignore: decorator
@inline
function describe(entry: usize, address: u32, kind: u32, ascii: u32, length: u32): void {
  store<u32>(entry, address);
  store<u32>(entry, kind | (ascii ? DESCRIPTOR_ASCII : 0) | (length << DESCRIPTOR_LENGTH_SHIFT), 4);
}

/** Back to the first byte of a connection; slab, table, role and limits stay. */
export function readerReset(record: usize): void {
  const r = changetype<Reader>(record);
  r.head = r.tail = r.start;
  r.state = STATE_HEADER;
  r.assembling = 0;
  r.error = 0;
  r.pending = 0;
  r.errorA = r.errorB = 0;
  r.accumulated = r.remaining = 0;
  r.processed = 0;
  r.utf8 = UTF8_START;
  r.ascii = 1;
  r.deflate = 0;
  r.partKind = KIND_PART;
}

/**
 * `length` bytes were put at `address` in the slab. When they do not follow the unparsed ones, those are moved to just before them, for
 * which the caller leaves room (they are at most the in-place limit). False, with nothing changed, when either would lie outside the slab.
 */
export function readerCommit(record: usize, address: u32, length: u32): bool {
  const r = changetype<Reader>(record);
  if (address == r.tail) {
    if (length > r.end - address) return false;
  } else {
    const rest = r.tail - r.head;
    if (address < r.start + rest || <u64>address + length > <u64>r.end) return false;
    if (rest != 0) memory.copy(address - rest, r.head, rest);
    r.head = address - rest;
  }
  r.tail = address + length;
  return true;
}

/** Moves the unparsed bytes to the start of the slab. */
export function readerCompact(record: usize): void {
  const r = changetype<Reader>(record);
  const rest = r.tail - r.head;
  if (rest != 0) memory.copy(r.start, r.head, rest);
  r.head = r.start;
  r.tail = r.start + rest;
}

/** Parses what has arrived; returns how many descriptors were written. Ends early when the table is full. */
export function readerParse(record: usize): u32 {
  const r = changetype<Reader>(record);
  const table: usize = r.table;
  const tableEnd = table + r.capacity * DESCRIPTOR_BYTES;
  let entry = table;
  r.controls = 0;
  while (entry < tableEnd) {
    if (r.state == STATE_HEADER) {
      if (!r.assembling) {
        entry = r.role == ROLE_CLIENT ? plainUnmaskedFrames(r, entry, tableEnd) : plainMaskedFrames(r, entry, tableEnd);
        if (entry == tableEnd) break;
      }
      if (!readHeader(r)) break;
    }
    if (r.state == STATE_PAYLOAD) {
      if (!readPayload(r, entry)) break;
      entry += DESCRIPTOR_BYTES;
    } else if (r.state == STATE_PARTS) {
      if (r.tail == r.head && r.remaining != 0) break;
      if (!readPart(r, entry)) break;
      entry += DESCRIPTOR_BYTES;
      // All that has come of the frame was taken.
      if (r.remaining != 0) break;
    } else {
      break;
    }
  }
  if (r.state <= <u32>STATE_PARTS) {
    // Nothing after a close or a failure is kept; until then, what is unfinished decides whether an end is clean.
    r.pending = <u32>(r.state != STATE_HEADER || r.assembling != 0 || r.head != r.tail);
  } else {
    r.head = r.tail;
    r.pending = 0;
  }
  return <u32>((entry - table) / DESCRIPTOR_BYTES);
}

/** Longest payload that the loops for plain frames may take: inside both limits, with a length of 7 or 16 bits. */
// @ts-ignore: decorator
@inline
function plainLimit(r: Reader): u32 {
  return <u32>min<u64>(min<u64>(r.maxFrame, r.maxMessage), 0xffff);
}

/** The hot loop of a client: complete, final, unmasked text and binary frames of up to 65,535 bytes. Anything else ends it. */
function plainUnmaskedFrames(r: Reader, entry: usize, tableEnd: usize): usize {
  const limit = plainLimit(r);
  const short = min<u32>(limit, 125);
  let head: u32 = r.head;
  const tail: u32 = r.tail;
  while (head + 2 <= tail) {
    const header = <u32>load<u16>(head);
    let length = header >> 8;
    let payload = head + 2;
    if (length > short) {
      if (length != 126 || head + 4 > tail) break;
      length = <u32>bswap<u16>(load<u16>(head, 2));
      payload = head + 4;
      if (length < 126 || length > limit) break;
    }
    const next = payload + length;
    if (next > tail) break;
    const first = header & 0xff;
    let ascii: u32 = 0;
    if (first == 0x81) {
      if (isAscii(payload, length)) {
        ascii = DESCRIPTOR_ASCII;
      } else if (utf8Validate(UTF8_START, payload, length) != UTF8_START) {
        break;
      }
    } else if (first != 0x82) {
      break;
    }
    store<u32>(entry, payload);
    store<u32>(entry, (first & 15) | ascii | (length << DESCRIPTOR_LENGTH_SHIFT), 4);
    head = next;
    entry += DESCRIPTOR_BYTES;
    if (entry == tableEnd) break;
  }
  r.head = head;
  return entry;
}

/** The hot loop of a server: as above, but masked. */
function plainMaskedFrames(r: Reader, entry: usize, tableEnd: usize): usize {
  const limit = plainLimit(r);
  const short = min<u32>(limit, 125);
  let head: u32 = r.head;
  const tail: u32 = r.tail;
  while (head + 6 <= tail) {
    const header = <u32>load<u16>(head);
    let length = (header >> 8) - 128; // without the mask bit this wraps far above the limit
    let payload = head + 6;
    if (length > short) {
      if (length != 126 || head + 8 > tail) break;
      length = <u32>bswap<u16>(load<u16>(head, 2));
      payload = head + 8;
      if (length < 126 || length > limit) break;
    }
    const next = payload + length;
    if (next > tail) break;
    const first = header & 0xff;
    if (first != 0x81 && first != 0x82) break;
    maskCopy(payload, payload, length, load<u32>(payload - 4));
    let ascii: u32 = 0;
    if (first == 0x81) {
      if (isAscii(payload, length)) {
        ascii = DESCRIPTOR_ASCII;
      } else if (utf8Validate(UTF8_START, payload, length) != UTF8_START) {
        fail(r, ERROR_INVALID_UTF8);
        break;
      }
    }
    store<u32>(entry, payload);
    store<u32>(entry, (first & 15) | ascii | (length << DESCRIPTOR_LENGTH_SHIFT), 4);
    head = next;
    entry += DESCRIPTOR_BYTES;
    if (entry == tableEnd) break;
  }
  r.head = head;
  return entry;
}

/** Takes one header; false when it is incomplete or wrong. The order of the checks decides which error wins. */
function readHeader(r: Reader): bool {
  const head: usize = r.head;
  const available = r.tail - r.head;
  if (r.state == STATE_FAILED || available < 2) return false;
  const first = <u32>load<u8>(head);
  const second = <u32>load<u8>(head, 1);
  const masked = second >> 7;
  const short = second & 0x7f;
  const lengthBytes: u32 = short == 127 ? 8 : short == 126 ? 2 : 0;
  const headerBytes: u32 = 2 + lengthBytes + (masked << 2);
  if (available < headerBytes) return false;

  let opcode = first & 15;
  const fin = first >> 7;
  if (first & 0x70) {
    opcode = deflatedOpcode(r, first);
    if (!opcode) {
      fail(r, ERROR_RESERVED_BITS_SET, (first >> 4) & 7);
      return false;
    }
  } else if (opcode > <u32>OPCODE_PONG || (opcode > <u32>OPCODE_BINARY && opcode < <u32>OPCODE_CLOSE)) {
    fail(r, ERROR_INVALID_OPCODE, opcode);
    return false;
  }
  if (r.role == ROLE_CLIENT) {
    if (masked) {
      fail(r, ERROR_MASKED_FRAME_FROM_SERVER);
      return false;
    }
  } else if (!masked) {
    fail(r, ERROR_UNMASKED_FRAME_FROM_CLIENT);
    return false;
  }
  let length: u64 = short;
  if (short == 126) {
    length = bswap<u16>(load<u16>(head, 2));
  } else if (short == 127) {
    length = bswap<u64>(load<u64>(head, 2));
  }
  if ((short == 126 && length < 126) || (short == 127 && length < 65536)) {
    // RFC 6455 section 5.2: the minimal number of bytes must be used.
    fail(r, ERROR_NON_MINIMAL_LENGTH, <f64>length, lengthBytes);
    return false;
  }
  const control = opcode >= <u32>OPCODE_CLOSE;
  if (control) {
    if (length > <u64>MAX_CONTROL_PAYLOAD) {
      fail(r, ERROR_CONTROL_FRAME_TOO_LARGE, <f64>length);
      return false;
    }
    if (!fin) {
      fail(r, ERROR_FRAGMENTED_CONTROL_FRAME);
      return false;
    }
  }
  if (length > r.maxFrame && (r.maxFrame < r.maxMessage || !mayBeLonger(r, opcode, length))) {
    fail(r, ERROR_PAYLOAD_TOO_LARGE, <f64>length, <f64>r.maxFrame);
    return false;
  }
  if (!control) {
    const total = r.accumulated + length;
    if (total > r.maxMessage && !mayBeLonger(r, opcode, total)) {
      fail(r, ERROR_MESSAGE_TOO_LARGE, <f64>total, <f64>r.maxMessage);
      return false;
    }
    if (opcode == OPCODE_CONTINUATION) {
      if (!r.assembling) {
        fail(r, ERROR_CONTINUATION_WITHOUT_START);
        return false;
      }
      if (length == 0) {
        const counted = total + ++r.empty;
        if (counted > wireBound(r)) {
          fail(r, ERROR_MESSAGE_TOO_LARGE, <f64>counted, <f64>r.maxMessage);
          return false;
        }
      }
    } else {
      if (r.assembling) {
        fail(r, ERROR_NEW_MESSAGE_DURING_ASSEMBLY);
        return false;
      }
      r.utf8 = UTF8_START;
      r.ascii = 1;
      if (!fin) {
        r.assembling = opcode;
        r.empty = 0;
      }
      if (r.deflate) r.partKind = opcode <= <u32>OPCODE_BINARY ? KIND_PART : opcode + (KIND_DEFLATED_TEXT_PART - KIND_DEFLATED_TEXT);
    }
    r.accumulated = total;
  }

  r.opcode = opcode;
  r.fin = fin;
  r.masked = masked;
  r.key = masked ? load<u32>(head + 2 + lengthBytes) : 0;
  r.remaining = length;
  r.processed = 0;
  r.head += headerBytes;
  // Awaited in place when it fits there; otherwise handed out in parts as it comes.
  const whole = length <= <u64>(r.tail - r.head);
  r.state = control || whole || length + headerBytes <= r.inPlaceLimit ? STATE_PAYLOAD : STATE_PARTS;
  return true;
}

/**
 * What a frame with a reserved bit is: with RSV1 alone, and where that was negotiated, the first one of a compressed text or binary message
 * (RFC 7692 section 6). 0 for everything else.
 */
function deflatedOpcode(r: Reader, first: u32): u32 {
  if (!r.deflate) return 0;
  switch (first & 0x7f) {
    case 0x40 | OPCODE_TEXT:
      return KIND_DEFLATED_TEXT;
    case 0x40 | OPCODE_BINARY:
      return KIND_DEFLATED_BINARY;
    default:
      return 0;
  }
}

/**
 * Most bytes that a message within its limit takes on the wire, however badly it compresses (`deflateBound` of zlib), and however it is cut: an empty
 * fragment counts as a byte, so that no message goes on for ever.
 */
function wireBound(r: Reader): u64 {
  const size = r.maxMessage;
  return size + ((size + 7) >> 3) + ((size + 63) >> 6) + 16;
}

/** `length` is over a limit of what is not compressed; of a compressed message, that limit is judged by what comes out. */
function mayBeLonger(r: Reader, opcode: u32, length: u64): bool {
  const first = opcode == OPCODE_CONTINUATION ? r.assembling : opcode;
  return (first == KIND_DEFLATED_TEXT || first == KIND_DEFLATED_BINARY) && length <= wireBound(r);
}

/** Unmasks and validates the next `length` payload bytes at `address`, which may end anywhere; false when the text is invalid. */
function process(r: Reader, address: usize, length: u32): bool {
  if (length == 0) return true;
  if (r.masked) {
    if (r.key) maskCopy(address, address, length, r.key);
    r.key = rotateKey(r.key, length);
  }
  const opcode = r.opcode;
  if (opcode == OPCODE_TEXT || (opcode == OPCODE_CONTINUATION && r.assembling == OPCODE_TEXT)) {
    if (r.utf8 != UTF8_START || !isAscii(address, length)) {
      r.ascii = 0;
      r.utf8 = utf8Validate(r.utf8, address, length);
      if (r.utf8 == UTF8_REJECT) {
        fail(r, ERROR_INVALID_UTF8);
        return false;
      }
    }
  }
  r.remaining -= length;
  return true;
}

/** A frame awaited in place: true when it is complete and described. */
function readPayload(r: Reader, entry: usize): bool {
  const address = r.head;
  const before = r.processed;
  const fresh = address + before;
  const arrived = r.tail - fresh;
  const remaining = r.remaining;
  if (remaining > <u64>arrived) {
    if (process(r, fresh, arrived)) r.processed = before + arrived;
    return false;
  }
  if (!process(r, fresh, <u32>remaining)) return false;

  const length = before + <u32>remaining;
  r.processed = 0;
  r.head = address + length;
  r.state = STATE_HEADER;
  const opcode = r.opcode;
  if (opcode >= <u32>OPCODE_CLOSE) {
    if (opcode == OPCODE_CLOSE && !acceptClose(r, address, length)) return false;
    describe(entry, address, opcode, 0, length);
    r.controls++;
    return true;
  }
  if (r.assembling == 0) {
    if (r.utf8 != UTF8_START) {
      fail(r, ERROR_INVALID_UTF8);
      return false;
    }
    r.accumulated = 0;
    describe(entry, address, opcode, <u32>(opcode == OPCODE_TEXT && r.ascii), length);
    return true;
  }
  return describePart(r, entry, address, length);
}

/** A frame too large to await: describes what has come of it. */
function readPart(r: Reader, entry: usize): bool {
  const address = r.head;
  const take = <u32>min<u64>(r.remaining, r.tail - address);
  if (!process(r, address, take)) return false;
  r.head = address + take;
  if (r.remaining) {
    describe(entry, address, r.partKind, 0, take);
    return true;
  }
  r.state = STATE_HEADER;
  return describePart(r, entry, address, take);
}

/** The last piece of a frame whose message is handed out in parts. */
function describePart(r: Reader, entry: usize, address: u32, length: u32): bool {
  if (!r.fin) {
    describe(entry, address, r.partKind, 0, length);
    return true;
  }
  const opcode = r.assembling ? r.assembling : r.opcode;
  if (opcode == OPCODE_TEXT && r.utf8 != UTF8_START) {
    fail(r, ERROR_INVALID_UTF8);
    return false;
  }
  const kind = opcode == OPCODE_TEXT ? KIND_END_TEXT : opcode == OPCODE_BINARY ? KIND_END_BINARY : opcode;
  describe(entry, address, kind, <u32>(opcode == OPCODE_TEXT && r.ascii), length);
  r.assembling = 0;
  r.accumulated = 0;
  return true;
}

/** Checks the payload of a close frame (RFC 6455 sections 5.5.1 and 7.4); the reader is closed from here on. */
function acceptClose(r: Reader, address: usize, length: u32): bool {
  if (length == 1) {
    fail(r, ERROR_CLOSE_FRAME_TOO_SHORT);
    return false;
  }
  if (length >= 2) {
    const code = <u32>bswap<u16>(load<u16>(address));
    if (!isValidCloseCode(code)) {
      fail(r, ERROR_INVALID_CLOSE_CODE, code);
      return false;
    }
    if (utf8Validate(UTF8_START, address + 2, length - 2) != UTF8_START) {
      fail(r, ERROR_INVALID_UTF8_IN_CLOSE_REASON);
      return false;
    }
  }
  r.state = STATE_CLOSED;
  return true;
}
