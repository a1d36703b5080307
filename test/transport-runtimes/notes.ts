/** Values by name, each set once; whoever asks early waits. */
export class Notes {
  /** Values that change, as they are now. */
  readonly live: Map<string, number> = new Map()
  private readonly notes = new Map<string, { promise: Promise<unknown>; resolve: (value: unknown) => void }>()

  set(name: string, value: unknown): void {
    this.entry(name).resolve(value)
  }

  get(name: string): Promise<unknown> {
    return this.entry(name).promise
  }

  private entry(name: string): { promise: Promise<unknown>; resolve: (value: unknown) => void } {
    let entry = this.notes.get(name)
    if (entry === undefined) {
      let resolve = (_: unknown): void => {}
      const promise = new Promise<unknown>((done) => {
        resolve = done
      })
      entry = { promise, resolve }
      this.notes.set(name, entry)
    }
    return entry
  }
}
