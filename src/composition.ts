/**
 * How a public class gets what its static methods need.
 *
 * A class is written once, over whatever runtime it will be given. {@link compose} makes the class of one runtime from it, and only that one is ever
 * instantiated: by the class's own static methods and by the other classes of the same set. So `instanceof` is true for all that comes from
 * an entry, two runtimes can be in one process, and nothing is kept in a module.
 *
 * A name that begins with `_$` is ours: what other files of ours need of an object that a user may derive from. Private names ship under it, too.
 */

import { UsageError } from './errors.ts'

/** The key that marks what the static methods of a class pass to its constructor. */
export const MADE: unique symbol = Symbol('made')

/** Made by the static methods of a class alone. The constructor of a class that is derived from it passes it on: `super(made)`. */
export interface Made {
  readonly [MADE]: true
}

/** What a static method of `Class`, such as `by`, passes to its constructor. Throws `InvalidOption` for anything else. */
export function checkMade<Parts extends Made>(made: Parts, { name }: { readonly name: string }, by: string): Parts {
  if (made?.[MADE] !== true) throw new UsageError('InvalidOption', `${name} is not made with new: use ${name}.${by}`)
  return made
}

/** A class that can be composed. */
export interface Composable {
  // biome-ignore lint/suspicious/noExplicitAny: TypeScript lets a class extend a type parameter with these parameters alone.
  new (...args: any[]): object
  /** What its static methods stand on. */
  readonly _$ground: unknown
}

/** `Class` on its ground. What a user derives from it has the same ground. */
export function compose<Class extends Composable>(Class: Class, ground: Class['_$ground']): Class {
  // Named, because stack traces show this name.
  class Composed extends Class {}
  return Object.defineProperties(Composed, { name: { value: Class.name, configurable: true }, _$ground: { value: ground } })
}
