// SHA-1 (RFC 3174), for Sec-WebSocket-Accept alone; it is no longer safe for anything that needs a secure hash.

const BLOCK: u32 = 64;
const SCHEDULE_BYTES: u32 = 320;

/**
 * Hashes `length` bytes at `message` in place: the memory behind them is padded, so that up to 72 bytes past the message
 * are overwritten. `schedule` is 320 bytes of working memory. The 20-byte digest goes to `digest`.
 */
export function sha1(digest: usize, message: usize, length: u32, schedule: usize): void {
  const padded = (length + 9 + BLOCK - 1) & ~(BLOCK - 1);
  memory.fill(message + length, 0, padded - length);
  store<u8>(message + length, 0x80);
  store<u64>(message + padded - 8, bswap<u64>(<u64>length << 3));

  let h0: u32 = 0x67452301;
  let h1: u32 = 0xefcdab89;
  let h2: u32 = 0x98badcfe;
  let h3: u32 = 0x10325476;
  let h4: u32 = 0xc3d2e1f0;
  for (let block: u32 = 0; block < padded; block += BLOCK) {
    for (let i: u32 = 0; i < BLOCK; i += 4) store<u32>(schedule + i, bswap<u32>(load<u32>(message + block + i)));
    for (let i: u32 = BLOCK; i < SCHEDULE_BYTES; i += 4) {
      const word =
        load<u32>(schedule + i - 12) ^ load<u32>(schedule + i - 32) ^ load<u32>(schedule + i - 56) ^ load<u32>(schedule + i - 64);
      store<u32>(schedule + i, rotl<u32>(word, 1));
    }
    let a = h0;
    let b = h1;
    let c = h2;
    let d = h3;
    let e = h4;
    for (let t: u32 = 0; t < 80; t++) {
      let f: u32;
      if (t < 20) f = ((b & c) | (~b & d)) + 0x5a827999;
      else if (t < 40) f = (b ^ c ^ d) + 0x6ed9eba1;
      else if (t < 60) f = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
      else f = (b ^ c ^ d) + 0xca62c1d6;
      const next = rotl<u32>(a, 5) + f + e + load<u32>(schedule + (t << 2));
      e = d;
      d = c;
      c = rotl<u32>(b, 30);
      b = a;
      a = next;
    }
    h0 += a;
    h1 += b;
    h2 += c;
    h3 += d;
    h4 += e;
  }
  store<u32>(digest, bswap<u32>(h0));
  store<u32>(digest, bswap<u32>(h1), 4);
  store<u32>(digest, bswap<u32>(h2), 8);
  store<u32>(digest, bswap<u32>(h3), 12);
  store<u32>(digest, bswap<u32>(h4), 16);
}
