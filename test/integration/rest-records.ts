/** What the peers have seen and are waiting for, by the `id` that a request carries. */

/** One id. */
export class Record {
  /** Requests whose head has arrived. */
  requests = 0
  /** Head and body of the last one, as they came (misbehaving server). */
  head = ''
  body: Buffer = Buffer.alloc(0)
  /** How the connection of the last one ended. */
  ended: 'end' | 'reset' | null = null
  /** Bytes that a flood could get rid of, and that a sink has taken in. */
  flushed = 0
  received = 0
  /** How often those that wait may go on. */
  released = 0
  private waiting: (() => void)[] = []

  /** Something changed. */
  notify(): void {
    for (const wake of this.waiting.splice(0)) wake()
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.waiting.push(resolve))
  }
}

/** All of them. */
export class Records {
  private readonly all = new Map<string, Record>()
  of(id: string): Record {
    let record = this.all.get(id)
    if (record === undefined) this.all.set(id, (record = new Record()))
    return record
  }
}
