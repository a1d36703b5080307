/**
 * What an option may be, said once: each family of options is a table of rules, and one function judges the caller's options.
 *
 * Rule 1: everything is judged before anything begins. The caller's options are read once, into our own object.
 * Rule 2: `undefined` is absent. An unknown name is refused, and the error gives the right name where it can be guessed: an option that is silently
 *         ignored (`rejectUnauthorized`, `agent`) is worse than an error.
 * Rule 3: an error names the option and what was expected, and says about the value only what `naming.ts` allows.
 */

import { UsageError } from './errors.ts'
import { nameValue } from './naming.ts'

/** Longest delay that the runtimes' timers take, in ms. */
export const TIMER_MAX: number = 2 ** 31 - 1

/** Most bytes of any one object: lengths are signed 32-bit words for the codec. */
export const SIZE_MAX: number = 2 ** 31 - 1

const NO_LIMIT = 'ms (0 is no limit)'

/** What a header field or query parameter may be: numbers and booleans are written as `String` does; undefined leaves it out. */
export type FieldValue = string | number | boolean | undefined

/**
 * Header fields: an object, or pairs in order (a `Headers`, a `Map`, an array of pairs). A value that is a list gives one field line for each of its
 * members.
 */
export type FieldsInit =
  | Readonly<Record<string, FieldValue | readonly FieldValue[]>>
  | Iterable<readonly [name: string, value: FieldValue | readonly FieldValue[]]>

/** One option: what it may be, and the judge of it. */
export interface Rule<T> {
  /** What is expected, as errors say it and the guides' tables show it: `10 to 2,147,483,647 ms`. */
  readonly expects: string
  /** The default; missing where there is none, or where it depends on other options. */
  readonly fallback?: T
  /** What the given value means. Throws `InvalidOption`. */
  read(name: string, value: unknown): T
}

/** A family of options: a rule for each name. */
export type Family<Options> = { readonly [Name in keyof Required<Options>]: Rule<Options[Name] | undefined> }

/**
 * The options that `given` sets, read once and judged by their family.
 *
 * @param place written in front of each name: `'heartbeat.'`
 * @throws UsageError `InvalidOption`
 */
export function readOptions<Options extends object>(family: Family<Options>, given: unknown, place = ''): Options {
  const read: Record<string, unknown> = {}
  judge(family, given, place, read)
  return read as Options
}

/** As {@link readOptions}, for a call that is made too often to copy its options: it only judges them. */
export function checkOptions<Options extends object>(family: Family<Options>, given: unknown, place = ''): void {
  judge(family, given, place, null)
}

/** @param into where what was read is put; null for nowhere */
function judge(family: object, given: unknown, place: string, into: Record<string, unknown> | null): void {
  if (given === undefined) return
  checkBag(given, place, family)
  const rules = family as Readonly<Record<string, Rule<unknown>>>
  for (const name in given) {
    const value = given[name]
    if (value === undefined) continue
    if (!Object.hasOwn(rules, name)) throw unknownOption(name, place, Object.keys(rules))
    const meant = (rules[name] as Rule<unknown>).read(place + name, value)
    if (into !== null) into[name] = meant
  }
}

/** The members of `given` that are options of `family`, for a set of options that several families share. */
export function only<Options extends object>(family: Family<Options>, given: object): Partial<Options> {
  return Object.fromEntries(Object.entries(given).filter(([name]) => Object.hasOwn(family, name))) as Partial<Options>
}

/** The options, with defaults for those that were not given. */
export function withDefaults<Options extends object>(family: Family<Options>, given: Options): Options {
  const all: Record<string, unknown> = {}
  for (const name in family) {
    const value = given[name] ?? family[name].fallback
    if (value !== undefined) all[name] = value
  }
  return all as Options
}

/** A whole number. */
export function integer(min: number, max: number, unit: string, fallback?: number): Rule<number> {
  return rule(wholeNumber(min, max, unit), (value) => isWhole(value, min, max), fallback)
}

/** A number. */
export function number(min: number, max: number, unit: string, fallback?: number): Rule<number> {
  return rule(range(min, max, unit), (value) => isWithin(value, min, max), fallback)
}

/** A number that is no option, or whose range depends on others: as {@link integer}. Throws `InvalidOption`. */
export function checkInteger(name: string, value: unknown, min: number, max: number, unit: string): number {
  if (!isWhole(value, min, max)) throw refused(name, wholeNumber(min, max, unit), value)
  return value
}

/** As {@link checkInteger}, like {@link number}. */
export function checkNumber(name: string, value: unknown, min: number, max: number, unit: string): number {
  if (!isWithin(value, min, max)) throw refused(name, range(min, max, unit), value)
  return value
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && isWithin(value, min, max)
}

function isWithin(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && value >= min && value <= max
}

function wholeNumber(min: number, max: number, unit: string): string {
  return `a whole number${unit === '' ? '' : ` of ${unit}`}, ${print(min)} to ${print(max)}`
}

function range(min: number, max: number, unit: string): string {
  return `${print(min)} to ${print(max)} ${unit}`
}

/** A limit in ms, where 0 is none. */
export function timeLimit(fallback?: number): Rule<number> {
  return number(0, TIMER_MAX, NO_LIMIT, fallback)
}

/** As {@link checkInteger}, like {@link timeLimit}. */
export function checkTimeLimit(name: string, value: unknown): number {
  return checkNumber(name, value, 0, TIMER_MAX, NO_LIMIT)
}

/** True or false. */
export function flag(fallback?: boolean): Rule<boolean> {
  return rule('true or false', (value) => typeof value === 'boolean', fallback)
}

/** Bytes, where no other buffer or view will do. */
export const byteArray: Rule<Uint8Array> = rule('a Uint8Array', (value) => value instanceof Uint8Array)

/** Text. */
export const text: Rule<string> = rule('a string', (value) => typeof value === 'string')

/** One of a few words. */
export function oneOf<T extends string>(...words: T[]): Rule<T> {
  return rule(words.map((word) => `'${word}'`).join(' or '), (value) => words.includes(value as T))
}

/** A function. */
export function callback<T>(example: string): Rule<T> {
  return rule(`a function like ${example}`, (value) => typeof value === 'function')
}

/** An `AbortSignal`; null means none, as in `fetch`. */
export const signal: Rule<AbortSignal | undefined> = {
  expects: 'an AbortSignal',
  read: (name, value) => checkSignal(name, value),
}

/** A signal; null and undefined mean none. Throws `InvalidOption`. */
export function checkSignal(name: string, value: unknown): AbortSignal | undefined {
  if (value === undefined || value === null) return undefined
  if (isSignal(value)) return value
  const hint = isSignal((value as { signal?: unknown }).signal) ? ' (give the `signal` of the controller)' : ''
  throw refused(name, `an AbortSignal${hint}`, value)
}

function isSignal(value: unknown): value is AbortSignal {
  if (typeof value !== 'object' || value === null) return false
  const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>
  return typeof aborted === 'boolean' && typeof addEventListener === 'function' && typeof removeEventListener === 'function'
}

/** A family inside another one. */
export function bag<Options extends object>(family: Family<Options>, required: readonly (keyof Options & string)[] = []): Rule<Options> {
  const expects = `an object like { ${Object.keys(family).join(', ')} }`
  return {
    expects,
    read(name, value) {
      if (!isBag(value)) throw refused(name, expects, value)
      const read = readOptions(family, value, `${name}.`)
      for (const each of required) if (read[each] === undefined) throw refused(`${name}.${each}`, family[each].expects, undefined)
      return read
    },
  }
}

/** A rule that accepts or refuses a value as it is. */
export function rule<T>(expects: string, accepts: (value: unknown) => boolean, fallback?: T): Rule<T> {
  return {
    expects,
    ...(fallback === undefined ? {} : { fallback }),
    read(name, value) {
      if (!accepts(value)) throw refused(name, expects, value)
      return value as T
    },
  }
}

/** An object, of whatever kind. */
export function isBag(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The error for a value that an option may not have. */
export function refused(name: string, expects: string, value: unknown): UsageError {
  return new UsageError('InvalidOption', `${name} must be ${expects}, but is ${nameValue(value)}`)
}

function checkBag(given: unknown, place: string, family: object): asserts given is Record<string, unknown> {
  if (isBag(given)) return
  throw refused(place === '' ? 'options' : place.slice(0, -1), `an object like { ${Object.keys(family).slice(0, 4).join(', ')} }`, given)
}

/** Names that other clients use, and the option here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  // node:tls, and clients that pass its options through
  rejectUnauthorized: 'tls.dangerNoVerify',
  ca: 'tls.ca',
  cert: 'tls.cert',
  key: 'tls.key',
  servername: 'tls.serverName',
  ALPNProtocols: 'tls.alpnProtocols',
  minVersion: 'tls.minVersion',
  passphrase: 'tls.key, decrypted',
  agent: 'proxy, or socketPath',
  httpsAgent: 'proxy, or tls',
  httpAgent: 'proxy',
  dispatcher: 'proxy',
  localAddress: 'nothing here: the system chooses the address',
  path: 'socketPath, or the path of the URL',
  auth: 'headers: { Authorization }, or user and password in the URL',
  // ws
  maxPayload: 'maxMessageSize',
  origin: 'headers: { Origin }',
  protocol: 'protocols',
  protocolVersion: 'nothing here: it is always 13',
  followRedirects: 'nothing here: redirects are not followed',
  maxRedirects: 'nothing here: redirects are not followed',
  skipUTF8Validation: 'nothing here: text is always validated',
  autoPing: 'heartbeat',
  pingInterval: 'heartbeat.interval',
  pingTimeout: 'heartbeat.timeout',
  // undici, axios, got, fetch
  json: 'body: JSON.stringify(value), with its Content-Type in headers',
  data: 'body',
  form: 'body',
  params: 'query',
  searchParams: 'query',
  url: 'the first argument',
  baseURL: 'the URL of the pool',
  headersTimeout: 'timeout',
  bodyTimeout: 'timeout',
  keepAliveTimeout: 'maxIdle',
  keepAliveTimeoutThreshold: 'keepAliveMargin',
  pipelining: 'nothing here: a connection has one request at a time',
  connect: 'tls, noDelay, keepAlive and connectTimeout',
  maxConnections: 'connections',
  maxSockets: 'connections',
  retry: 'retryUnsent',
  retries: 'retryUnsent',
  maxRedirections: 'nothing here: redirects are not followed',
  redirect: 'nothing here: redirects are not followed',
  maxResponseSize: 'maxBodySize',
  maxContentLength: 'maxBodySize',
  maxHeaderSize: 'maxHeadSize',
  abortSignal: 'signal',
  minDelay: 'initial',
  maxDelay: 'max',
}

/** The error for an option that does not exist here, with the name that was probably meant. */
export function unknownOption(name: string, place: string, known: readonly string[]): UsageError {
  const elsewhere = hintFor(name, known)
  const closest = known.find((each) => each.toLowerCase() === name.toLowerCase()) ?? known.find((each) => isNear(name, each))
  const hint = elsewhere ?? (closest === undefined ? '' : `; did you mean ${place}${closest}?`)
  return new UsageError('InvalidOption', `${place}${name} is not an option${hint === '' ? `: they are ${known.join(', ')}` : hint}`)
}

function hintFor(name: string, known: readonly string[]): string | null {
  // The pool's option is called defaultHeaders, because its fields are sent with each request.
  if ((name === 'headers' || name === 'defaultHeaders') && !known.includes(name)) {
    const other = name === 'headers' ? 'defaultHeaders' : 'headers'
    if (known.includes(other)) return `; did you mean ${other}?`
  }
  if (!Object.hasOwn(ELSEWHERE, name)) return null
  const here = ELSEWHERE[name] as string
  return here.startsWith('nothing here') ? `${here.slice('nothing here'.length)}` : `; here it is ${here}`
}

/** Are two names one slip apart: a letter more, less, other, or two exchanged? */
function isNear(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1 || a.length < 3) return false
  let start = 0
  while (start < a.length && a[start] === b[start]) start++
  let end = 0
  while (end < Math.min(a.length, b.length) - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++
  const left = a.length - start - end
  const right = b.length - start - end
  return Math.max(left, right) <= 1 || (left === 2 && right === 2 && a[start] === b[start + 1] && a[start + 1] === b[start])
}

function print(value: number): string {
  return value === Number.POSITIVE_INFINITY ? 'Infinity' : value.toLocaleString('en')
}
