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
  /** @type {string[]} what is redrawn, as it is on the screen */
  picture = []

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
    if (this.live) this.frame(lines, this.picture)
    else process.stdout.write(lines.map((line) => `${line}\n`).join(''))
  }

  /**
   * The picture, in place of the last one.
   *
   * @param {string[]} lines
   */
  draw(lines) {
    if (!this.live) return
    this.frame([], lines)
    this.picture = lines
  }

  /**
   * The last picture, which stays.
   *
   * @param {string[]} lines
   */
  leave(lines) {
    this.draw(lines)
    this.picture = []
  }

  /** Takes the picture away and gives the cursor back. */
  close() {
    if (!this.live) return
    this.draw([])
    process.stdout.write(SHOW_CURSOR)
  }

  /**
   * Writes over the picture. All in one go, and each line is overwritten before its rest is cleared: nothing flickers.
   *
   * @param {string[]} lines
   * @param {string[]} picture
   */
  frame(lines, picture) {
    const text = [...lines, ...picture.map((line) => this.fit(line))].map((line) => `${line}${CLEAR_LINE_END}\n`).join('')
    const home = this.picture.length === 0 ? '\r' : `\r${ESCAPE}${this.picture.length}A`
    process.stdout.write(`${BEGIN_FRAME}${home}${text}${CLEAR_BELOW}${END_FRAME}`)
  }

  /**
   * A line that wrapped would put the next picture in the wrong place: what a narrow terminal cannot show of a picture is cut.
   *
   * @param {string} line
   */
  fit(line) {
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
