/**
 * How an error names the value that it is about.
 *
 * Rule: an error contains names and places, never a value that can be a secret. Errors are logged, sent to collectors and shown to users; header
 * values, queries, paths, subprotocols, user and password hold keys and tokens. So a value is named by its kind and size, wrong text by the place of
 * the fault, a URL by scheme, host and port, a field by its name. An error that a platform function threw while reading such a value is not used as
 * `cause` either: its message, or one of its fields, repeats the value.
 */

/** A value, as in "must be …, but is …": numbers and words of the language as they are, anything else by kind and size. */
export function nameValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value === '' ? 'an empty string' : `a string of ${value.length} ${value.length === 1 ? 'character' : 'characters'}`
    case 'object':
      if (value === null) return 'null'
      if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : `an array of ${value.length}`
      return nameKind(value)
    case 'function':
    case 'symbol':
      return `a ${typeof value}`
    default:
      return String(value)
  }
}

/** As {@link nameValue}, for an option that allows a few words and can hold no secret: a value that looks like such a word is shown. */
export function nameChoice(value: unknown): string {
  return typeof value === 'string' && /^[\w.-]{1,16}$/.test(value) ? JSON.stringify(value) : nameValue(value)
}

function nameKind(value: object): string {
  const name = classOf(value)
  return typeof name === 'string' && /^\w{1,40}$/.test(name) && name !== 'Object' ? `an instance of ${name}` : 'an object'
}

/** The first character of `text` that `allowed` does not match (`allowed` matches one character): "character 3 of 8 (U+0020)". */
export function nameFault(text: string, allowed: RegExp): string {
  const at = text.split('').findIndex((character) => !allowed.test(character))
  if (at < 0) return nameValue(text)
  const code = text.charCodeAt(at).toString(16).toUpperCase().padStart(4, '0')
  return `character ${at + 1} of ${text.length} (U+${code})`
}

/** The name of a header field: unchanged when it is valid, otherwise its valid beginning, since a value may have slipped in behind it. */
export function nameField(name: string): string {
  const [token = ''] = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{0,100}/.exec(name) ?? []
  return token === name ? JSON.stringify(name) : `${JSON.stringify(token)}…`
}

/** Where a URL leads: scheme, host and port. */
export function nameUrl({ protocol, host }: { readonly protocol: string; readonly host: string }): string {
  return `${protocol}//${host}`
}

/** The name of an object's class; undefined for an object that does not reveal it, such as a revoked proxy. */
function classOf(value: object): unknown {
  try {
    const { constructor: made } = value
    return typeof made === 'function' ? made.name : undefined
  } catch {
    return undefined
  }
}
