/** The part of `reflect-metadata` that @peculiar/x509's injector wants to find before it is loaded: metadata by key and object. */

type Store = Map<unknown, unknown>

const stores = new WeakMap<object, Store>()

const reflect = Reflect as unknown as Record<string, unknown>
const read = (key: unknown, target: object): unknown => stores.get(target)?.get(key)
reflect['getMetadata'] ??= read
reflect['getOwnMetadata'] ??= read
reflect['defineMetadata'] ??= (key: unknown, value: unknown, target: object): void => {
  const store: Store = stores.get(target) ?? new Map()
  stores.set(target, store.set(key, value))
}
