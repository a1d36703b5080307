/** The common part of borrowed requests and responses: a version, and fields that lie in a reader's memory. */

import { HEAD_MINOR_VERSION } from '../../../assembly/abi.ts'
import { namesOf, showsItself } from '../../printing.ts'
import { textOf } from '../inputs.ts'
import { noField } from '../reader-errors.ts'
import type { HeadFields } from './head-fields.ts'

/** `HTTP/1.0` or `HTTP/1.1`; any later 1.x is read as 1.1. */
export type HttpVersion = '1.0' | '1.1'

/** The source of their data: a reader. */
export interface HeadSource {
  /** Serial of the message that is valid now. @internal */
  readonly serial: number
  /** @internal */ readonly fields: HeadFields
  /** A word of the reader's record. @internal */
  word(offset: number): number
}

/** A head that is valid until its reader goes on; using it later throws. */
export abstract class BorrowedHead<Source extends HeadSource> {
  static {
    showsItself(this.prototype, (it) => (it.isStale ? { stale: true } : { version: it.version, headers: namesOf(it.headers()) }))
  }

  readonly #source: Source
  readonly #serial: number

  /** The message that `source` holds now. @internal */
  constructor(source: Source) {
    this.#source = source
    this.#serial = source.serial
  }

  /** Makes it stale. @internal */
  get isStale(): boolean {
    return this.#source.serial !== this.#serial
  }

  /** Protocol version of the sender. */
  get version(): HttpVersion {
    return this.check().word(HEAD_MINOR_VERSION) === 0 ? '1.0' : '1.1'
  }

  /** Field lines of the head. */
  get headerCount(): number {
    return this.check().fields.count
  }

  /**
   * Value of the first field of that name, whatever the case of either; null when there is none. Text is Latin-1 where it is not ASCII.
   * Nothing but the string is allocated.
   */
  header(name: string): string | null {
    const { fields } = this.check()
    const index = fields.find(textOf('name', name))
    return index < 0 ? null : fields.value(index)
  }

  /** The bytes of that value as a view, which is not guarded: valid as long as the message; null when there is none. */
  headerBytes(name: string): Uint8Array | null {
    const { fields } = this.check()
    const index = fields.find(textOf('name', name))
    return index < 0 ? null : fields.bytes(index)
  }

  /** All fields, in the order and case in which they were received. */
  headers(): [name: string, value: string][] {
    const { fields } = this.check()
    return Array.from({ length: fields.count }, (_, i) => [fields.name(i), fields.value(i)])
  }

  /** Name of field `index`, 0 to `headerCount` - 1, in its own case. Throws `RangeError` outside. */
  fieldName(index: number): string {
    return this.#checkIndex(index).name(index)
  }

  /** Value of field `index`, 0 to `headerCount` - 1. Throws `RangeError` outside. */
  fieldValue(index: number): string {
    return this.#checkIndex(index).value(index)
  }

  /** The source, while it still holds this message. @internal */
  protected check(): Source {
    const source = this.#source
    if (source.serial !== this.#serial) throw this.stale()
    return source
  }

  /** The error when the source no longer holds this message. @internal */
  protected abstract stale(): Error

  #checkIndex(index: number): HeadFields {
    const { fields } = this.check()
    if (!(Number.isInteger(index) && index >= 0 && index < fields.count)) {
      throw noField(index, fields.count)
    }
    return fields
  }
}
