/** What a class of an entry stands on: for tests of its memory, which no user can see. */
export function runtimeOf(Class) {
  return Class._$ground
}
