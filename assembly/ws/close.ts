// Close codes (RFC 6455 section 7.4 and the IANA registry).

/** May this code stand in a close frame? 1004 to 1006 and 1015 are reserved and must not; 1012 to 1014 are registered. */
export function isValidCloseCode(code: u32): bool {
  if (code >= 3000) return code < 5000;
  return code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006);
}
