// @ts-check
/** The screen: colours, lines that stay, and below them a picture that is redrawn in place when there is a terminal. */

import process from 'node:process'

const ESCAPE = '\x1b['
const HIDE_CURSOR = `${ESCAPE}?25l`
const SHOW_CURSOR = `${ESCAPE}?25h`
/** Between these, a terminal that knows them shows nothing half drawn; others ignore them. */
const BEGIN_FRAME = `${ESCAPE}?2026h`
const END_FRAME = `${ESCAPE}?2026l`
const CLEAR_LINE_END = `${ESCAPE}K`
const CLEAR_BELOW = `${ESCAPE}J`

/** Rows that the picture, a few events and the shell's prompt need. */
const MIN_ROWS = 20

export class Terminal {
  /** Lines of the picture on the screen. */
  drawn = 0

  /** @param {boolean} plain */
  constructor(plain) {
    const { isTTY, rows = 24 } = process.stdout
    /** May the picture be redrawn, and are there colours? */
    this.live = Boolean(isTTY) && !plain && !process.env['NO_COLOR'] && rows >= MIN_ROWS
    if (this.live) process.stdout.write(HIDE_CURSOR)
  }

  bold = this.style(1)
  dim = this.style(2)
  red = this.style(31)
  green = this.style(32)
  yellow = this.style(33)
  cyan = this.style(36)

  /**
   * Lines that stay, above the picture.
   *
   * @param {...string} lines
   */
  print(...lines) {
    const text = lines.map((line) => `${this.fit(line)}\n`).join('')
    process.stdout.write(this.live ? `${BEGIN_FRAME}${this.home()}${CLEAR_BELOW}${text}${END_FRAME}` : text)
    this.drawn = 0
  }

  /**
   * The picture, in place of the last one. One write, each line overwritten before its rest is cleared: nothing flickers.
   *
   * @param {string[]} lines
   */
  draw(lines) {
    if (!this.live) return
    const text = lines.map((line) => `${this.fit(line)}${CLEAR_LINE_END}\n`).join('')
    process.stdout.write(`${BEGIN_FRAME}${this.home()}${text}${CLEAR_BELOW}${END_FRAME}`)
    this.drawn = lines.length
  }

  /** Takes the picture away and gives the cursor back. */
  close() {
    if (this.live) process.stdout.write(`${this.home()}${CLEAR_BELOW}${SHOW_CURSOR}`)
    this.drawn = 0
  }

  /** To the first line of the picture. */
  home() {
    return this.drawn === 0 ? '\r' : `\r${ESCAPE}${this.drawn}A`
  }

  /**
   * A line that wrapped would put the next picture in the wrong place: what a narrow terminal cannot show is cut.
   *
   * @param {string} line
   */
  fit(line) {
    if (!this.live) return line
    let room = process.stdout.columns || 80
    let fitted = ''
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with the escape character
    for (const [part] of line.matchAll(/\x1b\[\d+m|[^\x1b]/gu)) {
      if (part.length > 1 && part[0] === '\x1b') fitted += part
      else if (room-- > 0) fitted += part
    }
    return fitted
  }

  /**
   * @param {number} code SGR
   * @returns {(text: string) => string}
   */
  style(code) {
    return (text) => (this.live ? `${ESCAPE}${code}m${text}${ESCAPE}0m` : text)
  }
}
