/**
 * TLS on Deno with every option: the engine of `node:tls` over a connection that stays ours.
 *
 * By itself, Deno's `node:tls` reads on while it is paused, and keeps all of it: a peer that sends faster than we read would fill the
 * memory. Here it gets ciphertext only while the user waits for plaintext; and closing the connection closes it, whatever state TLS is in.
 */

import { Buffer } from 'node:buffer'
import { Duplex } from 'node:stream'
import type tls from 'node:tls'
import type { EndProof } from '../../end-proof.ts'
import { EndWitness, startEngine } from '../node/tls-engine.ts'
import { type NodeSocket, nodeTransport } from '../node/transport.ts'
import type { TlsSettings } from '../tls-options.ts'
import type { Transport } from '../transport.ts'
import type { DenoConn } from './conn.ts'

/** Most ciphertext that is read at once: four full records. What was read when the gate closes waits as plaintext. */
const READ_SIZE = 65_536

/** A Deno connection as a Node stream, with a gate before its reads. */
class GatedStream extends Duplex {
  private readonly buffer = new Uint8Array(READ_SIZE)
  private open = true
  /** The stream wants more and has not been given it. */
  private wanted = false
  /** Called when the connection has ended; it says when this stream does. */
  onConnEnd: () => void = () => {}
  /** Not everything that TLS has to send has reached the connection. */
  isSending = false

  constructor(private readonly conn: DenoConn) {
    super({ allowHalfOpen: true })
  }

  /** Lets ciphertext in, or stops it after the read that is under way. */
  setGate(open: boolean): void {
    this.open = open
    this.pull()
  }

  override _read(): void {
    this.wanted = true
    this.pull()
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    const onWritten = (length: number): void => {
      if (length === chunk.length) {
        done()
        if (this.writableLength === 0) this.isSending = false
      } else this._write(chunk.subarray(length), _encoding, done)
    }
    this.conn.write(chunk).then(onWritten, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    // The peer is gone already: ignore it.
    const ignore = (): void => done()
    this.conn.closeWrite().then(ignore, ignore)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    try {
      this.conn.close()
    } catch {
      // It was closed before, when the attempt was abandoned.
    }
    done(error)
  }

  private pull(): void {
    if (!this.open || !this.wanted || this.destroyed) return
    this.wanted = false
    this.conn.read(this.buffer).then(
      (length) => {
        if (length === null) this.onConnEnd()
        else this.push(Buffer.from(this.buffer.slice(0, length)))
      },
      (error: Error) => this.destroy(error),
    )
  }
}

/** The TLS socket as the Node adapter wants it, with the gate behind `pause` and `resume`. */
class GatedSocket implements NodeSocket {
  readonly alpnProtocol: string | false | null
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined

  constructor(
    private readonly socket: tls.TLSSocket,
    private readonly stream: GatedStream,
    private readonly witness: EndWitness,
    remote: unknown,
  ) {
    const { hostname, port } = remote as { hostname?: string; port?: number }
    this.remoteAddress = hostname
    this.remotePort = port
    this.alpnProtocol = socket.alpnProtocol
  }

  get writableLength(): number {
    // Deno's TLS takes a write at once and passes it on later.
    return this.socket.writableLength + (this.stream.isSending ? 1 : 0)
  }

  get endProof(): EndProof {
    return this.witness.proof
  }

  get destroyed(): boolean {
    return this.socket.destroyed
  }

  get readableEnded(): boolean {
    return this.socket.readableEnded
  }

  get errored(): Error | null {
    return this.socket.errored
  }

  /** As `TLSSocket` says of itself. */
  readonly encrypted = true

  write(bytes: Uint8Array, callback: (error?: Error | null) => void): boolean {
    this.stream.isSending = true
    // The engine may have taken all of it, and pass on nothing any more.
    return this.socket.write(bytes, (error) => callback(error ?? this.stream.errored))
  }

  end(): void {
    this.socket.end()
  }

  destroy(): void {
    this.socket.destroy()
    this.stream.destroy()
  }

  pause(): void {
    this.stream.setGate(false)
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
    this.stream.setGate(true)
  }

  // biome-ignore lint/suspicious/noExplicitAny: as in NodeSocket
  on(event: string, listener: (...args: any[]) => void): void {
    this.socket.on(event, listener)
  }
}

/**
 * Does the TLS handshake on an open connection, which belongs to the transport from then on.
 *
 * @param hostname what was connected to
 * @returns rejects with the runtime's error; the connection is closed then
 */
export function secureDenoConn(conn: DenoConn, hostname: string, settings: TlsSettings): Promise<Transport> {
  const stream = new GatedStream(conn)
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      stream.destroy()
      reject(error)
    }
    stream.on('error', (error) => socket.destroy(error))
    const socket = startEngine(stream, hostname, settings)
    const witness = new EndWitness(socket, stream)
    stream.onConnEnd = () => witness.endInput()
    // Stays attached: an abandoned attempt fails more than once.
    socket.on('error', fail)
    socket.once('secureConnect', () => {
      resolve(nodeTransport(new GatedSocket(socket, stream, witness, conn.remoteAddr)))
    })
  })
}
