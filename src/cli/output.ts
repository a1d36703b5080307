/** Where a command writes: results to stdout, everything else to stderr. */

/** A stream of the process, or a substitute for tests. */
export interface Sink {
  readonly isTTY?: boolean | undefined
  write(data: string | Uint8Array): boolean
  once(event: string, listener: () => void): unknown
  off(event: string, listener: () => void): unknown
  on(event: 'error', listener: (error: Error & { code?: string }) => void): unknown
}

const COLOURS = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 } as const

/** A colour, or a weight. */
export type Colour = keyof typeof COLOURS

/** Characters that would steer a terminal, or make text look different: control characters, changes of the direction of writing, further line breaks. */
const STEERING = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu

function hexadecimal(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, '0')
}

/** Text from a peer, with every character that would steer a terminal spelled out, except line breaks and tabs. */
export function printable(text: string): string {
  return text.replace(STEERING, (character) => {
    if (character === '\n' || character === '\t') return character
    return character < '\u0100' ? `\\x${hexadecimal(character, 2)}` : `\\u${hexadecimal(character, 4)}`
  })
}

/** A value as a line of JSON, with its line break. Characters that would steer a terminal are escaped as JSON allows, so the value does not change. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value).replace(STEERING, (character) => `\\u${hexadecimal(character, 4)}`)}\n`
}

/** Both streams of a process. */
export class Output {
  /** A person reads the results, not a program. */
  readonly isTerminal: boolean
  /** A person reads the notes as they are written. */
  readonly hasReader: boolean
  /** Nothing more can be written to stdout. */
  isBroken = false
  /** Why, unless the reader has gone, which is no failure. */
  failure: Error | null = null

  /** @param onBroken called when nothing more can be written to stdout */
  constructor(
    private readonly stdout: Sink,
    private readonly stderr: Sink,
    private readonly useColours: boolean,
    onBroken: () => void,
  ) {
    this.isTerminal = stdout.isTTY === true
    this.hasReader = stderr.isTTY === true
    stdout.on('error', (error) => {
      this.isBroken = true
      if (error.code !== 'EPIPE') this.failure ??= error
      onBroken()
    })
    stderr.on('error', () => {})
  }

  /** Text from a peer, as stdout gets it: printable on a terminal, otherwise unchanged. */
  shown(text: string): string {
    return this.isTerminal ? printable(text) : text
  }

  /** Writes a result. Returns a promise when stdout is slower than the results: await it before the next one. */
  write(data: string | Uint8Array): undefined | Promise<void> {
    if (this.isBroken || this.stdout.write(data)) return undefined
    return new Promise((resolve) => {
      const done = (): void => {
        for (const event of ['drain', 'error', 'close']) this.stdout.off(event, done)
        resolve()
      }
      for (const event of ['drain', 'error', 'close']) this.stdout.once(event, done)
    })
  }

  /** Writes a note that is not essential. */
  note(text: string, always = false): void {
    if (always || this.hasReader) this.stderr.write(`${printable(text)}\n`)
  }

  /** Replaces the line that was written this way before; an empty one ends them. Only on a terminal. */
  progress(text: string): void {
    if (this.hasReader) this.stderr.write(`\r\x1b[K${printable(text)}`)
  }

  /** Writes an error. */
  fail(text: string): void {
    const name = 'nexus-async-net:'
    this.stderr.write(`${this.hasReader && this.useColours ? colour('red', name) : name} ${printable(text)}\n`)
  }

  /** `text` in a colour, when results go to a terminal that has some. */
  paint(name: Colour, text: string): string {
    return this.isTerminal && this.useColours ? colour(name, text) : text
  }
}

function colour(name: Colour, text: string): string {
  return `\x1b[${COLOURS[name]}m${text}\x1b[0m`
}
