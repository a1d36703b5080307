/**
 * What the codec and its TypeScript faces agree on: record offsets, event kinds, error numbers.
 *
 * This one file is compiled by both asc and tsc, so there is no second copy to drift.
 * Rule 1: plain numeric constants only. Rule 2: numbers never change their meaning; new ones are appended.
 */

/** Grows whenever a constant below changes; the binary exports it, so a stale binary is refused at load. */
export const ABI_VERSION = 6;

// Roles (RFC 6455 section 5.3: a client masks, a server never does).
export const ROLE_CLIENT = 0;
export const ROLE_SERVER = 1;

// Opcodes (RFC 6455 section 5.2).
export const OPCODE_CONTINUATION = 0;
export const OPCODE_TEXT = 1;
export const OPCODE_BINARY = 2;
export const OPCODE_CLOSE = 8;
export const OPCODE_PING = 9;
export const OPCODE_PONG = 10;

/** Longest frame header: 2 + 8 length bytes + 4 mask bytes. */
export const MAX_FRAME_HEADER = 14;
/** Longest control payload (RFC 6455 section 5.5). */
export const MAX_CONTROL_PAYLOAD = 125;

/**
 * Frame descriptors, two 32-bit words each: payload address, then kind | ascii flag | length << 5.
 * A kind that is an opcode is a whole message in place. The part kinds are pieces of a message that is
 * fragmented or larger than the read buffer: JavaScript appends them, and the END kinds finish the message.
 */
export const DESCRIPTOR_BYTES = 8;
export const DESCRIPTOR_KIND_MASK = 15;
export const DESCRIPTOR_ASCII = 16;
export const DESCRIPTOR_LENGTH_SHIFT = 5;
export const KIND_PART = 3;
export const KIND_END_TEXT = 4;
export const KIND_END_BINARY = 5;
/**
 * Compressed messages (RFC 7692) are always handed out in pieces, which are inflated before anything can be said of their text. The kind of the last
 * piece, which may be the only one, is also the opcode that the reader remembers; the kinds of the others are in the same order.
 */
export const KIND_DEFLATED_TEXT = 6;
export const KIND_DEFLATED_BINARY = 7;
export const KIND_DEFLATED_TEXT_PART = 11;
export const KIND_DEFLATED_BINARY_PART = 12;

// Frame reader record.
export const READER_BYTES = 140;
export const READER_START = 0;
export const READER_END = 4;
export const READER_HEAD = 8;
export const READER_TAIL = 12;
export const READER_TABLE = 16;
export const READER_TABLE_CAPACITY = 20;
export const READER_ROLE = 24;
export const READER_STATE = 28;
export const READER_IN_PLACE_LIMIT = 32;
export const READER_ASSEMBLING = 36;
export const READER_ERROR = 40;
export const READER_PENDING = 44;
export const READER_MAX_FRAME = 48;
export const READER_MAX_MESSAGE = 56;
export const READER_ERROR_A = 64;
export const READER_ERROR_B = 72;
export const READER_REMAINING = 88;
export const READER_CONTROLS = 124;
export const READER_DEFLATE = 128;

// Frame reader states.
export const STATE_HEADER = 0;
export const STATE_PAYLOAD = 1;
export const STATE_PARTS = 2;
export const STATE_CLOSED = 3;
export const STATE_FAILED = 4;

// Protocol errors, in the order in which the reader checks them.
export const ERROR_NONE = 0;
export const ERROR_RESERVED_BITS_SET = 1;
export const ERROR_INVALID_OPCODE = 2;
export const ERROR_UNMASKED_FRAME_FROM_CLIENT = 3;
export const ERROR_MASKED_FRAME_FROM_SERVER = 4;
export const ERROR_NON_MINIMAL_LENGTH = 5;
export const ERROR_CONTROL_FRAME_TOO_LARGE = 6;
export const ERROR_FRAGMENTED_CONTROL_FRAME = 7;
export const ERROR_PAYLOAD_TOO_LARGE = 8;
export const ERROR_MESSAGE_TOO_LARGE = 9;
export const ERROR_NEW_MESSAGE_DURING_ASSEMBLY = 10;
export const ERROR_CONTINUATION_WITHOUT_START = 11;
export const ERROR_INVALID_UTF8 = 12;
export const ERROR_CLOSE_FRAME_TOO_SHORT = 13;
export const ERROR_INVALID_CLOSE_CODE = 14;
export const ERROR_INVALID_UTF8_IN_CLOSE_REASON = 15;

// States of the validator of UTF-8: between two code points, the only one in which a text may end; and what no further byte can make valid.
export const UTF8_START = 0;
export const UTF8_REJECT = 12;

// HTTP head: scan results and field table (four 32-bit words a field: name address, name length, value address, value length).
export const FIELD_BYTES = 16;
export const HEAD_INCOMPLETE = 0;
export const HEAD_MALFORMED = -1;
export const HEAD_TOO_MANY_FIELDS = -2;
export const HEAD_UNSUPPORTED_VERSION = -3;

// HTTP head record, filled by the head parsers.
export const HEAD_RECORD_BYTES = 64;
export const HEAD_FIELDS = 0;
export const HEAD_FIELD_CAPACITY = 4;
export const HEAD_FIELD_COUNT = 8;
export const HEAD_MINOR_VERSION = 12;
export const HEAD_STATUS = 16;
export const HEAD_REASON = 20;
export const HEAD_REASON_LENGTH = 24;
export const HEAD_METHOD = 28;
export const HEAD_METHOD_LENGTH = 32;
export const HEAD_TARGET = 36;
export const HEAD_TARGET_LENGTH = 40;
export const HEAD_CONNECTION = 44;
export const HEAD_CONTENT_LENGTH = 48;
export const HEAD_KEEP_ALIVE_TIMEOUT = 56;
export const HEAD_KEEP_ALIVE_MAX = 60;

// HEAD_CONNECTION: 1 when the connection may carry another message afterwards (RFC 9112 section 9.3).
export const CONNECTION_CLOSE = 0;
export const CONNECTION_PERSISTENT = 1;

// How long a body is (RFC 9112 section 6.3).
export const BODY_NONE = 0;
export const BODY_LENGTH = 1;
export const BODY_CHUNKED = 2;
export const BODY_UNTIL_CLOSE = 3;
export const BODY_TUNNEL = 4;
// Until an end that TLS verified. The face writes it when such an end completes a BODY_UNTIL_CLOSE; the codec never does.
export const BODY_UNTIL_VERIFIED_END = 5;

// Methods that decide about the body of their response.
export const METHOD_OTHER = 0;
export const METHOD_HEAD = 1;
export const METHOD_CONNECT = 2;
/** GET with an Upgrade: 101 is an answer to it, and ends the response. */
export const METHOD_UPGRADE = 3;

// What is wrong with an HTTP message, in the order of HttpErrorCode (src/errors.ts).
export const HTTP_ERROR_NONE = 0;
export const HTTP_ERROR_MALFORMED_HEAD = 1;
export const HTTP_ERROR_UNSUPPORTED_VERSION = 2;
export const HTTP_ERROR_HEAD_TOO_LARGE = 3;
export const HTTP_ERROR_TOO_MANY_HEADERS = 4;
export const HTTP_ERROR_INVALID_CONTENT_LENGTH = 5;
export const HTTP_ERROR_CONFLICTING_FRAMING = 6;
export const HTTP_ERROR_UNSUPPORTED_TRANSFER_CODING = 7;
export const HTTP_ERROR_MALFORMED_CHUNK = 8;
export const HTTP_ERROR_CHUNK_EXTENSION_TOO_LONG = 9;
export const HTTP_ERROR_MALFORMED_TRAILER = 10;
export const HTTP_ERROR_TRAILERS_TOO_LARGE = 11;
export const HTTP_ERROR_BODY_TOO_LARGE = 12;
export const HTTP_ERROR_TOO_MANY_INTERIM = 13;
export const HTTP_ERROR_UNEXPECTED_UPGRADE = 14;
export const HTTP_ERROR_UNEXPECTED_END = 15;
export const HTTP_ERROR_UNEXPECTED_DATA = 16;

// Chunked body record: a head record for the trailer fields, then these.
export const CHUNKED_BYTES = 128;
export const CHUNKED_LIMIT = 64;
export const CHUNKED_ERROR_A = 88;
export const CHUNKED_ERROR = 96;
export const CHUNKED_INPUT = 100;
export const CHUNKED_OUTPUT = 104;
export const CHUNKED_MAX_EXTENSION = 108;
export const CHUNKED_TRAILER = 112;
export const CHUNKED_MAX_TRAILER = 116;

// What decoding of chunks ended with.
export const CHUNKS_MORE = 0;
export const CHUNKS_FULL = 1;
export const CHUNKS_DONE = 2;
export const CHUNKS_FAILED = 3;

// Record of the request and response readers: a head record, then these; for responses, a chunked body record follows it.
export const INCOMING_BYTES = 192;
export const INCOMING_STATE = 64;
export const INCOMING_ERROR = 68;
export const INCOMING_ERROR_A = 72;
export const INCOMING_ERROR_B = 80;
export const INCOMING_INPUT = 88;
export const INCOMING_TAIL = 92;
export const INCOMING_STORE = 96;
export const INCOMING_STORE_BYTES = 100;
export const INCOMING_MAX_HEAD = 104;
export const INCOMING_MAX_BODY = 108;
export const INCOMING_METHOD = 112;
export const INCOMING_STREAMING = 116;
export const INCOMING_HELD = 120;
export const INCOMING_INTERIM = 124;
export const INCOMING_START = 128;
export const INCOMING_START_LENGTH = 132;
export const INCOMING_FRAMING = 136;
export const INCOMING_BODY_BYTES = 144;
export const INCOMING_REMAINING = 148;
export const INCOMING_DATA = 156;
export const INCOMING_DATA_LENGTH = 160;

/**
 * The limit of bodies without one, which are streamed. They may be longer than 32 bits count: whoever takes the pieces keeps `bodyBytes` small and
 * `remaining` large enough for the next chunk.
 */
export const BODY_UNLIMITED = 4294967295;

// Their states.
export const INCOMING_IDLE = 0;
export const INCOMING_IN_HEAD = 1;
export const INCOMING_IN_BODY = 2;
export const INCOMING_DONE = 3;
export const INCOMING_FAILED = 4;

// What a step of theirs ended with.
export const STEP_MORE = 0;
export const STEP_INTERIM = 1;
export const STEP_HEAD = 2;
export const STEP_DATA = 3;
export const STEP_COMPLETE = 4;
export const STEP_FAILED = 5;

/** Bytes behind a committed chunk that may be read, not minded: a target must not end at the end of memory. */
export const CLEAN_OVERREAD = 63;

/** Most interim responses before the final one; more is a peer that wants to keep us busy. */
export const MAX_INTERIM_RESPONSES = 16;

// What writing a part of a head gives instead of an address; a frame, which has no parts that may be refused, gives 0 for no room.
export const SEAL_REFUSED = 0;
export const SEAL_RESERVED = 1;
export const SEAL_NO_ROOM = 2;

/** Sec-WebSocket-Key: 16 random bytes in base64. Sec-WebSocket-Accept: a SHA-1 digest in base64. */
export const HANDSHAKE_NONCE_BYTES = 16;
export const HANDSHAKE_KEY_BYTES = 24;
export const HANDSHAKE_ACCEPT_BYTES = 28;
/** Working memory of the accept computation: key and GUID (60) padded to two SHA-1 blocks, the schedule, the digest. */
export const SHA1_SCRATCH_BYTES = 512;

// Compressed data (RFC 1951), in a binary of its own over the same memory. Tables that all who work in a memory share.
export const DEFLATE_TABLES_BYTES = 24448;

// Record of a decoder.
export const INFLATE_BYTES = 480;
export const INFLATE_INPUT = 16;
export const INFLATE_OUTPUT = 20;
export const INFLATE_AREA = 32;
export const INFLATE_AREA_END = 36;
export const INFLATE_FLOOR = 40;
export const INFLATE_WINDOW = 44;
export const INFLATE_TABLES = 48;
export const INFLATE_FLAGS = 52;
export const INFLATE_ERROR = 56;

// INFLATE_FLAGS: a format, and how a stream goes on.
export const DEFLATED_FORMAT = 3;
export const DEFLATED_RAW = 0;
export const DEFLATED_GZIP = 1;
export const DEFLATED_ZLIB = 2;
/** Behind a block that says it is the last, others may come (RFC 7692 section 7.2.3.4). */
export const DEFLATED_CONTINUES = 4;
/** Behind a gzip member, others may come (RFC 1952 section 2.2). */
export const DEFLATED_MEMBERS = 8;

// What a step of inflating ended with.
export const INFLATE_MORE = 0;
export const INFLATE_FULL = 1;
export const INFLATE_DONE = 2;
export const INFLATE_FAILED = 3;

// What is wrong with compressed data, in the order of CompressionErrorCode (src/errors.ts).
export const DEFLATE_ERROR_NONE = 0;
export const DEFLATE_ERROR_BLOCK_TYPE = 1;
export const DEFLATE_ERROR_STORED_LENGTH = 2;
export const DEFLATE_ERROR_TOO_MANY_CODES = 3;
export const DEFLATE_ERROR_CODE_LENGTHS = 4;
export const DEFLATE_ERROR_REPEAT = 5;
export const DEFLATE_ERROR_NO_END_OF_BLOCK = 6;
export const DEFLATE_ERROR_LITERAL_CODE = 7;
export const DEFLATE_ERROR_DISTANCE_CODE = 8;
export const DEFLATE_ERROR_INVALID_LENGTH = 9;
export const DEFLATE_ERROR_INVALID_DISTANCE = 10;
export const DEFLATE_ERROR_DISTANCE_TOO_FAR = 11;
export const DEFLATE_ERROR_UNFINISHED = 12;
export const DEFLATE_ERROR_HEADER = 13;
export const DEFLATE_ERROR_METHOD = 14;
export const DEFLATE_ERROR_WINDOW = 15;
export const DEFLATE_ERROR_DICTIONARY = 16;
export const DEFLATE_ERROR_HEADER_CHECKSUM = 17;
export const DEFLATE_ERROR_CHECKSUM = 18;
export const DEFLATE_ERROR_LENGTH = 19;

// Record of an encoder.
export const COMPRESS_BYTES = 6304;
export const COMPRESS_INPUT = 16;
export const COMPRESS_OUTPUT = 20;
export const COMPRESS_BUFFER = 32;
export const COMPRESS_BUFFER_END = 36;
export const COMPRESS_HASHES = 40;
export const COMPRESS_TOKENS = 44;
export const COMPRESS_TOKENS_END = 48;
export const COMPRESS_TABLES = 52;
export const COMPRESS_WINDOW = 56;
export const COMPRESS_HASH_BITS = 60;
export const COMPRESS_FLAGS = 64;
export const COMPRESS_NEEDED = 68;

// What deflating writes beyond whole blocks: nothing, all that there is, or that and the end.
export const FLUSH_NONE = 0;
export const FLUSH_SYNC = 1;
export const FLUSH_FINISH = 2;

// What a step of deflating ended with.
export const DEFLATE_MORE = 0;
export const DEFLATE_FULL = 1;
export const DEFLATE_DONE = 2;
